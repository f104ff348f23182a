package cli_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/heapdump/heapdump/internal/cli"
)

// stopping is a stream that cancels the run at its first write.
type stopping struct{ cancel context.CancelFunc }

func (s stopping) Write(b []byte) (int, error) { s.cancel(); return len(b), nil }

// TestGoroutines: no command leaves a goroutine behind, whether it ends by
// itself, is cancelled before it begins or while it writes.
func TestGoroutines(t *testing.T) {
	path := many(t, 20_000)
	before := runtime.NumGoroutine()
	for _, args := range [][]string{{"summary"}, {"check"}, {"stat"}, {"leaks"}, {"owners", "--by", "type"}, {"search", "--text", "e"}, {"walk"}, {"triage"}, {"address", "--summary"}, {"diff", path}} {
		for _, how := range []string{"to its end", "cancelled before", "cancelled while it writes"} {
			ctx, cancel := context.WithCancel(context.Background())
			w := newWorld(nil)
			switch how {
			case "cancelled before":
				cancel()
			case "cancelled while it writes":
				w.Env.Stdout = stopping{cancel}
			}
			code := cli.Main(ctx, append(append([]string{}, args...), path), w.Env)
			cancel()
			if code != 0 && code != 130 && (args[0] != "diff" || code != 2) {
				t.Errorf("%v, %s: exit %d: %s", args, how, code, w.stderr.String())
			}
			left := 0
			for end := time.Now().Add(10 * time.Second); time.Now().Before(end); runtime.Gosched() {
				if left = runtime.NumGoroutine() - before; left <= 0 {
					break
				}
			}
			if left > 0 {
				buf := make([]byte, 1<<16)
				t.Fatalf("%v, %s: %d goroutines are left:\n%s", args, how, left, buf[:runtime.Stack(buf, true)])
			}
		}
	}
}
