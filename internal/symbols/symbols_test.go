package symbols_test

import (
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

const appBase, dllBase = 0x400000, 0x10000000

// image is a module of four pages: code at 0x1000, exports at 0x2000, data at
// 0x3000.
func image(a synth.Arch, base uint64, x *synth.PEExports, functions []synth.PEFunction, code []byte) *synth.PE {
	rdata := x.Bytes(0x2000)
	p := &synth.PE{Arch: a, Base: base, DLL: true}
	p.Directories[0] = [2]uint32{0x2000, uint32(len(rdata))}
	if functions != nil {
		rdata = append(rdata, make([]byte, -len(rdata)&3)...)
		at := 0x2000 + uint32(len(rdata))
		b, n := synth.PEFunctions(at, functions)
		p.Directories[3] = [2]uint32{at, n}
		rdata = append(rdata, b...)
	}
	p.Sections = []synth.PESection{
		{Name: ".text", RVA: 0x1000, Size: 0x1000, Flags: synth.SecCode, Data: code},
		{Name: ".rdata", RVA: 0x2000, Size: 0x1000, Flags: synth.SecRData, Data: rdata},
		{Name: ".data", RVA: 0x3000, Size: 0x1000, Flags: synth.SecData},
	}
	return p
}

func table(t testing.TB, p *synth.Process) *symbols.Table {
	t.Helper()
	tg, err := target.Parse("test.dmp", p.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return symbols.New(tg)
}

func one(a synth.Arch, x *synth.PEExports, functions []synth.PEFunction, code []byte) *synth.Process {
	p := synth.NewProcess(synth.Win7, a)
	p.Modules = []synth.Module{{Base: dllBase, Size: 0x4000, Name: `C:\app\my-lib.v2.dll`, PE: image(a, dllBase, x, functions, code)}}
	return p
}

// check compares the names of RVAs of the only module.
func check(t *testing.T, s *symbols.Table, want map[uint32]string) {
	t.Helper()
	for rva, w := range want {
		n := s.Find(dllBase + memory.Addr(rva))
		if got := n.String() + " " + n.How.String(); got != w {
			t.Errorf("%#x: %q, want %q", rva, got, w)
		}
	}
}

func exports() *synth.PEExports {
	return &synth.PEExports{DLL: "my.dll", Base: 1, List: []synth.PEExport{
		{Name: "ZwOne", Ordinal: 0, RVA: 0x1100}, {Name: "NtOne", Ordinal: 0, RVA: 0x1100},
		{Ordinal: 1, RVA: 0x1200},
		{Name: "Elsewhere", Ordinal: 2, Forward: "NTDLL.RtlAllocateHeap"},
		{Name: "Last", Ordinal: 3, RVA: 0x1f00},
		{Name: "Variable", Ordinal: 4, RVA: 0x3010},
		{Name: "?Draw@Car@app@@QAEXH@Z", Ordinal: 5, RVA: 0x1800},
	}}
}

// TestNearestBelow: without function bounds the nearest export below names an
// address, up to a section's border or padding.
func TestNearestBelow(t *testing.T) {
	code := make([]byte, 0x1000)
	copy(code[0x150:], "\xcc\xcc\xcc")             // after NtOne
	copy(code[0x240:], "\xcc\xcc")                 // inside Ordinal2: no padding yet
	copy(code[0xf40:], "\x90\x90\x90\x90\x90\x90") // after Last
	s := table(t, one(synth.X86, exports(), nil, code))
	check(t, s, map[uint32]string{
		0x0:    "my_lib_v2+0x0 module",
		0x10ff: "my_lib_v2+0x10ff module",
		0x1100: "my_lib_v2!NtOne export",
		0x114f: "my_lib_v2!NtOne+0x4f nearest export",
		0x1160: "my_lib_v2+0x1160 module",
		0x1200: "my_lib_v2!Ordinal2 export",
		0x1280: "my_lib_v2!Ordinal2+0x80 nearest export",
		0x1803: "my_lib_v2!app::Car::Draw+0x3 nearest export",
		0x1f3f: "my_lib_v2!Last+0x3f nearest export",
		0x1f50: "my_lib_v2+0x1f50 module",
		0x2000: "my_lib_v2+0x2000 module",
		0x3000: "my_lib_v2+0x3000 module",
		0x3014: "my_lib_v2!Variable+0x4 nearest export",
		0x4000: " none",
	})
	if n := s.Find(dllBase - 1); n != (symbols.Name{}) {
		t.Errorf("below the module: %+v", n)
	}
	if n := s.Return(dllBase + 0x1200); n.String() != "my_lib_v2+0x1200" {
		t.Errorf("return address at the start of Ordinal2: %v", n)
	}
	if n := s.Return(dllBase + 0x1104); n.String() != "my_lib_v2!NtOne+0x4" {
		t.Errorf("return address in NtOne: %v", n)
	}
	if n := s.Return(0); n != (symbols.Name{}) {
		t.Errorf("return address 0: %v", n)
	}
}

// TestBounds: the exception directory says which function an address is in;
// the nearest export of another function is no name.
func TestBounds(t *testing.T) {
	one, private := synth.PEFunction{Begin: 0x1100, End: 0x1140}, synth.PEFunction{Begin: 0x1180, End: 0x11c0}
	s := table(t, oneX64([]synth.PEFunction{
		one, private,
		{Begin: 0x1300, End: 0x1320, Chain: &one},
		{Begin: 0x1340, End: 0x1360, Chain: &private},
	}))
	check(t, s, map[uint32]string{
		0x1100: "my_lib_v2!NtOne export",
		0x113f: "my_lib_v2!NtOne+0x3f export",
		0x1140: "my_lib_v2+0x1140 module",                // after its end
		0x1190: "my_lib_v2+0x1190 module",                // a function without a name
		0x11d0: "my_lib_v2+0x11d0 module",                // after that
		0x1210: "my_lib_v2!Ordinal2+0x10 nearest export", // a leaf, which the directory does not have
		0x1310: "my_lib_v2!NtOne+0x210 export",           // a part of NtOne moved away
		0x1350: "my_lib_v2+0x1350 module",                // a part of the one without a name
		0x1f04: "my_lib_v2!Last+0x4 nearest export",
	})
}

func oneX64(functions []synth.PEFunction) *synth.Process {
	return one(synth.X64, exports(), functions, nil)
}

// TestNames: modules are named as debuggers name them.
func TestNames(t *testing.T) {
	p := synth.NewProcess(synth.Win7, synth.X64)
	x := &synth.PEExports{DLL: "ntdll.dll", Base: 1, List: []synth.PEExport{{Name: "RtlA", RVA: 0x1000}}}
	p.Modules = []synth.Module{
		{Base: appBase, Size: 0x4000, Name: `C:\app\app.exe`},
		{Base: 0x77a60000, Size: 0x4000, Name: `C:\Windows\SysWOW64\ntdll.dll`, PE: image(synth.X86, 0x77a60000, x, nil, nil)},
		{Base: 0x7ff800000000, Size: 0x4000, Name: `C:\Windows\System32\ntdll.dll`, PE: image(synth.X64, 0x7ff800000000, x, nil, nil)},
		{Base: dllBase, Size: 0x4000, Name: `C:\app\app.dll`},
		{Base: appBase, Size: 0x4000, Name: `C:\APP\app.exe`},   // again, from the other loader list
		{Base: appBase, Size: 0x4000, Name: `\??\D:\x\app.exe`}, // and by another path
		{Base: 0x30000000, Size: 0x4000, Name: `C:\app\two.dll`},
		{Base: 0x30000000, Size: 0x8000, Name: `C:\app\two.dll`}, // of another size: another image
	}
	p.Prepare = func(b *synth.Built) {
		b.Dump.Unloaded = []synth.UnloadedModule{{Base: 0x5000000, Size: 0x1000, Name: "gone.dll"}, {Base: appBase, Size: 0x8000, Name: "was.dll"}}
	}
	s := table(t, p)
	for a, want := range map[memory.Addr]string{
		appBase + 0x10:     "app+0x10",
		appBase + 0x5000:   "<Unloaded_was.dll>+0x5000",
		0x77a61003:         "ntdll_77a60000!RtlA+0x3",
		0x7ff800001003:     "ntdll!RtlA+0x3",
		dllBase:            "app_10000000+0x0",
		0x5000008:          "<Unloaded_gone.dll>+0x8",
		0x30005000:         "two_30000000+0x5000",
		0x9000000:          "",
		^memory.Addr(0):    "",
		0x7ff800004000 - 1: "ntdll+0x3fff",
	} {
		if got := s.Find(a).String(); got != want {
			t.Errorf("%v: %q, want %q", a, got, want)
		}
	}
}

// TestMissingPages: exports of an image whose table is not in the dump are
// none, and its addresses keep module and offset.
func TestMissingPages(t *testing.T) {
	p := one(synth.X86, exports(), nil, nil)
	p.Prepare = func(b *synth.Built) { b.Image.Drop(dllBase + 0x2000) }
	check(t, table(t, p), map[uint32]string{0x1100: "my_lib_v2+0x1100 module"})
	p.Prepare = func(b *synth.Built) { b.Image.Drop(dllBase) }
	check(t, table(t, p), map[uint32]string{0x1100: "my_lib_v2+0x1100 module"})
}

func TestFindAllocatesNothing(t *testing.T) {
	s := table(t, oneX64([]synth.PEFunction{{Begin: 0x1100, End: 0x1140}}))
	total := 0
	if n := testing.AllocsPerRun(100, func() {
		for _, rva := range []memory.Addr{0x1100, 0x1130, 0x1190, 0x1210, 0x1f04, 0x3014} {
			total += len(s.Find(dllBase + rva).Symbol)
		}
	}); n != 0 || total == 0 {
		t.Errorf("%v allocations", n)
	}
}

// many is a process of n modules with 1,500 exports each; every other one says
// where its functions are, of which half are not exported.
func many(n int) *synth.Process {
	p := synth.NewProcess(synth.Win7, synth.X64)
	x := &synth.PEExports{DLL: "m.dll", Base: 1}
	for i := range 1500 {
		x.List = append(x.List, synth.PEExport{Name: "ExportedFunction" + strings.Repeat("x", i%17) + string(rune('A'+i%26)), Ordinal: uint16(i), RVA: 0x1000 + uint32(i*7919%1500)*16})
	}
	rdata := x.Bytes(0x10000)
	var functions []synth.PEFunction
	for at := uint32(0x1000); at < 0x9000; at += 0x20 {
		functions = append(functions, synth.PEFunction{Begin: at + 8*(at>>5&1), End: at + 0x1c})
	}
	pdata, size := synth.PEFunctions(0x40000, functions)
	for i := range n {
		base := 0x7ff000000000 + uint64(i)*0x100000
		pe := &synth.PE{Arch: synth.X64, Base: base, DLL: true, Sections: []synth.PESection{
			{Name: ".text", RVA: 0x1000, Size: 0x8000, Flags: synth.SecCode}, {Name: ".rdata", RVA: 0x10000, Flags: synth.SecRData, Data: rdata}}}
		pe.Directories[0] = [2]uint32{0x10000, uint32(len(rdata))}
		if i%2 == 1 {
			pe.Sections = append(pe.Sections, synth.PESection{Name: ".pdata", RVA: 0x40000, Flags: synth.SecRData, Data: pdata})
			pe.Directories[3] = [2]uint32{0x40000, size}
		}
		p.Modules = append(p.Modules, synth.Module{Base: base, Size: pe.Size(), Name: `C:\m` + strings.Repeat("m", i%9) + `.dll`, PE: pe})
	}
	return p
}

func BenchmarkLoad200Modules(b *testing.B) {
	tg, err := target.Parse("test.dmp", many(200).Build().Dump.Bytes())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s := symbols.New(tg)
		for i := range 200 {
			s.Find(0x7ff000001010 + memory.Addr(i)*0x100000)
		}
	}
}

func BenchmarkFind(b *testing.B) {
	tg, err := target.Parse("test.dmp", many(200).Build().Dump.Bytes())
	if err != nil {
		b.Fatal(err)
	}
	s := symbols.New(tg)
	for i := range 200 {
		s.Find(0x7ff000001010 + memory.Addr(i)*0x100000)
	}
	i := 0
	for b.Loop() {
		i++
		s.Find(0x7ff000001000 + memory.Addr(i%200)*0x100000 + memory.Addr(i*31%0x5000))
	}
}
