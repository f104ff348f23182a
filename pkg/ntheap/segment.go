package ntheap

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap/internal/layout"
)

// Signatures of the NT heap's structures (public; confirmed on dumps).
const (
	heapSignature    = 0xeeffeeff // _HEAP.Signature
	segmentSignature = 0xffeeffee // _HEAP_SEGMENT's
)

// maxSegment bounds a segment's reservation: 2^40 bytes. Windows reserves at
// most some 16 MiB, but for heaps made with a large initial size.
const maxSegment = 1 << 40

// readSegments fills h.Segments from the heap's list, or from its array on XP,
// and adds those of hints that name this heap and are on neither.
func (h *Heap) readSegments(hints []memory.Addr) {
	var found []memory.Addr
	if h.set.Old() {
		found = h.segmentArray()
	} else {
		found = h.segmentList()
	}
	if !slices.Contains(found, h.firstSegment()) {
		found = append([]memory.Addr{h.firstSegment()}, found...)
		h.report(CodeSegmentList, h.Header.Address, "_HEAP", "SegmentList", "the heap's first segment", "a list without it")
	}
	for _, a := range found {
		h.addSegment(a)
	}
	for _, a := range hints {
		if h.namesThisHeap(a) && h.addSegment(a) {
			h.report(CodeSegmentUnlisted, a, "_HEAP_SEGMENT", "", "an entry in the heap's list of segments", "none")
		}
	}
	for i := range h.Segments {
		h.byStart = append(h.byStart, i)
	}
	slices.SortFunc(h.byStart, func(a, b int) int { return cmp.Compare(h.Segments[a].Start, h.Segments[b].Start) })
}

// firstSegment is where segment 0's structure stands: it is the heap itself
// since Vista, and follows the _HEAP on XP.
func (h *Heap) firstSegment() memory.Addr {
	if !h.set.Old() {
		return h.Header.Address
	}
	raw, ok := structure(h.mem, h.Header.Address, uint16(h.set.Unit()))
	if ok {
		if w := h.codec.decode(raw); w.size() > 0 {
			return h.Header.Address.Add(h.codec.bytes(w))
		}
	}
	return h.Header.Address.Add(uint64(h.set.Heap.Size))
}

func (h *Heap) segmentList() []memory.Addr {
	off := memory.Addr(h.set.Segment.SegmentListEntry.Off)
	head := h.Header.Address.Add(uint64(h.set.Heap.SegmentList.Off))
	r := h.walkRing(head, func(n memory.Addr) bool { return h.namesThisHeap(n-off) || n-off == h.Header.Address })
	if r.broken != "" {
		h.report(CodeSegmentList, r.at, "_HEAP_SEGMENT", "SegmentListEntry", "a closed list of the heap's segments", r.broken)
	}
	out := make([]memory.Addr, len(r.nodes))
	for i, n := range r.nodes {
		out[i] = n - off
	}
	return out
}

func (h *Heap) segmentArray() []memory.Addr {
	f := h.set.Heap.Segments
	raw, ok := structure(h.mem, h.Header.Address, h.set.Heap.Size)
	if !ok {
		return nil
	}
	var out []memory.Addr
	ptr := uint16(h.set.Ptr())
	for off := f.Off; off < f.Off+f.Size; off += ptr {
		a := raw.addr(layout.Field{Off: off, Size: ptr})
		if a == 0 {
			continue
		}
		if !h.namesThisHeap(a) {
			h.report(CodeSegmentList, h.Header.Address.Add(uint64(off)), "_HEAP", "Segments", "a segment of this heap", a2s(a))
			continue
		}
		out = append(out, a)
	}
	return out
}

func a2s(a memory.Addr) string { return fmt.Sprintf("%v", a) }

// namesThisHeap reports whether the structure at a is a segment of h.
func (h *Heap) namesThisHeap(a memory.Addr) bool {
	s := &h.set.Segment
	raw, ok := structure(h.mem, a, s.Size)
	return ok && raw.addr(s.Heap) == h.Header.Address && raw.addr(s.BaseAddress) != 0
}

// addSegment reads the segment at a and appends it, unless its range is one
// that is there already or cannot be.
func (h *Heap) addSegment(a memory.Addr) bool {
	l := &h.set.Segment
	raw, ok := structure(h.mem, a, l.Size)
	if !ok {
		h.report(CodeSegmentField, a, "_HEAP_SEGMENT", "", "a segment", "memory that the dump does not hold")
		return false
	}
	s := Segment{
		Index: len(h.Segments), Address: a, FirstEntry: raw.addr(l.FirstEntry),
		Flags: uint32(raw.num(l.SegmentFlags) | raw.num(l.Flags)), Pages: uint32(raw.num(l.NumberOfPages)),
		UnCommittedPages: uint32(raw.num(l.NumberOfUnCommittedPages)), UnCommittedRanges: uint32(raw.num(l.NumberOfUnCommittedRanges)),
		LargestUnCommitted: raw.num(l.LargestUnCommittedRange),
	}
	if !h.placeSegment(&s, raw) {
		return false
	}
	if sig := raw.num(l.SegmentSignature) | raw.num(l.Signature); sig != segmentSignature {
		h.report(CodeSegmentField, a, "_HEAP_SEGMENT", "SegmentSignature", hex(segmentSignature), hex(sig))
	}
	for _, o := range h.Segments {
		if o.Overlaps(s.Range) {
			if o.Address != a {
				h.report(CodeSegmentField, a, "_HEAP_SEGMENT", "BaseAddress", "a range of its own", fmt.Sprintf("%v, which overlaps the segment at %v", s.Range, o.Start))
			}
			return false
		}
	}
	h.readUCRs(&s, raw)
	h.Segments = append(h.Segments, s)
	return true
}

