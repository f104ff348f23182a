package cli

import (
	"context"
	"io"
	"iter"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/analysis/locate"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/progress"
	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/render/windbg"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// windbgSummary prints !heap -s. Of a WOW64 process there are two tables, as
// the debugger shows them one after the other when its width is switched.
func windbgSummary(w io.Writer, t *target.Target, cs *census.Census) error {
	first := true
	for _, bits := range []int{32, 64} {
		s := windbg.Summary{Bits: bits}
		for _, p := range t.PEBs {
			if p.Bits == bits {
				s.NtGlobalFlag = p.NtGlobalFlag
			}
		}
		for i := range cs.Heaps {
			h := &cs.Heaps[i]
			if h.Target.Bits != bits || h.Target.Foreign {
				continue
			}
			if h.Target.Kind == heap.Segment {
				s.Segment = append(s.Segment, windbg.Listed{Heap: uint64(h.Target.Address), Kind: "Segment Heap"})
				continue
			}
			s.Rows = append(s.Rows, windbgRow(h))
		}
		if len(s.Rows) == 0 && len(s.Segment) == 0 {
			continue
		}
		if !first {
			io.WriteString(w, "\n")
		}
		first = false
		if err := windbg.WriteSummary(w, s); err != nil {
			return err
		}
	}
	if first {
		return windbg.WriteSummary(w, windbg.Summary{Bits: 64})
	}
	return nil
}

func windbgRow(h *census.Heap) windbg.Row {
	r := windbg.Row{Bits: h.Target.Bits, Heap: uint64(h.Target.Address)}
	if !h.Walked {
		r.Unknown = "not walked: " + h.Target.Why
		return r
	}
	if h.Target.NT == nil {
		r.Unknown = "a page heap: `heapdump heap` shows it"
		return r
	}
	x := h.Target.NT.Header
	r.Flags, r.FrontEnd = uint32(x.Flags), x.FrontEndHeapType
	r.Reserved, r.Committed = h.SegmentReserved+h.FrontEndReserved, h.SegmentCommitted+h.FrontEndCommitted
	r.Virtual = h.DebuggerVirt
	free := h.Counts[heap.Free][heap.Backend]
	r.Free, r.ListLength = free.Bytes, free.Blocks
	r.UncommittedRanges, r.VirtualCount = h.UncommittedRanges, h.VirtualBlocks
	for _, v := range h.Target.NT.Virtuals {
		r.VirtualBlocks = append(r.VirtualBlocks, windbg.VirtualBlock{Start: uint64(v.Node), Size: v.CommitSize})
	}
	switch {
	case x.LockVariable == 0:
		r.Lock = "N/A"
	case x.Lock.ContentionKnown:
		r.Lock = windbg.Contention(x.Lock.ContentionCount)
	case x.Lock.Known:
		r.Lock = "0" // a lock that keeps no count: the debugger prints 0
	default:
		r.Lock = "-" // the dump does not hold it
	}
	return r
}

// windbgHeaps prints !heap: the list alone.
func windbgHeaps(w io.Writer, t *target.Target, _ *census.Census) error {
	var list []windbg.Listed
	for _, h := range t.Heaps {
		if h.Foreign {
			continue
		}
		kind := map[heap.Kind]string{heap.NT: "NT Heap", heap.Segment: "Segment Heap", heap.Page: "Page Heap", heap.Wine: "Wine Heap"}[h.Kind]
		if kind == "" {
			kind = "Unknown"
		}
		list = append(list, windbg.Listed{Heap: uint64(h.Address), Kind: kind})
	}
	return windbg.WriteList(w, list)
}

// windbgHeap prints !heap -a of one heap.
func windbgHeap(ctx context.Context, w io.Writer, h *target.Heap) error {
	if h.Page != nil {
		return windbg.WriteNotWalked(w, h.Bits, uint64(h.Address), h.Kind.String(), "a page heap has no entries; the default style shows its ranges")
	}
	if h.NT == nil {
		return windbg.WriteNotWalked(w, h.Bits, uint64(h.Address), h.Kind.String(), h.Why)
	}
	x := windbgHeader(h)
	for _, l := range h.NT.FreeLists() {
		if x.Old && l.Empty() {
			continue
		}
		list := windbg.FreeList{Index: l.Index, Head: uint64(l.Head), Blink: uint64(l.Blink), Flink: uint64(l.Flink)}
		for b := range progress.Watch(ctx, nil, l.Blocks(nil)) {
			list.Entries = append(list.Entries, windbgEntry(h.NT, &b, unknownPrevious))
		}
		x.FreeLists = append(x.FreeLists, list)
	}
	x.Entries = func(i int) iter.Seq[windbg.Entry] {
		return entries(h.NT, progress.Watch(ctx, nil, h.NT.SegmentBlocks(i, nil)))
	}
	return windbg.WriteHeap(w, x)
}

func windbgHeader(h *target.Heap) windbg.Heap {
	n := h.NT.Header
	index := h.Index + 1
	if h.Index < 0 {
		index = h.Position + 1
	}
	x := windbg.Heap{
		Bits: n.Bits, Index: index, Address: uint64(n.Address), Old: n.EncodeFlagMask == 0 && !n.Counters.Known,
		Flags: uint32(n.Flags), ForceFlags: uint32(n.ForceFlags), Unit: n.Unit,
		SegmentReserve: n.SegmentReserve, SegmentCommit: n.SegmentCommit,
		DeCommitBlock: n.DeCommitFreeBlockThreshold, DeCommitTotal: n.DeCommitTotalFreeThreshold,
		TotalFree: n.TotalFreeSize, MaximumAllocation: n.MaximumAllocationSize, Lock: uint64(n.LockVariable),
		NextTag: n.NextAvailableTagIndex, MaximumTag: n.MaximumTagIndex, TagEntries: uint64(n.TagEntries), PseudoTags: uint64(n.PseudoTagEntries),
		VirtualAllocdBlocks: uint64(n.VirtualAllocdBlocks), UCRList: uint64(n.UCRList),
	}
	for _, v := range h.NT.Virtuals {
		x.Virtuals = append(x.Virtuals, windbg.VirtualEntry{Node: uint64(v.Node), Commit: v.CommitSize, Reserve: v.ReserveSize})
	}
	for _, s := range h.NT.Segments {
		seg := windbg.Segment{Address: uint64(s.Address), Base: uint64(s.Start), First: uint64(s.FirstEntry), Last: uint64(s.End),
			Committed: s.Size() - min(s.Size(), s.Uncommitted()), Flags: s.Flags, Pages: s.Pages,
			UnCommitted: s.UnCommittedPages, LargestUnCommitted: s.LargestUnCommitted, UncommittedRanges: s.UnCommittedRanges}
		for _, u := range s.UCRs {
			seg.Uncommitted = append(seg.Uncommitted, windbg.Uncommitted{Address: uint64(u.Start), Size: u.Size()})
		}
		x.Segments = append(x.Segments, seg)
	}
	return x
}

// unknownPrevious says that the block before is not known, so that the
// header's own word is taken.
const unknownPrevious = ^uint64(0)

// entries turns the blocks of a segment into the debugger's lines.
func entries(nt *ntheap.Heap, blocks iter.Seq[heap.Block]) iter.Seq[windbg.Entry] {
	return func(yield func(windbg.Entry) bool) {
		previous := uint64(0)
		for b := range blocks {
			e := windbgEntry(nt, &b, previous)
			previous = b.Size
			if b.State == heap.Lost || b.State == heap.Uncommitted || b.Trust != heap.Sound {
				previous = unknownPrevious
			}
			if !yield(e) {
				return
			}
		}
	}
}

// sentinelUnused is the UnusedBytes of the pseudo entry at the end of a
// committed run.
const sentinelUnused = 3

// windbgEntry makes the line of a block. The header itself is read where the
// block does not tell all of it.
func windbgEntry(nt *ntheap.Heap, b *heap.Block, previous uint64) windbg.Entry {
	e := windbg.Entry{Address: uint64(b.Addr), Previous: previous, Size: b.Size, Flags: uint8(b.Flags),
		Encoded: nt.Header.Encoded, Uncommitted: b.State == heap.Uncommitted, Lost: b.State == heap.Lost}
	if e.Uncommitted || e.Lost {
		return e
	}
	if b.State == heap.Busy {
		e.Used = b.UserBytes()
	}
	if b.State != heap.Internal && b.Trust == heap.Sound && previous != unknownPrevious {
		return e
	}
	raw, err := nt.Entry(b.Addr)
	if err != nil {
		e.Previous = 0
		return e
	}
	e.Encoded = raw.Encoded && raw.ChecksumOK
	if previous == unknownPrevious {
		e.Previous = uint64(raw.PreviousSize) * nt.Header.Unit
	}
	if b.State == heap.Internal {
		e.Flags = uint8(raw.Flags)
		e.Sentinel = nt.Header.Counters.Known && raw.UnusedBytes == sentinelUnused
		e.Used = b.Size - min(b.Size, uint64(raw.UnusedBytes))
	}
	return e
}

// debugger prints the entry lines of !heap -h for every heap of a walk.
func (wk *walker) debugger(w io.Writer, heaps []*target.Heap) error {
	n := 0
	for _, h := range heaps {
		if h.NT == nil {
			wk.skipped = append(wk.skipped, h)
			continue
		}
		for i := range h.NT.Segments {
			lines := wk.segmentLines(h, i, &n)
			if err := windbg.WriteEntries(w, h.NT.Header.Bits, i, uint64(h.Address), lines); err != nil {
				return writeFailed(err)
			}
			if err := wk.ctx.Err(); err != nil {
				return err
			}
		}
		for _, v := range h.NT.Virtuals {
			if !wk.virtualWanted(h, v) {
				continue
			}
			if n++; wk.limit > 0 && n > wk.limit {
				return nil
			}
			block := windbg.VirtualBlock{Start: uint64(v.Node), Size: v.CommitSize}
			if err := windbg.WriteVirtual(w, h.NT.Header.Bits, block); err != nil {
				return writeFailed(err)
			}
		}
	}
	return nil
}

// segmentLines are the lines of one segment that the filter wants.
func (wk *walker) segmentLines(h *target.Heap, i int, n *int) iter.Seq[windbg.Entry] {
	return func(yield func(windbg.Entry) bool) {
		var wanted bool
		blocks := func(yield func(heap.Block) bool) {
			for b := range progress.Watch(wk.ctx, nil, h.NT.SegmentBlocks(i, nil)) {
				wanted = wk.filter.Match(&b)
				if !yield(b) {
					return
				}
			}
		}
		for e := range entries(h.NT, blocks) {
			if !wanted {
				continue
			}
			if wk.limit > 0 && *n >= wk.limit || !yield(e) {
				return
			}
			*n++
		}
	}
}

func (wk *walker) virtualWanted(h *target.Heap, v ntheap.Virtual) bool {
	b := heap.Block{Addr: v.Node, Size: v.CommitSize, State: heap.Busy, Origin: heap.Virtual, Segment: heap.NoSegment}
	return wk.filter.Match(&b)
}

// traced reports whether the block is one of a heap whose allocations were
// traced, or that light page heap made, so that !heap -p -a is asked for it.
func traced(t *target.Target, x locate.Found) bool {
	b := x.Block
	if b == nil || x.Heap.NT == nil || b.State != heap.Busy && b.State != heap.Free {
		return false
	}
	return x.Light != nil || stacks.New(t).Captures(x.Heap)
}

// tracedBlock is the answer of !heap -p -a.
func tracedBlock(x locate.Found) windbg.TracedBlock {
	b, n := x.Block, x.Heap.NT.Header
	out := windbg.TracedBlock{Bits: n.Bits, Address: uint64(x.Address), Heap: uint64(x.Heap.Address), Entry: uint64(b.Addr), User: uint64(b.User()),
		Units: b.Size / n.Unit, UserBytes: b.UserBytes(), Free: b.State == heap.Free, Virtual: b.Origin == heap.Virtual}
	if out.Free {
		out.User = uint64(b.Addr.Add(n.Unit))
		out.UserBytes = b.Size - min(b.Size, n.Unit)
	}
	if l := x.Light; l != nil {
		out.User, out.UserBytes, out.Delayed = uint64(l.User), l.Requested, l.Freed
	}
	for _, f := range x.Stack {
		out.Stack = append(out.Stack, windbg.TracedFrame(n.Bits, uint64(f.Addr), render.Escape(f.Name.Module), render.Escape(f.Name.Function()), f.Name.Offset))
	}
	return out
}

// windbgFind prints !heap -x, and of a block with what traces of allocations
// leave !heap -p -a.
func windbgFind(w io.Writer, t *target.Target, x locate.Found) error {
	bits := t.File.Arch().Bits()
	if x.Heap != nil {
		bits = x.Heap.Bits
	}
	b := x.Block
	if n := x.Node; n != nil {
		var lines []string
		for _, f := range x.Stack {
			lines = append(lines, windbg.Frame(bits, uint64(f.Addr), render.Escape(f.Name.Module), render.Escape(f.Name.Function()), f.Name.Offset))
		}
		return windbg.WritePageBlock(w, windbg.PageBlock{Stack: lines, Bits: bits, Address: uint64(x.Address), Root: uint64(x.Heap.Page.Root.Address), Node: uint64(n.Address),
			Kind: n.Kind.String(), User: uint64(n.User), UserBytes: n.Requested, Pages: uint64(n.Virtual.Start), PagesBytes: n.Virtual.Size()})
	}
	if traced(t, x) {
		return windbg.WriteTracedBlock(w, tracedBlock(x))
	}
	if b == nil || x.Heap.NT == nil || b.State == heap.Uncommitted || b.State == heap.Lost {
		return windbg.WriteFound(w, bits, nil)
	}
	f := windbg.Found{Bits: bits, Entry: uint64(b.Addr), User: uint64(b.User()), Heap: uint64(x.Heap.Address), Size: b.Size,
		Unused: uint64(b.Unused), Flags: uint8(b.Flags), LFH: b.Origin == heap.LFH, Internal: b.State == heap.Internal,
		Virtual: b.Origin == heap.Virtual, Free: b.State == heap.Free}
	if b.State != heap.Busy {
		f.User = uint64(b.Addr + memory.Addr(x.Heap.NT.Header.Unit))
	}
	if int(b.Segment) < len(x.Heap.NT.Segments) {
		f.Segment = uint64(x.Heap.NT.Segments[b.Segment].Address)
	}
	if !f.LFH {
		e := windbgEntry(x.Heap.NT, b, unknownPrevious)
		if x.Previous != nil && x.Previous.State != heap.Uncommitted && x.Previous.State != heap.Lost {
			e.Previous = x.Previous.Size
		}
		f.Previous = &e.Previous
		if f.Internal {
			f.Unused = b.Size - min(b.Size, e.Used)
		}
	}
	return windbg.WriteFound(w, bits, &f)
}
