//go:build unix

package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/cli"
	"github.com/heapdump/heapdump/internal/synth"
)

// shortens is a stream that cuts a file at the first write.
type shortens struct {
	path string
	size int64
}

func (s shortens) Write(b []byte) (int, error) { return len(b), os.Truncate(s.path, s.size) }

// TestVanish: a dump that is cut short while it is mapped is an error of the
// input that says so, with no word of a crash and no file left behind: in the
// command's own goroutine, and in those that walk for it.
func TestVanish(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		hook bool // cut when triage has opened it, else at the first output
	}{
		{"the command's goroutine", []string{"walk", "--format", "ndjson"}, false},
		{"workers", []string{"triage"}, true},
		{"with a file", []string{"triage", "--format", "json", "-o", "OUT"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := many(t, 200_000)
			w := newWorld(nil)
			if c.hook {
				w.BeforeTriage = truncated(4096)
			} else {
				w.Env.Stdout = shortens{path, 4096}
			}
			args := append([]string(nil), c.args...)
			out := filepath.Join(t.TempDir(), "out.json")
			if args[len(args)-1] == "OUT" {
				args[len(args)-1] = out
			}
			code := cli.Main(context.Background(), append(args, path), w.Env)
			said := w.stderr.String() + w.stdout.String()
			if code != 3 || !strings.Contains(said, "shortened while it was read") || !strings.Contains(said, "--no-mmap") || strings.Contains(said, "internal error") {
				t.Errorf("exit %d: %.600s", code, said)
			}
			left, _ := filepath.Glob(filepath.Join(filepath.Dir(out), ".*"))
			if len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// TestVanishWhole: read whole, the dump is the program's own.
func TestVanishWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.dmp")
	if err := os.WriteFile(path, synth.Demo().Build().Dump.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	w := newWorld(nil)
	w.BeforeTriage = truncated(100)
	if code := cli.Main(context.Background(), []string{"triage", "--no-mmap", path}, w.Env); code != 0 {
		t.Errorf("exit %d: %s", code, w.stderr.String())
	}
}

// truncated shortens each dump once it is open.
func truncated(size int64) func(context.Context, string) context.Context {
	return func(ctx context.Context, file string) context.Context {
		_ = os.Truncate(file, size)
		return ctx
	}
}
