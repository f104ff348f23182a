//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/heapdump/heapdump/internal/synth"
)

// program runs heapdump as a process of its own, in dir, with a temporary
// folder dir/tmp. It gets a SIGINT when its output has written so many bytes
// beside its place; negative is never.
func program(t *testing.T, dir string, interrupt int64, stdout *os.File, args ...string) (code int, said string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	c := exec.CommandContext(ctx, exe)
	c.Args = append([]string{"heapdump"}, args...) // by that name the test's binary is the program
	c.Dir, c.Stdout, c.Stderr = dir, &out, &out
	if stdout != nil {
		c.Stdout = stdout
	}
	c.Env = append(os.Environ(), "TMPDIR="+filepath.Join(dir, "tmp"), "HEAPDUMP_FILE=")
	changes := changesOf(t, dir)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var watching sync.WaitGroup
	if interrupt >= 0 {
		watching.Go(func() { interruptAt(dir, interrupt, c.Process, changes) })
	}
	err = c.Wait()
	changes.Close() // which ends the watching
	watching.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("%v: %v %v", args, err, ctx.Err())
	}
	return c.ProcessState.ExitCode(), out.String()
}

// changesOf is a stream that has something to read whenever a file in dir is
// made or written to; who reads it sleeps until then.
func changesOf(t *testing.T, dir string) *os.File {
	t.Helper()
	fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC | syscall.IN_NONBLOCK)
	if err != nil {
		t.Skip("no watching of folders here: ", err)
	}
	if _, err := syscall.InotifyAddWatch(fd, dir, syscall.IN_CREATE|syscall.IN_MODIFY); err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), "changes")
}

// interruptAt sends a SIGINT when a file that is written beside its place has
// so many bytes. It ends when changes is closed.
func interruptAt(dir string, size int64, p *os.Process, changes *os.File) {
	for events := make([]byte, 1<<12); ; {
		if _, err := changes.Read(events); err != nil {
			return
		}
		found, _ := filepath.Glob(filepath.Join(dir, ".*.tmp"))
		for _, f := range found {
			if st, err := os.Stat(f); err == nil && st.Size() >= size {
				_ = p.Signal(os.Interrupt)
				return
			}
		}
	}
}

// room is a folder with a dump, the same compressed, and an empty tmp.
func room(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	items := make([]synth.Item, 30_000)
	for i := range items {
		items[i] = synth.Busy(200)
	}
	p := synth.NewProcess(synth.Win10v1809, synth.X64)
	p.AddHeap(&synth.Heap{Address: 0x1d0000000, Segments: []synth.Segment{{Items: items}}})
	data := p.Build().Dump.Bytes()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "app.dmp"), data, 0o666), os.Mkdir(filepath.Join(dir, "tmp"), 0o777),
		os.WriteFile(filepath.Join(dir, "app.dmp.zst"), w.EncodeAll(data, nil), 0o666)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// files are the names in dir and dir/tmp.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	for _, d := range []string{dir, filepath.Join(dir, "tmp")} {
		all, err := os.ReadDir(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			out = append(out, f.Name())
		}
	}
	return out
}

// TestInterrupted: a SIGINT at any moment, from the first byte of the output on,
// ends the program with 130, and leaves
// neither an output nor a temporary file.
func TestInterrupted(t *testing.T) {
	dir := room(t)
	before := files(t, dir)
	r := rand.New(rand.NewPCG(3, 5))
	stopped := 0
	for i := range 24 {
		args := [][]string{
			{"triage", "--format", "json", "-o", "out", "--also", "html=also", "app.dmp"}, {"walk", "--format", "ndjson", "-o", "out", "app.dmp.zst"},
			{"leaks", "-o", "out", "--also", "csv=also", "app.dmp.zst"}, {"walk", "-o", "out", "app.dmp"}}[i%4]
		code, said := program(t, dir, r.Int64N(1<<19)*int64(i%3), nil, args...)
		switch left := files(t, dir); {
		case code == 0:
			for _, n := range []string{"out", "also"} {
				_ = os.Remove(filepath.Join(dir, n))
			}
		case code == -1: // before the program could ask for signals at all
		case code != 130 || !strings.Contains(said, "interrupted"):
			t.Errorf("%v: exit %d: %s", args, code, said)
		default:
			stopped++
			if !slices.Equal(left, before) {
				t.Errorf("%v: left %v, there were %v", args, left, before)
			}
		}
		if left := files(t, dir); !slices.Equal(left, before) {
			t.Fatalf("%v: exit %d left %v", args, code, left)
		}
	}
	if stopped == 0 {
		t.Skip("this machine was done before every interrupt")
	}
}

