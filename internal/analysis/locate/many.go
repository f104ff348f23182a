package locate

import (
	"context"
	"iter"
	"sort"

	"github.com/heapdump/heapdump/internal/progress"
	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Many says what is at each of many addresses, which must be in order: each
// segment that holds any is walked once. Of what At tells, neighbours, stacks,
// the debug C runtime's blocks and problems are left out. The error is the
// context's.
func Many(ctx context.Context, t *target.Target, addrs []memory.Addr) ([]Found, error) {
	out := make([]Found, len(addrs))
	surround(t, addrs, out)
	for _, h := range t.Heaps {
		if h.Foreign {
			continue
		}
		for _, p := range pieces(h) {
			lo := sort.Search(len(addrs), func(i int) bool { return addrs[i] >= p.Start })
			hi := sort.Search(len(addrs), func(i int) bool { return addrs[i] >= p.End })
			if lo < hi {
				p.sweep(ctx, h, out[lo:hi])
			}
		}
		large(h, addrs, out)
	}
	for i := range out {
		if out[i].Heap == nil {
			owner(t, &out[i])
		}
		out[i].Says = says(&out[i])
	}
	return out, ctx.Err()
}

// surround fills in what does not need a heap: regions, modules and stacks.
func surround(t *target.Target, addrs []memory.Addr, out []Found) {
	modules, threads, names := t.File.Modules(nil), t.File.Threads(nil), symbols.Of(t)
	for i, a := range addrs {
		x := &out[i]
		x.Address, x.Name = a, names.Find(a)
		x.Region, x.InRegion = t.Space.Region(a)
		x.Why = t.Space.Why(a)
		x.Saved = x.Why == memory.Present
		for _, m := range modules {
			if m.Contains(a) {
				x.Module, x.ModuleOffset = m.Name, a.Sub(m.Start)
			}
		}
		for _, th := range threads {
			if th.Stack.Contains(a) {
				x.Thread, x.InStack = th.ID, true
			}
		}
	}
}

// piece is a part of a heap that can be walked on its own.
type piece struct {
	memory.Range
	where   string
	segment bool
	blocks  iter.Seq[heap.Block] // nil when no block is in it
}

// pieces are the parts of a heap but for its large blocks: its segments or
// ranges, and its front end's region.
func pieces(h *target.Heap) []piece {
	var out []piece
	switch {
	case h.Page != nil:
		for _, r := range h.Page.Ranges {
			out = append(out, piece{r, "block", true, h.Page.Blocks(nil)})
		}
	case h.NT != nil:
		for i, s := range h.NT.Segments {
			out = append(out, piece{s.Range, "block", true, h.NT.SegmentBlocks(i, nil)})
		}
		if f := h.NT.Header.FrontEnd; f.Known {
			out = append(out, piece{f.Reserved, "heap region", false, nil})
		}
	}
	return out
}

// sweep finds the blocks of addresses that lie in the piece, in order.
func (p piece) sweep(ctx context.Context, h *target.Heap, found []Found) {
	for i := range found {
		found[i].Heap, found[i].Where = h, p.where
		if p.segment {
			found[i].Segment = &p.Start
		}
	}
	if p.blocks == nil {
		return
	}
	i := 0
	var last heap.Block // of no state that has a tail at first
	for b := range progress.Watch(ctx, nil, p.blocks) {
		if !p.Contains(b.Addr) {
			continue
		}
		previous := last
		last = b
		for i < len(found) && found[i].Address < b.Addr {
			i++ // in no block
		}
		if i == len(found) {
			return
		}
		if found[i].Address.Sub(b.Addr) >= b.Size {
			continue
		}
		block, before := b, previous // only of these there are pointers
		for ; i < len(found) && found[i].Address.Sub(b.Addr) < b.Size; i++ {
			found[i].Block = &block
			if tail(h, &previous, found[i].Address) {
				found[i].Block = &before
			}
		}
	}
}

// large finds the addresses in a heap's blocks outside the segments: from a
// block's node to the end of what it reserved.
func large(h *target.Heap, addrs []memory.Addr, found []Found) {
	if h.NT == nil {
		return
	}
	for b := range h.NT.VirtualBlocks(nil) {
		v, ok := h.NT.VirtualOf(b)
		if !ok {
			continue
		}
		all := v.Node.Span(v.ReserveSize)
		for i := sort.Search(len(addrs), func(i int) bool { return addrs[i] >= all.Start }); i < len(addrs) && addrs[i] < all.End; i++ {
			found[i].Heap, found[i].Where, found[i].Block = h, "block", &b
		}
	}
}
