package ntheap

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
)

// readUCRs fills the segment's uncommitted ranges, sorted and disjoint, from
// its list, and sets them right by the memory map where the dump has one.
// s.End is the larger of the two ends that the header gives and comes out as
// the right one; least is the other.
func (h *Heap) readUCRs(s *Segment, raw fields, least memory.Addr) {
	var listed []UCR
	if h.set.Old() {
		listed = h.oldUCRs(s, raw)
	} else {
		listed = h.listedUCRs(s)
	}
	h.settleEnd(s, listed, least)
	slices.SortStableFunc(listed, func(a, b UCR) int { return cmp.Compare(a.Start, b.Start) })
	for i := range listed {
		limit := s.End
		if i+1 < len(listed) && listed[i+1].Start > listed[i].Start {
			limit = min(limit, listed[i+1].Start)
		}
		h.settleUCR(s, listed[i], limit)
	}
	h.disjoint(s)
	h.mapUCRs(s)
}

// settleEnd chooses between the two ends of a segment whose header does not
// agree with itself.
func (h *Heap) settleEnd(s *Segment, listed []UCR, least memory.Addr) {
	if least == s.End {
		return
	}
	for _, u := range listed {
		if u.End == s.End || u.End > least && h.plausibleUCR(s, u) {
			return
		}
	}
	k := &walker{h: h, c: h.codec}
	if w, ok := k.read(least, s.End); !ok || !h.codec.sound(w) {
		s.End = least
	}
}

// plausibleUCR reports whether u could be a range of the segment.
func (h *Heap) plausibleUCR(s *Segment, u UCR) bool {
	return u.Start%memory.PageSize == 0 && u.End%memory.PageSize == 0 && u.End >= u.Start && s.Holds(u.Range)
}

// maxRegions is how many regions of a memory map a listed range may lie in: it
// lies in one, but for what writers of dumps make of it.
const maxRegions = 64

// reserved returns the end of the address space without memory that starts at
// a, as the dump's memory map has it; a itself when there is memory, or none
// knows. It looks at no more than so many regions.
func (h *Heap) reserved(a, limit memory.Addr, regions int) memory.Addr {
	for ; a < limit && regions > 0; regions-- {
		gap, why := h.mem.Gap(a)
		if gap.Empty() || why != memory.Reserved && why != memory.Free {
			break
		}
		a = gap.End
	}
	return min(a, limit) &^ (memory.PageSize - 1)
}

// settleUCR adds a listed range, corrected by where its descriptor stands
// (at the end of the block before the range, since Vista) and by the memory
// map. limit is the next range's start.
func (h *Heap) settleUCR(s *Segment, u UCR, limit memory.Addr) {
	good := h.plausibleUCR(s, u)
	if good && u.Empty() {
		s.EmptyUCRs++
		return
	}
	fixed := u
	end := u.Start
	if good {
		end = h.reserved(u.Start, limit, maxRegions)
	}
	if behind := u.Descriptor.Add(uint64(h.set.UCR.Size_)); end <= u.Start && !h.set.Old() && behind != u.Start && s.Contains(behind) && behind%memory.PageSize == 0 {
		if e := h.reserved(behind, s.End, maxRegions); e > behind {
			fixed.Range, end = memory.Range{Start: behind, End: e}, e
		}
	}
	k := &walker{h: h, c: h.codec}
	w, entry := k.read(end, s.End)
	switch {
	case end <= fixed.Start && !good:
		s.unplaced++
	case end > fixed.End, end > fixed.Start && end < fixed.End && entry && h.codec.sound(w):
		fixed.End = end
	}
	if fixed.Range != u.Range || !good {
		h.report(CodeUCRRange, u.Descriptor, "_HEAP_UCR_DESCRIPTOR", "Address", fmt.Sprintf("%v, by the memory map", fixed.Range), fmt.Sprintf("%v", u.Range))
	}
	if end > fixed.Start || good {
		s.UCRs = append(s.UCRs, fixed)
	}
}

// disjoint sorts the segment's ranges and drops those that overlap another.
func (h *Heap) disjoint(s *Segment) {
	slices.SortStableFunc(s.UCRs, func(a, b UCR) int { return cmp.Compare(a.Start, b.Start) })
	keep := s.UCRs[:0]
	at := s.Start
	for _, u := range s.UCRs {
		if u.Start < at {
			s.unplaced++
			h.report(CodeUCRRange, u.Descriptor, "_HEAP_UCR_DESCRIPTOR", "Address", "a range behind the one before", fmt.Sprintf("%v", u.Range))
			continue
		}
		at = u.End
		keep = append(keep, u)
	}
	s.UCRs = keep
}

