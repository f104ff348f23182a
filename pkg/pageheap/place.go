package pageheap

import (
	"cmp"
	"slices"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
)

// mergeRanges sorts ranges and joins those that overlap.
func mergeRanges(rs []memory.Range) []memory.Range {
	slices.SortFunc(rs, func(a, b memory.Range) int { return cmp.Compare(a.Start, b.Start) })
	var out []memory.Range
	for _, r := range rs {
		if n := len(out); n > 0 && r.Start < out[n-1].End {
			out[n-1].End = max(out[n-1].End, r.End)
			continue
		}
		out = append(out, r)
	}
	return out
}

// mergePieces sorts pieces of one kind and joins those that overlap or touch.
func mergePieces(ps []piece) []piece {
	ps = slices.Clone(ps)
	slices.SortFunc(ps, func(a, b piece) int { return cmp.Compare(a.Start, b.Start) })
	var out []piece
	for _, p := range ps {
		if n := len(out); n > 0 && p.Start <= out[n-1].End {
			out[n-1].End = max(out[n-1].End, p.End)
			continue
		}
		out = append(out, p)
	}
	return out
}

// own adds the heap's own pages to its node pools: the handle, the root and
// its critical section.
func (h *Heap) own(pools []piece) []piece {
	page := func(a memory.Addr) piece {
		return piece{Range: a.Align(memory.PageSize).Span(memory.PageSize), kind: nodeInternal}
	}
	all := append(slices.Clone(pools), page(h.Root.Handle), page(h.Root.Address))
	if lock := page(h.Root.LockAddress); h.Root.LockKnown && slices.ContainsFunc(h.Ranges, func(r memory.Range) bool { return r.Holds(lock.Range) }) {
		all = append(all, lock)
	}
	return mergePieces(all)
}

// place sorts the pieces, settles which node has what two of them claim, and
// adds ranges for those outside of every reservation.
func (h *Heap) place(all []piece) {
	slices.SortFunc(all, func(a, b piece) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.kind, b.kind)) })
	var kept []piece
	for _, p := range all {
		n := len(kept)
		if n == 0 || p.Start >= kept[n-1].End {
			kept = append(kept, p)
			continue
		}
		last := kept[n-1]
		if last.kind == nodeInternal && p.kind == nodeInternal {
			kept[n-1].End = max(last.End, p.End)
			continue
		}
		loser := p
		if h.stamped(p) && !h.stamped(last) {
			loser, kept[n-1] = last, p
		}
		h.overlap(loser, kept[n-1])
	}
	h.pieces = kept
	h.extend()
}

// overlap reports that a node claims bytes of another.
func (h *Heap) overlap(loser, winner piece) {
	if h.Root.Owned {
		return
	}
	h.damaged = true
	at := loser.node
	if at == 0 {
		at = winner.node
	}
	h.put(diag.Corrupt, CodeOverlap, at, "_DPH_HEAP_BLOCK", "pVirtualBlock", "pages of its own",
		"the pages of the "+winner.kind.String()+" node "+hex(uint64(winner.node)))
}

// stamped reports whether the piece's block has the stamps of a busy one.
func (h *Heap) stamped(p piece) bool {
	if p.kind != NodeBusy || p.lost {
		return false
	}
	n, ok := h.node(p)
	if !ok {
		return false
	}
	i, ok := h.info(n.User)
	return ok && i.start == stampBusy && i.ends(stampBusyEnd)
}

// extend adds ranges for pieces outside of every reservation, and tells each
// piece its range.
func (h *Heap) extend() {
	var more []memory.Range
	k := 0
	for _, p := range h.pieces {
		for k < len(h.Ranges) && h.Ranges[k].End <= p.Start {
			k++
		}
		if k < len(h.Ranges) && h.Ranges[k].Contains(p.Start) {
			h.Ranges[k].End = max(h.Ranges[k].End, p.End)
			continue
		}
		if n := len(more); n > 0 && more[n-1].End == p.Start {
			more[n-1].End = p.End
			continue
		}
		more = append(more, p.Range)
	}
	h.Ranges = mergeRanges(append(h.Ranges, more...))
	k = 0
	for i := range h.pieces {
		for k < len(h.Ranges)-1 && h.Ranges[k].End <= h.pieces[i].Start {
			k++
		}
		h.pieces[i].at = uint32(k)
	}
}
