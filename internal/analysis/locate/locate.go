// Package locate says what there is at an address: which block of which heap,
// with its neighbours, or which image, stack or region.
package locate

import (
	"context"
	"iter"

	"github.com/heapdump/heapdump/internal/analysis/crt"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/progress"
	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
	"github.com/heapdump/heapdump/pkg/pageheap"
	"github.com/heapdump/heapdump/pkg/stackdb"
)

// Found is what there is at an address.
type Found struct {
	Address        memory.Addr
	Where          string       // "block", "heap region", "stack", "image", "memory", "nothing"
	Says           string       // in a sentence
	Heap           *target.Heap // nil when in none
	Segment        *memory.Addr // base of the segment, nil when in none
	Block          *heap.Block  // nil when in none
	Previous, Next *heap.Block  // in address order, nil at an end
	Region         memory.Region
	InRegion       bool
	Container      *ntheap.Container // of the low-fragmentation heap, round the address; nil when in none
	Light          *pageheap.Info    // the light page heap header in the block, nil when it has none
	CRT            *crt.Block        // the debug C runtime's in the block, nil when it has none
	Layers         []Layer           // all of this, from the outside in
	Class          *symbols.Class    // whose object the block begins with; nil when that is not known
	Stack          []stacks.Frame    // the block's, innermost first
	Trace          *stackdb.Trace    // what Stack was read from; nil without one
	Section        *stacks.Section   // the critical section that the address lies in; nil when in none
	Creator        []stacks.Frame    // that section's, innermost first
	Notes          []string          // on stacks that were recorded and could not be had
	Node           *pageheap.Node    // page heap's, on whose pages the address lies; nil when on none
	Module         string            // path, empty when in none
	ModuleOffset   uint64
	Name           symbols.Name // of the address, in a module
	Thread         uint32       // whose stack it is
	InStack        bool
	Saved          bool
	Why            memory.Reason // why it is not saved
	Problems       []diag.Problem
}

// At says what is at an address: it walks the segment that holds it up to its
// block. The error is the context's.
func At(ctx context.Context, t *target.Target, addr memory.Addr) (Found, error) {
	x := Found{Address: addr}
	x.Region, x.InRegion = t.Space.Region(addr)
	x.Why = t.Space.Why(addr)
	x.Saved = x.Why == memory.Present
	for _, m := range t.File.Modules(nil) {
		if m.Contains(addr) {
			x.Module, x.ModuleOffset = m.Name, addr.Sub(m.Start)
		}
	}
	s := stacks.New(t)
	x.Name = s.Names.Find(addr)
	for _, th := range t.File.Threads(nil) {
		if th.Stack.Contains(addr) {
			x.Thread, x.InStack = th.ID, true
		}
	}
	for _, h := range t.Heaps {
		if h.Foreign {
			continue
		}
		if h.Page != nil && inPages(ctx, &x, h) {
			break
		}
		if h.NT == nil {
			continue
		}
		if i, ok := h.NT.SegmentAt(addr); ok {
			inSegment(ctx, &x, h, i)
			break
		}
		if inVirtual(ctx, &x, h) {
			break
		}
		if h.NT.Header.FrontEnd.Known && h.NT.Header.FrontEnd.Reserved.Contains(addr) {
			x.Heap, x.Where = h, "heap region"
			break
		}
	}
	if x.Heap == nil {
		owner(t, &x)
	}
	if x.Block != nil {
		x.within(t, s.Names)
		x.container()
		x.traced(s)
	}
	if c, ok := s.SectionAt(addr); ok {
		x.Section, x.Creator = &c, s.Frames(c.Creator)
	}
	x.Notes = s.Notes()
	x.Layers = peel(t, &x)
	x.Says = says(&x)
	return x, ctx.Err()
}

// traced looks the block's stack up.
func (x *Found) traced(s *stacks.Stacks) {
	b := x.Block
	if x.Node != nil { // wherever on its pages the address lies
		b = &heap.Block{Addr: x.Node.Virtual.Start}
	}
	if x.Stack = s.Frames(s.Of(x.Heap, b)); len(x.Stack) == 0 {
		return
	}
	if t, ok := s.Trace(x.Heap, b); ok {
		x.Trace = &t
	}
}

