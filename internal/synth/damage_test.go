package synth

import (
	"testing"
)

func TestEditEntry(t *testing.T) {
	for _, f := range Families() {
		for _, a := range []Arch{X86, X64} {
			p := NewProcess(f, a)
			p.AddHeap(&Heap{Address: 0x2c0000, Segments: []Segment{{Items: []Item{Busy(100), Busy(50)}}}})
			b := p.Build()
			h := b.Heaps[0]
			e := h.Only(StateBusy)[0].Entry
			before := h.ReadEntry(e)
			h.EditEntry(e, false, func(e *Entry) { e.Size++ })
			after := h.ReadEntry(e)
			if after.Size != before.Size+1 || f != XP && after.SmallTagIndex == after.Sum() {
				t.Errorf("%v %v: %+v", f, a, after)
			}
			h.EditEntry(e, true, func(e *Entry) { e.Flags |= 0x40 })
			if after = h.ReadEntry(e); f != XP && after.SmallTagIndex != after.Sum() {
				t.Errorf("%v %v: %+v", f, a, after)
			}
			if d := b.Redump().File(); d.Offset(e) < 0 {
				t.Error("not saved")
			}
		}
	}
}

func TestFields(t *testing.T) {
	for _, f := range Families() {
		for _, a := range []Arch{X86, X64} {
			size := sizeofHeap(f, a)
			for name, at := range heapFields(f, a) {
				if at.off+at.size > size {
					t.Errorf("%v %v: %s at %#x is outside", f, a, name, at.off)
				}
			}
			seg := segmentFields(f, a)
			for name, at := range seg {
				if at.off+at.size > sizeofSegment(f, a) {
					t.Errorf("%v %v: %s at %#x is outside", f, a, name, at.off)
				}
			}
		}
	}
}

// TestFirstEntry has the offsets that were seen on real dumps.
func TestFirstEntry(t *testing.T) {
	for _, c := range []struct {
		f    Family
		a    Arch
		want uint64
	}{
		{XP, X86, 0x680}, {Win7, X86, 0x588}, {Win7, X64, 0xa80}, {Win8, X86, 0x498}, {Win10v1607, X86, 0x498},
		{Win10v1607, X64, 0x720}, {Win10v1809, X86, 0x4a8}, {Win10v1809, X64, 0x740},
	} {
		b := (&Heap{Address: 0x2c0000, Family: c.f, Arch: c.a}).Build(NewImage(c.a))
		if got := b.GetSegment(0, "FirstEntry") - 0x2c0000; got != c.want {
			t.Errorf("%v %v: %#x want %#x", c.f, c.a, got, c.want)
		}
	}
}

func TestWOW64(t *testing.T) {
	p := NewWOW64(Win10v1809)
	p.TEBs = append(p.TEBs, 0x2f8000)
	p.AddHeap(&Heap{Address: 0x10000000, Segments: []Segment{{Items: []Item{Busy(77)}}}})
	p.AddHeap32(&Heap{Address: 0x20000000, Segments: []Segment{{Items: []Item{Busy(77)}}}})
	p.AddOther32(0x30000000, SegmentHeap)
	p.AddOther(0x31000000, Wine)
	p.AddOther(0x32000000, PageHeap)
	b := p.Build()
	m := b.Image
	teb32 := m.U64(p.TEBs[1])
	peb32 := uint64(m.U32(teb32 + 0x30))
	if teb32 != p.TEBs[1]+0x2000 || peb32 != p.PEB32 || m.U64(p.TEBs[1]+0x60) != p.PEB {
		t.Errorf("teb32 %#x peb32 %#x", teb32, peb32)
	}
	array := uint64(m.U32(peb32 + 0x90))
	if m.U32(peb32+0x88) != 2 || m.U32(array) != 0x20000000 || m.U32(array+4) != 0x30000000 {
		t.Error("32-bit heaps")
	}
	if m.U32(p.PEB+0xe8) != 3 || m.U32(0x30000008) != 0xddeeddee || m.U32(0x31000010) != 0xffeeffee || m.U32(0x32001000) != 0xffeeddcc {
		t.Error("64-bit heaps")
	}
	if regs := m.U64(p.TEBs[0] + 0x1488); m.U16(regs+2) != 0x14c || m.U32(regs+4)&0x10000 == 0 {
		t.Error("registers")
	}
	checkHeap(t, b.Heaps[0])
	checkHeap(t, b.Heaps32[0])
	overlaps(t, m.Regions())
}

func TestHiddenHeaps(t *testing.T) {
	for _, a := range []Arch{X86, X64} {
		p := NewProcess(Win11v24H2, a)
		p.HideHeaps()
		for i := range uint64(3) {
			p.AddHeap(&Heap{Address: 0x1000000 + i*0x100000})
		}
		b := p.Build()
		at := b.Heaps[0].Get("UserContext")
		found := map[uint64]bool{}
		for n := at; ; {
			found[b.Image.Ptr(n+2*a.PtrSize())] = true
			if n = b.Image.Ptr(n); n == at {
				break
			}
		}
		if len(found) != 4 || b.Heaps[2].Get("ProcessHeapsListIndex") != 0 || b.Image.U32(p.PEBFieldAddr("NumberOfHeaps")) != 1 {
			t.Errorf("%v: %v", a, found)
		}
		overlaps(t, b.Image.Regions())
	}
}

func TestLookaside(t *testing.T) {
	b := (&Heap{Address: 0x150000, Family: XP, Segments: []Segment{{Items: []Item{Busy(24), Busy(24)}}}}).Build(NewImage(X86))
	u := b.Only(StateBusy)
	b.Lookaside(0x160000, map[int][]uint64{4: {u[1].User, u[0].User}})
	if m := b.Image; m.U32(0x160000+4*0x30) != uint32(u[1].User) || m.U32(u[1].User) != uint32(u[0].User) {
		t.Error("chain")
	}
}

func TestTags(t *testing.T) {
	b := (&Heap{Address: 0x150000, Family: Win7, Tags: &TagTable{Address: 0x170000,
		Pseudo: []PseudoTag{{1, 2, 3}}, Tags: []Tag{{Allocs: 5, Index: 1, Name: "GDI"}}}}).Build(NewImage(X86))
	if m := b.Image; m.U32(0x170008) != 3 || m.U32(b.Get("TagEntries")) != 5 {
		t.Error("tags")
	}
}

// overlaps checks that regions are in order and do not overlap.
func overlaps(t *testing.T, all []Region) {
	t.Helper()
	end := uint64(0)
	for _, r := range all {
		if r.Base < end {
			t.Errorf("region %#x before %#x", r.Base, end)
		}
		end = r.Base + r.Size
	}
}
