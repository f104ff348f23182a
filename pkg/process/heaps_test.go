package process_test

import (
	"fmt"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

func TestListedHeapsOfEveryFamily(t *testing.T) {
	for _, f := range synth.Families() {
		for _, a := range []synth.Arch{synth.X86, synth.X64, synth.ARM64} {
			if a == synth.ARM64 && f < synth.Win10v1607 {
				continue
			}
			t.Run(fmt.Sprint(f, "-", a), func(t *testing.T) {
				kind, ways := nt64, ""
				if a == synth.X86 {
					kind = nt32
				}
				if f == synth.Win11v24H2 {
					ways = " descriptor"
				}
				p := proc(f, a)
				find(t, p.Build().Dump).want(t, []string{
					"0x1d0000 " + kind + " #0 [peb peb-process-heap" + ways + " scan] listed default",
					"0x3d0000 " + kind + " #1 [peb" + ways + " scan] listed",
				}, nil)
			})
		}
	}
}

// wow is a 32-bit process on 64-bit Windows with two heaps in each PEB.
func wow(f synth.Family) *synth.Process {
	p := synth.NewWOW64(f)
	p.AddHeap(simple(0x480000))
	p.AddHeap(simple(0x10000))
	p.AddHeap32(simple(0x5d0000))
	p.AddHeap32(simple(0x940000))
	return p
}

var wowRows = []string{
	"0x5d0000 nt 32 #0 [peb peb-process-heap scan] listed default",
	"0x940000 nt 32 #1 [peb scan] listed",
	"0x480000 nt 64 #0 [peb peb-process-heap scan] listed default",
	"0x10000 nt 64 #1 [peb scan] listed",
}

func TestWOW64HasTwoSetsTheProgramsOwnFirst(t *testing.T) {
	for _, f := range []synth.Family{synth.Vista, synth.Win7, synth.Win8, synth.Win10v1607, synth.Win10v1809} {
		got := find(t, wow(f).Build().Dump)
		got.want(t, wowRows, nil)
		if len(got.pebs) != 2 || got.pebs[0].Bits != 32 || got.pebs[1].Bits != 64 {
			t.Errorf("%v: PEBs %+v", f, got.pebs)
		}
	}
}

func TestOneHeapInBothPEBsIsOneHeap(t *testing.T) {
	p := wow(synth.Win10v1809)
	p.Prepare = func(b *synth.Built) { b.Image.PutU32(p.ProcessHeaps32+4, 0x10000) }
	find(t, p.Build().Dump).want(t, []string{
		"0x5d0000 nt 32 #0 [peb peb-process-heap scan] listed default",
		"0x10000 nt 64 #1 [peb scan] listed",
		"0x480000 nt 64 #0 [peb peb-process-heap scan] listed default",
		"0x940000 nt 32 #-1 [scan]",
	}, nil)
}

func TestCountThatCannotBe(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		for _, n := range []uint32{0, 17, 0x10000, 0x7fffffff, 0xffffffff} {
			p := proc(synth.Win7, a)
			p.Prepare = func(b *synth.Built) { b.Image.PutU32(p.PEBFieldAddr("NumberOfHeaps"), n) }
			got := find(t, p.Build().Dump)
			kind := map[synth.Arch]string{synth.X86: nt32, synth.X64: nt64}[a]
			got.want(t, []string{
				"0x1d0000 " + kind + " #0 [peb peb-process-heap scan] listed default",
				"0x3d0000 " + kind + " #1 [peb scan] listed",
			}, []string{"peb-heaps corrupt NumberOfHeaps"})
		}
	}
}

func TestBothCountsAbsurd(t *testing.T) {
	p := proc(synth.Win10v1809, synth.X64)
	p.Prepare = func(b *synth.Built) {
		b.Image.PutU32(p.PEBFieldAddr("NumberOfHeaps"), 0xffffffff)
		b.Image.PutU32(p.PEBFieldAddr("MaximumNumberOfHeaps"), 0xffffffff)
	}
	find(t, p.Build().Dump).want(t, []string{
		"0x1d0000 nt 64 #0 [peb peb-process-heap scan] listed default", "0x3d0000 nt 64 #1 [peb scan] listed",
	}, []string{"peb-heaps corrupt NumberOfHeaps"})
}

