package progress_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/progress"
)

// TestGuard: a panic is an error with its stack; an error and success pass.
func TestGuard(t *testing.T) {
	err := progress.Guard(func() error { panic("a test") })()
	var p *progress.Panic
	if !errors.As(err, &p) || p.Value != "a test" || !strings.Contains(string(p.Stack), "TestGuard") || err.Error() != "internal error: a test" {
		t.Errorf("%v", err)
	}
	want := errors.New("an error")
	if err := progress.Guard(func() error { return want })(); err != want {
		t.Errorf("%v", err)
	}
	if err := progress.Guard(func() error { return nil })(); err != nil {
		t.Errorf("%v", err)
	}
}
