package process

import (
	"slices"

	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// Structures is what a scan for signatures found.
type Structures struct {
	Heaps    []memory.Addr                 // heaps of a known kind
	Segments map[memory.Addr][]memory.Addr // _HEAP_SEGMENTs that are no heap's first, by the heap that they name
}

// granularity is what address space is reserved in; heaps and segments start
// on it.
const granularity = 0x10000

// The signatures that a scan looks for.
const (
	segmentSignature     = 0xffeeffee // _HEAP_SEGMENT, Vista and later the heap itself too
	heapSignature        = 0xeeffeeff // _HEAP; where XP has it, a heap of XP
	segmentHeapSignature = 0xddeeddee // _SEGMENT_HEAP
	pageHeapSignature    = 0xffeeddcc // _DPH_HEAP_ROOT, one page behind its handle
)

// Scan looks for the signatures of heaps and segments where they can stand:
// at the start of each reservation, and, where the dump does not say what
// region saved bytes belong to, at each multiple of 64 KiB in them. It touches
// a page or two of each.
func Scan(s *memory.Space) Structures {
	sc := scan{Structures{Segments: map[memory.Addr][]memory.Addr{}}}
	if s.RegionsKnown() {
		for _, r := range s.Regions() {
			if r.State == memory.MemCommit && r.Type != memory.MemImage && r.Start == r.AllocationBase {
				sc.look(s, r.Start)
			}
		}
	}
	for _, run := range s.AllRuns() {
		for a := range s.Stray(run.Range(), granularity) {
			sc.look(s, a)
		}
	}
	slices.Sort(sc.out.Heaps)
	for _, list := range sc.out.Segments {
		slices.Sort(list)
	}
	return sc.out
}

type scan struct{ out Structures }

// look judges the memory at a. What carries the signature of a heap of Vista
// or later but not its own address is a copy of a heap, in user data say, and
// no heap; or it is another process's heap, which is mapped memory.
func (sc *scan) look(s *memory.Space, a memory.Addr) {
	if !signed(s, a) {
		return
	}
	owner := segmentOf(s, a)
	if owner != 0 && owner.Align(granularity) == owner && signed(s, owner) {
		// Judging which kind of heap this could be costs more than all else of
		// the scan, and a heap has its segments by the hundred.
		sc.out.Segments[owner] = append(sc.out.Segments[owner], a)
		return
	}
	kind, bits := ntheap.Identify(s, a)
	switch {
	case kind == heap.NT:
		r, known := s.Region(a)
		if own, ok := selfAddressed(s, a, bits); own || !ok || known && r.Type == memory.MemMapped {
			sc.out.Heaps = append(sc.out.Heaps, a)
		}
	case kind != heap.Unknown:
		sc.out.Heaps = append(sc.out.Heaps, a)
	case owner != 0:
		sc.out.Segments[owner] = append(sc.out.Segments[owner], a)
	}
}

// segmentOf returns the heap that the segment at a names, 0 when there is
// none, or only a copy of one that stands elsewhere: a segment's BaseAddress
// is its own.
func segmentOf(s *memory.Space, a memory.Addr) memory.Addr {
	for _, l := range [...]struct {
		bits                  int
		signature, heap, base memory.Addr
	}{{64, 0x10, 0x28, 0x30}, {32, 8, 0x18, 0x1c}, {64, 0x10, 0x18, 0x28}, {32, 8, 0x10, 0x18}} { // the last two are XP's
		if sig, err := s.U32(a + l.signature); err != nil || sig != segmentSignature {
			continue
		}
		if base, err := s.Pointer(a+l.base, l.bits); err != nil || base != a {
			continue
		}
		if owner, err := s.Pointer(a+l.heap, l.bits); err == nil && owner != a {
			return owner
		}
	}
	return 0
}

// signed reports whether memory begins as a heap or a segment does: with one
// of their signatures at offset 8 (x86) or 16 (x64), or that of a page heap
// one page on.
func signed(s *memory.Space, a memory.Addr) bool {
	for _, off := range [...]memory.Addr{8, 16} {
		switch sig, err := s.U32(a + off); {
		case err != nil:
		case sig == segmentSignature, sig == heapSignature, sig == segmentHeapSignature:
			return true
		}
	}
	sig, err := s.U32(a + memory.PageSize)
	return err == nil && sig == pageHeapSignature
}