// TestFullDisk: where nothing can be written, the exit is 3, the text says so,
// and no other output of the run is put in its place.
func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here: ", err)
	}
	defer full.Close()
	dir := room(t)
	before := files(t, dir)
	for _, c := range []struct {
		stdout *os.File
		args   []string
	}{
		{nil, []string{"summary", "-o", "/dev/full", "app.dmp"}}, {nil, []string{"walk", "--format", "csv", "-o", "/dev/full", "app.dmp"}},
		{nil, []string{"summary", "-o", "out", "--also", "json=/dev/full", "app.dmp"}}, {nil, []string{"triage", "-o", "out", "--also", "html=/dev/full", "app.dmp"}},
		{full, []string{"summary", "app.dmp"}}, {full, []string{"walk", "app.dmp"}}, {full, []string{"summary", "--style", "windbg", "app.dmp"}},
		{full, []string{"schema", "summary"}},
	} {
		code, said := program(t, dir, -1, c.stdout, c.args...)
		if code != 3 || !strings.Contains(said, "no space left") || strings.Contains(said, "internal error") {
			t.Errorf("%v: exit %d: %.300s", c.args, code, said)
		}
		if left := files(t, dir); !slices.Equal(left, before) {
			t.Fatalf("%v left %v", c.args, left)
		}
	}
}

// TestOddInputs: what is no file is refused at once, with exit 3 and one line;
// a link is its file.
func TestOddInputs(t *testing.T) {
	dir := room(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(syscall.Mkfifo(at("pipe"), 0o600), os.Symlink("app.dmp", at("link")), os.Symlink("nothing", at("dangling")),
		os.Symlink("loop", at("loop")), os.Symlink("/dev/zero", at("zero")), os.WriteFile(at("empty"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file, want string
		code       int
	}{
		{"pipe", "pipe", 3}, {"tmp", "directory", 3}, {"/dev/zero", "device", 3}, {"/dev/null", "device", 3}, {"zero", "device", 3},
		{"dangling", "no such file", 3}, {"loop", "too many", 3}, {"empty", "is empty", 3}, {"link", "", 0}, {"/proc/self/mem", "", 3},
	} {
		code, said := program(t, dir, -1, nil, "info", c.file)
		if code != c.code || !strings.Contains(said, c.want) || code != 0 && strings.Count(said, "\n") > 2 {
			t.Errorf("%s: exit %d: %.300s", c.file, code, said)
		}
	}
}

// TestFileLimitOfTwoOutputs: a file that may not grow far enough (ulimit -f) is as a full
// disk: exit 3, and neither it nor the other output stays.
func TestFileLimitOfTwoOutputs(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	named := filepath.Join(t.TempDir(), "heapdump") // by that name the test's binary is the program
	if err := os.Symlink(exe, named); err != nil {
		t.Fatal(err)
	}
	dir := room(t)
	before := files(t, dir)
	for _, args := range [][]string{
		{"triage", "--format", "html", "-o", "out", "app.dmp"}, {"walk", "--format", "csv", "-o", "out", "app.dmp"},
		{"summary", "-q", "-o", "small", "--also", "html=out", "app.dmp"}, {"handles", "-q", "--also", "json=small", "--also", "html=out", "app.dmp"},
	} {
		c := exec.Command("sh", append([]string{"-c", `ulimit -f 8; exec "$0" "$@"`, named}, args...)...)
		c.Dir, c.Env = dir, append(os.Environ(), "HEAPDUMP_FILE=")
		said, err := c.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.Contains(string(said), "file too large") {
			t.Errorf("%v: %v: %.300s", args, err, said)
		}
		if left := files(t, dir); !slices.Equal(left, before) {
			t.Fatalf("%v left %v", args, left)
		}
	}
}
