package ntheap

import (
	"bytes"
	"encoding/binary"

	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap/internal/layout"
)

const (
	segmentHeapSignature = 0xddeeddee // _SEGMENT_HEAP.Signature
	pageHeapSignature    = 0xffeeddcc // _DPH_HEAP_ROOT.Signature

	// minHeader is what has to be there to say what a heap is.
	minHeader = 0x130
	// enough is the score from which memory is taken for a _HEAP. Right
	// layouts of sound heaps score 17 and more, of a heap with both
	// signatures destroyed 12; what is no heap scores 4 at most.
	enough = 9
)

// Identify says what kind of heap is at a, and its pointer size in bits.
// Unknown means no heap of a known kind, or memory that is missing.
func Identify(m heap.Memory, a memory.Addr) (heap.Kind, int) {
	if sig, ok := u32(m, a+0x10); ok && sig == segmentHeapSignature {
		return heap.Segment, 64
	}
	if sig, ok := u32(m, a+8); ok && sig == segmentHeapSignature {
		return heap.Segment, 32
	}
	if bits := pageHeap(m, a); bits != 0 {
		return heap.Page, bits
	}
	if _, err := m.View(a, minHeader); err != nil {
		return heap.Unknown, 0
	}
	kind, bits, top := heap.Unknown, 0, enough-1
	for _, set := range layout.All() {
		if n := score(m, a, set); n > top {
			kind, bits, top = heap.NT, set.Bits, n
		}
	}
	if kind == heap.NT {
		return kind, bits
	}
	return wine(m, a)
}

// pageHeap recognises a full page heap: its handle is a page that imitates a
// _HEAP, with the root one page on.
func pageHeap(m heap.Memory, a memory.Addr) int {
	sig, ok := u32(m, a+memory.PageSize)
	if !ok || sig != pageHeapSignature {
		return 0
	}
	for _, c := range []struct {
		bits  int
		flags memory.Addr // ForceFlags of Vista and later, of XP
	}{{64, 0x74}, {32, 0x44}, {64, 0x18}, {32, 0x10}} {
		if f, ok := u32(m, a+c.flags); ok && Flags(f)&PageHeapFlag != 0 {
			return c.bits
		}
	}
	return 0
}

// wine recognises a heap of Wine's own: an NT segment's signature, nothing
// where a segment has its list, its heap and its extent, and the magic HEAP
// among the private fields behind those that Windows programs look at (Wine 8:
// x86 +0x68, x64 +0xb8, seen in 31 heaps; other versions have it near).
func wine(m heap.Memory, a memory.Addr) (heap.Kind, int) {
	head, err := m.View(a, minHeader)
	if err != nil {
		return heap.Unknown, 0
	}
	for _, c := range []struct{ bits, signature, empty, end, private int }{{64, 0x10, 0x18, 0x40, 0x78}, {32, 8, 0x10, 0x24, 0x48}} {
		if binary.LittleEndian.Uint32(head[c.signature:]) != segmentSignature {
			continue
		}
		if bytes.ContainsFunc(head[c.empty:c.end], func(r rune) bool { return r != 0 }) {
			return heap.Unknown, c.bits
		}
		for at := c.private; at+4 <= minHeader; at += 4 {
			if string(head[at:at+4]) == "HEAP" {
				return heap.Wine, c.bits
			}
		}
		return heap.Unknown, c.bits
	}
	return heap.Unknown, 0
}

// best returns the layout of the given pointer size that fits the memory at a
// best. Where several fit alike, the build number decides.
func best(m heap.Memory, a memory.Addr, bits, build int) *layout.Set {
	var top *layout.Set
	most := -1
	for _, set := range layout.All() {
		if set.Bits != bits {
			continue
		}
		n := score(m, a, set)
		if n > most || n == most && prefer(set, top, build) {
			top, most = set, n
		}
	}
	return top
}

// firstBuild is the first build of each family, for ties only: where the
// layouts differ in nothing that the memory shows.
var firstBuild = map[string]int{
	"xp-x86": 2600, "2003-x64": 3790, "vista-x86": 6000, "vista-x64": 6000, "win7-x86": 7600, "win7-x64": 7600,
	"win8-x86": 9200, "win8-x64": 9200, "win10-14393-x86": 11082, "win10-14393-x64": 11082,
	"win10-17763-x86": 17763, "win10-17763-x64": 17763, "win11-24h2-x86": 26100, "win11-24h2-x64": 26100,
}

func prefer(a, b *layout.Set, build int) bool {
	fa, fb := firstBuild[a.Name], firstBuild[b.Name]
	if build == 0 { // unknown: the older of the newer, which has fewer fields
		return false
	}
	return fa <= build && (fb > build || fa > fb)
}

