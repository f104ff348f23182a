package cli_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/heapdump/heapdump/internal/cli"
	"github.com/heapdump/heapdump/internal/synth"
)

// world is an Env whose streams are kept.
type world struct {
	cli.Env
	stdout, stderr bytes.Buffer
}

func newWorld(vars map[string]string) *world {
	w := &world{}
	w.Env = cli.Env{Stdin: strings.NewReader(""), Stdout: &w.stdout, Stderr: &w.stderr, Dir: ".", Now: time.Now,
		Getenv: func(name string) string { return vars[name] }}
	return w
}

func demo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.dmp")
	if err := os.WriteFile(path, synth.Demo().Build().Dump.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// many is a dump of a heap with so many blocks.
func many(t *testing.T, blocks int) string {
	t.Helper()
	items := make([]synth.Item, blocks)
	for i := range items {
		items[i] = synth.Busy(40)
	}
	p := synth.NewProcess(synth.Win10v1809, synth.X64)
	p.AddHeap(&synth.Heap{Address: 0x1d0000000, Segments: []synth.Segment{{Reserve: uint64(blocks)*0x40 + 0x100000, Items: items}}})
	path := filepath.Join(t.TempDir(), "many.dmp")
	if err := os.WriteFile(path, p.Build().Dump.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// cancelling cancels a context when it is first written to.
type cancelling struct {
	io.Writer
	cancel context.CancelFunc
}

func (c cancelling) Write(b []byte) (int, error) {
	c.cancel()
	return c.Writer.Write(b)
}

// TestInterrupt: every command ends with 130 when its context is cancelled,
// before or in the middle, and leaves no file.
func TestInterrupt(t *testing.T) {
	path := many(t, 100_000)
	for _, args := range [][]string{{"walk"}, {"walk", "--sort", "size"}, {"walk", "--style", "windbg"}, {"summary"}, {"heap", "0x1d0000000"}, {"heap", "0x1d0000000", "--style", "windbg"}, {"find", "0x1d0000010"}} {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		w := newWorld(nil)
		out := filepath.Join(t.TempDir(), "out")
		if code := cli.Main(ctx, append(args, "-o", out, path), w.Env); code != 130 {
			t.Errorf("%v: exit %d, want 130: %s", args, code, w.stderr.String())
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(out), "*")); len(left) > 0 {
			t.Errorf("%v: left %v", args, left)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w := newWorld(nil)
	w.Stdout = cancelling{&w.stdout, cancel}
	start := time.Now()
	if code := cli.Main(ctx, []string{"walk", path}, w.Env); code != 130 {
		t.Errorf("walk: exit %d, want 130: %s", code, w.stderr.String())
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("it took %v to end", d)
	}
	if !strings.HasSuffix(w.stderr.String(), "heapdump: interrupted\n") {
		t.Errorf("stderr: %q", w.stderr.String())
	}
}

// TestFault: a panic is an honest message, exit 5 and no file.
func TestFault(t *testing.T) {
	w := newWorld(nil)
	w.Getenv = func(string) string { panic("a test") }
	out := filepath.Join(t.TempDir(), "out")
	if code := cli.Main(context.Background(), []string{"summary", "-o", out}, w.Env); code != 5 {
		t.Errorf("exit %d, want 5", code)
	}
	if !strings.Contains(w.stderr.String(), "internal error: a test\nThis is a fault of heapdump, not of your dump") {
		t.Errorf("stderr: %s", w.stderr.String())
	}
	if w.stdout.Len() > 0 {
		t.Errorf("stdout: %s", w.stdout.String())
	}
}

// full is a writer without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// TestOutputFails: a result that cannot be written is no success.
func TestOutputFails(t *testing.T) {
	path := demo(t)
	for _, args := range [][]string{{"summary"}, {"summary", "--format", "json"}, {"summary", "--style", "windbg"}, {"walk"}, {"walk", "--style", "windbg"},
		{"heap", "0", "--style", "windbg"}, {"find", "0x10"}, {"version"}, {"heaps", "--style", "windbg"}, {"find", "10", "--style", "windbg"}} {
		w := newWorld(nil)
		w.Stdout = full{}
		if args[0] != "version" {
			args = append(args, path)
		}
		if code := cli.Main(context.Background(), args, w.Env); code != 3 || !strings.Contains(w.stderr.String(), "cannot write the result: no space left") {
			t.Errorf("%v: exit %d: %s", args, code, w.stderr.String())
		}
	}
}

// TestProgress: only on a terminal that can show it, and only unless --quiet.
func TestProgress(t *testing.T) {
	path := many(t, 50_000)
	for _, c := range []struct {
		terminal bool
		term     string
		args     []string
		want     bool
	}{
		{true, "xterm", nil, true}, {false, "xterm", nil, false}, {true, "dumb", nil, false}, {true, "xterm", []string{"--quiet"}, false},
	} {
		w := newWorld(map[string]string{"TERM": c.term})
		now := time.Unix(0, 0)
		w.Now = func() time.Time { now = now.Add(time.Second); return now }
		w.StderrTerminal = c.terminal
		if code := cli.Main(context.Background(), append([]string{"walk", "--format", "ndjson", path}, c.args...), w.Env); code != 0 {
			t.Fatalf("exit %d: %s", code, w.stderr.String())
		}
		if got := strings.Contains(w.stderr.String(), "walking: "); got != c.want {
			t.Errorf("%+v: progress shown: %v; stderr %q", c, got, w.stderr.String())
		}
		if strings.Contains(w.stdout.String(), "walking") {
			t.Error("progress on stdout")
		}
	}
}

// Text on a terminal keeps its colours; every other format on one has no
// character that the terminal would act on.
func TestTerminal(t *testing.T) {
	path := demo(t)
	for _, x := range []struct {
		args []string
		want string
	}{
		{[]string{"info", path}, "\x1b[1m"},
		{[]string{"triage", path}, "\x1b[1m"},
		{[]string{"find", "0x1", path, "--format", "csv"}, ""},
		{[]string{"info", path, "--format", "markdown"}, ""},
		{[]string{"triage", path, "--format", "json"}, ""},
	} {
		w := newWorld(nil)
		w.StdoutTerminal = true
		if code := cli.Main(t.Context(), x.args, w.Env); code > 2 {
			t.Fatalf("%v: exit %d: %s", x.args, code, &w.stderr)
		}
		out := w.stdout.String()
		if x.want != "" && !strings.HasPrefix(out, x.want) || x.want == "" && strings.Contains(out, "\x1b") || strings.Contains(out, `\u001b[1m`) {
			t.Errorf("%v on a terminal begins with %.40q", x.args, out)
		}
	}
}

// heard keeps what was written to stdout when stderr was first written to.
type heard struct {
	w     *world
	early string
}

func (h *heard) Write(p []byte) (int, error) {
	if h.early == "" {
		h.early = h.w.stdout.String()
	}
	return h.w.stderr.Write(p)
}

// The first lines of a summary are there before its heaps are counted, and the
// whole is the same as that which is written at once.
func TestSummaryBegins(t *testing.T) {
	path := many(t, 200_000)
	at := filepath.Join(t.TempDir(), "out.txt")
	once := newWorld(nil)
	if code := cli.Main(t.Context(), []string{"summary", "-o", at, path}, once.Env); code != 0 {
		t.Fatal(&once.stderr)
	}
	whole, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(nil)
	h := &heard{w: w}
	w.Stderr, w.StderrTerminal = h, true
	clock := time.Unix(0, 0)
	w.Now = func() time.Time { clock = clock.Add(time.Minute); return clock } // so that progress is shown at once
	if code := cli.Main(t.Context(), []string{"summary", path}, w.Env); code != 0 {
		t.Fatal(&w.stderr)
	}
	if !strings.Contains(h.early, "Process") || strings.Contains(h.early, "Accounting") {
		t.Errorf("when progress was first shown, stdout held:\n%s", h.early)
	}
	if w.stdout.String() != string(whole) {
		t.Errorf("in two pieces:\n%s\nat once:\n%s", &w.stdout, whole)
	}
}
