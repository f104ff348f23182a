package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/heapdump/heapdump/internal/cli"
)

// TestScriptsManual: docs/reference is what heapdump man --markdown writes. -update
// (or make docs) renews it.
func TestScriptsManual(t *testing.T) {
	reference := filepath.Join("..", "..", "docs", "reference")
	dir := t.TempDir()
	if *update {
		dir = reference
	}
	if code := cli.Main(t.Context(), []string{"man", "--markdown", dir}, cli.System()); code != 0 {
		t.Fatalf("exit %d", code)
	}
	written, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil || len(written) < 20 {
		t.Fatalf("%d pages, %v", len(written), err)
	}
	for _, w := range written {
		want, err := os.ReadFile(w)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(reference, filepath.Base(w)))
		if err != nil || string(got) != string(want) {
			t.Errorf("docs/reference/%s is not what the command's help says (%v); run make docs and read the difference", filepath.Base(w), err)
		}
	}
	kept, err := filepath.Glob(filepath.Join(reference, "*.md"))
	if err != nil || len(kept) != len(written) {
		t.Errorf("docs/reference has %d pages, and there are %d commands", len(kept), len(written))
	}
}
