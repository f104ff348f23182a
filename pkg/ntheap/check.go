package ntheap

import (
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Check compares what a walk found with what the heap says of itself:
// TotalFreeSize, the free lists, the segments' uncommitted pages and ranges,
// and the counters. Each difference is a problem with both numbers, but for
// those that bytes lost to damage explain, which are reported as such. Where
// the dump lacks memory that would settle a difference it is Incomplete.
func (h *Heap) Check(t Tally, sink diag.Sink) {
	c := checker{h: h, sink: sink, missing: h.lacksMemory()}
	c.totalFree(t)
	c.freeLists(t)
	c.lookaside()
	c.uncommitted()
	c.counters()
}

type checker struct {
	h       *Heap
	sink    diag.Sink
	missing bool // the dump lacks committed memory of the segments
}

// lacksMemory reports whether the dump lacks bytes of the segments outside
// their uncommitted ranges.
func (h *Heap) lacksMemory() bool {
	for i := range h.Segments {
		at := h.Segments[i].Start
		for _, u := range append(h.Segments[i].UCRs[:len(h.Segments[i].UCRs):len(h.Segments[i].UCRs)], UCR{Range: memory.Range{Start: h.Segments[i].End}}) {
			for at < u.Start {
				tail := h.mem.Tail(at)
				if tail == nil {
					return true
				}
				at += memory.Addr(len(tail))
			}
			at = u.End
		}
	}
	return h.partial.segments
}

func (h *Heap) field(off uint16) memory.Addr { return h.Header.Address.Add(uint64(off)) }

func (c checker) put(class diag.Class, code diag.Code, at memory.Addr, object, field, want, got string) {
	c.sink.Put(diag.Problem{Code: code, Class: class, At: diag.At(at), Heap: c.h.Header.Address,
		Object: object, Field: field, Want: want, Got: got})
}

// excuse judges a shortfall of the walk: bytes lost to damage are reported
// already and excuse it; memory that the dump lacks makes it Incomplete.
func (c checker) excuse(short, lost uint64) (class diag.Class, excused bool) {
	switch {
	case c.missing && (short <= lost || c.h.partial.segments):
		return diag.Incomplete, false
	case short <= lost:
		return diag.Corrupt, true
	}
	return diag.Corrupt, false
}

func (c checker) totalFree(t Tally) {
	unit := c.h.Header.Unit
	free, want := t.FreeBytes/unit, c.h.Header.TotalFreeSize
	if free == want {
		return
	}
	class := diag.Corrupt
	if want > free {
		excused := false
		if class, excused = c.excuse(want-free, t.Lost/unit); excused {
			return
		}
	}
	c.put(class, CodeTotalFree, c.h.field(c.h.set.Heap.TotalFreeSize.Off), "_HEAP", "TotalFreeSize",
		fmt.Sprintf("%#x units in %d free blocks of the walk", free, t.FreeBlocks), hex(want)+" units")
}

// freeLists compares the free blocks of the walk with those on the lists, as
// sets, and on XP the size of each block with the list that it is on.
func (c checker) freeLists(t Tally) {
	if c.h.listsClose(t.Links, t.FreeBlocks) {
		return
	}
	var on Tally
	unread, partial := t.sorted(), false
	odd := 0 // on the lists, and no block of the walk's
	for _, l := range c.h.FreeLists() {
		put := func(p diag.Problem) {
			if at := memory.Addr(p.At.Off); p.Object != "_HEAP_ENTRY" || !isOdd(unread, at) {
				partial = partial || p.Class == diag.Incomplete
				c.sink.Put(p)
			} else if p.Class == diag.Corrupt {
				odd++
			}
		}
		for b := range l.Blocks(put) {
			on.Add(b)
			units := b.Size / c.h.Header.Unit
			if c.h.set.Old() && l.Index > 0 && units != uint64(l.Index) && !isOdd(unread, b.Addr) {
				c.put(diag.Corrupt, CodeFreeList, b.Addr, "_HEAP_FREE_ENTRY", "Size", fmt.Sprintf("%#x units, as on FreeLists[%d]", l.Index, l.Index), hex(units)+" units")
			}
		}
	}
	if on.FreeBlocks == t.FreeBlocks && on.free == t.free {
		return
	}
	class, short := diag.Corrupt, on.FreeBlocks-t.FreeBlocks
	switch {
	case partial && short < 0:
		class = diag.Incomplete
	case short < 0 && -short <= odd:
		return
	case short >= 0:
		excused := false
		if class, excused = c.excuse(uint64(short)*2*c.h.Header.Unit, t.Lost); excused && t.Lost > 0 {
			return
		}
	}
	c.put(class, CodeFreeCount, c.h.Header.FreeLists, "_HEAP", "FreeLists",
		fmt.Sprintf("the %d free blocks of the walk", t.FreeBlocks), fmt.Sprintf("%d blocks on the free lists", on.FreeBlocks))
}

// uncommitted compares each segment's counts with its ranges: those listed,
// and those beside the list.
func (c checker) uncommitted() {
	for i := range c.h.Segments {
		s, l := &c.h.Segments[i], &c.h.set.Segment
		var derived uint64
		for _, u := range s.derived {
			derived += u.Size()
		}
		class := diag.Corrupt
		if s.partial {
			class = diag.Incomplete
		}
		unsure := s.unplaced > 0 || s.broken && !s.partial // and reported as that
		said, pages := uint64(s.UnCommittedPages), s.Uncommitted()/memory.PageSize
		if said != pages && said != pages-derived/memory.PageSize && !(unsure && said > pages) {
			c.put(class, CodeUCRCount, s.Address.Add(uint64(l.NumberOfUnCommittedPages.Off)), "_HEAP_SEGMENT", "NumberOfUnCommittedPages",
				fmt.Sprintf("%d pages in its %d ranges", pages, len(s.UCRs)), fmt.Sprint(said))
		}
		ranges := len(s.UCRs) + s.EmptyUCRs
		if n := int(s.UnCommittedRanges); n != ranges && n != ranges-len(s.derived) && !(unsure && n > ranges) {
			c.put(class, CodeUCRCount, s.Address.Add(uint64(l.NumberOfUnCommittedRanges.Off)), "_HEAP_SEGMENT", "NumberOfUnCommittedRanges",
				fmt.Sprintf("%d ranges in its list", ranges), fmt.Sprint(n))
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
	var reserved, uncommitted, virtual, derived uint64
	ranges, beside, unsure, partial := 0, 0, false, c.h.partial.segments
	for i := range c.h.Segments {
		s := &c.h.Segments[i]
		reserved += s.Size()
		uncommitted += s.Uncommitted()
		ranges += len(s.UCRs) + s.EmptyUCRs
		beside += len(s.derived)
		for _, u := range s.derived {
			derived += u.Size()
		}
		unsure = unsure || s.unplaced > 0 || s.broken && !s.partial
		partial = partial || s.partial
	}
	for _, v := range c.h.Virtuals {
		virtual += v.CommitSize
	}
	front := c.h.Header.FrontEnd
	l := &c.h.set.Counters
	c.counter(c.h.partial.segments, "TotalSegments", l.TotalSegments.Off, uint64(len(c.h.Segments)), uint64(got.TotalSegments))
	c.counter(c.h.partial.virtuals, "TotalSizeInVirtualBlocks", l.TotalSizeInVirtualBlocks.Off, virtual, got.TotalSizeInVirtualBlocks)
	if n := uint64(got.TotalUCRs); n != uint64(ranges-beside) && !(unsure && n > uint64(ranges)) {
		c.counter(partial, "TotalUCRs", l.TotalUCRs.Off, uint64(ranges), n)
	}
	if c.h.Header.FrontEndHeapType == 2 && !front.Known {
		return // the front end's memory is counted too, and its size is not known
	}
	c.counter(c.h.partial.segments, "TotalMemoryReserved", l.TotalMemoryReserved.Off, reserved+front.Reserved.Size(), got.TotalMemoryReserved)
	committed := reserved - uncommitted + front.Committed
	if n := got.TotalMemoryCommitted; n != committed+derived && !(unsure && n < committed) {
		c.counter(partial, "TotalMemoryCommitted", l.TotalMemoryCommitted.Off, committed, n)
	}
}

func (c checker) counter(partial bool, name string, off uint16, want, got uint64) {
	if want == got {
		return
	}
	class := diag.Corrupt
	if partial {
		class = diag.Incomplete
	}
	c.put(class, CodeCounter, c.h.field(c.h.set.Heap.Counters.Off+off), "_HEAP_COUNTERS", name, hex(want)+" by the walk", hex(got))
}