func TestEntriesThatAreNoHeaps(t *testing.T) {
	first := "0x1d0000 nt 64 #0 [peb peb-process-heap scan] listed default"
	second := "0x3d0000 nt 64 #1 [peb scan] listed"
	for _, c := range []struct {
		name  string
		entry uint64 // the third of three
		row   string
		codes []string
	}{
		{"null", 0, "", []string{"peb-heaps corrupt ProcessHeaps[2]"}},
		{"duplicate", 0x1d0000, "", []string{"peb-heaps corrupt ProcessHeaps[2]"}},
		{"free memory", 0x55550000, "", []string{"peb-heaps corrupt ProcessHeaps[2]"}},
		{"top of the address space", 0xfffffffffffffff8, "", []string{"peb-heaps corrupt ProcessHeaps[2]"}},
		{"the middle of a heap", 0x1d0740, "", []string{"peb-heaps corrupt ProcessHeaps[2]"}},
		{"reserved memory", 0x1d1000, "", []string{"peb-heaps corrupt ProcessHeaps[2]"}},
		{"a reservation without a header", 0x660000, "0x660000 unknown 64 #2 [peb] listed", []string{"peb-heaps corrupt ProcessHeaps[2]"}},
		{"within a reservation", 0x6a0000, "", []string{"peb-heaps corrupt ProcessHeaps[2]"}},
		{"committed and not saved", 0x670000, "0x670000 unknown 64 #2 [peb] listed", nil},
		{"a part of a header", 0x680000, "0x680000 unknown 64 #2 [peb] listed", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := proc(synth.Win10v1809, synth.X64)
			p.Prepare = func(b *synth.Built) {
				b.Image.PutU32(p.PEBFieldAddr("NumberOfHeaps"), 3)
				b.Image.PutPtr(p.ProcessHeaps+16, c.entry)
				for _, a := range []uint64{0x660000, 0x670000, 0x680000} {
					b.Image.Reserve(a, 0x10000, synth.MemPrivate, synth.PageReadWrite)
					b.Image.Commit(a, 0x1000, synth.PageReadWrite)
				}
				b.Image.Reserve(0x690000, 0x20000, synth.MemPrivate, synth.PageReadWrite)
				b.Image.Commit(0x690000, 0x20000, synth.PageReadWrite)
				b.Image.Drop(0x670000)
			}
			d := p.Build().Dump
			cutAt(d, 0x680080)
			got := find(t, d)
			rows := []string{first, second}
			if c.row != "" {
				rows = append(rows, c.row)
			}
			got.want(t, rows, c.codes)
		})
	}
}

func TestHeapWithDestroyedSignaturesStaysListed(t *testing.T) {
	p := proc(synth.Win7, synth.X64)
	p.Prepare = func(b *synth.Built) {
		b.Heaps[1].Set("Signature", 0)
		b.Heaps[1].SetSegment(0, "SegmentSignature", 0)
	}
	find(t, p.Build().Dump).want(t, []string{
		"0x1d0000 nt 64 #0 [peb peb-process-heap scan] listed default", "0x3d0000 nt 64 #1 [peb] listed",
	}, nil)
}

func TestListOfHeapsNotSaved(t *testing.T) {
	const array = 0x900000 // where a list of more than 16 heaps goes
	p := synth.NewProcess(synth.Win10v1809, synth.X64)
	p.ProcessHeaps, p.MaximumHeaps = array, 32
	for i := range 27 {
		p.AddHeap(simple(0x1000000 + uint64(i)*0x100000))
	}
	p.Prepare = func(b *synth.Built) { b.Image.Drop(array) }
	got := find(t, p.Build().Dump)
	if len(got.refs) != 27 || got.refs[0].Listed || !got.refs[0].Default || !got.refs[26].Found.Has(3) {
		t.Errorf("%q", got.rows())
	}
	if c := got.codes(); len(c) != 1 || c[0] != "peb-heaps-missing incomplete ProcessHeaps" {
		t.Errorf("%q", got.problems)
	}
}

