package pdb_test

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/pkg/pdb"
)

// guidX64 is the GUID of shop-x64.pdb, as it lies in memory; shop-x64.txt has
// it as text.
func guidX64(t testing.TB) [16]byte {
	t.Helper()
	return open(t, "shop-x64.pdb").GUID()
}

// TestMatch: a file of another GUID or another age is of another build.
func TestMatch(t *testing.T) {
	f, guid := open(t, "shop-x64.pdb"), guidX64(t)
	if err := f.Match(guid, 1); err != nil {
		t.Error(err)
	}
	if err := f.Match(guid, 2); !errors.Is(err, pdb.ErrMismatch) || !strings.Contains(err.Error(), "its age is 1, the image's 2") {
		t.Errorf("another age: %v", err)
	}
	guid[15]++
	if err := f.Match(guid, 1); !errors.Is(err, pdb.ErrMismatch) {
		t.Errorf("another GUID: %v", err)
	}
}

// TestAges: tools that change a file count up the info stream's age, and not
// that of the DBI stream, which is the image's.
func TestAges(t *testing.T) {
	raw := read(t, "shop-x64.pdb")
	info, dbi := streamAt(t, raw, 1), streamAt(t, raw, 3)
	for _, c := range []struct{ info, dbi, want uint32 }{{1, 1, 1}, {7, 1, 1}, {7, 0, 7}, {1, 7, 7}} {
		b := slices.Clone(raw)
		binary.LittleEndian.PutUint32(b[info+8:], c.info)
		binary.LittleEndian.PutUint32(b[dbi+8:], c.dbi)
		f, err := pdb.Open(b)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Match(f.GUID(), c.want); err != nil || f.Match(f.GUID(), c.want+1) == nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// directory returns where the directory is, which is one page in these files.
func directory(b []byte) int {
	le := binary.LittleEndian
	page := int(le.Uint32(b[32:]))
	return int(le.Uint32(b[int(le.Uint32(b[52:]))*page:])) * page
}

// streamPage returns the offset of the number of a stream's first page.
func streamPage(b []byte, n int) int {
	le := binary.LittleEndian
	page, dir := int(le.Uint32(b[32:])), directory(b)
	at := dir + 4 + 4*int(le.Uint32(b[dir:]))
	for i := range n {
		size := int(le.Uint32(b[dir+4+4*i:]))
		at += (size + page - 1) / page * 4
	}
	return at
}

// streamAt returns the offset of a stream's first byte.
func streamAt(t *testing.T, b []byte, n int) int {
	t.Helper()
	return int(binary.LittleEndian.Uint32(b[streamPage(b, n):])) * int(binary.LittleEndian.Uint32(b[32:]))
}

// TestLookups: functions hold their own bytes and not those behind them; a
// public symbol is not used past a function that begins after it.
func TestLookups(t *testing.T) {
	f := open(t, "shop-x64.pdb")
	for _, c := range []struct {
		rva  uint32
		name string // of the function
		at   uint32
		file string
		line uint32
	}{
		{0x1060, "Cart::total", 0x1060, `C:\src\shop\cart.cpp`, 24},
		{0x1089, "Cart::total", 0x1060, `C:\src\shop\cart.cpp`, 27},
		{0x109f, "Cart::total", 0x1060, `C:\src\shop\cart.cpp`, 28},
		{0x10ae, "`anonymous namespace'::priceOf", 0x10a0, `C:\src\shop\cart.cpp`, 7},
		{0x10cf, "`anonymous namespace'::priceOf", 0x10a0, `C:\src\shop\cart.cpp`, 8},
		{0x1059, "", 0, "", 0}, // behind Cart::add
		{0x0fff, "", 0, "", 0},
		{0xffffffff, "", 0, "", 0},
	} {
		s, ok := f.Function(c.rva)
		l, lined := f.Line(c.rva)
		if ok != (c.name != "") || s.Name != c.name || s.RVA != c.at || lined != (c.line != 0) || l != (pdb.Line{File: c.file, Line: c.line}) {
			t.Errorf("%#x: %+v %v, %+v %v; want %+v", c.rva, s, ok, l, lined, c)
		}
	}
	for rva, want := range map[uint32]string{
		0x1060: "?total@Cart@@QEBAHXZ",
		0x10a0: "", // priceOf is local: Cart::total ended before
		0x1180: "", // serve
		0x1213: "start",
		0x2108: "??_7Voucher@@6B@",
		0x2f00: "", // behind the section
	} {
		if s, ok := f.Public(rva); s.Name != want || ok != (want != "") {
			t.Errorf("public at %#x: %+v, want %q", rva, s, want)
		}
	}
	near := f.Near(0x10a5, 1)
	if !slices.ContainsFunc(near, func(s pdb.Symbol) bool { return s.Name == "`anonymous namespace'::priceOf" && s.Size == 48 }) {
		t.Errorf("near priceOf: %+v", near)
	}
}

func TestLookupsAllocateNothing(t *testing.T) {
	f := open(t, "shop-x64.pdb")
	n := 0
	if a := testing.AllocsPerRun(100, func() {
		for _, rva := range []uint32{0x1089, 0x10b4, 0x1213} {
			s, _ := f.Function(rva)
			p, _ := f.Public(rva)
			l, _ := f.Line(rva)
			n += len(s.Name) + len(p.Name) + len(l.File)
		}
	}); a != 0 || n == 0 {
		t.Errorf("%v allocations", a)
	}
}

// TestRefused: files of other kinds are refused by name.
func TestRefused(t *testing.T) {
	raw := read(t, "shop-x64.pdb")
	with := func(change func([]byte)) []byte {
		b := slices.Clone(raw)
		change(b)
		return b
	}
	le := binary.LittleEndian
	for _, c := range []struct {
		name string
		data []byte
		is   error
		says string
	}{
		{"empty", nil, pdb.ErrNotPDB, ""},
		{"a dump", []byte("MDMP" + strings.Repeat("\x00", 100)), pdb.ErrNotPDB, ""},
		{"PDB 2.00", []byte("Microsoft C/C++ program database 2.00\r\n\x1aJG\x00\x00"), pdb.ErrUnsupported, "2.00"},
		{"portable", []byte("BSJB\x01\x00\x01\x00"), pdb.ErrUnsupported, ".NET"},
		{"page size", with(func(b []byte) { le.PutUint32(b[32:], 4095) }), pdb.ErrDamaged, "4095"},
		{"page size 0", with(func(b []byte) { le.PutUint32(b[32:], 0) }), pdb.ErrDamaged, "0 bytes"},
		{"directory size", with(func(b []byte) { le.PutUint32(b[44:], 0xfffffff0) }), pdb.ErrDamaged, "do not fit"},
		{"directory 0", with(func(b []byte) { le.PutUint32(b[44:], 0) }), pdb.ErrDamaged, "empty"},
		{"map", with(func(b []byte) { le.PutUint32(b[52:], 0xffffffff) }), pdb.ErrDamaged, "outside the file"},
		{"streams", with(func(b []byte) { le.PutUint32(b[directory(b):], 0x7fffffff) }), pdb.ErrDamaged, "streams in a directory"},
		{"cut", raw[:len(raw)/4], pdb.ErrDamaged, ""},
		{"info page", with(func(b []byte) { le.PutUint32(b[streamPage(b, 1):], 0xffffff) }), pdb.ErrDamaged, "info stream"},
		{"info page twice", with(func(b []byte) { le.PutUint32(b[streamPage(b, 3):], le.Uint32(b[streamPage(b, 1):])) }), pdb.ErrDamaged, "DBI stream"},
		{"modules", with(func(b []byte) { le.PutUint32(b[streamAt(t, b, 3)+24:], 0xffffffff) }), pdb.ErrDamaged, "part 0 of its DBI stream"},
	} {
		if _, err := pdb.Open(c.data); !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestMoved: a file whose addresses are those before the image's parts were
// moved is refused, by the stream that says where they went.
func TestMoved(t *testing.T) {
	b := slices.Clone(read(t, "shop-x64.pdb"))
	le := binary.LittleEndian
	d := streamAt(t, b, 3)
	at := d + 64
	for _, size := range []int{24, 28, 32, 36, 40, 52} {
		at += int(le.Uint32(b[d+size:]))
	}
	if le.Uint16(b[at+8:]) != 0xffff {
		t.Fatalf("the fourth debug stream is %#x", le.Uint16(b[at+8:]))
	}
	le.PutUint16(b[at+8:], 5)
	if _, err := pdb.Open(b); !errors.Is(err, pdb.ErrUnsupported) || !strings.Contains(err.Error(), "OMAP") {
		t.Error(err)
	}
}

// use reads all that a file has.
func use(f *pdb.File) (n int) {
	for s := range f.Publics() {
		n += len(s.Name)
	}
	for s := range f.Functions() {
		n += len(s.Name)
	}
	for l := range f.Lines() {
		n += len(l.File)
	}
	for _, rva := range []uint32{0, 0x1000, 0x1089, 0x2108, 0x7fffffff, 0xffffffff} {
		f.Function(rva)
		f.Public(rva)
		f.Line(rva)
		n += len(f.Near(rva, 2))
	}
	return n
}

// TestDamaged: with each word of the file spoilt in turn, nothing but an error
// or fewer names comes of it.
func TestDamaged(t *testing.T) {
	raw := read(t, "shop-x86.pdb")
	whole := use(open(t, "shop-x86.pdb"))
	opened := 0
	for at := 32; at+4 <= len(raw); at += 4 {
		if binary.LittleEndian.Uint32(raw[at:]) == 0 && at%64 != 0 {
			continue // most of the file
		}
		b := slices.Clone(raw)
		binary.LittleEndian.PutUint32(b[at:], 0xffffffff)
		f, err := pdb.Open(b)
		if err != nil {
			continue
		}
		opened++
		if n := use(f); n > 4*whole {
			t.Errorf("word %#x: %d bytes of names, of %d", at, n, whole)
		}
	}
	if opened == 0 {
		t.Error("no damaged file could be opened")
	}
}

func FuzzPDB(f *testing.F) {
	f.Add(read(f, "shop-x64.pdb"))
	f.Add(read(f, "shop-x86.pdb"))
	f.Add([]byte("Microsoft C/C++ MSF 7.00\r\n\x1aDS\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := pdb.Open(b)
		if err != nil {
			if !errors.Is(err, pdb.ErrNotPDB) && !errors.Is(err, pdb.ErrDamaged) && !errors.Is(err, pdb.ErrUnsupported) {
				t.Errorf("%v", err)
			}
			return
		}
		use(file)
	})
}

func BenchmarkFunctionAndLine(b *testing.B) {
	f := open(b, "shop-x64.pdb")
	use(f)
	i := uint32(0)
	for b.Loop() {
		i++
		f.Function(0x1000 + i%0x340)
		f.Line(0x1000 + i%0x340)
	}
}
