package process

import (
	"encoding/binary"

	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// Structures is what a scan for signatures found.
type Structures struct {
	Heaps    []memory.Addr // heaps of a known kind
	Segments []memory.Addr // _HEAP_SEGMENTs that are no heap's first
}

// granularity is what address space is reserved in; heaps and segments start
// on it.
const granularity = 0x10000

// Scan looks for the signatures of heaps and segments where they can stand:
// at the start of each reservation, or, when the dump does not list regions,
// at each multiple of 64 KiB in what it saved. It touches one page of each.
func Scan(s *memory.Space) Structures {
	var out Structures
	look := func(a memory.Addr) {
		if !signed(s.Tail(a)) {
			return
		}
		kind, _ := ntheap.Identify(s, a)
		switch {
		case kind == heap.Unknown:
			out.Segments = append(out.Segments, a)
		default:
			out.Heaps = append(out.Heaps, a)
		}
	}
	if s.RegionsKnown() {
		for _, r := range s.Regions() {
			if r.State == memory.MemCommit && r.Type != memory.MemImage && r.Start == r.AllocationBase {
				look(r.Start)
			}
		}
		return out
	}
	for _, run := range s.AllRuns() {
		end := run.Start.Add(uint64(len(run.Bytes)))
		for a := (run.Start + granularity - 1).Align(granularity); a < end && a >= run.Start; a += granularity {
			look(a)
		}
	}
	return out
}

// signed reports whether b begins as a heap or a segment does: with one of
// their signatures at offset 8 (x86) or 16 (x64).
func signed(b []byte) bool {
	if len(b) < 0x20 {
		return false
	}
	for _, off := range []int{8, 16} {
		switch binary.LittleEndian.Uint32(b[off:]) {
		case 0xffeeffee, 0xeeffeeff, 0xddeeddee:
			return true
		}
	}
	return len(b) > memory.PageSize+4 && binary.LittleEndian.Uint32(b[memory.PageSize:]) == 0xffeeddcc
}
