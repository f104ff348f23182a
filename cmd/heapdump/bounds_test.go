//go:build linux

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestFileLimit: under a limit of the size of files the exit is 3, the text
// says why, and nothing is left.
func TestFileLimit(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := room(t)
	before := files(t, dir)
	link := filepath.Join(t.TempDir(), "heapdump") // by that name the test's binary is the program
	if err := os.Symlink(exe, link); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"walk", "--format", "ndjson", "-o", "out", "app.dmp"}, {"walk", "-o", "out", "app.dmp.zst"},
		{"leaks", "--blocks", "--top", "0", "--format", "json", "-o", "out", "--also", "csv=also", "app.dmp"}} {
		c := exec.Command("sh", append([]string{"-c", `ulimit -f 8; exec "$0" "$@"`, link}, args...)...)
		c.Dir, c.Env = dir, append(os.Environ(), "TMPDIR="+filepath.Join(dir, "tmp"), "HEAPDUMP_FILE=")
		said, _ := c.CombinedOutput()
		if code := c.ProcessState.ExitCode(); code != 3 || !strings.Contains(string(said), "file too large") {
			t.Errorf("%v: exit %d: %.300s", args, code, said)
		}
		if left := files(t, dir); !slices.Equal(left, before) {
			t.Fatalf("%v left %v", args, left)
		}
	}
}

// TestSmallDisk: on a file system without room for the result, or for an
// unpacked dump, the exit is 3 and nothing is left on it.
func TestSmallDisk(t *testing.T) {
	dir := room(t)
	small := filepath.Join(dir, "tmp")
	if err := syscall.Mount("none", small, "tmpfs", 0, "size=256k"); err != nil {
		t.Skip("a file system of its own takes root: ", err)
	}
	defer func() {
		if err := syscall.Unmount(small, 0); err != nil {
			t.Error(err)
		}
	}()
	before := files(t, dir)
	for _, args := range [][]string{{"walk", "--format", "ndjson", "-o", "tmp/out", "app.dmp"}, {"walk", "--format", "csv", "-o", "tmp/out", "app.dmp.zst"},
		{"leaks", "--blocks", "--top", "0", "--format", "json", "-o", "out", "--also", "json=tmp/also", "app.dmp"}} {
		code, said := program(t, dir, -1, nil, args...)
		if code != 3 || !strings.Contains(said, "no space left") {
			t.Errorf("%v: exit %d: %.300s", args, code, said)
		}
		if left := files(t, dir); !slices.Equal(left, before) {
			t.Fatalf("%v left %v", args, left)
		}
	}
}

// TestNoPlace: where no file can be made, for modes do not stop root, the exit
// is 3 and the text says where.
func TestNoPlace(t *testing.T) {
	dir := room(t)
	before := files(t, dir)
	for _, place := range []string{"/proc/out", "/sys/out", "nowhere/out", "app.dmp/out"} {
		for _, args := range [][]string{{"summary", "-o", place, "app.dmp"}, {"summary", "-o", "out", "--also", "json=" + place, "app.dmp"}, {"baseline", "write", "--reason", "x", "-o", place, "app.dmp"}} {
			code, said := program(t, dir, -1, nil, args...)
			if code != 3 || !strings.Contains(said, place) || strings.Contains(said, "internal error") {
				t.Errorf("%v: exit %d: %.300s", args, code, said)
			}
			if left := files(t, dir); !slices.Equal(left, before) {
				t.Fatalf("%v left %v", args, left)
			}
		}
	}
	code, said := program(t, dir, -1, nil, "man", "/proc/man")
	if code != 3 || !strings.Contains(said, "/proc/man") {
		t.Errorf("man: exit %d: %s", code, said)
	}
}

// TestPlantedLinks: links in a folder that others write to, by the names that
// are known before, lead no result elsewhere.
func TestPlantedLinks(t *testing.T) {
	dir := room(t)
	victim := filepath.Join(dir, "victim")
	if err := os.WriteFile(victim, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	shared := filepath.Join(dir, "tmp")
	first := os.Getpid()
	for n := range 4000 { // a name by the process's number was known before
		name := filepath.Join(shared, ".out."+strconv.Itoa(first+n)+".tmp")
		if err := os.Symlink(victim, name); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(victim, filepath.Join(shared, "out")); err != nil {
		t.Fatal(err)
	}
	code, said := program(t, dir, -1, nil, "summary", "-o", "tmp/out", "app.dmp")
	data, err := os.ReadFile(victim)
	st, statErr := os.Lstat(filepath.Join(shared, "out"))
	if errors.Join(err, statErr) != nil || string(data) != "mine" || code != 0 || !st.Mode().IsRegular() {
		t.Errorf("exit %d, %v, %v; the other file has %.20q: %s", code, err, statErr, data, said)
	}
}
