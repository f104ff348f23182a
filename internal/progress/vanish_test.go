//go:build unix

package progress_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/heapdump/heapdump/internal/mmap"
	"github.com/heapdump/heapdump/internal/progress"
)

// TestVanished: a mapped file that is cut short makes reads of it fail, which
// is told from a panic of ours.
func TestVanished(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, make([]byte, 3<<16), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := mmap.Open(path, mmap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if !m.Mapped {
		t.Skip("nothing is mapped here")
	}
	if err := os.Truncate(path, 10); err != nil {
		t.Fatal(err)
	}
	sum := byte(0)
	err = progress.Guard(func() error { sum += m.Data[2<<16]; return nil })()
	if !progress.Vanished(err) || !progress.Vanished(errors.Join(errors.New("x"), err)) {
		t.Errorf("%v", err)
	}
	var none *int
	for name, work := range map[string]func() error{
		"an index":      func() error { sum += m.Data[len(m.Data)+int(sum)-int(sum)]; return nil },
		"a nil pointer": func() error { sum += byte(*none); return nil },
		"a word":        func() error { panic("x") },
		"an error":      func() error { return errors.New("x") },
		"success":       func() error { return nil },
	} {
		if err := progress.Guard(work)(); progress.Vanished(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if progress.Vanished(nil) {
		t.Error("nothing")
	}
}
