package roles_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/roles"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
)

// image is a DLL with code, constants and writable data of two pages.
func image(a synth.Arch, base uint64) *synth.PE {
	return &synth.PE{Arch: a, Base: base, DLL: true, Sections: []synth.PESection{
		{Name: ".text", RVA: 0x1000, Size: 0x800, Flags: synth.SecCode},
		{Name: ".rdata", RVA: 0x2000, Size: 0x1000, Flags: synth.SecRData},
		{Name: ".data", RVA: 0x3000, Size: 0x2000, Flags: synth.SecData},
	}}
}

// word is a heap's handle in a module's memory.
type word struct {
	module string
	rva    uint64
	heap   int
}

// scene is a process with heaps and modules, of which words hold handles.
type scene struct {
	arch    synth.Arch
	heaps   []*synth.Heap
	modules []string
	words   []word
	drop    string // the module whose second page of data the dump lacks
}

func (s scene) take(t *testing.T) (*target.Target, *roles.Result) {
	t.Helper()
	p := synth.NewProcess(synth.Win7, s.arch)
	for _, h := range s.heaps {
		h.Segments = []synth.Segment{{Items: []synth.Item{synth.Busy(0x48), synth.Free(0x100)}}}
		p.AddHeap(h)
	}
	bases := map[string]*synth.PE{}
	for i, name := range s.modules {
		pe := image(s.arch, 0x60000000+uint64(i)<<20)
		bases[name] = pe
		p.Modules = append(p.Modules, synth.Module{Base: pe.Base, Size: pe.Size(), Name: `C:\Windows\System32\` + name})
	}
	p.Prepare = func(b *synth.Built) {
		for _, name := range s.modules {
			bases[name].Write(b.Image)
		}
		for _, w := range s.words {
			b.Image.PutPtr(bases[w.module].Base+w.rva, s.heaps[w.heap].Address)
		}
		if s.drop != "" {
			b.Image.Drop(bases[s.drop].Base + 0x4000)
		}
	}
	tg, err := target.Parse("test.dmp", p.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	r, err := roles.Take(context.Background(), tg)
	if err != nil {
		t.Fatal(err)
	}
	return tg, r
}

const growable = synth.FlagGrowable

// two is a process heap and a heap of HeapCreate.
func two() []*synth.Heap {
	return []*synth.Heap{{Address: 0x250000, Flags: growable}, {Address: 0x3510000, Flags: growable | 0x1000}}
}

func TestRoles(t *testing.T) {
	for _, c := range []struct {
		name    string
		scene   scene
		heap    int
		kind    string
		owner   string
		because []string // each is in some sentence
		never   string   // in no sentence
	}{
		{"process heap", scene{heaps: two()}, 0, "process", "",
			[]string{"-bit PEB at ", "LocalAlloc"}, "no module"},
		{"the process heap stays it, whoever caches its handle", scene{heaps: two(), modules: []string{"msvcrt.dll"}, words: []word{{"msvcrt.dll", 0x3010, 0}}}, 0, "process", "",
			[]string{"LocalAlloc", "msvcrt.dll+0x3010"}, ""},
		{"a C runtime", scene{heaps: two(), modules: []string{"app.exe", "MSVCR90.dll"}, words: []word{{"app.exe", 0x3008, 1}, {"app.exe", 0x3010, 1}, {"MSVCR90.dll", 0x4ff8, 1}}}, 1, "crt", "MSVCR90.dll",
			[]string{"MSVCR90.dll+0x4ff8, in section .data, holds its handle; it is a C runtime", "2 words of app.exe's"}, "no "},
		{"its C++ library is none", scene{heaps: two(), modules: []string{"msvcp90.dll"}, words: []word{{"msvcp90.dll", 0x3008, 1}}}, 1, "module", "msvcp90.dll",
			[]string{"msvcp90.dll+0x3008"}, "C runtime"},
		{"more words, more likely", scene{heaps: two(), modules: []string{"a.dll", "b.dll"}, words: []word{{"a.dll", 0x3000, 1}, {"b.dll", 0x3000, 1}, {"b.dll", 0x3020, 1}}}, 1, "module", "b.dll",
			[]string{"a.dll+0x3000", "2 words of b.dll"}, ""},
		{"constants are no data", scene{heaps: two(), modules: []string{"a.dll"}, words: []word{{"a.dll", 0x2008, 1}}}, 1, "", "",
			[]string{"no writable data of the 1 modules holds its handle", "private: HeapCreate"}, "a.dll"},
		{"a word that is not aligned", scene{heaps: two(), modules: []string{"a.dll"}, words: []word{{"a.dll", 0x3002, 1}}}, 1, "", "",
			[]string{"no writable data of the 1 modules"}, "a.dll"},
		{"ntdll proves nothing", scene{heaps: two(), modules: []string{"ntdll.dll"}, words: []word{{"ntdll.dll", 0x3008, 1}}}, 1, "", "",
			[]string{"proves no owner", "no other writable data of the 1 modules"}, ""},
		{"ntdll beside an owner", scene{heaps: two(), modules: []string{"ntdll.dll", "a.dll"}, words: []word{{"ntdll.dll", 0x3008, 1}, {"ntdll.dll", 0x3018, 1}, {"a.dll", 0x3008, 1}}}, 1, "module", "a.dll",
			[]string{"proves no owner", "a.dll+0x3008"}, "no other"},
		{"data that is missing is no proof", scene{heaps: two(), modules: []string{"a.dll", "b.dll"}, drop: "b.dll"}, 1, "", "",
			[]string{"no data that the dump has holds its handle; not whole in it: that of 1 of 2 modules (b.dll)"}, "no writable"},
		{"no modules", scene{heaps: two()}, 1, "", "", []string{"no list of modules"}, "no data"},
		{"a round address is any number", scene{heaps: []*synth.Heap{two()[0], {Address: 0x400000, Flags: growable | 0x1000}}, modules: []string{"a.dll"}, words: []word{{"a.dll", 0x3000, 1}}}, 1, "", "",
			[]string{"too round a number"}, "a.dll"},
		{"CSR port", scene{heaps: []*synth.Heap{two()[0], {Address: 0x3510000, Flags: 0x8000}}, modules: []string{"a.dll"}, words: []word{{"a.dll", 0x3000, 1}}}, 1, "csr-port", "",
			[]string{"its class is CSR port"}, "a.dll"},
		{"another class of Windows", scene{heaps: []*synth.Heap{two()[0], {Address: 0x3510000, Flags: growable | 0x6000}}}, 1, "shared", "",
			[]string{"its class is user desktop"}, "list of modules"},
		{"debug heap", scene{heaps: []*synth.Heap{two()[0], {Address: 0x3510000, Flags: growable | 0x1060}}}, 1, "", "",
			[]string{"a debug heap: its flags have TAIL_CHECKING|FREE_CHECKING"}, ""},
	} {
		for _, a := range []synth.Arch{synth.X86, synth.X64} {
			c.scene.arch = a
			tg, r := c.scene.take(t)
			x := r.Of(tg.Heaps[c.heap])
			all := strings.Join(x.Evidence, "\n")
			if x.Kind.String() != c.kind || x.Owner != c.owner {
				t.Errorf("%s, %v: %q of %q\n%s", c.name, a, x.Kind, x.Owner, all)
			}
			for _, want := range c.because {
				if !strings.Contains(all, want) {
					t.Errorf("%s, %v: %q is not said:\n%s", c.name, a, want, all)
				}
			}
			if c.never != "" && strings.Contains(all, c.never) {
				t.Errorf("%s, %v: %q is said:\n%s", c.name, a, c.never, all)
			}
		}
	}
}

// TestList: the array that PEB.ProcessHeaps points at names every heap, and is
// no evidence, even where it lies in a module's data.
func TestList(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		p := synth.NewProcess(synth.Win7, a)
		p.AddHeap(two()[0])
		p.AddHeap(two()[1])
		pe := image(a, 0x60000000)
		p.ProcessHeaps = pe.Base + 0x3100
		p.Modules = []synth.Module{{Base: pe.Base, Size: pe.Size(), Name: "other.dll"}}
		headers := pe.Headers()
		p.Prepare = func(b *synth.Built) { // what stands in the data stays
			b.Image.Commit(pe.Base, uint64(pe.Size()), synth.PageReadWrite)
			b.Image.Write(pe.Base, headers)
		}
		tg, err := target.Parse("test.dmp", p.Build().Dump.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		r, err := roles.Take(context.Background(), tg)
		if err != nil {
			t.Fatal(err)
		}
		if len(tg.Heaps) != 2 {
			t.Fatalf("%v: %d heaps", a, len(tg.Heaps))
		}
		if x := r.Of(tg.Heaps[1]); x.Kind != roles.Unknown || len(x.Holders) != 0 {
			t.Errorf("%v: %+v", a, x)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := roles.Take(ctx, tg); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	}
}

// TestWidth: a 64-bit module's data says nothing of a heap with pointers of 32
// bits, nor the other way round.
func TestWidth(t *testing.T) {
	p := synth.NewWOW64(synth.Win7)
	p.AddHeap(&synth.Heap{Address: 0x250000, Flags: growable})
	p.AddHeap(&synth.Heap{Address: 0x270000, Flags: growable | 0x1000})
	p.AddHeap32(&synth.Heap{Address: 0x3510000, Flags: growable})
	p.AddHeap32(&synth.Heap{Address: 0x3710000, Flags: growable | 0x1000})
	wide, narrow := image(synth.X64, 0x60000000), image(synth.X86, 0x61000000)
	p.Modules = []synth.Module{{Base: wide.Base, Size: wide.Size(), Name: "wide.dll"}, {Base: narrow.Base, Size: narrow.Size(), Name: "narrow.dll"}}
	p.Prepare = func(b *synth.Built) {
		wide.Write(b.Image)
		narrow.Write(b.Image)
		b.Image.PutU64(wide.Base+0x3000, 0x3710000)
		b.Image.PutU32(narrow.Base+0x3000, 0x270000)
		b.Image.PutU32(narrow.Base+0x3004, 0x3710000)
	}
	tg, err := target.Parse("test.dmp", p.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	r, err := roles.Take(context.Background(), tg)
	if err != nil {
		t.Fatal(err)
	}
	want := map[uint64]string{0x250000: "process ", 0x270000: " ", 0x3510000: "process ", 0x3710000: "module narrow.dll"}
	for _, h := range tg.Heaps {
		x := r.Of(h)
		if got := x.Kind.String() + " " + x.Owner; got != want[uint64(h.Address)] {
			t.Errorf("%v: %q, want %q: %q", h.Address, got, want[uint64(h.Address)], x.Evidence)
		}
		delete(want, uint64(h.Address))
	}
	if len(want) != 0 {
		t.Errorf("not found: %v", want)
	}
}

// TestPageHeap: the owner of a page heap's handle owns its normal heap too.
func TestPageHeap(t *testing.T) {
	p := synth.NewProcess(synth.Win7, synth.X64)
	p.AddHeap(&synth.Heap{Address: 0x250000, Flags: growable})
	pe := image(synth.X64, 0x60000000)
	p.Modules = []synth.Module{{Base: pe.Base, Size: pe.Size(), Name: "a.dll"}}
	p.AddHeap(&synth.Heap{Address: 0x350000, Flags: growable})
	p.Prepare = func(b *synth.Built) {
		pe.Write(b.Image)
		(&synth.FullPageHeap{Address: 0x900000, Arch: synth.X64, NormalHeap: 0x350000, Allocs: []synth.PageAlloc{{Size: 10}}}).Build(b.Image)
		b.Image.PutU64(pe.Base+0x3000, 0x900000)
	}
	tg, err := target.Parse("test.dmp", p.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	r, err := roles.Take(context.Background(), tg)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, h := range tg.Heaps {
		x := r.Of(h)
		switch h.Address {
		case 0x350000:
			seen++
			if x.Kind != roles.NormalHeap || x.Owner != "a.dll" || !strings.Contains(strings.Join(x.Evidence, "\n"), "the root of page heap 0x900000 names it") {
				t.Errorf("normal heap: %+v", x)
			}
		case 0x900000:
			seen++
			if x.Kind != roles.Module || x.Owner != "a.dll" || !strings.Contains(strings.Join(x.Evidence, "\n"), "_DPH_HEAP_ROOT") {
				t.Errorf("page heap: %+v", x)
			}
		}
	}
	if seen != 2 {
		t.Errorf("%d heaps of 2", seen)
	}
}
