package census

import (
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/ntheap"
	"github.com/heapdump/heapdump/pkg/pageheap"
)

// account closes the books of a heap: what its structures reserve and commit
// against what the walk found, each byte once.
func (h *Heap) account(nt *ntheap.Heap) {
	var uncommitted uint64
	for _, s := range nt.Segments {
		h.SegmentReserved += s.Size()
		uncommitted += s.Uncommitted()
		h.UncommittedRanges += len(s.UCRs) + s.EmptyUCRs
	}
	// Ranges without storage that no list has are uncommitted all the same.
	unlisted := h.Sum(heap.Uncommitted).Bytes - uncommitted
	h.SegmentCommitted = h.SegmentReserved - uncommitted - unlisted
	for _, v := range nt.Virtuals {
		h.VirtualReserved += v.ReserveSize
		h.VirtualCommitted += v.CommitSize
	}
	front := nt.Header.FrontEnd
	h.FrontEndReserved, h.FrontEndCommitted = front.Reserved.Size(), front.Committed
	h.Reserved = h.SegmentReserved + h.VirtualReserved + h.FrontEndReserved
	h.Committed = h.SegmentCommitted + h.VirtualCommitted + h.FrontEndCommitted
	h.Uncommitted = h.Reserved - h.Committed

	h.Segments, h.VirtualBlocks = len(nt.Segments), len(nt.Virtuals)
	h.states()
	h.VirtualUser = h.Counts[heap.Busy][heap.Virtual].User
	h.fragmentation(nt)
}

// accountPages closes the books of a page heap: its ranges against the blocks
// that cover them. It has neither a front end nor blocks outside its ranges.
func (h *Heap) accountPages(p *pageheap.Heap) {
	h.Reserved, h.Uncommitted = p.Size(), h.Sum(heap.Uncommitted).Bytes
	h.Committed = h.Reserved - h.Uncommitted
	h.states()
}

// states distributes the committed bytes over the states of blocks.
func (h *Heap) states() {
	busy := h.Sum(heap.Busy)
	h.BusyUser, h.Overhead = busy.User, busy.Bytes-busy.User
	h.Free = h.Sum(heap.Free).Bytes
	h.Internal = h.Sum(heap.Internal).Bytes + h.FrontEndCommitted
	h.Lost = h.Sum(heap.Lost).Bytes
	h.Unaccounted = int64(h.Committed - h.BusyUser - h.Overhead - h.Free - h.Internal - h.Lost)
	h.BusyBlocks, h.FreeBlocks = busy.Blocks, h.Sum(heap.Free).Blocks
}

// fragmentation computes the two figures that debuggers print under a heap,
// and the column that one of them rests on. "Virt" equals the committed bytes
// on XP, the reserved ones on Vista and 7, and the segments' pages since 8,
// where the front end's own region is reserved besides (inferred from
// published listings).
func (h *Heap) fragmentation(nt *ntheap.Heap) {
	h.DebuggerVirt = h.SegmentReserved
	if !nt.Header.Counters.Known {
		h.DebuggerVirt = h.SegmentCommitted
	}
	commit := h.SegmentCommitted + h.FrontEndCommitted
	h.External = percent(h.Counts[heap.Free][heap.Backend].Bytes, commit)
	if h.DebuggerVirt >= commit {
		h.VirtualAddress = percent(h.DebuggerVirt-commit, h.DebuggerVirt)
	}
}

func percent(part, whole uint64) Percent {
	if whole == 0 {
		return Percent{}
	}
	return Percent{Value: 100 * float64(part) / float64(whole), Known: true}
}
