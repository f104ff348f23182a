package undname_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/pkg/undname"
)

// names are decorated names, each with what llvm-undname 14 makes of it. See
// testdata/README.md for where they are from.
func names(t testing.TB) [][2]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "names.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var out [][2]string
	for line := range strings.Lines(string(b)) {
		name, text, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !ok {
			t.Fatalf("%q", line)
		}
		out = append(out, [2]string{name, text})
	}
	if len(out) < 1000 {
		t.Fatalf("only %d names", len(out))
	}
	return out
}

// agreement is the part of the names, in percent, of which Symbol says what
// llvm-undname says: all of them.
const agreement = 100

func TestAgreesWithLLVM(t *testing.T) {
	all := names(t)
	same := 0
	for _, n := range all {
		got, err := undname.Symbol(n[0])
		if got == n[1] {
			same++
			continue
		}
		t.Logf("%s\n  got  %s (%v)\n  llvm %s", n[0], got, err, n[1])
	}
	t.Logf("%d of %d agree", same, len(all))
	if 100*same < agreement*len(all) {
		t.Errorf("%d of %d agree, fewer than %d %%", same, len(all), agreement)
	}
}

// TestLLVM asks the llvm-undname of this machine what the file says that it
// says.
func TestLLVM(t *testing.T) {
	tool, err := exec.LookPath("llvm-undname")
	if err != nil {
		t.Skip("llvm-undname is not here (Debian's package llvm has it): the recorded answers are not asked for again")
	}
	all := names(t)
	var in strings.Builder
	for _, n := range all {
		in.WriteString(n[0] + "\n")
	}
	c := exec.Command(tool)
	c.Stdin = strings.NewReader(in.String())
	b, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	differ := 0
	for i, block := range strings.Split(strings.TrimSpace(string(b)), "\n\n") {
		if i < len(all) && block != all[i][0]+"\n"+all[i][1] {
			differ++
		}
	}
	if 100*differ > len(all) { // other versions spell a few names anew
		t.Errorf("%d of %d answers are not the recorded ones", differ, len(all))
	}
}

func TestNameAndClass(t *testing.T) {
	for in, want := range map[string]string{
		"?f@C@ns@@QAEHPBD@Z":  "ns::C::f",
		"??1C@@UAE@XZ":        "C::~C",
		"??$make@H@ns@@YAHXZ": "ns::make<int>",
		"??_7C@@6B@":          "C::`vftable'",
	} {
		if got, err := undname.Name(in); got != want || err != nil {
			t.Errorf("%s: %q %v, want %q", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		".?AVC@ns@@":                 "ns::C",
		".?AUS@@":                    "S",
		".?AW4E@@":                   "E",
		".?AV?$vec@HV?$al@H@@@std@@": "std::vec<int, class al<int>>",
		".?AVC@?A0x1234abcd@@":       "`anonymous namespace'::C",
	} {
		if got, err := undname.Class(in); got != want || err != nil {
			t.Errorf("%s: %q %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", ".?AV", ".?AVC", ".?AVC@", ".?AVC@@x", ".PAH", ".?AH", "?AVC@@", ".?AV0@@", strings.Repeat("?", 1<<20)} {
		if got, err := undname.Class(in); err == nil {
			t.Errorf("%.20s: %q", in, got)
		}
		if got, err := undname.Symbol(in); err == nil {
			t.Errorf("%.20s: %q", in, got)
		}
	}
}

// TestBounds: names made to explode end in an error, or stay small.
func TestBounds(t *testing.T) {
	// Each type of the list is made of the one before, nine times.
	bomb := "?f@@YAXV?$a@H@@"
	for range 40 {
		bomb += "V?$a@V?$b@" + strings.Repeat("0", 9) + "@@@@"
	}
	deep := "?f@@YAX" + strings.Repeat("PA", 8000) + "H@Z"
	scopes := "?" + strings.Repeat("?1?", 4000) + "f@@YAXXZ"
	templates := "?" + strings.Repeat("?$a@V", 3000) + "b@@"
	doubling := "?f@@YAX" + strings.Repeat("P6AXABUa@@000000000@Z", 600) + "@Z"
	for _, in := range []string{bomb + "@Z", deep, scopes, templates, doubling} {
		if got, _ := undname.Symbol(in); len(got) > 1<<16 {
			t.Errorf("%.20s: %d bytes", in, len(got))
		}
	}
}

func FuzzSymbol(f *testing.F) {
	for i, n := range names(f) {
		if i%10 == 0 {
			f.Add(n[0])
		}
	}
	f.Add(".?AV?$vec@HV?$al@H@@@std@@")
	f.Fuzz(func(t *testing.T, in string) {
		for _, fn := range []func(string) (string, error){undname.Symbol, undname.Name, undname.Class} {
			if got, err := fn(in); len(got) > 1<<16 || (err == nil) == (got == "") {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
		}
	})
}