// inSegment walks the segment that holds the address up to its block.
func inSegment(ctx context.Context, x *Found, h *target.Heap, i int) {
	s := h.NT.Segments[i].Range
	x.Heap, x.Segment, x.Where = h, &s.Start, "block"
	var problems []diag.Problem
	among(ctx, x, s, h.NT.SegmentBlocks(i, problemsAt(s, &problems)), &problems)
}

// inPages looks for the address in the ranges of a page heap: at its block,
// and at the node on whose pages it lies.
func inPages(ctx context.Context, x *Found, h *target.Heap) bool {
	for _, r := range h.Page.Ranges {
		if !r.Contains(x.Address) {
			continue
		}
		x.Heap, x.Segment, x.Where = h, &r.Start, "block"
		if n, ok := h.Page.Node(x.Address); ok {
			x.Node = &n
		}
		var problems []diag.Problem
		among(ctx, x, r, h.Page.Blocks(problemsAt(r, &problems)), &problems)
		return true
	}
	if (memory.Range{Start: h.Address, End: h.Page.Root.Address.Add(memory.PageSize)}).Contains(x.Address) {
		x.Heap, x.Where = h, "heap region"
		return true
	}
	return false
}

// among finds the block of the address and its neighbours among the blocks of
// a range, and the problems of that block.
func among(ctx context.Context, x *Found, s memory.Range, blocks iter.Seq[heap.Block], problems *[]diag.Problem) {
	var before, last *heap.Block
	for b := range progress.Watch(ctx, nil, blocks) {
		if !s.Contains(b.Addr) {
			if x.Block != nil {
				break
			}
			continue
		}
		if x.Block != nil {
			x.Next = &b
			break
		}
		if b.Addr <= x.Address && x.Address-b.Addr < memory.Addr(b.Size) {
			x.Block, x.Previous = &b, last
			if last != nil && tail(x.Heap, last, x.Address) {
				x.Block, x.Previous, x.Next = last, before, &b
				break
			}
		}
		before, last = last, &b
	}
	for _, p := range *problems {
		at := memory.Addr(p.At.Off)
		if x.Block != nil && at >= x.Block.Addr && at < x.Block.End() {
			x.Problems = append(x.Problems, p)
		}
	}
}

// tail reports whether an address behind a block, in the first bytes of the
// next one's entry, is still in the block's data: on x64 the 8 bytes of an
// entry that are not encoded (PreviousBlockPrivateData, public symbols) are the
// block's before it, when it asked for them.
func tail(h *target.Heap, b *heap.Block, a memory.Addr) bool {
	return h.NT != nil && h.NT.Header.Unit == 16 && b.State == heap.Busy && b.Segment != heap.NoSegment &&
		a >= b.End() && a < b.User().Add(b.UserBytes()) && a.Sub(b.End()) < 8
}

// inVirtual looks for the address in the blocks outside the segments: from a
// block's node to the end of what it reserved.
func inVirtual(ctx context.Context, x *Found, h *target.Heap) bool {
	for _, v := range h.NT.Virtuals {
		if !v.Node.Span(v.ReserveSize).Contains(x.Address) {
			continue
		}
		x.Heap, x.Where = h, "block"
		for b := range progress.Watch(ctx, nil, h.NT.Blocks(nil)) {
			if b.Origin != heap.Virtual {
				continue
			}
			if n, ok := h.NT.VirtualOf(b); ok && n.Node == v.Node {
				x.Block = &b
				break
			}
		}
		return true
	}
	return false
}

// owner finds the heap that an address belongs to without a walk: one whose
// allocation it lies in.
func owner(t *target.Target, x *Found) {
	for _, h := range t.Heaps {
		if h.Walkable() == nil && x.InRegion && (x.Region.AllocationBase == h.Address && h.Address != 0 || x.Region.Contains(h.Address)) {
			x.Heap, x.Where = h, "heap region"
			return
		}
	}
	switch {
	case x.Module != "":
		x.Where = "image"
	case x.InStack:
		x.Where = "stack"
	case x.Saved || x.InRegion && x.Region.State != memory.MemFree:
		x.Where = "memory"
	default:
		x.Where = "nothing"
	}
}

// problemsAt keeps the problems whose place is in a range.
func problemsAt(r memory.Range, to *[]diag.Problem) diag.Sink {
	return func(p diag.Problem) {
		if p.At.In == diag.InMemory && r.Contains(memory.Addr(p.At.Off)) && len(*to) < diag.DefaultLimit {
			*to = append(*to, p)
		}
	}
}