// placeSegment settles the segment's range from BaseAddress, NumberOfPages
// and LastValidEntry, two of which have to agree.
func (h *Heap) placeSegment(s *Segment, raw fields) bool {
	l := &h.set.Segment
	base, last := raw.addr(l.BaseAddress), raw.addr(l.LastValidEntry)
	byPages := base.Add(uint64(s.Pages) * memory.PageSize)
	if s.Address == h.firstSegment() && base != h.Header.Address {
		h.report(CodeSegmentField, s.Address, "_HEAP_SEGMENT", "BaseAddress", a2s(h.Header.Address), a2s(base))
		base = h.Header.Address
		byPages = base.Add(uint64(s.Pages) * memory.PageSize)
	}
	valid := func(end memory.Addr) bool {
		return end > base && end-base <= maxSegment && end%memory.PageSize == 0
	}
	s.Start = base
	switch {
	case base%memory.PageSize != 0 || !valid(last) && !valid(byPages):
		h.report(CodeSegmentField, s.Address, "_HEAP_SEGMENT", "BaseAddress", "a page-aligned range", fmt.Sprintf("%v to %v, %d pages", base, last, s.Pages))
		return false
	case last == byPages:
		s.End = last
	default:
		h.report(CodeSegmentField, s.Address, "_HEAP_SEGMENT", "LastValidEntry", a2s(byPages)+" by NumberOfPages", a2s(last))
		s.End = byPages
		if !valid(byPages) || valid(last) && s.UnCommittedPages > s.Pages {
			s.End = last
		}
	}
	if s.FirstEntry < s.Start || s.FirstEntry > s.End {
		h.report(CodeSegmentField, s.Address, "_HEAP_SEGMENT", "FirstEntry", "an entry of the segment", a2s(s.FirstEntry))
	}
	return true
}

// readUCRs fills the segment's uncommitted ranges, sorted and disjoint.
func (h *Heap) readUCRs(s *Segment, raw fields) {
	if h.set.Old() {
		h.oldUCRs(s, raw)
	} else {
		h.listedUCRs(s)
	}
	slices.SortFunc(s.UCRs, func(a, b UCR) int { return cmp.Compare(a.Start, b.Start) })
	keep := s.UCRs[:0]
	at := s.Start
	for _, u := range s.UCRs {
		if u.Start < at {
			h.report(CodeUCRRange, u.Descriptor, "_HEAP_UCR_DESCRIPTOR", "Address", "a range behind the one before", fmt.Sprintf("%v", u.Range))
			continue
		}
		at = u.End
		keep = append(keep, u)
	}
	s.UCRs = keep
}

// listedUCRs reads the descriptors on UCRSegmentList (Vista and later).
func (h *Heap) listedUCRs(s *Segment) {
	l := &h.set.UCR
	head := s.Address.Add(uint64(h.set.Segment.UCRSegmentList.Off))
	off := memory.Addr(l.SegmentEntry.Off)
	r := h.walkRing(head, func(n memory.Addr) bool {
		raw, ok := structure(h.mem, n-off, l.Size_)
		return ok && h.addUCR(s, n-off, raw.addr(l.Address), raw.num(l.Size))
	})
	if r.broken != "" {
		h.report(CodeUCRList, r.at, "_HEAP_UCR_DESCRIPTOR", "SegmentEntry", "a closed list of the segment's uncommitted ranges", r.broken)
	}
}

// oldUCRs reads the singly linked ranges of XP and 2003.
func (h *Heap) oldUCRs(s *Segment, raw fields) {
	l := &h.set.OldUCR
	seen := map[memory.Addr]bool{}
	for a := raw.addr(h.set.Segment.UnCommittedRanges); a != 0; {
		r, ok := structure(h.mem, a, l.Size_)
		if !ok || seen[a] || !h.addUCR(s, a, r.addr(l.Address), r.num(l.Size)) {
			h.report(CodeUCRList, a, "_HEAP_UNCOMMMTTED_RANGE", "Next", "a list of the segment's uncommitted ranges", "a loop, or a node that is none or missing")
			return
		}
		seen[a] = true
		a = r.addr(l.Next)
	}
}

// addUCR appends a range that could be one of the segment's.
func (h *Heap) addUCR(s *Segment, desc, at memory.Addr, size uint64) bool {
	r := memory.Range{Start: at, End: at.Add(size)}
	if at%memory.PageSize != 0 || size%memory.PageSize != 0 || r.End < at || !s.Holds(r) {
		return false
	}
	if size == 0 {
		s.EmptyUCRs++
		return true
	}
	s.UCRs = append(s.UCRs, UCR{Range: r, Descriptor: desc})
	return true
}

// report keeps a problem of the heap's structure; Blocks hands it out.
func (h *Heap) report(code diag.Code, at memory.Addr, object, field, want, got string) {
	h.problems = append(h.problems, diag.Problem{Code: code, Class: diag.Corrupt, At: diag.At(at),
		Heap: h.Header.Address, Object: object, Field: field, Want: want, Got: got})
}
