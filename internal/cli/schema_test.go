package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/heapdump/heapdump/internal/cli"
	"github.com/heapdump/heapdump/internal/synth"
)

// schemaOf is the schema that heapdump itself prints, closed: a key that it
// does not declare is an error.
func schemaOf(t *testing.T, args ...string) *jsonschema.Schema {
	t.Helper()
	w := newWorld(nil)
	if code := cli.Main(context.Background(), append([]string{"schema"}, args...), w.Env); code != 0 {
		t.Fatalf("schema %q: exit %d: %s", args, code, w.stderr.String())
	}
	v, err := jsonschema.UnmarshalJSON(&w.stdout)
	if err != nil {
		t.Fatal(err)
	}
	closed(v)
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", v); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json") // against the metaschema that it names
	if err != nil {
		t.Fatalf("schema %q: %v", args, err)
	}
	return s
}

// closed forbids in every object of a schema what it does not declare.
func closed(v any) {
	switch x := v.(type) {
	case map[string]any:
		if _, ok := x["properties"]; ok {
			x["additionalProperties"] = false
		}
		for _, v := range x {
			closed(v)
		}
	case []any:
		for _, v := range x {
			closed(v)
		}
	}
}

// schemas are compiled ones, by the arguments of heapdump schema.
type schemas map[string]*jsonschema.Schema

func (s schemas) of(t *testing.T, args ...string) *jsonschema.Schema {
	t.Helper()
	key := strings.Join(args, " ")
	if s[key] == nil {
		s[key] = schemaOf(t, args...)
	}
	return s[key]
}

// queries are commands whose words name addresses, of a dump with a block.
func queries(heap, user string) [][]string {
	return [][]string{{"info"}, {"summary"}, {"heaps"}, {"heap", heap}, {"find", user}, {"find", heap}, {"find", "0x10"}, {"ln", user}, {"walk", "--limit", "3000"}, {"check"},
		{"address"}, {"address", "--summary"}, {"address", user}, {"address", "0x10"}, {"handles"}, {"handles", "--unreferenced"}, {"leaks", "--blocks"}, {"leaks"},
		{"retained"}, {"retained", "--by", "root"}, {"retained", "--by", "type"}, {"why", user}, {"why", "--paths", "3", user}, {"refs", user},
		{"stat"}, {"stat", "--per-heap"}, {"owners"}, {"owners", "--by", "type,size"}, {"search", "--pointer", user}, {"search", "--text", "the"}, {"modules"}, {"modules", "--sections", "--symbols", "."},
		{"threads"}, {"threads", "--stacks"}, {"stack"}, {"stack", "all"}, {"exception"}, {"hex", user}, {"hex", user, "--words"}, {"peb"}, {"teb"}, {"dt"}, {"dt", "_HEAP", heap}, {"triage"}}
}

// firstBlock is the heap and user pointer of a dump's first busy block, or two
// addresses where nothing is.
func firstBlock(path string) (heap, user string) {
	w := newWorld(nil)
	cli.Main(context.Background(), []string{"walk", "--state", "busy", "--limit", "20", "--format", "ndjson", "-q", path}, w.Env)
	heap, user = "0x10000", "0x10040"
	for line := range strings.Lines(w.stdout.String()) {
		var b struct{ Heap, User string }
		if json.Unmarshal([]byte(line), &b) == nil && b.User != "" {
			heap, user = b.Heap, b.User
		}
	}
	return heap, user
}

// valid runs a command and validates what it prints; false when it prints
// nothing, which needs one of the exit codes that say why.
func valid(t *testing.T, s schemas, args []string) bool {
	t.Helper()
	w := newWorld(nil)
	code := cli.Main(context.Background(), append(slices.Clone(args), "--format", "json", "-q"), w.Env)
	if w.stdout.Len() == 0 {
		if code != 2 && code != 3 {
			t.Errorf("%q: exit %d without output: %s", args, code, w.stderr.String())
		}
		return false
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(w.stdout.Bytes()))
	if err != nil {
		t.Errorf("%q: no JSON: %v", args, err)
		return true
	}
	if err := s.of(t, args[0]).Validate(v); err != nil {
		t.Errorf("%q: %.1500v", args, err)
	}
	lines(t, s, args)
	return true
}

// lines validates each line of a command's NDJSON, if it has any.
func lines(t *testing.T, s schemas, args []string) {
	t.Helper()
	w := newWorld(nil)
	if code := cli.Main(context.Background(), append(slices.Clone(args), "--format", "ndjson", "-q"), w.Env); code == 2 {
		return // it has none
	}
	schema := s.of(t, args[0], "--format", "ndjson")
	for line := range strings.Lines(w.stdout.String()) {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err != nil {
			t.Fatalf("%q: no JSON: %v: %s", args, err, line)
		}
		if err := schema.Validate(v); err != nil {
			t.Fatalf("%q: %.1500v", args, err)
		}
	}
}

