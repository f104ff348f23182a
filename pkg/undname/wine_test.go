package undname_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/pkg/undname"
)

// decorated is a decorated name of C++ between two zero bytes.
var decorated = regexp.MustCompile(`\x00(\?[\x21-\x7e]{4,})`)

// TestWine: every decorated name in the C++ runtimes of Debian's Wine that
// llvm-undname reads comes out as llvm-undname writes it.
func TestWine(t *testing.T) {
	tool, err := exec.LookPath("llvm-undname")
	files, _ := filepath.Glob("/usr/lib/x86_64-linux-gnu/wine/*-windows/msvc*.dll")
	if err != nil || len(files) == 0 {
		t.Skip("llvm-undname or Wine's DLLs are not here (Debian's packages llvm and libwine have them): the recorded names alone are compared")
	}
	var all []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range decorated.FindAllSubmatch(b, -1) {
			all = append(all, string(m[1]))
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	c := exec.Command(tool)
	c.Stdin = strings.NewReader(strings.Join(all, "\n") + "\n")
	b, _ := c.Output() // its exit status tells that it could not read some
	said := map[string]string{}
	lines := strings.Split(string(b), "\n")
	for i := 0; i+1 < len(lines); i++ {
		if strings.HasPrefix(lines[i], "?") && lines[i+1] != "" {
			said[lines[i]] = lines[i+1]
			i++
		}
	}
	same := 0
	for _, name := range all {
		want, ok := said[name]
		if !ok {
			continue
		}
		got, err := undname.Symbol(name)
		if got == want {
			same++
			continue
		}
		t.Errorf("%s\n  got  %s (%v)\n  llvm %s", name, got, err, want)
	}
	t.Logf("%d names, of which llvm-undname reads %d; %d agree", len(all), len(said), same)
	if same < 1000 {
		t.Errorf("only %d names", same)
	}
}
