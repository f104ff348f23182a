package report

import (
	"fmt"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/analysis/roles"
	"github.com/heapdump/heapdump/pkg/heap"
)

// c makes a field of a census that is null for a heap that was not walked.
func c(key, title string, kind Kind, cell func(*census.Heap) any) field[*census.Heap] {
	return f(key, title, kind, func(h *census.Heap) any {
		if !h.Walked {
			return nil
		}
		return cell(h)
	})
}

// nt makes a field of a census that only NT heaps have; null for others.
func nt(key, title string, kind Kind, cell func(*census.Heap) any) field[*census.Heap] {
	return f(key, title, kind, func(h *census.Heap) any {
		if !h.Walked || h.Target.NT == nil {
			return nil
		}
		return cell(h)
	})
}

// heapFields are the keys of a heap for programs.
func heapFields(rs *roles.Result) []field[*census.Heap] {
	return append([]field[*census.Heap]{
		f("index", "", Count, func(h *census.Heap) any { return h.Target.Position }),
		f("address", "", Address, func(h *census.Heap) any { return addr(h.Target.Address) }),
		f("bits", "", Count, func(h *census.Heap) any { return known(h.Target.Bits != 0, h.Target.Bits) }),
		f("kind", "", Text, func(h *census.Heap) any { return h.Target.Kind.String() }),
		f("layout", "", Text, func(h *census.Heap) any { return known(h.Target.NT != nil, layout(h)) }),
		f("flags", "", Hex, func(h *census.Heap) any { return known(h.Target.NT != nil, flags(h)) }),
		f("flags_text", "", Text, func(h *census.Heap) any { return known(h.Target.NT != nil, flagWords(h)) }),
		f("listed", "", Yes, func(h *census.Heap) any { return h.Target.Listed }),
		f("default", "", Yes, func(h *census.Heap) any { return h.Target.Default }),
		f("foreign", "", Yes, func(h *census.Heap) any { return h.Target.Foreign }),
		f("found", "", List, func(h *census.Heap) any { return h.Target.Found.List() }),
		f("normal_heap_of", "", Address, func(h *census.Heap) any { return some(h.Target.NormalOf) }),
		f("role", "", Text, func(h *census.Heap) any { return word(rs.Of(h.Target).Kind.String()) }),
		f("role_owner", "", Text, func(h *census.Heap) any { return word(rs.Of(h.Target).Owner) }),
		f("role_evidence", "", List, func(h *census.Heap) any { return list(rs.Of(h.Target).Evidence) }),
		f("walked", "", Yes, func(h *census.Heap) any { return h.Walked }),
		f("why", "", Text, func(h *census.Heap) any { return word(h.Target.Why) }),
	}, numberFields()...)
}

// numberFields are the counts of a heap for programs; null when not walked.
func numberFields() []field[*census.Heap] {
	return []field[*census.Heap]{
		nt("segments", "", Count, func(h *census.Heap) any { return h.Segments }),
		c("reserved_bytes", "", Bytes, func(h *census.Heap) any { return h.Reserved }),
		c("committed_bytes", "", Bytes, func(h *census.Heap) any { return h.Committed }),
		c("uncommitted_bytes", "", Bytes, func(h *census.Heap) any { return h.Uncommitted }),
		nt("segment_reserved_bytes", "", Bytes, func(h *census.Heap) any { return h.SegmentReserved }),
		nt("segment_committed_bytes", "", Bytes, func(h *census.Heap) any { return h.SegmentCommitted }),
		nt("uncommitted_ranges", "", Count, func(h *census.Heap) any { return h.UncommittedRanges }),
		nt("virtual_blocks", "", Count, func(h *census.Heap) any { return h.VirtualBlocks }),
		nt("virtual_bytes", "", Bytes, func(h *census.Heap) any { return h.VirtualCommitted }),
		nt("virtual_reserved_bytes", "", Bytes, func(h *census.Heap) any { return h.VirtualReserved }),
		nt("virtual_user_bytes", "", Bytes, func(h *census.Heap) any { return h.VirtualUser }),
		c("front_end", "", Text, func(h *census.Heap) any { return frontEnd(h) }),
		nt("front_end_reserved_bytes", "", Bytes, func(h *census.Heap) any { return h.FrontEndReserved }),
		nt("front_end_committed_bytes", "", Bytes, func(h *census.Heap) any { return h.FrontEndCommitted }),
		c("busy_blocks", "", Count, func(h *census.Heap) any { return h.BusyBlocks }),
		c("busy_bytes", "", Bytes, func(h *census.Heap) any { return h.BusyUser }),
		c("free_blocks", "", Count, func(h *census.Heap) any { return h.FreeBlocks }),
		c("free_bytes", "", Bytes, func(h *census.Heap) any { return h.Free }),
		c("largest_free_bytes", "", Bytes, func(h *census.Heap) any { return h.LargestFree }),
		c("internal_bytes", "", Bytes, func(h *census.Heap) any { return h.Internal }),
		c("overhead_bytes", "", Bytes, func(h *census.Heap) any { return h.Overhead }),
		c("lost_bytes", "", Bytes, func(h *census.Heap) any { return h.Lost }),
		c("unaccounted_bytes", "", Bytes, func(h *census.Heap) any { return h.Unaccounted }),
		c("external_fragmentation_percent", "", Percent, func(h *census.Heap) any { return known(h.External.Known, h.External.Value) }),
		c("virtual_fragmentation_percent", "", Percent, func(h *census.Heap) any { return known(h.VirtualAddress.Known, h.VirtualAddress.Value) }),
		c("lock_contention", "", Count, func(h *census.Heap) any { return lockContention(h) }),
		c("lock_owned", "", Yes, lockOwned),
		c("problems", "", Count, func(h *census.Heap) any { return len(h.Problems) + h.Dropped }),
	}
}

