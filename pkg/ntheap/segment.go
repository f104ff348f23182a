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
}

// maxSegments bounds the segments of one heap: with 65536 of them it would
// have a tebibyte.
const maxSegments = 1 << 16

// firstSegment is where segment 0's structure stands: it is the heap itself
// since Vista, and follows the _HEAP on XP, as Segments[0] and the heap's own
// entry say.
func (h *Heap) firstSegment() memory.Addr {
	at := h.Header.Address
	if !h.set.Old() {
		return at
	}
	raw, ok := structure(h.mem, at, h.set.Heap.Size)
	if !ok {
		return at.Add(uint64(h.set.Heap.Size))
	}
	f := h.set.Heap.Segments
	f.Size = uint16(h.set.Ptr())
	listed, next := raw.addr(f), at.Add(h.codec.bytes(h.codec.decode(raw)))
	if listed != next && listed > at && listed-at < 4*memory.PageSize && h.namesThisHeap(listed) || next == at {
		return listed
	}
	return next
}

func (h *Heap) segmentList() []memory.Addr {
	off := memory.Addr(h.set.Segment.SegmentListEntry.Off)
	head := h.Header.Address.Add(uint64(h.set.Heap.SegmentList.Off))
	r := h.walkRing(head, maxSegments, func(n memory.Addr) bool { return h.namesThisHeap(n-off) || n-off == h.Header.Address })
	if r.broken != "" {
		h.partial.segments = r.class == diag.Incomplete
		h.put(r.class, CodeSegmentList, r.at, "_HEAP_SEGMENT", "SegmentListEntry", "a closed list of the heap's segments", r.broken)
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
			class := h.blame(a, uint64(h.set.Segment.Size))
			h.partial.segments = h.partial.segments || class == diag.Incomplete
			h.put(class, CodeSegmentList, h.Header.Address.Add(uint64(off)), "_HEAP", "Segments", "a segment of this heap", a2s(a))
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
		h.put(h.blame(a, uint64(l.Size)), CodeSegmentField, a, "_HEAP_SEGMENT", "", "a segment", "memory that the dump does not hold")
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
	at, _ := slices.BinarySearchFunc(h.byStart, s.Start, func(i int, a memory.Addr) int { return cmp.Compare(h.Segments[i].Start, a) })
	for _, n := range h.byStart[max(at-1, 0):min(at+1, len(h.byStart))] {
		if o := &h.Segments[n]; o.Overlaps(s.Range) {
			if o.Address != a {
				h.report(CodeSegmentField, a, "_HEAP_SEGMENT", "BaseAddress", "a range of its own", fmt.Sprintf("%v, which overlaps the segment at %v", s.Range, o.Start))
			}
			return false
		}
	}
	h.byStart = slices.Insert(h.byStart, at, len(h.Segments))
	h.Segments = append(h.Segments, s)
	return true
}

// placeSegment settles the segment's range and its uncommitted ranges.
// BaseAddress is where the structure stands (the heap for the first); where
// NumberOfPages and LastValidEntry differ, the uncommitted ranges and the
// memory decide.
func (h *Heap) placeSegment(s *Segment, raw fields) bool {
	l := &h.set.Segment
	base, last := raw.addr(l.BaseAddress), raw.addr(l.LastValidEntry)
	s.Start = s.Address
	if s.Address == h.firstSegment() {
		s.Start = h.Header.Address
	}
	byPages := s.Start.Add(uint64(s.Pages) * memory.PageSize)
	top := memory.Addr(1) << 57 // of what processors can address, so that no sum of an address and a size overflows
	if h.Header.Bits == 32 {
		top = 1 << 32
	}
	valid := func(end memory.Addr) bool {
		return end > s.Start && end-s.Start <= maxSegment && end%memory.PageSize == 0 && end <= top
	}
	if s.Start%memory.PageSize != 0 || !valid(last) && !valid(byPages) {
		h.report(CodeSegmentField, s.Address, "_HEAP_SEGMENT", "BaseAddress", "a page-aligned range", fmt.Sprintf("%v to %v, %d pages", base, last, s.Pages))
		return false
	}
	if base != s.Start {
		h.report(CodeSegmentField, s.Address, "_HEAP_SEGMENT", "BaseAddress", a2s(s.Start), a2s(base))
	}
	ends := []memory.Addr{byPages, last}
	if !valid(byPages) {
		ends = ends[1:]
	} else if !valid(last) || last == byPages {
		ends = ends[:1]
	}
	s.End = slices.Max(ends)
	h.readUCRs(s, raw, slices.Min(ends))
	if byPages != s.End {
		h.report(CodeSegmentField, s.Address.Add(uint64(l.NumberOfPages.Off)), "_HEAP_SEGMENT", "NumberOfPages", fmt.Sprint(s.Size()/memory.PageSize), fmt.Sprint(s.Pages))
	}
	if last != s.End {
		h.report(CodeSegmentField, s.Address.Add(uint64(l.LastValidEntry.Off)), "_HEAP_SEGMENT", "LastValidEntry", a2s(s.End), a2s(last))
	}
	if s.FirstEntry < s.Start || s.FirstEntry > s.End {
		h.report(CodeSegmentField, s.Address.Add(uint64(l.FirstEntry.Off)), "_HEAP_SEGMENT", "FirstEntry", "an entry of the segment", a2s(s.FirstEntry))
	}
	return true
}

// report keeps a problem of the heap's structure; Blocks hands it out.
func (h *Heap) report(code diag.Code, at memory.Addr, object, field, want, got string) {
	h.put(diag.Corrupt, code, at, object, field, want, got)
}

func (h *Heap) put(class diag.Class, code diag.Code, at memory.Addr, object, field, want, got string) {
	if len(h.problems) >= diag.DefaultLimit {
		return // a hostile structure: thousands say enough
	}
	h.problems = append(h.problems, diag.Problem{Code: code, Class: class, At: diag.At(at),
		Heap: h.Header.Address, Object: object, Field: field, Want: want, Got: got})
}