// mapUCRs adds what has no memory by the memory map and is in no listed
// range. Where the list is broken or a range of it has no place, that is what
// they are of; else nobody listed them.
func (h *Heap) mapUCRs(s *Segment) {
	var found []UCR
	i := 0
	for at := s.Start; at < s.End; {
		if i < len(s.UCRs) && s.UCRs[i].Start <= at {
			at = s.UCRs[i].End
			i++
			continue
		}
		limit := s.End
		if i < len(s.UCRs) {
			limit = s.UCRs[i].Start
		}
		if tail := h.mem.Tail(at); tail != nil {
			at = min(at.Add(uint64(len(tail))), limit)
			continue
		}
		start := (at + memory.PageSize - 1) &^ (memory.PageSize - 1)
		if end := h.reserved(start, limit, math.MaxInt); end > start {
			found = append(found, UCR{Range: memory.Range{Start: start, End: end}})
			at = end
			continue
		}
		gap, _ := h.mem.Gap(at)
		at = min(max(gap.End, at+1), limit)
	}
	for _, u := range found {
		if s.unplaced > 0 {
			s.unplaced--
		} else if !s.broken {
			s.derived = append(s.derived, u)
			h.report(CodeUCRUnlisted, u.Start, "_HEAP_SEGMENT", "", "an uncommitted range in the segment's list", fmt.Sprintf("%#x bytes without memory", u.Size()))
		}
	}
	if len(found) > 0 {
		s.UCRs = append(s.UCRs, found...)
		slices.SortFunc(s.UCRs, func(a, b UCR) int { return cmp.Compare(a.Start, b.Start) })
	}
}

// listedUCRs reads the descriptors on UCRSegmentList (Vista and later).
func (h *Heap) listedUCRs(s *Segment) []UCR {
	l := &h.set.UCR
	head := s.Address.Add(uint64(h.set.Segment.UCRSegmentList.Off))
	off := memory.Addr(l.SegmentEntry.Off)
	read := func(n memory.Addr) (UCR, bool) {
		raw, ok := structure(h.mem, n-off, l.Size_)
		if !ok {
			return UCR{}, false
		}
		start := raw.addr(l.Address)
		return UCR{Range: memory.Range{Start: start, End: start.Add(raw.num(l.Size))}, Descriptor: n - off}, true
	}
	r := h.walkRing(head, s.Size()/memory.PageSize+2, func(n memory.Addr) bool {
		u, ok := read(n)
		return ok && (h.plausibleUCR(s, u) || h.linked(n))
	})
	out := make([]UCR, 0, len(r.nodes)+1)
	for _, n := range r.nodes {
		if u, ok := read(n); ok {
			out = append(out, u)
		}
	}
	if r.broken != "" {
		s.broken, s.partial = true, r.class == diag.Incomplete
		h.put(r.class, CodeUCRList, r.at, "_HEAP_UCR_DESCRIPTOR", "SegmentEntry", "a closed list of the segment's uncommitted ranges", r.broken)
		if u, ok := h.lostUCR(s, r.gap-off, out); ok {
			out = append(out, u)
		}
	}
	return out
}

// lostUCR makes the one range whose descriptor is destroyed or not in the
// dump: it starts behind the descriptor, and the segment's counts leave its
// size.
func (h *Heap) lostUCR(s *Segment, desc memory.Addr, listed []UCR) (UCR, bool) {
	pages := uint64(s.UnCommittedPages)
	for _, u := range listed {
		pages -= min(u.Size()/memory.PageSize, pages)
	}
	start := desc.Add(uint64(h.set.UCR.Size_))
	u := UCR{Range: start.Span(pages * memory.PageSize), Descriptor: desc}
	return u, pages > 0 && uint64(s.UnCommittedRanges) == uint64(len(listed))+1 && h.plausibleUCR(s, u) && h.mem.Tail(start) == nil
}

// oldUCRs reads the singly linked ranges of XP and 2003.
func (h *Heap) oldUCRs(s *Segment, raw fields) []UCR {
	l := &h.set.OldUCR
	var out []UCR
	seen := map[memory.Addr]bool{}
	limit := int(min(s.Size()/memory.PageSize+2, maxNodes))
	for a := raw.addr(h.set.Segment.UnCommittedRanges); a != 0; {
		r, ok := structure(h.mem, a, l.Size_)
		if !ok || seen[a] || len(out) >= limit {
			class := h.blame(a, uint64(l.Size_))
			s.broken, s.partial = true, class == diag.Incomplete
			h.put(class, CodeUCRList, a, "_HEAP_UNCOMMMTTED_RANGE", "Next", "a list of the segment's uncommitted ranges", "a loop, or a node that is none or missing")
			return out
		}
		seen[a] = true
		start := r.addr(l.Address)
		out = append(out, UCR{Range: memory.Range{Start: start, End: start.Add(r.num(l.Size))}, Descriptor: a})
		a = r.addr(l.Next)
	}
	return out
}