func layout(h *census.Heap) any {
	if h.Target.NT == nil {
		return nil
	}
	return h.Target.NT.Header.Layout
}

func flags(h *census.Heap) any {
	if h.Target.NT == nil {
		return nil
	}
	return uint32(h.Target.NT.Header.Flags)
}

func flagWords(h *census.Heap) any {
	if h.Target.NT == nil {
		return nil
	}
	return h.Target.NT.Header.Flags.String()
}

// frontEnd names a heap's front end: "lfh", "lookaside", null for none.
func frontEnd(h *census.Heap) any {
	if h.Target.NT == nil {
		return nil
	}
	switch h.Target.NT.Header.FrontEndHeapType {
	case 0:
		return nil
	case 1:
		return "lookaside"
	case 2:
		return "lfh"
	}
	return fmt.Sprintf("type %d", h.Target.NT.Header.FrontEndHeapType)
}

// lockContention is null where the heap has no lock or the dump has not got
// the lock's debug information.
func lockContention(h *census.Heap) any {
	if h.Target.NT == nil || !h.Target.NT.Header.Lock.ContentionKnown {
		return nil
	}
	return h.Target.NT.Header.Lock.ContentionCount
}

// lockOwned is null where the heap has no lock or the dump has not got it.
func lockOwned(h *census.Heap) any {
	if h.Target.NT == nil || !h.Target.NT.Header.Lock.Known {
		return nil
	}
	return h.Target.NT.Header.Lock.Owned
}

// debuggerReserved is the column Reserv of !heap -s, which leaves virtual
// blocks out.
func debuggerReserved(h *census.Heap) any { return h.Reserved - h.VirtualReserved }

// debuggerCommitted is the column Commit.
func debuggerCommitted(h *census.Heap) any { return h.Committed - h.VirtualCommitted }

// debuggerFields are the columns of !heap -s and, beside them, what is in use.
func debuggerFields(rs *roles.Result) []field[*census.Heap] {
	return []field[*census.Heap]{
		f("", "#", Count, func(h *census.Heap) any { return h.Target.Position }),
		f("", "Heap", Address, func(h *census.Heap) any { return addr(h.Target.Address) }),
		f("", "Flags", Hex, flags),
		c("", "Reserv\n(k)", KiB, func(h *census.Heap) any { return debuggerReserved(h) }),
		c("", "Commit\n(k)", KiB, func(h *census.Heap) any { return debuggerCommitted(h) }),
		nt("", "Virt\n(k)", KiB, func(h *census.Heap) any { return h.DebuggerVirt }),
		nt("", "Free\n(k)", KiB, func(h *census.Heap) any { return h.Counts[heap.Free][heap.Backend].Bytes }),
		nt("", "List\nlength", Count, func(h *census.Heap) any { return h.Counts[heap.Free][heap.Backend].Blocks }),
		nt("", "UCR", Count, func(h *census.Heap) any { return h.UncommittedRanges }),
		nt("", "Virt\nblocks", Count, func(h *census.Heap) any { return h.VirtualBlocks }),
		nt("", "Lock\ncont.", Count, lockContention),
		f("", "Fast\nheap", Text, func(h *census.Heap) any { return fastHeap(h) }),
		c("", "Busy\nblocks", Count, func(h *census.Heap) any { return h.BusyBlocks }),
		c("", "Busy\nbytes", Bytes, func(h *census.Heap) any { return h.BusyUser }),
		c("", "Free\nblocks", Count, func(h *census.Heap) any { return h.FreeBlocks }),
		c("", "Free\nbytes", Bytes, func(h *census.Heap) any { return h.Free }),
		roleField(rs),
	}
}

func fastHeap(h *census.Heap) any {
	switch v := frontEnd(h); v {
	case "lfh":
		return "LFH"
	case "lookaside":
		return "L"
	default:
		return v
	}
}

// debuggerTable is the table of heaps for people, with a total.
func debuggerTable(heaps []*census.Heap, rs *roles.Result) Table {
	fields := debuggerFields(rs)
	t := fill(Table{Title: "Heaps (columns as in !heap -s; k = 1,024 bytes, virtual blocks not in them; busy bytes as asked for)",
		Media: ForPeople, Tight: true}, fields, heaps)
	switch walked := keep(heaps, func(h *census.Heap) bool { return h.Walked }); {
	case len(heaps) == 0:
		t.Empty = "none was found"
	case len(walked) == 0:
		t.Rows = nil // the table of those that were not walked says all
	}
	if len(t.Rows) < 2 {
		return t
	}
	t.Total = make([]any, len(fields))
	for i, x := range fields {
		if i < 3 || x.Title == "Lock\ncont." || x.Kind == Text {
			t.Total[i] = ""
			continue
		}
		t.Total[i] = total(heaps, x)
	}
	t.Total[1] = "all"
	return t
}

// total sums a column over the heaps that were walked and are the process's
// own; null when none is.
func total(heaps []*census.Heap, x field[*census.Heap]) any {
	sum, any := uint64(0), false
	for _, h := range heaps {
		if h.Target.Foreign {
			continue
		}
		switch v := x.cell(h).(type) {
		case uint64:
			sum, any = sum+v, true
		case int:
			sum, any = sum+uint64(v), true
		}
	}
	return known(any, sum)
}
