package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/heapdump/heapdump/internal/cli"
	"github.com/heapdump/heapdump/internal/manual"
)

// TestScriptsManual: docs/reference is what heapdump man --markdown writes, and
// docs/man, which heapdump carries, what package manual makes of the commands.
// -update (or make docs) renews both.
func TestScriptsManual(t *testing.T) {
	for _, m := range []struct {
		name, ending string
		write        func(dir string) error
	}{
		{"reference", ".md", func(dir string) error {
			if code := cli.Main(t.Context(), []string{"man", "--markdown", dir}, cli.System()); code != 0 {
				t.Fatalf("exit %d", code)
			}
			return nil
		}},
		{"man", ".1", manual.Write},
	} {
		kept := filepath.Join("..", "..", "docs", m.name)
		dir := t.TempDir()
		if *update {
			dir = kept
		}
		if err := m.write(dir); err != nil {
			t.Fatal(err)
		}
		samePages(t, dir, kept, m.ending)
	}
}

// samePages: two folders have the same pages, byte for byte.
func samePages(t *testing.T, written, kept, ending string) {
	t.Helper()
	pages, err := filepath.Glob(filepath.Join(written, "*"+ending))
	if err != nil || len(pages) < 20 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, w := range pages {
		want, err := os.ReadFile(w)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(kept, filepath.Base(w))
		if got, err := os.ReadFile(file); err != nil || string(got) != string(want) {
			t.Errorf("%s is not what the command's help says (%v); run make docs and read the difference", file, err)
		}
	}
	if old, err := filepath.Glob(filepath.Join(kept, "*"+ending)); err != nil || len(old) != len(pages) {
		t.Errorf("%s has %d pages, and there are %d commands", kept, len(old), len(pages))
	}
}
