package report

import (
	"fmt"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

func segments(nt *ntheap.Heap) Table {
	return fill(Table{Key: "segments", Title: "Segments", Main: true, Empty: "none", Tight: true}, []field[ntheap.Segment]{
		f("index", "#", Count, func(s ntheap.Segment) any { return s.Index }),
		f("address", "_HEAP_SEGMENT", Address, func(s ntheap.Segment) any { return addr(s.Address) }),
		f("base", "Base", Address, func(s ntheap.Segment) any { return addr(s.Start) }),
		f("end", "End", Address, func(s ntheap.Segment) any { return addr(s.End) }),
		f("first_entry", "First\nentry", Address, func(s ntheap.Segment) any { return some(s.FirstEntry) }),
		f("flags", "Flags", Hex, func(s ntheap.Segment) any { return s.Flags }),
		f("reserved_bytes", "Reserved\nbytes", Bytes, func(s ntheap.Segment) any { return s.Size() }),
		f("committed_bytes", "Committed\nbytes", Bytes, func(s ntheap.Segment) any { return s.Size() - min(s.Size(), s.Uncommitted()) }),
		f("uncommitted_bytes", "Uncommitted\nbytes", Bytes, func(s ntheap.Segment) any { return s.Uncommitted() }),
		f("pages", "Pages", Count, func(s ntheap.Segment) any { return s.Pages }),
		f("uncommitted_pages", "Uncommitted\npages", Count, func(s ntheap.Segment) any { return s.UnCommittedPages }),
		f("uncommitted_ranges", "Ranges", Count, func(s ntheap.Segment) any { return s.UnCommittedRanges }),
	}, nt.Segments)
}

// ucr is an uncommitted range and the segment that it lies in.
type ucr struct {
	ntheap.UCR
	segment int
}

func uncommitted(nt *ntheap.Heap) Table {
	var all []ucr
	for _, s := range nt.Segments {
		for _, u := range s.UCRs {
			all = append(all, ucr{u, s.Index})
		}
	}
	return fill(Table{Key: "uncommitted_ranges", Title: "Uncommitted ranges"}, []field[ucr]{
		f("segment", "Segment", Count, func(u ucr) any { return u.segment }),
		f("start", "Start", Address, func(u ucr) any { return addr(u.Start) }),
		f("end", "End", Address, func(u ucr) any { return addr(u.End) }),
		f("bytes", "Bytes", Bytes, func(u ucr) any { return u.Size() }),
		f("descriptor", "Descriptor", Address, func(u ucr) any { return some(u.Descriptor) }),
	}, all)
}

func virtualBlocks(nt *ntheap.Heap) Table {
	return fill(Table{Key: "virtual_blocks", Title: "Virtual blocks"}, []field[ntheap.Virtual]{
		f("node", "Node", Address, func(v ntheap.Virtual) any { return addr(v.Node) }),
		f("commit_bytes", "Committed bytes", Bytes, func(v ntheap.Virtual) any { return v.CommitSize }),
		f("reserve_bytes", "Reserved bytes", Bytes, func(v ntheap.Virtual) any { return v.ReserveSize }),
	}, nt.Virtuals)
}

func freeLists(lists []FreeList) Table {
	return fill(Table{Key: "free_lists", Title: "Free lists"}, []field[FreeList]{
		f("index", "#", Count, func(l FreeList) any { return l.Index }),
		f("head", "Head", Address, func(l FreeList) any { return addr(l.Head) }),
		f("flink", "Flink", Address, func(l FreeList) any { return addr(l.Flink) }),
		f("blink", "Blink", Address, func(l FreeList) any { return addr(l.Blink) }),
		f("blocks", "Blocks", Count, func(l FreeList) any { return l.Blocks }),
		f("bytes", "Bytes", Bytes, func(l FreeList) any { return l.Bytes }),
		f("largest_bytes", "Largest", Bytes, func(l FreeList) any { return l.Largest }),
	}, lists)
}

// freeEntry is a block on a free list.
type freeEntry struct {
	heap.Block
	list int
}

func freeEntries(lists []FreeList) Table {
	var all []freeEntry
	left := 0
	for _, l := range lists {
		for _, b := range l.Entries {
			all = append(all, freeEntry{b, l.Index})
		}
		left += l.Blocks - len(l.Entries)
	}
	t := fill(Table{Key: "free_entries", Title: "Blocks on the free lists, in their order"}, []field[freeEntry]{
		f("list", "List", Count, func(e freeEntry) any { return e.list }),
		f("entry", "Entry", Address, func(e freeEntry) any { return addr(e.Addr) }),
		f("block_bytes", "Block bytes", Bytes, func(e freeEntry) any { return e.Size }),
		f("flags", "Flags", Hex, func(e freeEntry) any { return uint8(e.Flags) }),
	}, all)
	if left > 0 {
		t.Notes = []string{fmt.Sprintf("… and %d more; `heapdump walk --heap ADDR --state free DUMP` lists every free block", left)}
	}
	return t
}

func tags(all []ntheap.Tag) Table {
	return fill(Table{Key: "tags", Title: "Heap tags"}, []field[ntheap.Tag]{
		f("index", "#", Count, func(t ntheap.Tag) any { return t.Index }),
		f("name", "Name", Text, func(t ntheap.Tag) any { return tagName(t) }),
		f("pseudo", "Pseudo", Yes, func(t ntheap.Tag) any { return t.Pseudo }),
		f("units", "", Count, func(t ntheap.Tag) any { return known(t.Pseudo, t.Units) }),
		f("allocs", "Allocs", Count, func(t ntheap.Tag) any { return t.Allocs }),
		f("frees", "Frees", Count, func(t ntheap.Tag) any { return t.Frees }),
		f("bytes", "Bytes", Bytes, func(t ntheap.Tag) any { return t.Bytes }),
	}, all)
}

func tagName(t ntheap.Tag) any {
	switch {
	case !t.Pseudo:
		return word(t.Name)
	case t.Units == 0:
		return "larger blocks"
	}
	return fmt.Sprintf("blocks of %d units", t.Units)
}

// share of a heap's blocks by state and origin.
type stateShare struct {
	state  heap.State
	origin heap.Origin
	census.Count
}

// states is what is in the heap, by state and origin.
func states(h *census.Heap) Table {
	var all []stateShare
	for s := range heap.State(heap.States) {
		for o := range heap.Origin(heap.Origins) {
			if n := h.Counts[s][o]; n.Blocks > 0 {
				all = append(all, stateShare{s, o, n})
			}
		}
	}
	return fill(Table{Key: "states", Title: "Blocks by state and origin"}, []field[stateShare]{
		f("state", "State", Text, func(s stateShare) any { return s.state.String() }),
		f("origin", "Origin", Text, func(s stateShare) any { return s.origin.String() }),
		f("blocks", "Blocks", Count, func(s stateShare) any { return s.Blocks }),
		f("block_bytes", "Block bytes", Bytes, func(s stateShare) any { return s.Bytes }),
		f("user_bytes", "User bytes", Bytes, func(s stateShare) any { return known(s.state == heap.Busy, s.User) }),
	}, all)
}
