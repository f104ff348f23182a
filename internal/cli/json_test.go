package cli_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/cli"
	"github.com/heapdump/heapdump/internal/synth"
)

// keys collects every key of a JSON value.
func keys(v any, into map[string]bool) {
	switch x := v.(type) {
	case map[string]any:
		for k, v := range x {
			into[k] = true
			keys(v, into)
		}
	case []any:
		for _, v := range x {
			keys(v, into)
		}
	}
}

// TestDocumented: docs/json.md names every key that a command prints.
func TestDocumented(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "json.md"))
	if err != nil {
		t.Fatal(err)
	}
	path := demo(t)
	for _, args := range [][]string{{"info", path}, {"summary", path}, {"heaps", path}, {"heap", "0", path}, {"find", "0x1c0aa400f40", path}, {"ln", "0x1c0aa400f40", path}, {"walk", path}, {"check", path}, {"address", path}, {"address", "--summary", path}, {"address", "0x1c0aa400f40", path},
		{"handles", "--unreferenced", path}, {"leaks", "--blocks", path}, {"retained", path}, {"retained", "--by", "root", path}, {"why", "0x1c0aa4027b0", path}, {"why", "--paths", "3", "0x1c0aa400750", path}, {"refs", "0x1c0aa4027b0", path},
		{"modules", "--sections", path},
		{"handles", "--unreferenced", path},
		{"modules", "--sections", path}, {"threads", path}, {"exception", path}, {"hex", "0x1c0aa400750", "--words", path}, {"peb", path}, {"teb", path},
		{"dt", path}, {"dt", "_HEAP", "0x1c0aa400000", path}, {"triage", path}, {"triage", damaged(t)}, {"version"}, {"windbg", "--list"}, {"config", "--all"}} {
		w := newWorld(nil)
		if code := cli.Main(context.Background(), append(args, "--format", "json"), w.Env); code != 0 {
			t.Fatalf("%v: exit %d: %s", args, code, w.stderr.String())
		}
		var v any
		if err := json.Unmarshal(w.stdout.Bytes(), &v); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		found := map[string]bool{}
		keys(v, found)
		if len(found) < 3 {
			t.Errorf("%v: only %d keys", args, len(found))
		}
		for k := range found {
			if !strings.Contains(string(doc), "`"+k+"`") {
				t.Errorf("%v: docs/json.md does not name `%s`", args, k)
			}
		}
	}
}

// damaged is a dump with two overruns.
func damaged(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "damaged.dmp")
	if err := os.WriteFile(path, synth.Damaged().Build().Dump.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestContract pins the keys that scripts were promised.
func TestContract(t *testing.T) {
	path := demo(t)
	w := newWorld(nil)
	if code := cli.Main(context.Background(), []string{"summary", "--format", "json", path}, w.Env); code != 0 {
		t.Fatal(w.stderr.String())
	}
	var summary struct {
		SchemaVersion string `json:"schema_version"`
		Dump          map[string]any
		Coverage      []string
		Heaps         []map[string]any
		Problems      []map[string]any
	}
	if err := json.Unmarshal(w.stdout.Bytes(), &summary); err != nil {
		t.Fatal(err)
	}
	has(t, "dump", summary.Dump, "file kind os arch build process pid")
	for _, h := range summary.Heaps {
		has(t, "heap", h, `address bits kind flags listed segments reserved_bytes committed_bytes uncommitted_ranges virtual_blocks
			virtual_bytes busy_blocks busy_bytes free_blocks free_bytes internal_bytes overhead_bytes lost_bytes unaccounted_bytes`)
		n := func(key string) float64 { return h[key].(float64) }
		if n("reserved_bytes") != n("committed_bytes")+n("uncommitted_bytes") ||
			n("committed_bytes") != n("busy_bytes")+n("overhead_bytes")+n("free_bytes")+n("internal_bytes")+n("lost_bytes")+n("unaccounted_bytes") {
			t.Errorf("the account of heap %v does not close: %v", h["address"], h)
		}
	}
	if summary.SchemaVersion != "1.3" || summary.Coverage == nil || summary.Problems == nil || len(summary.Heaps) != 3 {
		t.Errorf("%+v", summary)
	}
	w = newWorld(nil)
	if code := cli.Main(context.Background(), []string{"walk", "--format", "ndjson", path}, w.Env); code != 0 {
		t.Fatal(w.stderr.String())
	}
	for line := range strings.Lines(w.stdout.String()) {
		var b map[string]any
		if err := json.Unmarshal([]byte(line), &b); err != nil {
			t.Fatal(err)
		}
		has(t, "block", b, "heap segment entry user block_bytes user_bytes state origin flags")
		if (b["segment"] == nil) != (b["origin"] == "virtual") || (b["user"] == nil) != (b["state"] != "busy") {
			t.Errorf("null where it should not be, or not where it should: %s", line)
		}
	}
}

func has(t *testing.T, what string, v map[string]any, keys string) {
	t.Helper()
	for _, k := range strings.Fields(keys) {
		if _, ok := v[k]; !ok {
			t.Errorf("%s has no key %s", what, k)
		}
	}
}