// TestSchemaValid: what every command prints of every dump at hand is valid by
// the schema that heapdump prints, closed: no key is undeclared.
func TestSchemaValid(t *testing.T) {
	s, printed := schemas{}, map[string]int{}
	for _, path := range append(synthDumps(t), realDumps(t)...) {
		heap, user := firstBlock(path)
		for _, args := range queries(heap, user) {
			if valid(t, s, append(args, path)) {
				printed[args[0]]++
			}
		}
	}
	for _, args := range queries("", "") {
		if printed[args[0]] < 4 {
			t.Errorf("%s printed only %d results", args[0], printed[args[0]])
		}
	}
	a, b := demo(t), damaged(t)
	known := filepath.Join(t.TempDir(), "known.json")
	w := newWorld(nil)
	if code := cli.Main(context.Background(), []string{"baseline", "write", "--reason", "a test", "-o", known, b}, w.Env); code != 0 {
		t.Fatal(w.stderr.String())
	}
	for _, args := range [][]string{{"version"}, {"config"}, {"config", "--all"}, {"windbg", "--list"}, {"diff", a, a, "--all"}, {"diff", a, a, a, "--all"}, {"triage", a, b, "nowhere.dmp"}, {"triage", "--baseline", known, b}} {
		if !valid(t, s, args) {
			t.Errorf("%q printed nothing", args)
		}
	}
	shown := newWorld(nil)
	if code := cli.Main(context.Background(), []string{"baseline", "show", known, "--format", "json"}, shown.Env); code != 0 {
		t.Fatal(shown.stderr.String())
	}
	v, err := jsonschema.UnmarshalJSON(&shown.stdout)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.of(t, "baseline", "show").Validate(v); err != nil {
		t.Error(err)
	}
}

// mostReal is how large a dump of those that are not made here is looked at
// where nobody asks for all of them.
const mostReal = 16 << 10

// realDumps are the dumps that are not made here: all of $HEAPDUMP_REAL, else
// the small ones of the folder beside the repository.
func realDumps(t *testing.T) []string {
	dir, most := os.Getenv("HEAPDUMP_REAL"), int64(1)<<62
	if dir == "" {
		dir, most = filepath.Join("..", "..", "..", "shared", "dumps"), mostReal
	}
	var out []string
	for _, pattern := range []string{filepath.Join(dir, "*.dmp"), filepath.Join(dir, "*.dmp.zst"), filepath.Join("..", "..", "testdata", "dumps", "*.dmp")} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if st, err := os.Stat(f); err == nil && st.Size() <= most {
				out = append(out, f)
			}
		}
	}
	t.Logf("%d dumps; without HEAPDUMP_REAL, those over %d bytes are left out", len(out), mostReal)
	return out
}

// TestSchemaFails: the schema is not so loose that nothing fails: each key of
// a result, removed or of another type, does.
func TestSchemaFails(t *testing.T) {
	s, path := schemas{}, demo(t)
	tried := 0
	for _, args := range [][]string{{"summary"}, {"find", "0x1c0aa400f40"}, {"check"}, {"leaks"}, {"walk"}, {"triage"}, {"address"}, {"handles"}} {
		w := newWorld(nil)
		if code := cli.Main(context.Background(), append(args, "--format", "json", "-q", path), w.Env); code != 0 {
			t.Fatal(w.stderr.String())
		}
		v, err := jsonschema.UnmarshalJSON(&w.stdout)
		if err != nil {
			t.Fatal(err)
		}
		schema := s.of(t, args[0])
		eachKey(v, func(in map[string]any, key string) {
			was := in[key]
			tried++
			in[key] = map[string]any{"no": "key has this"}
			if schema.Validate(v) == nil {
				t.Errorf("%q: %s may be anything", args, key)
			}
			delete(in, key)
			if schema.Validate(v) == nil && !optionalOfBlock[key] {
				t.Errorf("%q: %s may be absent", args, key)
			}
			in[key] = was
		})
	}
	if tried < 200 {
		t.Errorf("only %d keys were tried", tried)
	}
}

// optionalOfBlock are the keys of walk that not every block has.
var optionalOfBlock = map[string]bool{"bucket": true, "stack": true, "stack_names": true, "type": true, "type_how": true, "crt": true}

// eachKey calls f with every key of a JSON value, of an array those of its
// first objects.
func eachKey(v any, f func(in map[string]any, key string)) {
	switch x := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(x)) {
			eachKey(x[key], f)
			f(x, key)
		}
	case []any:
		for _, v := range x[:min(len(x), 2)] {
			eachKey(v, f)
		}
	}
}

// synthDumps are the generated dumps, whole, and one cut in several places.
func synthDumps(t *testing.T) []string {
	dir := t.TempDir()
	var out []string
	add := func(name string, data []byte) {
		path := filepath.Join(dir, name+".dmp")
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		out = append(out, path)
	}
	whole := map[string][]byte{"demo": synth.Demo().Build().Dump.Bytes(), "damaged": synth.Damaged().Build().Dump.Bytes()}
	add("demo", whole["demo"])
	add("damaged", whole["damaged"])
	for _, i := range []int{1, 4} {
		data := whole["demo"]
		add(fmt.Sprintf("cut%d", i), data[:len(data)*i/7])
	}
	return out
}
