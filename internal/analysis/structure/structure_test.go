package structure

import (
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// open builds a process with one heap of the blocks.
func open(t *testing.T, family synth.Family, arch synth.Arch, items ...synth.Item) (*target.Target, *synth.Built) {
	t.Helper()
	p := synth.NewProcess(family, arch)
	p.AddHeap(&synth.Heap{Address: 0x640000, Key: 0x1122334455667788, Segments: []synth.Segment{{Items: items}},
		Virtual: []synth.Virtual{{Address: 0xa00000, Size: 0x90000, FirstPage: true}}})
	b := p.Build()
	x, err := target.Parse("test", b.Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return x, b
}

// read reads a structure and returns its fields by their path.
func read(t *testing.T, x *target.Target, name string, at memory.Addr, depth int) (*Result, map[string]Field) {
	t.Helper()
	set, err := Choose{At: at, Placed: true}.Layouts(x)
	if err != nil {
		t.Fatal(err)
	}
	s, ok := set.Find(name)
	if !ok {
		t.Fatalf("no %s in %s", name, set.Family)
	}
	r := Take(x, Query{Set: set, Structure: s, Placed: true, At: at, Depth: depth})
	out := map[string]Field{}
	for _, f := range r.Fields {
		out[f.Path] = f
	}
	return r, out
}

// TestEntry: the header of a busy block of 100 bytes, decoded, on both widths;
// a virtual block's; and one of Windows XP, which is plain.
func TestEntry(t *testing.T) {
	for _, c := range []struct {
		family  synth.Family
		arch    synth.Arch
		units   uint64 // of the block: 100 bytes and the header
		unused  uint64
		encoded bool
	}{
		{synth.Win7, synth.X86, 14, 12, true}, {synth.Win10v1809, synth.X64, 7, 12, true}, {synth.XP, synth.X86, 14, 12, false},
	} {
		x, b := open(t, c.family, c.arch, synth.Busy(100), synth.Busy(100))
		at := memory.Addr(0)
		for _, bl := range b.Heaps[0].Blocks {
			if bl.State == synth.StateBusy && bl.Size == 100 && at == 0 {
				at = memory.Addr(bl.Entry)
			}
		}
		r, f := read(t, x, "_HEAP_ENTRY", at, 1)
		value := func(name string) uint64 {
			v := f[name]
			if (v.Decoded != nil) != c.encoded || v.Value == nil {
				t.Fatalf("%v %v: %s is %+v", c.family, c.arch, name, v)
			}
			if c.encoded {
				return *v.Decoded
			}
			return *v.Value
		}
		if value("Size") != c.units || value("Flags") != 1 || value("UnusedBytes") != c.unused || len(r.Notes) > 0 {
			t.Errorf("%v %v: size %d flags %#x unused %d, %q", c.family, c.arch, value("Size"), value("Flags"), value("UnusedBytes"), r.Notes)
		}
		if !strings.Contains(f["Flags"].Text, "(busy)") {
			t.Errorf("%q", f["Flags"].Text)
		}
		if c.family == synth.Win10v1809 { // whose symbols name the header once more, as two structures
			for whole, part := range map[string]string{"Size": "UnpackedEntry.Size", "Flags": "UnpackedEntry.Flags", "UnusedBytes": "UnpackedEntry.UnusedBytes",
				"EntryOffset": "ExtendedEntry.EntryOffset"} {
				if w, p := f[whole], f[part]; p.Decoded == nil || *p.Decoded != *w.Decoded || p.Text != w.Text || p.Off != w.Off {
					t.Errorf("%s: %+v, %s: %+v", part, p, whole, w)
				}
			}
		}
		_, f = read(t, x, "_HEAP_VIRTUAL_ALLOC_ENTRY", 0xa00000, 2)
		if s := f["BusyBlock"].Text; !strings.HasPrefix(s, "virtual block, 0x") || !strings.Contains(s, "busy") {
			t.Errorf("%v %v: %q", c.family, c.arch, s)
		}
		if v := f["CommitSize"].Value; v == nil || *v < 0x90000 || *v > 0x92000 {
			t.Errorf("CommitSize %v", v)
		}
		// One unit further there is no entry, and none is made up.
		if r, f := read(t, x, "_HEAP_ENTRY", at+memory.Addr(c.arch.Unit()), 1); c.encoded && (f["Size"].Decoded != nil || len(r.Notes) != 1) {
			t.Errorf("%v %v: decoded what is no entry: %+v %q", c.family, c.arch, f["Size"], r.Notes)
		}
	}
}

// TestSlot: a slot of the low-fragmentation heap is not decoded with the
// heap's key, and a block beside its container is.
func TestSlot(t *testing.T) {
	p := synth.NewProcess(synth.Win7, synth.X64)
	h := &synth.Heap{Address: 0x640000, Key: 0x1122334455667788}
	l := synth.NewLFH(synth.Win7, synth.X64, 0x640000, 0x99)
	c := &synth.Container{Units: 3, SizeIndex: 2, Slots: []synth.Slot{{Busy: true, Size: 20}, {}, {Busy: true, Size: 24}}}
	h.Segments = []synth.Segment{{Items: []synth.Item{l.Add(c), synth.Busy(40)}}}
	p.AddHeap(h)
	l.Install(p, h)
	x, err := target.Parse("test", p.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	r, f := read(t, x, "_HEAP_ENTRY", memory.Addr(c.Slot(0)), 1)
	if f["Size"].Decoded != nil || f["Size"].Value == nil || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "low-fragmentation") {
		t.Errorf("%+v %q", f["Size"], r.Notes)
	}
}

// TestFamilies: the layouts that a build has, and those asked for by name.
func TestFamilies(t *testing.T) {
	for _, c := range []struct {
		build, bits int
		want        string
	}{
		{2600, 32, "xp-x86"}, {3790, 64, "2003-x64"}, {6002, 32, "vista-x86"}, {7601, 64, "win7-x64"}, {9200, 32, "win8-x86"}, {10586, 64, "win8-x64"},
		{11082, 32, "win10-14393-x86"}, {17134, 64, "win10-14393-x64"}, {17763, 64, "win10-17763-x64"}, {22631, 64, "win10-17763-x64"}, {26100, 64, "win11-24h2-x64"},
	} {
		if got := byBuild(c.build, c.bits); got != c.want {
			t.Errorf("build %d of %d bits: %s, want %s", c.build, c.bits, got, c.want)
		}
	}
	if s, err := named("win7", 32); err != nil || s.Family != "win7-x86" {
		t.Errorf("win7 of 32 bits: %v", err)
	}
	if _, err := named("win7-x86", 64); err == nil {
		t.Error("win7-x86 has no 64 bits")
	}
}

// TestMissing: of a structure at the end of what was saved, the fields there
// are read and the others are absent with the reason.
func TestMissing(t *testing.T) {
	x, _ := open(t, synth.Win7, synth.X64, synth.Busy(100))
	last := memory.Addr(0)
	for run := range x.Space.Runs(memory.Range{Start: 0x640000, End: 0x740000}) {
		last = run.Start.Add(uint64(len(run.Bytes)))
	}
	_, f := read(t, x, "_LIST_ENTRY", last-8, 0)
	if f["Flink"].Value == nil || f["Blink"].Value != nil || f["Blink"].Missing == "" {
		t.Errorf("%+v", f)
	}
}

// TestKeyIsNoEntry: of a _HEAP the entry at its start is decoded, and the key
// itself, which has the type of an entry, is not.
func TestKeyIsNoEntry(t *testing.T) {
	x, _ := open(t, synth.Win10v1809, synth.X64, synth.Busy(100))
	r, f := read(t, x, "_HEAP", 0x640000, 2)
	if e := f["Entry.Flags"]; e.Decoded == nil || *e.Decoded != 1 {
		t.Errorf("%+v", e)
	}
	if e := f["Encoding.Flags"]; e.Decoded != nil || e.Value == nil || strings.Contains(e.Text, "busy") || len(r.Notes) > 0 {
		t.Errorf("%+v %q", e, r.Notes)
	}
	if s := f["Encoding"].Text; !strings.HasPrefix(s, "the key of the entries: 0x") {
		t.Errorf("%q", s)
	}
}

// TestBits: bit fields of the PEB's byte of flags, and signed numbers.
func TestBits(t *testing.T) {
	p := synth.NewProcess(synth.Win10v1809, synth.X64)
	p.AddHeap(&synth.Heap{Address: 0x640000, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(24)}}}})
	p.Prepare = func(b *synth.Built) { b.Image.PutU8(p.PEB+3, 0x85) }
	x, err := target.Parse("test", p.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	_, f := read(t, x, "_PEB", memory.Addr(p.PEB), 0)
	for name, want := range map[string]uint64{"BitField": 0x85, "ImageUsesLargePages": 1, "IsProtectedProcess": 0, "IsImageDynamicallyRelocated": 1, "IsProtectedProcessLight": 0} {
		if v := f[name].Value; v == nil || *v != want {
			t.Errorf("%s: %v, want %#x", name, v, want)
		}
	}
	if signed(0xffffffff, 4) != -1 || signed(0x7fffffff, 4) != 0x7fffffff || signed(^uint64(0)-1, 8) != -2 {
		t.Error("signed numbers")
	}
}

// TestSList: the head of an interlocked list on x64, packed by hand: 3
// entries, the 9th change, the first entry at 0x1c0aa402340.
func TestSList(t *testing.T) {
	p := synth.NewProcess(synth.Win10v1809, synth.X64)
	p.AddHeap(&synth.Heap{Address: 0x640000, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(40)}}}})
	p.Prepare = func(b *synth.Built) {
		b.Image.Reserve(0x900000, 0x10000, synth.MemPrivate, synth.PageReadWrite)
		b.Image.Commit(0x900000, 0x1000, synth.PageReadWrite)
		b.Image.PutU64(0x900100, 9<<16|3)
		b.Image.PutU64(0x900108, 0x1c0aa402340|1)
	}
	x, err := target.Parse("test", p.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	_, f := read(t, x, "_SLIST_HEADER", 0x900100, 1)
	for name, want := range map[string]string{"Depth": "0x3", "Sequence": "0x9", "Reserved": "0x1", "NextEntry": "0x1c0aa40234 (the entry at 0x1c0aa402340)"} {
		if f[name].Text != want {
			t.Errorf("%s: %q, want %q", name, f[name].Text, want)
		}
	}
}
