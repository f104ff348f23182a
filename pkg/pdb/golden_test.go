package pdb_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/pkg/pdb"
)

// read reads a file of testdata, which make.sh there makes.
func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(t testing.TB, name string) *pdb.File {
	t.Helper()
	f, err := pdb.Open(read(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// golden is what llvm-pdbutil says of a file.
type golden struct {
	guid                      string
	age                       int
	publics, functions, lines []string
	sections                  []uint32
}

var (
	goldenSymbol  = regexp.MustCompile("\\| (S_PUB32|S_GPROC32|S_LPROC32) \\[size = \\d+\\] `(.*)`$")
	goldenAddress = regexp.MustCompile(`addr = (\d+):(\d+)(?:, code size = (\d+))?`)
	goldenTable   = regexp.MustCompile(`^  (\d{4}):([0-9A-F]{8})-[0-9A-F]{8}, line/(addr|column/addr) entries = \d+$`)
	goldenFile    = regexp.MustCompile(`^(C:.*) \(MD5: [0-9A-F]+\)$`)
	goldenLine    = regexp.MustCompile(`(\d+)(?::\d+-\d+)? ([0-9A-F]{8}) !`)
)

// readGolden reads the text of llvm-pdbutil dump. Offsets of symbols are
// decimal there, those of lines hexadecimal.
func readGolden(t *testing.T, name string) *golden {
	t.Helper()
	g := &golden{}
	raw := read(t, name)
	for _, m := range regexp.MustCompile(`([0-9A-F]+) virtual address`).FindAllSubmatch(raw, -1) {
		g.sections = append(g.sections, hex(t, string(m[1])))
	}
	var kind, symbol, file string
	scan := bufio.NewScanner(bytes.NewReader(raw))
	for scan.Scan() {
		l := scan.Text()
		if s, ok := strings.CutPrefix(l, "  GUID: {"); ok {
			g.guid = strings.TrimSuffix(s, "}")
		}
		if s, ok := strings.CutPrefix(l, "  Age: "); ok {
			g.age, _ = strconv.Atoi(s)
		}
		if m := goldenSymbol.FindStringSubmatch(l); m != nil {
			kind, symbol = m[1], m[2]
		}
		if m := goldenAddress.FindStringSubmatch(l); m != nil && kind != "" {
			at := g.rva(t, m[1], decimal(t, m[2]))
			if kind == "S_PUB32" {
				g.publics = append(g.publics, fmt.Sprintf("%#x %s", at, symbol))
			} else {
				g.functions = append(g.functions, fmt.Sprintf("%#x %#x %s", at, decimal(t, m[3]), symbol))
			}
			kind = ""
		}
		if m := goldenFile.FindStringSubmatch(l); m != nil {
			file = m[1]
		}
		if m := goldenTable.FindStringSubmatch(l); m != nil {
			table := m[1]
			for scan.Scan() && strings.TrimSpace(scan.Text()) != "" {
				for _, m := range goldenLine.FindAllStringSubmatch(scan.Text(), -1) {
					g.lines = append(g.lines, fmt.Sprintf("%#x %s %s", g.rva(t, table, hex(t, m[2])), file, m[1]))
				}
			}
		}
	}
	return g
}

func (g *golden) rva(t *testing.T, section string, off uint32) uint32 {
	t.Helper()
	return g.sections[decimal(t, section)-1] + off
}

func decimal(t *testing.T, s string) uint32 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(n)
}

func hex(t *testing.T, s string) uint32 {
	t.Helper()
	n, err := strconv.ParseUint(s, 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(n)
}

// TestAgainstLLVM: identity, every public symbol, procedure and line of files
// that lld-link wrote are those that llvm-pdbutil prints.
func TestAgainstLLVM(t *testing.T) {
	for _, a := range []string{"x64", "x86"} {
		g, f := readGolden(t, "shop-"+a+".txt"), open(t, "shop-"+a+".pdb")
		if len(g.publics) < 30 || len(g.functions) < 15 || len(g.lines) < 30 {
			t.Fatalf("%s: only %d publics, %d functions, %d lines are in the text", a, len(g.publics), len(g.functions), len(g.lines))
		}
		if f.Partial() {
			t.Errorf("%s: partial", a)
		}
		if err := f.Match([16]byte{}, 1); !errors.Is(err, pdb.ErrMismatch) || !strings.Contains(err.Error(), g.guid) || int(f.Age()) != g.age {
			t.Errorf("%s: GUID and age: %v, %d; want %s, %d", a, err, f.Age(), g.guid, g.age)
		}
		var publics, functions, lines []string
		for s := range f.Publics() {
			publics = append(publics, fmt.Sprintf("%#x %s", s.RVA, s.Name))
		}
		for s := range f.Functions() {
			functions = append(functions, fmt.Sprintf("%#x %#x %s", s.RVA, s.Size, s.Name))
		}
		for l := range f.Lines() {
			lines = append(lines, fmt.Sprintf("%#x %s %d", l.RVA, l.File, l.Line.Line))
		}
		same(t, a+" publics", publics, g.publics)
		same(t, a+" functions", functions, g.functions)
		same(t, a+" lines", lines, g.lines)
	}
}

// same compares two sets.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: %d, want %d:\n%q\n%q", what, len(got), len(want), got, want)
	}
}
