package attrib_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/heapdump/heapdump/internal/analysis/attrib"
	"github.com/heapdump/heapdump/internal/target"
)

// TestRealSites compares the groups by source line with the truth of every
// generated dump: the dumps lack the names' memory, so lines are compared.
func TestRealSites(t *testing.T) {
	dir := os.Getenv("HEAPDUMP_REAL")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "dumps")
	}
	names, _ := filepath.Glob(filepath.Join(dir, "gen-*w7*.truth.json.zst"))
	if len(names) == 0 {
		t.Skip("the generated dumps are not here; set HEAPDUMP_REAL to the folder that has them")
	}
	for _, name := range names {
		base := strings.TrimSuffix(name, ".truth.json.zst")
		if strings.Contains(base, "corrupt") {
			continue
		}
		lines := siteTruth(t, name)
		tg, err := target.Open(base+".dmp.zst", target.Options{})
		if err != nil {
			t.Fatal(err)
		}
		r, err := attrib.Take(context.Background(), tg, tg.Heaps, attrib.Options{By: []attrib.By{attrib.Site}, CRT: true})
		if err != nil {
			t.Fatal(err)
		}
		kept := 0
		for _, g := range r.Groups {
			k := g.Keys[0].Text
			switch i := strings.LastIndexByte(k, '('); {
			case k == "(debug CRT, no file named)":
				kept = g.Blocks
			case strings.HasPrefix(k, "(file name at "):
				lines[strings.TrimSuffix(k[i+1:], ")")] -= g.Blocks
			case k != "(no debug CRT header)":
				t.Errorf("%s: an owner %q", filepath.Base(base), k)
			}
		}
		for line, n := range lines {
			if n != 0 {
				t.Errorf("%s: line %s: %d blocks too few", filepath.Base(base), line, n)
			}
		}
		if kept != 14 { // freed and kept: the runtime wiped their site
			t.Errorf("%s: %d debug blocks without a file, want the 14 that were freed and kept", filepath.Base(base), kept)
		}
		if err := tg.Close(); err != nil {
			t.Error(err)
		}
	}
}

// siteTruth counts the live debug blocks of a truth file by line.
func siteTruth(t *testing.T, path string) map[string]int {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if b, err = d.DecodeAll(b, nil); err != nil {
		t.Fatal(err)
	}
	var raw struct {
		Blocks [][]json.RawMessage `json:"crt_blocks"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, r := range raw.Blocks {
		if string(r[7]) != `"delay-freed"` {
			out[string(r[5])]++
		}
	}
	if len(out) < 50 {
		t.Fatalf("only %d lines in %s", len(out), path)
	}
	return out
}

// TestRealPlaces: of the WOW64 process both process parameters and both
// environments are blocks of its process heaps, and so are the loader's
// entries.
func TestRealPlaces(t *testing.T) {
	dir := os.Getenv("HEAPDUMP_REAL")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "dumps")
	}
	path := filepath.Join(dir, "real-win10-11082-wow64-full.dmp.zst")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the real dumps are not here (%v); set HEAPDUMP_REAL to the folder that has them", err)
	}
	tg, err := target.Open(path, target.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	r, err := attrib.Take(context.Background(), tg, tg.Heaps, attrib.Options{By: []attrib.By{attrib.Type}})
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string]int{}
	for _, g := range r.Groups {
		blocks[g.Keys[0].Text] += g.Blocks
	}
	if blocks["process parameters"] != 2 || blocks["environment"] != 2 || blocks["loader's entry of a module (LDR_DATA_TABLE_ENTRY)"] != 11 {
		t.Errorf("%v", blocks)
	}
}
