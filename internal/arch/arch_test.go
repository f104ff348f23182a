package arch

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "github.com/heapdump/heapdump"

// permitted lists, for each package, the packages of this module and the
// other modules' packages that it may import. The standard library is free to
// all. Each line reads downwards: cmd, cli, report, analysis, target, pkg.
var permitted = map[string]string{
	"cmd/heapdump":       "internal/cli internal/largeheap",
	"internal/largeheap": "",
	"internal/thousands": "",
	"internal/cli": "" +
		" internal/thousands" +
		" docs" +
		" internal/analysis/attrib" +
		" internal/analysis/census" +
		" internal/analysis/check" +
		" internal/analysis/crash" +
		" internal/analysis/crt" +
		" internal/analysis/delta" +
		" internal/analysis/environ" +
		" internal/analysis/handles" +
		" internal/analysis/load" +
		" internal/analysis/locate" +
		" internal/analysis/modules" +
		" internal/analysis/pagemap" +
		" internal/analysis/threads" +
		" internal/analysis/refs" +
		" internal/analysis/roles" +
		" internal/analysis/search" +
		" internal/analysis/snapshot" +
		" internal/analysis/stacks" +
		" internal/analysis/structure" +
		" internal/analysis/triage" +
		" internal/analysis/vmmap" +
		" internal/baseline" +
		" internal/config" +
		" internal/debugger" +
		" internal/finding" +
		" internal/gate" +
		" internal/mmap" +
		" internal/nearest" +
		" internal/pick" +
		" internal/pprofout" +
		" internal/progress" +
		" internal/render" +
		" internal/render/dot" +
		" internal/render/html" +
		" internal/render/windbg" +
		" internal/report" +
		" internal/schema" +
		" internal/srum" +
		" internal/symbols" +
		" internal/target" +
		" internal/unwind" +
		" pkg/diag" +
		" pkg/heap" +
		" pkg/memory" +
		" pkg/minidump" +
		" pkg/ntheap" +
		" pkg/pageheap" +
		" pkg/structs" +
		" github.com/spf13/cobra" +
		" github.com/spf13/pflag" +
		" golang.org/x/term",
	"internal/manual":        "internal/cli github.com/spf13/cobra/doc",
	"internal/config":        "internal/nearest go.yaml.in/yaml/v3",
	"internal/debugger":      "internal/nearest",
	"internal/nearest":       "",
	"internal/render":        "internal/report internal/thousands",
	"internal/schema":        "docs internal/render internal/report",
	"docs":                   "",
	"internal/pprofout":      "internal/analysis/attrib internal/analysis/stacks internal/target pkg/memory github.com/google/pprof/profile",
	"internal/render/windbg": "",
	"internal/render/dot":    "",
	"internal/render/html":   "internal/render internal/report internal/thousands",
	"internal/report": "" +
		" internal/thousands" +
		" internal/debugger" +
		" internal/analysis/attrib" +
		" internal/analysis/census" +
		" internal/analysis/check" +
		" internal/analysis/content" +
		" internal/analysis/crash" +
		" internal/analysis/crt" +
		" internal/analysis/delta" +
		" internal/analysis/environ" +
		" internal/analysis/handles" +
		" internal/analysis/load" +
		" internal/analysis/locate" +
		" internal/analysis/modules" +
		" internal/analysis/pagemap" +
		" internal/analysis/threads" +
		" internal/analysis/refs" +
		" internal/analysis/roles" +
		" internal/analysis/search" +
		" internal/analysis/stacks" +
		" internal/analysis/structure" +
		" internal/analysis/triage" +
		" internal/analysis/vmmap" +
		" internal/finding" +
		" internal/srum" +
		" internal/symbols" +
		" internal/ntcode" +
		" internal/target" +
		" internal/unwind" +
		" pkg/diag" +
		" pkg/heap" +
		" pkg/memory" +
		" pkg/minidump" +
		" pkg/ntheap" +
		" pkg/pageheap" +
		" pkg/peimage" +
		" pkg/process" +
		" pkg/stackdb" +
		" pkg/structs",

	"internal/analysis/census": "internal/progress internal/analysis/sweep internal/target pkg/diag pkg/heap pkg/memory pkg/ntheap pkg/pageheap golang.org/x/sync/errgroup",
	"internal/analysis/check": "internal/analysis/census internal/analysis/stacks internal/progress internal/target pkg/crtheap pkg/diag pkg/heap pkg/memory " +
		"pkg/ntheap pkg/pageheap pkg/process",
	"internal/analysis/crt":      "internal/analysis/stacks internal/progress internal/target pkg/crtheap pkg/heap pkg/memory",
	"internal/analysis/attrib":   "internal/analysis/content internal/analysis/crt internal/analysis/refs internal/analysis/stacks internal/analysis/sweep internal/symbols internal/target pkg/heap pkg/memory pkg/pageheap pkg/process",
	"internal/analysis/content":  "",
	"internal/analysis/handles":  "internal/analysis/vmmap internal/progress internal/target pkg/diag pkg/heap pkg/memory pkg/minidump pkg/process",
	"internal/analysis/load":     "internal/srum",
	"internal/analysis/locate":   "internal/analysis/crt internal/analysis/stacks internal/progress internal/symbols internal/target pkg/diag pkg/heap pkg/memory pkg/ntheap pkg/pageheap pkg/stackdb",
	"internal/analysis/modules":  "internal/analysis/stacks internal/target pkg/diag pkg/memory pkg/minidump pkg/peimage pkg/process",
	"internal/analysis/refs":     "internal/analysis/crt internal/analysis/stacks internal/mmap internal/progress internal/symbols internal/target pkg/crtheap pkg/heap pkg/memory pkg/minidump pkg/ntheap pkg/pageheap pkg/peimage pkg/stackdb internal/thousands golang.org/x/sync/errgroup",
	"internal/analysis/pagemap":  "internal/analysis/attrib internal/analysis/content internal/analysis/crt internal/analysis/stacks internal/analysis/sweep internal/analysis/vmmap internal/target pkg/heap pkg/memory pkg/ntheap",
	"internal/analysis/roles":    "internal/target pkg/heap pkg/memory pkg/ntheap",
	"internal/analysis/search":   "internal/progress internal/target pkg/memory golang.org/x/sync/errgroup",
	"internal/analysis/delta":    "",
	"internal/analysis/snapshot": "internal/analysis/attrib internal/analysis/delta internal/analysis/handles internal/analysis/roles internal/analysis/stacks internal/analysis/vmmap internal/target pkg/memory pkg/minidump pkg/process",
	"internal/analysis/stacks":   "internal/symbols internal/target pkg/heap pkg/memory pkg/pageheap pkg/stackdb",
	"internal/analysis/triage": "internal/analysis/attrib internal/analysis/census internal/analysis/check internal/analysis/crash internal/analysis/handles internal/analysis/locate internal/thousands " +
		"internal/analysis/refs internal/analysis/stacks internal/analysis/vmmap internal/finding internal/progress internal/symbols internal/target internal/unwind pkg/heap pkg/memory",
	"internal/finding":        "",
	"internal/gate":           "internal/finding internal/pick",
	"internal/baseline":       "internal/finding",
	"internal/analysis/vmmap": "internal/target pkg/clr pkg/heap pkg/memory pkg/peimage pkg/process pkg/stackdb",
	"internal/symbols":        "internal/mmap internal/target pkg/breakpad pkg/heap pkg/memory pkg/minidump pkg/pdb pkg/peimage pkg/rtti pkg/undname",
	"internal/analysis/sweep": "internal/progress internal/target pkg/heap golang.org/x/sync/errgroup",
	"internal/target":         "internal/input pkg/diag pkg/heap pkg/memory pkg/minidump pkg/ntheap pkg/pageheap pkg/peimage pkg/process",
	"internal/unwind":         "internal/symbols internal/target pkg/memory pkg/minidump pkg/peimage pkg/process",
	"internal/input": "internal/mmap github.com/klauspost/compress/flate github.com/klauspost/compress/gzip " +
		"github.com/klauspost/compress/zstd",
	"internal/srum":             "www.velocidex.com/golang/go-ese/parser",
	"internal/mmap":             "github.com/edsrzf/mmap-go",
	"internal/pick":             "pkg/heap pkg/memory",
	"internal/progress":         "",
	"internal/ntcode":           "",
	"internal/analysis/crash":   "internal/analysis/check internal/analysis/locate internal/analysis/threads internal/analysis/vmmap internal/disasm internal/ntcode internal/symbols internal/target pkg/diag pkg/heap pkg/memory pkg/minidump",
	"internal/analysis/environ": "internal/target pkg/diag pkg/process",
	"internal/analysis/threads": "internal/symbols internal/target pkg/diag pkg/memory pkg/minidump pkg/process",

	"internal/disasm":             "golang.org/x/arch/arm64/arm64asm golang.org/x/arch/x86/x86asm",
	"internal/analysis/structure": "internal/symbols internal/target pkg/heap pkg/memory pkg/ntheap pkg/structs",

	"pkg/process":                "pkg/diag pkg/heap pkg/memory pkg/ntheap",
	"pkg/minidump":               "pkg/diag pkg/memory",
	"pkg/rtti":                   "pkg/memory pkg/peimage pkg/undname",
	"pkg/undname":                "",
	"pkg/peimage":                "pkg/memory",
	"pkg/clr":                    "pkg/memory pkg/peimage",
	"pkg/pdb":                    "",
	"pkg/breakpad":               "",
	"pkg/fill":                   "pkg/heap pkg/memory",
	"pkg/ntheap":                 "pkg/diag pkg/fill pkg/heap pkg/memory pkg/ntheap/internal/layout",
	"pkg/ntheap/internal/layout": "",
	"pkg/structs":                "",
	"pkg/pageheap":               "pkg/diag pkg/heap pkg/memory",
	"pkg/stackdb":                "pkg/diag pkg/heap pkg/memory",
	"pkg/crtheap":                "pkg/diag pkg/fill pkg/heap pkg/memory",
	"pkg/heap":                   "pkg/diag pkg/memory",
	"pkg/diag":                   "pkg/memory",
	"pkg/memory":                 "",

	// For tests and measurements only: nothing above imports them.
	"internal/synth":         "",
	"internal/specimen":      "internal/synth",
	"internal/srum/srumtest": "www.velocidex.com/golang/go-ese/parser",
	"internal/bench":         "internal/synth",
	"internal/dist":          "",
	"internal/campaign":      "internal/analysis/census internal/analysis/check internal/analysis/triage internal/analysis/vmmap internal/progress internal/specimen internal/target pkg/diag pkg/heap pkg/memory pkg/minidump",
	"internal/arch":          "",
}