func TestListOfHeapsSavedInPart(t *testing.T) {
	p := proc(synth.Win10v1809, synth.X64)
	d := p.Build().Dump
	cutAt(d, p.ProcessHeaps+8)
	find(t, d).want(t, []string{
		"0x1d0000 nt 64 #0 [peb peb-process-heap scan] listed default", "0x3d0000 nt 64 #-1 [scan]",
	}, []string{"peb-heaps-missing incomplete ProcessHeaps"})
}

func TestProcessHeap(t *testing.T) {
	for _, c := range []struct {
		name  string
		v     uint64
		rows  []string
		codes []string
	}{
		{"null", 0, []string{"0x1d0000 nt 64 #0 [peb scan] listed", "0x3d0000 nt 64 #1 [peb scan] listed"}, nil},
		{"the second", 0x3d0000, []string{"0x1d0000 nt 64 #0 [peb scan] listed", "0x3d0000 nt 64 #1 [peb peb-process-heap scan] listed default"}, nil},
		{"no heap", 0x55550000, []string{"0x1d0000 nt 64 #0 [peb scan] listed", "0x3d0000 nt 64 #1 [peb scan] listed"}, []string{"peb-heaps corrupt ProcessHeap"}},
		{"not on the list", 0x5d0000, []string{"0x1d0000 nt 64 #0 [peb scan] listed", "0x3d0000 nt 64 #1 [peb scan] listed",
			"0x5d0000 nt 64 #-1 [peb-process-heap scan] default"}, []string{"peb-heaps corrupt ProcessHeap"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := proc(synth.Win10v1809, synth.X64)
			p.AddHeap(simple(0x5d0000))
			p.Prepare = func(b *synth.Built) {
				b.Image.PutU32(p.PEBFieldAddr("NumberOfHeaps"), 2)
				b.Image.PutU64(p.PEBFieldAddr("ProcessHeap"), c.v)
			}
			rows := c.rows
			if c.name != "not on the list" {
				rows = append(rows, "0x5d0000 nt 64 #-1 [scan]") // a heap destroyed from the list, still in memory
			}
			find(t, p.Build().Dump).want(t, rows, c.codes)
		})
	}
}

func TestHeapWhoseMemoryIsGone(t *testing.T) {
	p := proc(synth.Win7, synth.X86)
	b := p.Build()
	for a := uint64(0x3d0000); a < 0x3f0000; a += 0x1000 {
		b.Image.Decommit(a)
	}
	find(t, b.Redump()).want(t, []string{
		"0x1d0000 nt 32 #0 [peb peb-process-heap scan] listed default",
	}, []string{"peb-heaps corrupt ProcessHeaps[1]"})
}

func TestOtherKinds(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		p := proc(synth.Win10v1809, a)
		p.AddOther(0x700000, synth.SegmentHeap)
		p.AddOther(0x710000, synth.PageHeap)
		p.AddOther(0x730000, synth.Wine)
		got := find(t, p.Build().Dump)
		for at, kind := range map[uint64]heap.Kind{0x700000: heap.Segment, 0x710000: heap.Page, 0x730000: heap.Wine} {
			r, ok := got.at(at)
			if !ok || r.Kind != kind || !r.Listed || r.Bits != int(a.PtrSize())*8 || !r.Found.Has(3) {
				t.Errorf("%v: %#x is %+v, want a listed %v heap that the scan finds too", a, at, r, kind)
			}
		}
		if len(got.problems) != 0 {
			t.Errorf("%v: %q", a, got.problems)
		}
	}
}

