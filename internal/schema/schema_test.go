package schema_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/schema"
)

var update = flag.Bool("update", false, "write the golden files anew; keys are only added to the list of keys")

func made(t *testing.T) *schema.Schema {
	t.Helper()
	s, err := schema.New()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestGolden pins the whole schema.
func TestGolden(t *testing.T) {
	path := filepath.Join("testdata", "heapdump.schema.json")
	got := made(t).All()
	if *update {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("the schema is not the golden one: go test ./internal/schema -update, and read the difference")
	}
}

// TestMajor: within a major version no key goes or changes its type. The list
// of keys of a major version only grows, also by -update.
func TestMajor(t *testing.T) {
	major, _, _ := strings.Cut(report.SchemaVersion, ".")
	path := filepath.Join("testdata", "keys-"+major+".txt")
	have := keysOf(t)
	data, err := os.ReadFile(path)
	if err != nil && !*update {
		t.Fatalf("%v: a new major version has a list of its own: go test ./internal/schema -update", err)
	}
	pinned := strings.Fields(string(data))
	for i := 0; i+1 < len(pinned); i += 2 {
		if got := have[pinned[i]]; got != pinned[i+1] {
			t.Errorf("%s was %s and is %q: that takes a new major version", pinned[i], pinned[i+1], got)
		}
	}
	known := map[string]bool{}
	for i := 0; i+1 < len(pinned); i += 2 {
		known[pinned[i]] = true
	}
	var out strings.Builder
	out.Write(data)
	for _, key := range slices.Sorted(maps.Keys(have)) {
		switch {
		case known[key]:
		case *update:
			fmt.Fprintf(&out, "%s %s\n", key, have[key])
		default:
			t.Errorf("%s is new: raise the minor version once a release, and go test ./internal/schema -update", key)
		}
	}
	if *update && !t.Failed() {
		if err := os.WriteFile(path, []byte(out.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// keysOf is the type of every key of every command: "summary/heaps[]/address".
func keysOf(t *testing.T) map[string]string {
	t.Helper()
	s, out := made(t), map[string]string{}
	for _, c := range s.Commands() {
		text, ok := s.Command(c)
		if !ok {
			t.Fatalf("%s has no schema", c)
		}
		var v map[string]any
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		defs, _ := v["$defs"].(map[string]any)
		flatten(v, defs, strings.ReplaceAll(c, " ", "-"), out)
	}
	if len(out) < 800 {
		t.Errorf("only %d keys", len(out))
	}
	return out
}

func flatten(v, defs map[string]any, at string, out map[string]string) {
	if r, ok := v["$ref"].(string); ok {
		flatten(defs[strings.TrimPrefix(r, "#/$defs/")].(map[string]any), defs, at, out)
	}
	if forms, ok := v["anyOf"].([]any); ok {
		for i, f := range forms {
			if len(forms) > 2 {
				flatten(f.(map[string]any), defs, fmt.Sprintf("%s|%d", at, i+1), out)
				continue
			}
			flatten(f.(map[string]any), defs, at, out)
		}
	}
	if props, ok := v["properties"].(map[string]any); ok {
		for k, p := range props {
			flatten(p.(map[string]any), defs, at+"/"+k, out)
		}
	}
	if items, ok := v["items"].(map[string]any); ok {
		flatten(items, defs, at+"[]", out)
	}
	if ty := v["type"]; ty != nil && ty != "object" && ty != "null" {
		pattern, _ := v["pattern"].(string)
		out[at] = strings.ReplaceAll(fmt.Sprint(ty)+pattern, " ", "|")
	}
}

// TestDescribed: every key is described, and most by what docs/json.md says.
func TestDescribed(t *testing.T) {
	var v any
	if err := json.Unmarshal(made(t).All(), &v); err != nil {
		t.Fatal(err)
	}
	keys, bare := 0, 0
	var walk func(v any)
	walk = func(v any) {
		switch x := v.(type) {
		case []any:
			for _, v := range x {
				walk(v)
			}
		case map[string]any:
			props, _ := x["properties"].(map[string]any)
			for k, p := range props {
				keys++
				text, _ := p.(map[string]any)["description"].(string)
				if text == "" {
					t.Errorf("%s is not described", k)
				}
				if strings.EqualFold(strings.TrimSuffix(text, "."), strings.ReplaceAll(k, "_", " ")) {
					bare++
				}
			}
			for _, v := range x {
				walk(v)
			}
		}
	}
	walk(v)
	if keys < 700 || bare*5 > keys {
		t.Errorf("%d of %d keys are described by nothing but their names", bare, keys)
	}
	for _, want := range []string{`"Of what is not free."`, "its bucket, the size_index of lfh_buckets", "Corrupt (the process's memory"} {
		if !strings.Contains(strings.ToLower(string(made(t).All())), strings.ToLower(want)) {
			t.Errorf("no description has %q", want)
		}
	}
}