// imports reads the import clauses of every Go file of the module that is no
// test, whatever its build constraints, and returns them by package folder. It
// reads the source itself: what a test asks of the go command is served stale
// from the test cache.
func imports(root fs.FS) (map[string][]string, error) {
	out := map[string][]string{}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if d.IsDir() {
			if name != "." && (base == "testdata" || base == "vendor" || base[0] == '.' || base[0] == '_') {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") || strings.HasSuffix(base, "_test.go") {
			return nil
		}
		src, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir := path.Dir(name)
		out[dir] = append(out[dir], "")
		for _, i := range f.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			out[dir] = append(out[dir], p)
		}
		return nil
	})
	return out, err
}

// wrong lists what is wrong with the imports of a module, one a line.
func wrong(all map[string][]string, lines map[string]string) []string {
	var out []string
	put := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for dir, list := range all {
		line, known := lines[dir]
		if !known {
			put("%s has no line in internal/arch: say what it may import", dir)
		}
		slices.Sort(list)
		for _, p := range slices.Compact(list) {
			ours := strings.HasPrefix(p, module+"/")
			rel := strings.TrimPrefix(p, module+"/")
			first, _, _ := strings.Cut(p, "/")
			third := !ours && strings.Contains(first, ".")
			switch {
			case p == "" || !ours && !third:
				continue
			case strings.HasPrefix(dir, "pkg/") && third:
				put("%s imports %s: pkg/ uses the standard library alone", dir, p)
			case strings.HasPrefix(dir, "pkg/") && strings.HasPrefix(rel, "internal/"):
				put("%s imports %s: pkg/ must not need internal/", dir, rel)
			case dir == "internal/synth":
				put("%s imports %s: synth is a second witness and knows nothing of ours", dir, rel)
			case known && !slices.Contains(strings.Fields(line), rel):
				put("%s imports %s, which its line in internal/arch does not permit", dir, rel)
			}
		}
	}
	slices.Sort(out)
	return out
}