// score says how well the memory at a fits the layout: a point or more for
// each fact that would be a chance elsewhere.
func score(m heap.Memory, a memory.Addr, set *layout.Set) int {
	raw, ok := structure(m, a, set.Heap.Size)
	if !ok {
		return 0
	}
	l := &set.Heap
	n := 0
	add := func(points int, fact bool) {
		if fact {
			n += points
		}
	}
	add(4, raw.num(l.Signature) == heapSignature)
	mask := ^uint64(7)
	if set.Bits == 32 {
		mask &= 0xffffffff
	}
	align := raw.num(l.AlignMask)
	add(3, align == mask || align == mask<<1&mask)
	for _, f := range []layout.Field{l.VirtualAllocdBlocks, l.UCRList, l.SegmentList} {
		add(1, f.Has() && closedRing(m, a.Add(uint64(f.Off)), raw, f, set.Bits))
	}
	n += scoreSegment(raw, a, set) + scoreFrontEnd(m, raw, a, set) + scoreFree(m, raw, a, set)
	if l.EncodeFlagMask.Has() {
		e := raw.num(l.EncodeFlagMask)
		add(1, e == 0 || e == 0x100000)
	}
	n += scoreCounters(m, raw, a, set)
	return n
}

// scoreSegment judges segment 0, which is the heap itself since Vista.
func scoreSegment(raw fields, a memory.Addr, set *layout.Set) int {
	if set.Old() {
		return 0
	}
	s := &set.Segment
	n := 0
	if raw.num(s.SegmentSignature) == segmentSignature {
		n += 2
	}
	if raw.addr(s.Heap) == a {
		n += 2
	}
	if raw.addr(s.BaseAddress) == a {
		n++
	}
	if last := raw.addr(s.LastValidEntry); last == a.Add(raw.num(s.NumberOfPages)*memory.PageSize) && last > a {
		n++
	}
	return n
}

// scoreCounters judges _HEAP_COUNTERS, whose place moved by a few bytes from
// family to family: four sizes in whole pages and the number of segments.
func scoreCounters(m heap.Memory, raw fields, a memory.Addr, set *layout.Set) int {
	if !set.Heap.Counters.Has() {
		return 0
	}
	at, l := raw[set.Heap.Counters.Off:], &set.Counters
	reserved, committed := at.num(l.TotalMemoryReserved), at.num(l.TotalMemoryCommitted)
	all := reserved | committed | at.num(l.TotalMemoryLargeUCR) | at.num(l.TotalSizeInVirtualBlocks)
	n := 0
	if all%memory.PageSize == 0 && committed != 0 && committed <= reserved && reserved >= raw.num(set.Segment.NumberOfPages)*memory.PageSize {
		n += 2
	}
	segs := at.num(l.TotalSegments)
	if segs > 0 && segs < 1<<16 && ringOf(m, a.Add(uint64(set.Heap.SegmentList.Off)), int(segs), set.Bits) {
		n += 2
	}
	return n
}

// hops is how far ringOf follows a list: each node is a page that nobody may
// have touched yet, and a number that is wrong shows in a few.
const hops = 16

// ringOf reports whether the list at head has n nodes, as far as the first
// few of them tell.
func ringOf(m heap.Memory, head memory.Addr, n, bits int) bool {
	at := head
	for range min(n, hops) {
		next, ok := pointer(m, at, bits)
		if !ok || next == head {
			return false
		}
		at = next
	}
	next, ok := pointer(m, at, bits)
	return ok && (n > hops || next == head)
}

// scoreFree judges the head of the free lists; XP's has 128 of them.
func scoreFree(m heap.Memory, raw fields, a memory.Addr, set *layout.Set) int {
	f := set.Heap.FreeLists
	count, step := 1, uint16(2*set.Ptr())
	if set.Old() {
		count = 8
	}
	n := 0
	for i := range count {
		at := layout.Field{Off: f.Off + uint16(i)*step, Size: step}
		if closedRing(m, a.Add(uint64(at.Off)), raw, at, set.Bits) {
			n++
		}
	}
	return n
}

// scoreFrontEnd judges type and pointer of the front end, which is what tells
// the families since Windows 8 apart.
func scoreFrontEnd(m heap.Memory, raw fields, a memory.Addr, set *layout.Set) int {
	kind, at := raw.num(set.Heap.FrontEndHeapType), raw.addr(set.Heap.FrontEndHeap)
	switch {
	case kind == 0 && at == 0:
		return 1
	case kind == 1 && at != 0:
		return 1
	case kind == 2 && set.LFH.Heap.Has():
		if back, ok := pointer(m, at.Add(uint64(set.LFH.Heap.Off)), set.Bits); ok && back == a {
			return 4
		}
	}
	return 0
}

// closedRing reports whether the list head in field f, at address at, has two
// neighbours that point back at it (itself, when the list is empty).
func closedRing(m heap.Memory, at memory.Addr, raw fields, f layout.Field, bits int) bool {
	flink, blink := raw.pair(f)
	if flink == at && blink == at {
		return true
	}
	back, ok1 := pointer(m, flink.Add(uint64(bits)/8), bits)
	forth, ok2 := pointer(m, blink, bits)
	return ok1 && ok2 && back == at && forth == at
}
