package mmap

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, []byte("some bytes"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, noMmap := range []bool{false, true} {
		m, err := Open(path, Options{NoMmap: noMmap})
		if err != nil {
			t.Fatal(err)
		}
		if string(m.Data) != "some bytes" || noMmap && m.Mapped {
			t.Errorf("%q, mapped %v", m.Data, m.Mapped)
		}
		if err := errors.Join(m.Close(), m.Close()); err != nil {
			t.Error(err)
		}
	}
	if err := (*Mapping)(nil).Close(); err != nil {
		t.Error(err)
	}
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{dir: ErrNotRegular, empty: ErrEmpty, filepath.Join(dir, "none"): os.ErrNotExist} {
		m, err := Open(path, Options{})
		if m != nil || !errors.Is(err, want) || !strings.HasPrefix(err.Error(), path+": ") || strings.Count(err.Error(), path) != 1 {
			t.Errorf("%s: %v", path, err)
		}
	}
}