func TestImportsPointOneWay(t *testing.T) {
	root := filepath.Join("..", "..")
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatal(err)
	}
	all, err := imports(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 15 || len(all["pkg/ntheap"]) < 5 {
		t.Fatalf("only %d packages were read", len(all))
	}
	for _, w := range wrong(all, permitted) {
		t.Error(w)
	}
}

// TestLinesPointOneWay: the permitted imports have no cycle, whatever the
// sources say today, and pkg/ stays below internal/.
func TestLinesPointOneWay(t *testing.T) {
	state := map[string]int{}
	var visit func(string)
	visit = func(dir string) {
		switch state[dir] {
		case 1:
			t.Errorf("%s may import itself in the end", dir)
			return
		case 2:
			return
		}
		state[dir] = 1
		for _, p := range strings.Fields(permitted[dir]) {
			if _, ours := permitted[p]; ours {
				visit(p)
			}
			if strings.HasPrefix(dir, "pkg/") && !strings.HasPrefix(p, "pkg/") {
				t.Errorf("the line of %s permits %s", dir, p)
			}
			if dir != "internal/bench" && dir != "internal/specimen" && dir != "internal/campaign" && (p == "internal/synth" || p == "internal/specimen" || p == "internal/bench") {
				t.Errorf("the line of %s permits %s, which is for tests", dir, p)
			}
		}
		state[dir] = 2
	}
	for dir := range permitted {
		visit(dir)
	}
}

