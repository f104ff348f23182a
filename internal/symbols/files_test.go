package symbols_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

const shopBase = 0x140000000

// fixture is a file that clang and lld-link made, see pkg/pdb/testdata.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "pkg", "pdb", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// put writes files below a new folder.
func put(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// shop opens the dump of the shop, changed, with folders of symbols.
func shop(t testing.TB, change func(*synth.Process), folders ...string) *target.Target {
	t.Helper()
	p := synth.Shop(fixture(t, "shop-x64.exe"))
	if change != nil {
		change(p)
	}
	tg, err := target.Parse("shop.dmp", p.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	tg.Symbols = folders
	t.Cleanup(func() { _ = tg.Close() })
	return tg
}

// shopID is what symbol servers call the PDB, from the GUID of shop-x64.txt.
func shopID(t testing.TB) string {
	t.Helper()
	_, rest, _ := strings.Cut(string(fixture(t, "shop-x64.txt")), "GUID: {")
	return strings.ReplaceAll(rest[:36], "-", "") + "1"
}

// total is the return address in Cart::total, and what stands there.
const (
	total     = shopBase + 0x1089
	totalText = `shop!Cart::total+0x29 [C:\src\shop\cart.cpp @ 27]`
)

// sym is a Breakpad file of the shop, by hand.
func sym(id string) []byte {
	return []byte("MODULE windows x86_64 " + id + " shop.pdb\nFILE 3 C:\\src\\shop\\cart.cpp\nFUNC 1060 40 0 Cart::total\n1080 15 27 3\nPUBLIC 2008 0 books\n")
}

// TestPlaces: the file is found in plain folders and as symbol stores keep it,
// whatever the capitals.
func TestPlaces(t *testing.T) {
	pdb, id := fixture(t, "shop-x64.pdb"), shopID(t)
	for _, name := range []string{"shop.pdb", "SHOP.PDB", "shop.pdb/" + id + "/shop.pdb", "shop.pdb/" + strings.ToLower(id) + "/shop.pdb", "sh/shop.pdb/" + id + "/shop.pdb"} {
		dir := put(t, map[string][]byte{name: pdb})
		s := symbols.New(shop(t, nil, t.TempDir(), dir))
		n := s.Return(total)
		if n.Text() != totalText || n.Source != symbols.PDB || n.How != symbols.Inside || n.Found() != "function" {
			t.Errorf("%s: %q, %+v", name, n.Text(), n)
		}
		if f := s.Module(total).Served(); f.Path != filepath.Join(dir, filepath.FromSlash(name)) || f.Why != "" || len(s.Notes()) != 0 {
			t.Errorf("%s: %+v, %q", name, f, s.Notes())
		}
	}
	dir := put(t, map[string][]byte{"shop.sym": sym(id)})
	if n := symbols.New(shop(t, nil, dir)).Return(total); n.Text() != totalText || n.Source != symbols.Breakpad {
		t.Errorf("Breakpad: %+v", n)
	}
	dir = put(t, map[string][]byte{"deeper/shop.pdb": pdb, "other.pdb": pdb})
	if n := symbols.New(shop(t, nil, dir)).Return(total); n.String() != "shop+0x1089" {
		t.Errorf("in a place that is none: %q", n.Text())
	}
}

// TestBesideTheDump: the dump's own folder is looked into last, and needs no
// flag.
func TestBesideTheDump(t *testing.T) {
	dump := synth.Shop(fixture(t, "shop-x64.exe")).Build().Dump.Bytes()
	dir := put(t, map[string][]byte{"shop.dmp": dump, "shop.pdb": fixture(t, "shop-x64.pdb")})
	other := put(t, map[string][]byte{"shop.sym": sym(shopID(t))})
	for _, c := range []struct {
		folders []string
		want    symbols.Source
	}{{nil, symbols.PDB}, {[]string{other}, symbols.Breakpad}} {
		tg, err := target.Open(filepath.Join(dir, "shop.dmp"), target.Options{Symbols: c.folders})
		if err != nil {
			t.Fatal(err)
		}
		s := symbols.Of(tg)
		if n := s.Return(total); n.Text() != totalText || n.Source != c.want || symbols.Of(tg) != s {
			t.Errorf("%q: %+v", c.folders, n)
		}
		if err := tg.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestOtherBuilds: a file of another GUID or age names nothing, and is told of
// by name, as are compressed and damaged ones; one that fits further on is
// taken.
func TestOtherBuilds(t *testing.T) {
	pdb, id := fixture(t, "shop-x64.pdb"), shopID(t)
	good := put(t, map[string][]byte{"shop.pdb": pdb})
	guid := func(p *synth.Process) { p.Modules[0].CodeView.GUID[3] ^= 1 }
	age := func(p *synth.Process) { p.Modules[0].CodeView.Age = 2 }
	for _, c := range []struct {
		name   string
		file   string
		data   []byte
		change func(*synth.Process)
		says   string
	}{
		{"GUID", "shop.pdb", pdb, guid, "of another build: its GUID is "},
		{"age", "shop.pdb", pdb, age, "of another build: its age is 1, the image's 2"},
		{"x86's", "shop.pdb", fixture(t, "shop-x86.pdb"), nil, "of another build: its GUID is "},
		{"GUID of a .sym", "shop.sym", sym(id), guid, "of another build: its identifier is " + id},
		{"age of a .sym", "shop.sym", sym(id), age, "of another build: its identifier is " + id},
		{"compressed", "shop.pdb/" + id + "/shop.pd_", []byte("MSCF"), nil, "compressed"},
		{"no PDB", "shop.pdb", []byte("MZ"), nil, "no program database"},
		{"empty", "shop.pdb", nil, nil, "empty"},
	} {
		dir := put(t, map[string][]byte{c.file: c.data})
		s := symbols.New(shop(t, c.change, dir))
		if n := s.Return(total); n.String() != "shop+0x1089" || n.Line != 0 || n.Source != symbols.Export {
			t.Errorf("%s: %+v", c.name, n)
		}
		f, path := s.Module(total).Served(), filepath.Join(dir, filepath.FromSlash(c.file))
		if len(f.Refused) != 1 || !strings.HasPrefix(f.Refused[0], path+" was not taken: ") || !strings.Contains(f.Refused[0], c.says) || f.Path != "" {
			t.Errorf("%s: %+v", c.name, f)
		}
		if n := s.Notes(); len(n) != 1 || !strings.Contains(n[0], "shop.exe") || !strings.Contains(n[0], path) {
			t.Errorf("%s: %q", c.name, n)
		}
		if c.change == nil {
			if n := symbols.New(shop(t, nil, dir, good)).Return(total); n.Text() != totalText {
				t.Errorf("%s, and then the right one: %q", c.name, n.Text())
			}
		}
	}
}

// TestHostileNames: a name in the dump never leads out of the folders.
func TestHostileNames(t *testing.T) {
	dir := put(t, map[string][]byte{"in/x": nil, "shop.pdb": fixture(t, "shop-x64.pdb")})
	for _, name := range []string{"..", `..\..`, ".", "", `\`, "a:shop.pdb", "x\x00y", "s"} {
		tg := shop(t, func(p *synth.Process) { p.Modules[0].CodeView.PDB = name }, filepath.Join(dir, "in"))
		f := symbols.New(tg).Module(total).Served()
		if f.Path != "" || f.Why == "" || len(f.Refused) != 0 {
			t.Errorf("%q: %+v", name, f)
		}
	}
	for _, name := range []string{`..\shop.pdb`, `\\server\share\shop.pdb`, "../shop.pdb"} { // only the file name counts
		tg := shop(t, func(p *synth.Process) { p.Modules[0].CodeView.PDB = name }, filepath.Join(dir, "in"))
		if f := symbols.New(tg).Module(total).Served(); f.Path != "" || !strings.HasPrefix(f.Why, "no shop.pdb in ") {
			t.Errorf("%q: %+v", name, f)
		}
	}
}

// TestWithoutImage: the file names addresses even where the dump has not got
// the image, by the dump's list of modules; and the image's own record is
// enough where the list has none.
func TestWithoutImage(t *testing.T) {
	dir := put(t, map[string][]byte{"shop.pdb": fixture(t, "shop-x64.pdb")})
	noImage := func(p *synth.Process) {
		prepare := p.Prepare
		p.Prepare = func(b *synth.Built) {
			prepare(b)
			b.Image.Drop(shopBase)
		}
	}
	tg := shop(t, noImage, dir)
	s := symbols.New(tg)
	if m := s.Module(total); m.Image != nil {
		t.Fatal("the image is there")
	}
	if n := s.Return(total); n.Text() != totalText {
		t.Errorf("without headers: %q", n.Text())
	}
	tg = shop(t, func(p *synth.Process) { p.Modules[0].CodeView = nil }, dir)
	if n := symbols.New(tg).Return(total); n.Text() != totalText {
		t.Errorf("without the list's record: %q", n.Text())
	}
}

// TestAround: what stands round an address, of publics, procedures and
// exports each address once.
func TestAround(t *testing.T) {
	dir := put(t, map[string][]byte{"shop.pdb": fixture(t, "shop-x64.pdb")})
	s := symbols.New(shop(t, nil, dir))
	var got []string
	for _, x := range s.Near(shopBase+0x1213, 2).Symbols {
		got = append(got, fmt.Sprintf("%#x %s %s", uint64(x.Addr-shopBase), x.Name.String(), x.Name.Source))
	}
	want := []string{"0x1180 shop!serve pdb", "0x1210 shop!start pdb", "0x1230 shop!Book::Book pdb", "0x1260 shop!Voucher::Voucher pdb"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if n := s.Find(shopBase + 0x2108); n.String() != "shop!Voucher::`vftable'" || n.Found() != "public symbol" {
		t.Errorf("a table: %q, %s", n.String(), n.Found())
	}
	if n := s.Find(shopBase + 0x122d); n.Source == symbols.PDB && n.How == symbols.Inside {
		t.Errorf("behind start: %+v", n)
	}
}

func TestParsePath(t *testing.T) {
	for _, c := range []struct {
		path    string
		folders []string
		notes   int
	}{
		{"", nil, 0},
		{`C:\a;D:\b`, []string{`C:\a`, `D:\b`}, 0},
		{`srv*C:\a*https://symbols.example/x`, []string{`C:\a`}, 1},
		{`SRV*C:\a*C:\b;cache*C:\c;/home/me/syms`, []string{`C:\a`, `C:\b`, `C:\c`, "/home/me/syms"}, 0},
		{`symsrv*symsrv.dll*C:\a*\\server\share`, []string{`C:\a`}, 1},
		{`srv*;srv**;;`, nil, 0},
		{`\\server\share;//server/share;http://x`, nil, 3},
	} {
		folders, notes := symbols.ParsePath(c.path)
		if !slices.Equal(folders, c.folders) || len(notes) != c.notes {
			t.Errorf("%s: %q, %q", c.path, folders, notes)
		}
	}
}

// TestFileLookupsAllocateNothing: nor do names from a symbol file.
func TestFileLookupsAllocateNothing(t *testing.T) {
	s := symbols.New(shop(t, nil, put(t, map[string][]byte{"shop.pdb": fixture(t, "shop-x64.pdb")})))
	n := 0
	if a := testing.AllocsPerRun(100, func() {
		for _, rva := range []memory.Addr{0x1089, 0x1213, 0x2108, 0x1330} {
			x := s.Find(shopBase + rva)
			n += len(x.Symbol) + len(x.File)
		}
	}); a != 0 || n == 0 {
		t.Errorf("%v allocations", a)
	}
}

func BenchmarkFindInFile(b *testing.B) {
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "shop.pdb"), fixture(b, "shop-x64.pdb"), 0o666); err != nil {
		b.Fatal(err)
	}
	s := symbols.New(shop(b, nil, dir))
	i := 0
	for b.Loop() {
		i++
		s.Find(shopBase + 0x1000 + memory.Addr(i*31%0x340))
	}
}
