package breakpad_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/pkg/breakpad"
)

// example is written by hand after the format's document.
const example = `MODULE windows x86_64 0F1E2D3C4B5A69788796A5B4C3D2E1F01 shop.pdb
INFO CODE_ID 5F8D1B2C42000 shop.exe
FILE 0 C:\src\shop\cart.cpp
FILE 7 C:\src\shop\with space.cpp
INLINE_ORIGIN 0 helper()
FUNC 1000 2f 0 Cart::Cart()
1000 7 13 0
1007 28 15 0
FUNC m 1060 40 0 Cart::total() const
INLINE 0 27 0 0 1080 4
1060 20 24 0
1080 b 27 7
1095 b 28 0
PUBLIC 2000 0 first name with spaces
PUBLIC m 3000 10 second
STACK CFI INIT 1000 2f .cfa: $rsp 8 +
`

func open(t testing.TB, s string) *breakpad.File {
	t.Helper()
	f, err := breakpad.Open([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestRead(t *testing.T) {
	for name, text := range map[string]string{"as it is": example, "ends of lines as on Windows": strings.ReplaceAll(example, "\n", "\r\n")} {
		f := open(t, text)
		if f.OS != "windows" || f.Arch != "x86_64" || f.Name != "shop.pdb" || f.Partial() {
			t.Errorf("%s: %q %q %q, partial %v", name, f.OS, f.Arch, f.Name, f.Partial())
		}
		for _, c := range []struct {
			rva          uint32
			function     string
			start        uint32
			public, file string
			line         uint32
		}{
			{0xfff, "", 0, "", "", 0},
			{0x1000, "Cart::Cart()", 0x1000, "", `C:\src\shop\cart.cpp`, 13},
			{0x102e, "Cart::Cart()", 0x1000, "", `C:\src\shop\cart.cpp`, 15},
			{0x102f, "", 0, "", "", 0},
			{0x1084, "Cart::total() const", 0x1060, "", `C:\src\shop\with space.cpp`, 27},
			{0x108c, "Cart::total() const", 0x1060, "", "", 0}, // between lines
			{0x2010, "", 0, "first name with spaces", "", 0},
			{0x3000, "", 0, "second", "", 0},
		} {
			s, ok := f.Function(c.rva)
			if s.Name != c.function || s.RVA != c.start || ok != (c.function != "") {
				t.Errorf("%s: %#x: function %+v, want %q", name, c.rva, s, c.function)
			}
			if p, ok := f.Public(c.rva); p.Name != c.public || ok != (c.public != "") {
				t.Errorf("%s: %#x: public %+v, want %q", name, c.rva, p, c.public)
			}
			if file, line, ok := f.Line(c.rva); ok != (c.line != 0) || ok && (file != c.file || line != c.line) {
				t.Errorf("%s: %#x: %q, %d, want %q, %d", name, c.rva, file, line, c.file, c.line)
			}
		}
	}
	near := open(t, example).Near(0x1070, 1)
	if want := []breakpad.Symbol{{RVA: 0x1060, Size: 0x40, Name: "Cart::total() const"}, {RVA: 0x2000, Name: "first name with spaces"}}; !slices.Equal(near, want) {
		t.Errorf("near: %+v", near)
	}
}

// TestPublicsEndAtFunctions: a public symbol is not used where a function
// begins after it.
func TestPublicsEndAtFunctions(t *testing.T) {
	f := open(t, "MODULE windows x86 1 a.pdb\nPUBLIC 1000 0 a\nFUNC 1010 8 0 f\n")
	for rva, want := range map[uint32]string{0x100f: "a", 0x1010: "", 0x1018: ""} {
		if p, _ := f.Public(rva); p.Name != want {
			t.Errorf("%#x: %q", rva, p.Name)
		}
	}
}

func TestMatch(t *testing.T) {
	f := open(t, example)
	for id, want := range map[string]bool{
		"0F1E2D3C4B5A69788796A5B4C3D2E1F01": true,
		"0f1e2d3c4b5a69788796a5b4c3d2e1f01": true,
		"0F1E2D3C4B5A69788796A5B4C3D2E1F02": false, // another age
		"1F1E2D3C4B5A69788796A5B4C3D2E1F01": false, // another GUID
		"":                                  false,
	} {
		err := f.Match(id)
		if (err == nil) != want || err != nil && (!errors.Is(err, breakpad.ErrMismatch) || !strings.Contains(err.Error(), f.ID)) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// TestOdd: what is no symbol file is refused; records that are not understood
// are left out and told of, those beside them stay.
func TestOdd(t *testing.T) {
	for _, s := range []string{"", "MODULE", "MODULE windows x86_64 1", "MODULE windows x86_64  name", "FUNC 1 2 3 f\n", " MODULE windows x86 1 a"} {
		if _, err := breakpad.Open([]byte(s)); !errors.Is(err, breakpad.ErrNotSymbols) {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, bad := range []string{"FUNC xyz 1 0 f", "FUNC 1000 10 0", "FUNC 100000000 1 0 f", "FUNC ffffffff 1 0 f", "PUBLIC q 0 p", "FILE x y", "FILE 1", "1000 1 1 1", "something else",
		"FUNC 1000 10 0 f\n1000 1 x 0", "PUBLIC 1 0 p\n1000 1 1 1"} {
		f := open(t, "MODULE windows x86 1 a.pdb\n"+bad+"\nFUNC 5000 10 0 good\n")
		if s, _ := f.Function(0x5001); !f.Partial() || s.Name != "good" {
			t.Errorf("%q: partial %v, %+v", bad, f.Partial(), s)
		}
	}
}

func FuzzSym(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte("MODULE windows x86 1 a.pdb\nFUNC ffffffff 0 0 f\nffffffff 0 1 1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := breakpad.Open(b)
		if err != nil {
			return
		}
		for _, rva := range []uint32{0, 0x1000, 0x1084, 0x2010, 0xffffffff} {
			if s, ok := file.Function(rva); ok && (s.RVA > rva || rva-s.RVA > s.Size) {
				t.Errorf("%#x is in %+v", rva, s)
			}
			file.Public(rva)
			file.Line(rva)
			file.Near(rva, 3)
		}
	})
}

func BenchmarkLookup(b *testing.B) {
	f := open(b, example)
	i := uint32(0)
	for b.Loop() {
		i++
		f.Function(0x1000 + i%0x100)
		f.Line(0x1000 + i%0x100)
	}
}
