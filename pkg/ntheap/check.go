package ntheap

import (
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Check compares what a walk found with what the heap says of itself:
// TotalFreeSize, the free lists, the segments' uncommitted pages and ranges,
// and the counters. Each difference is a problem with both numbers.
func (h *Heap) Check(t Tally, sink diag.Sink) {
	c := checker{h, sink}
	if free := t.FreeBytes / h.Header.Unit; free != h.Header.TotalFreeSize {
		c.put(CodeTotalFree, h.field(h.set.Heap.TotalFreeSize.Off), "_HEAP", "TotalFreeSize",
			fmt.Sprintf("%#x units in %d free blocks of the walk", free, t.FreeBlocks), hex(h.Header.TotalFreeSize)+" units")
	}
	c.freeLists(t)
	c.uncommitted()
	c.counters()
}

type checker struct {
	h    *Heap
	sink diag.Sink
}

func (h *Heap) field(off uint16) memory.Addr { return h.Header.Address.Add(uint64(off)) }

func (c checker) put(code diag.Code, at memory.Addr, object, field, want, got string) {
	c.sink.Put(diag.Problem{Code: code, Class: diag.Corrupt, At: diag.At(at), Heap: c.h.Header.Address,
		Object: object, Field: field, Want: want, Got: got})
}

// freeLists compares the free blocks of the walk with those on the lists, as
// sets, and on XP the size of each block with the list that it is on.
func (c checker) freeLists(t Tally) {
	if c.h.listsClose(t.Links, t.FreeBlocks) {
		return
	}
	var on Tally
	broken := 0
	for _, l := range c.h.FreeLists() {
		for b := range l.Blocks(func(p diag.Problem) { broken++; c.sink.Put(p) }) {
			on.Add(b)
			if units := b.Size / c.h.Header.Unit; c.h.set.Old() && l.Index > 0 && units != uint64(l.Index) {
				c.put(CodeFreeList, b.Addr, "_HEAP_FREE_ENTRY", "Size", fmt.Sprintf("%#x units, as on FreeLists[%d]", l.Index, l.Index), hex(units)+" units")
			}
		}
	}
	if on.FreeBlocks == t.FreeBlocks && on.free == t.free {
		return
	}
	p := diag.Problem{Code: CodeFreeCount, Class: diag.Corrupt, At: diag.At(c.h.Header.FreeLists), Heap: c.h.Header.Address,
		Object: "_HEAP", Field: "FreeLists", Want: fmt.Sprintf("the %d free blocks of the walk", t.FreeBlocks),
		Got: fmt.Sprintf("%d blocks on the free lists", on.FreeBlocks)}
	if broken == 0 && t.Lost > 0 {
		p.Want += fmt.Sprintf(" (which lost %d bytes)", t.Lost)
	}
	c.sink.Put(p)
}

// uncommitted compares each segment's counts with its ranges.
func (c checker) uncommitted() {
	for _, s := range c.h.Segments {
		l := &c.h.set.Segment
		if pages := s.Uncommitted() / memory.PageSize; pages != uint64(s.UnCommittedPages) {
			c.put(CodeUCRCount, s.Address.Add(uint64(l.NumberOfUnCommittedPages.Off)), "_HEAP_SEGMENT", "NumberOfUnCommittedPages",
				fmt.Sprintf("%d pages in its %d ranges", pages, len(s.UCRs)), fmt.Sprint(s.UnCommittedPages))
		}
		if n := len(s.UCRs) + s.EmptyUCRs; n != int(s.UnCommittedRanges) {
			c.put(CodeUCRCount, s.Address.Add(uint64(l.NumberOfUnCommittedRanges.Off)), "_HEAP_SEGMENT", "NumberOfUnCommittedRanges",
				fmt.Sprintf("%d ranges in its list", n), fmt.Sprint(s.UnCommittedRanges))
		}
	}
}

// counters compares _HEAP_COUNTERS with the structures that they count. The
// front end's own region is in them, where its extent is known.
func (c checker) counters() {
	got := c.h.Header.Counters
	if !got.Known || got.TotalMemoryReserved == 0 && got.TotalSegments == 0 {
		return // not maintained
	}
	var reserved, uncommitted, virtual uint64
	ranges := 0
	for _, s := range c.h.Segments {
		reserved += s.Size()
		uncommitted += s.Uncommitted()
		ranges += len(s.UCRs) + s.EmptyUCRs
	}
	for _, v := range c.h.Virtuals {
		virtual += v.CommitSize
	}
	front := c.h.Header.FrontEnd
	l := &c.h.set.Counters
	c.counter("TotalSegments", l.TotalSegments.Off, uint64(len(c.h.Segments)), uint64(got.TotalSegments))
	c.counter("TotalUCRs", l.TotalUCRs.Off, uint64(ranges), uint64(got.TotalUCRs))
	c.counter("TotalSizeInVirtualBlocks", l.TotalSizeInVirtualBlocks.Off, virtual, got.TotalSizeInVirtualBlocks)
	if c.h.Header.FrontEndHeapType == 2 && !front.Known {
		return // the front end's memory is counted too, and its size is not known
	}
	c.counter("TotalMemoryReserved", l.TotalMemoryReserved.Off, reserved+front.Reserved.Size(), got.TotalMemoryReserved)
	c.counter("TotalMemoryCommitted", l.TotalMemoryCommitted.Off, reserved-uncommitted+front.Committed, got.TotalMemoryCommitted)
}

func (c checker) counter(name string, off uint16, want, got uint64) {
	if want != got {
		c.put(CodeCounter, c.h.field(c.h.set.Heap.Counters.Off+off), "_HEAP_COUNTERS", name, hex(want)+" by the walk", hex(got))
	}
}