// TestWrongImportsAreSeen has one wrong import of each kind.
func TestWrongImportsAreSeen(t *testing.T) {
	file := func(imports ...string) *fstest.MapFile {
		src := "package x\n"
		for _, i := range imports {
			src += "import _ " + strconv.Quote(i) + "\n"
		}
		return &fstest.MapFile{Data: []byte(src)}
	}
	all, err := imports(fstest.MapFS{
		"pkg/heap/a.go":            file("fmt", module+"/pkg/memory", module+"/internal/report"),
		"pkg/heap/a_test.go":       file(module + "/internal/synth"),
		"pkg/memory/b.go":          file("example.com/fast"),
		"pkg/diag/c_windows.go":    file(module + "/pkg/heap"),
		"internal/synth/d.go":      file(module + "/pkg/memory"),
		"internal/new/e.go":        file("os"),
		"internal/render/f.go":     file(module + "/internal/target"),
		"internal/pick/testdata/g": file("nothing"),
		"testdata/h.go":            file("example.com/none"),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"internal/new has no line in internal/arch: say what it may import",
		"internal/render imports internal/target, which its line in internal/arch does not permit",
		"internal/synth imports pkg/memory: synth is a second witness and knows nothing of ours",
		"pkg/diag imports pkg/heap, which its line in internal/arch does not permit",
		"pkg/heap imports internal/report: pkg/ must not need internal/",
		"pkg/memory imports example.com/fast: pkg/ uses the standard library alone",
	}
	if got := wrong(all, permitted); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
