package report

import (
	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/analysis/roles"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// FreeList is a free list with the blocks on it, as they were read.
type FreeList struct {
	Index              int
	Head, Flink, Blink memory.Addr
	Blocks             int
	Bytes, Largest     uint64
	Entries            []heap.Block // the first of them
}

// Heap is the result of heapdump heap: all of one heap's header.
func Heap(t *target.Target, h *census.Heap, rs *roles.Result, lists []FreeList) *Document {
	d := Describe(t)
	doc := &Document{Title: d.title()}
	doc.add(header(d)[0])
	all := append([]diag.Problem(nil), h.Problems...)
	if p := h.Target.Page; p != nil {
		ranges := pageRanges(p)
		ranges.Main = true
		doc.add(heapRecord(h, rs, nil), pageRoot(p), ranges, states(h), accounting([]*census.Heap{h}), coverage(t, []*census.Heap{h}))
		doc.problems(all, h.Dropped)
		return doc
	}
	if h.Target.NT == nil {
		doc.add(heapRecord(h, rs, nil), coverage(t, []*census.Heap{h}))
		doc.problems(append(all, t.Problems...), h.Dropped)
		return doc
	}
	nt := h.Target.NT
	doc.add(heapRecord(h, rs, nt))
	doc.add(ntTables(nt, nt.Tags(), lists)...)
	doc.add(states(h), accounting([]*census.Heap{h}), coverage(t, []*census.Heap{h}))
	doc.problems(all, h.Dropped)
	return doc
}

// ntTables are what only an NT heap has.
func ntTables(nt *ntheap.Heap, all []ntheap.Tag, lists []FreeList) []Table {
	return []Table{thresholds(nt), counters(nt), lock(nt), frontEndTable(nt),
		segments(nt), uncommitted(nt), virtualBlocks(nt), freeLists(lists), freeEntries(lists), tags(all)}
}

// Creation adds the stacks that created the heap and its lock, and notes on
// those that were recorded and could not be had.
func (d *Document) Creation(heap, lock []stacks.Frame, notes []string) {
	d.add(frames("creation_stack", "Stack of the heap's creation, innermost first", heap),
		frames("lock_creation_stack", "Stack of the creation of its lock, innermost first", lock))
	d.Warn("stacks", notes)
}

// heapRecord is the heap itself: what it is, and every number of its census.
func heapRecord(h *census.Heap, rs *roles.Result, nt *ntheap.Heap) Table {
	pairs := []pair{{Column{"", "Heap", Address}, addr(h.Target.Address)}}
	for _, x := range heapFields(rs) {
		pairs = append(pairs, pair{x.Column, x.cell(h)})
	}
	add := func(title string, kind Kind, v any) { pairs = append(pairs, pair{Column{"", title, kind}, v}) }
	add("Kind", Text, h.Target.Kind.String())
	add("Found by", List, h.Target.Found.List())
	add("Role", Text, roleWords(h.Target, rs))
	for i, w := range rs.Of(h.Target).Evidence {
		title := "  and"
		if i == 0 {
			title = "  because"
		}
		add(title, Text, w)
	}
	if s := remarks(h); s != "" {
		add("Notes", Text, s)
	}
	if nt == nil {
		return record("heap", "Heap", pairs)
	}
	x := nt.Header
	add("Layout", Text, x.Layout)
	add("Flags", Hex, uint32(x.Flags))
	add("Flags in words", Text, x.Flags.String())
	pairs = append(pairs,
		pair{Column{"force_flags", "ForceFlags", Hex}, uint32(x.ForceFlags)},
		pair{Column{"force_flags_text", "ForceFlags in words", Text}, x.ForceFlags.String()},
		pair{Column{"compatibility_flags", "CompatibilityFlags", Hex}, x.CompatibilityFlags},
		pair{Column{"granularity_bytes", "Granularity in bytes", Bytes}, x.Unit},
		pair{Column{"signature", "Signature", Hex}, x.Signature},
		pair{Column{"encoded", "Headers encoded", Yes}, x.Encoded},
		pair{Column{"key", "Key", Hex}, known(x.Encoded, x.Key)},
		pair{Column{"encode_flag_mask", "EncodeFlagMask", Hex}, x.EncodeFlagMask},
		pair{Column{"process_heaps_list_index", "ProcessHeapsListIndex", Count}, x.ProcessHeapsListIndex},
		pair{Column{"lock_variable", "Lock variable at", Address}, some(x.LockVariable)},
		pair{Column{"tag_entries", "Tag entries at", Address}, some(x.TagEntries)},
		pair{Column{"pseudo_tag_entries", "Pseudo tag entries at", Address}, some(x.PseudoTagEntries)},
		pair{Column{"next_tag_index", "Next tag index", Count}, x.NextAvailableTagIndex},
		pair{Column{"maximum_tag_index", "Maximum tag index", Count}, x.MaximumTagIndex},
		pair{Column{"allocator_back_trace_index", "AllocatorBackTraceIndex", Hex}, x.AllocatorBackTraceIndex},
		pair{Column{"virtual_allocd_blocks", "Virtual alloc list at", Address}, some(x.VirtualAllocdBlocks)},
		pair{Column{"ucr_list", "Uncommitted ranges list at", Address}, some(x.UCRList)},
		pair{Column{"free_lists_at", "Free lists at", Address}, some(x.FreeLists)},
		pair{Column{"user_context", "UserContext", Address}, some(x.UserContext)},
	)
	return record("heap", "Heap", pairs)
}

func thresholds(nt *ntheap.Heap) Table {
	x := nt.Header
	return record("thresholds", "Thresholds in bytes", []pair{
		{Column{"segment_reserve_bytes", "Segment reserve", Bytes}, x.SegmentReserve},
		{Column{"segment_commit_bytes", "Segment commit", Bytes}, x.SegmentCommit},
		{Column{"decommit_free_block_bytes", "Decommit block threshold", Bytes}, x.DeCommitFreeBlockThreshold * x.Unit},
		{Column{"decommit_total_free_bytes", "Decommit total threshold", Bytes}, x.DeCommitTotalFreeThreshold * x.Unit},
		{Column{"virtual_memory_threshold_bytes", "Virtual block threshold", Bytes}, x.VirtualMemoryThreshold * x.Unit},
		{Column{"maximum_allocation_bytes", "Maximum allocation", Bytes}, x.MaximumAllocationSize},
		{Column{"total_free_bytes", "Total free size", Bytes}, x.TotalFreeSize * x.Unit},
	})
}

func counters(nt *ntheap.Heap) Table {
	x := nt.Header.Counters
	t := record("counters", "Counters that the heap keeps", []pair{
		{Column{"total_memory_reserved_bytes", "Reserved bytes", Bytes}, x.TotalMemoryReserved},
		{Column{"total_memory_committed_bytes", "Committed bytes", Bytes}, x.TotalMemoryCommitted},
		{Column{"total_memory_large_ucr_bytes", "Large uncommitted bytes", Bytes}, x.TotalMemoryLargeUCR},
		{Column{"total_size_in_virtual_blocks_bytes", "Virtual block bytes", Bytes}, x.TotalSizeInVirtualBlocks},
		{Column{"total_segments", "Segments", Count}, x.TotalSegments},
		{Column{"total_ucrs", "Uncommitted ranges", Count}, x.TotalUCRs},
	})
	if !x.Known {
		t.Rows = nil
	}
	return t
}

func lock(nt *ntheap.Heap) Table {
	x := nt.Header.Lock
	t := record("lock", "Lock", []pair{
		{Column{"owned", "Owned", Yes}, x.Owned},
		{Column{"owning_thread", "Owning thread", Hex}, known(x.Owned, x.OwningThread)},
		{Column{"recursion_count", "Recursion count", Count}, x.RecursionCount},
		{Column{"contention_count", "Contention count", Count}, known(x.ContentionKnown, x.ContentionCount)},
	})
	if !x.Known {
		t.Rows = nil
		if nt.Header.LockVariable == 0 {
			t.Empty = "none: the heap is used without one (HEAP_NO_SERIALIZE)"
		} else {
			t.Empty = "the dump does not hold it"
		}
	}
	return t
}

func frontEndTable(nt *ntheap.Heap) Table {
	x := nt.Header
	name := any("none")
	switch x.FrontEndHeapType {
	case 1:
		name = "lookaside"
	case 2:
		name = "lfh"
	}
	return record("front_end", "Front end", []pair{
		{Column{"type", "Type", Text}, name},
		{Column{"type_number", "", Count}, x.FrontEndHeapType},
		{Column{"address", "At", Address}, some(x.FrontEndHeap)},
		{Column{"region_base", "Own region", Address}, known(x.FrontEnd.Known, addr(x.FrontEnd.Reserved.Start))},
		{Column{"region_bytes", "Own region's bytes", Bytes}, known(x.FrontEnd.Known, x.FrontEnd.Reserved.Size())},
		{Column{"region_committed_bytes", "Committed of them", Bytes}, known(x.FrontEnd.Known, x.FrontEnd.Committed)},
	})
}