func TestHiddenHeaps(t *testing.T) {
	build := func(a synth.Arch) *synth.Process {
		p := proc(synth.Win11v24H2, a)
		p.AddHeap(simple(0x5d0000))
		p.HideHeaps()
		return p
	}
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		kind := map[synth.Arch]string{synth.X86: nt32, synth.X64: nt64}[a]
		row := func(ways string) []string {
			return []string{"0x1d0000 " + kind + " #0 [peb peb-process-heap descriptor scan] listed default",
				"0x3d0000 " + kind + " #-1 [" + ways + "]", "0x5d0000 " + kind + " #-1 [" + ways + "]"}
		}
		find(t, build(a).Build().Dump).want(t, row("descriptor scan"), nil)

		p := build(a) // a loop that misses the first node: the last descriptor's link leads to itself
		b := p.Build()
		b.Image.PutPtr(b.Heaps[2].UserContext, b.Heaps[2].UserContext)
		find(t, b.Redump()).want(t, row("descriptor scan"), nil)

		p = build(a) // the descriptors are not in the dump
		for i, h := range p.Heaps {
			h.UserContext = 0x880000 + 0x40*uint64(i)
		}
		b = p.Build()
		for page := b.Heaps[0].UserContext &^ 0xfff; page <= b.Heaps[2].UserContext; page += 0x1000 {
			b.Image.Drop(page)
		}
		got := row("scan")
		got[0] = "0x1d0000 " + kind + " #0 [peb peb-process-heap scan] listed default"
		find(t, b.Redump()).want(t, got, nil)

		p = build(a) // the header of a hidden heap is not in the dump
		b = p.Build()
		b.Image.Drop(0x5d0000)
		got = row("descriptor scan")
		got[2] = fmt.Sprintf("0x5d0000 unknown %d #-1 [descriptor]", a.PtrSize()*8)
		find(t, b.Redump()).want(t, got, nil)

		p = build(a) // a descriptor's Heap leads astray
		b = p.Build()
		b.Image.PutPtr(b.Heaps[2].UserContext+2*a.PtrSize(), 0x12345678)
		got = row("descriptor scan")
		got[2] = "0x5d0000 " + kind + " #-1 [scan]"
		find(t, b.Redump()).want(t, got, nil)
	}
}

// raw copies the first n bytes of a heap to another address.
func raw(m *synth.Image, from, to uint64, n int) { m.Write(to, m.Read(from, n)) }

func TestForeignHeap(t *testing.T) {
	p := proc(synth.Win10v1809, synth.X64)
	b := p.Build()
	const shared = 0x7feb0000
	b.Image.Reserve(shared, 0x10000, synth.MemMapped, synth.PageReadOnly)
	b.Image.Commit(shared, 0x1000, synth.PageReadOnly)
	raw(b.Image, 0x3d0000, shared, 0x1000) // its links are another process's
	want := []string{"0x1d0000 nt 64 #0 [peb peb-process-heap scan] listed default", "0x3d0000 nt 64 #1 [peb scan] listed",
		"0x7feb0000 nt 64 #-1 [scan] foreign"}
	find(t, b.Redump()).want(t, want, nil) // no PEB says so, but it is mapped and names other addresses
	b.Image.PutU64(p.PEBFieldAddr("ReadOnlySharedMemoryBase"), shared)
	want[2] = "0x7feb0000 nt 64 #-1 [scan shared-memory] foreign"
	find(t, b.Redump()).want(t, want, nil)
	d := b.Redump()
	d.Omit = []uint32{synth.StreamMemoryInfoList}
	want[2] = "0x7feb0000 nt 64 #-1 [shared-memory] foreign"
	find(t, d).want(t, want, nil)
}

func TestMappedHeapOfOnesOwn(t *testing.T) {
	for _, f := range synth.Families() {
		p := synth.NewProcess(f, synth.X86)
		p.AddHeap(simple(0x1d0000))
		h := simple(0x3d0000)
		h.Mapped = true
		p.AddHeap(h)
		p.Prepare = func(b *synth.Built) { b.Image.PutU32(p.PEBFieldAddr("NumberOfHeaps"), 1) }
		r, ok := find(t, p.Build().Dump).at(0x3d0000)
		if !ok || r.Foreign || r.Address != memory.Addr(0x3d0000) {
			t.Errorf("%v: %+v", f, r)
		}
	}
}
