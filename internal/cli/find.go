package cli

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/crt"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/progress"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/pageheap"
)

// find is heapdump find.
func (a *app) find() *cobra.Command {
	return a.command(&cobra.Command{
		Use:   "find ADDR [DUMP]",
		Short: "The heap block that holds an address, with its neighbours; or what else is there",
		Example: lines("heapdump find 0x29fb0040 app.dmp", "heapdump find 00000000`29fb0040 --format json app.dmp",
			"heapdump find 29fb0040 --style windbg app.dmp"),
		Args: anAddressAndADump,
		RunE: func(cmd *cobra.Command, args []string) error {
			format, err := a.check(true, "text", "json", "csv")
			if err != nil {
				return err
			}
			spec, path, err := a.addressAndDump(args)
			if err != nil {
				return err
			}
			addr, err := ParseAddr(spec, a.windbg())
			if err != nil {
				return &failure{exitUsage, err}
			}
			t, w, err := a.open(cmd.Context(), path)
			if err != nil {
				return err
			}
			defer t.Close()
			x, err := locate(cmd.Context(), t, addr)
			if err != nil {
				return err
			}
			if a.windbg() {
				if err := writeFailed(windbgFind(w, t, x)); err != nil {
					return err
				}
				return a.complete(report.Coverage(t, nil))
			}
			return a.write(w, report.Find(t, x), format, report.Coverage(t, nil))
		},
	}, groupWalk, "!heap -x ADDR, !address ADDR")
}

// locate says what is at an address.
func locate(ctx context.Context, t *target.Target, addr memory.Addr) (report.Found, error) {
	x := report.Found{Address: addr}
	x.Region, x.InRegion = t.Space.Region(addr)
	x.Why = t.Space.Why(addr)
	x.Saved = x.Why == memory.Present
	for _, m := range t.File.Modules(nil) {
		if m.Contains(addr) {
			x.Module, x.ModuleOffset = m.Name, addr.Sub(m.Start)
		}
	}
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
	x.Says = says(&x)
	if b := x.Block; b != nil {
		if c, ok := crt.New(t).Of(x.Heap, b); ok {
			x.CRT = &c
		}
		s := stacks.New(t)
		if x.Node != nil { // wherever on its pages the address lies
			b = &heap.Block{Addr: x.Node.Virtual.Start}
		}
		x.Stack = s.Frames(s.Of(x.Heap, b))
	}
	return x, ctx.Err()
}

// inSegment walks the segment that holds the address up to its block.
func inSegment(ctx context.Context, x *report.Found, h *target.Heap, i int) {
	s := h.NT.Segments[i].Range
	x.Heap, x.Segment, x.Where = h, &s.Start, "block"
	var problems []diag.Problem
	among(ctx, x, s, h.NT.SegmentBlocks(i, problemsAt(s, &problems)), &problems)
}

// inPages looks for the address in the ranges of a page heap: at its block,
// and at the node on whose pages it lies.
func inPages(ctx context.Context, x *report.Found, h *target.Heap) bool {
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
func among(ctx context.Context, x *report.Found, s memory.Range, blocks iter.Seq[heap.Block], problems *[]diag.Problem) {
	var last *heap.Block
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
		}
		last = &b
	}
	for _, p := range *problems {
		at := memory.Addr(p.At.Off)
		if x.Block != nil && at >= x.Block.Addr && at < x.Block.End() {
			x.Problems = append(x.Problems, p)
		}
	}
}

// inVirtual looks for the address in the blocks outside the segments: from a
// block's node to the end of what it reserved.
func inVirtual(ctx context.Context, x *report.Found, h *target.Heap) bool {
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
func owner(t *target.Target, x *report.Found) {
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

// says puts the answer in a sentence.
func says(x *report.Found) string {
	switch {
	case x.Heap != nil && x.Heap.Foreign:
		return "in a heap of another process (CSRSS's), which is mapped into this one and never counted"
	case x.Heap != nil && x.Heap.Walkable() == nil:
		return fmt.Sprintf("in a %s heap that was not walked: %s", x.Heap.Kind, x.Heap.Why)
	case x.Where == "heap region" && x.Heap.Page != nil:
		return "in the handle or the root of a page heap"
	case x.Where == "heap region":
		return "in the front end's own region of a heap, which holds no blocks"
	case x.Block != nil:
		return saysBlock(x)
	case x.Where == "block":
		return "in a heap, in no block that could be read"
	case x.Where == "image":
		return "in no heap: in the module " + x.Module[strings.LastIndexAny(x.Module, `\/`)+1:]
	case x.Where == "stack":
		return "in no heap: on the stack of a thread"
	case x.Where == "memory" && !x.Saved:
		return "in no heap that was found: " + x.Why.String()
	case x.Where == "memory":
		return "in no heap: in " + strings.ToLower(strings.TrimPrefix(x.Region.Type.String(), "MEM_")) + " memory"
	}
	return "in no heap: " + x.Why.String()
}

func saysBlock(x *report.Found) string {
	b := x.Block
	switch {
	case x.Node != nil && b.State != heap.Busy:
		return saysNode(x)
	case b.State == heap.Lost:
		return "in bytes of a heap that no block could be made of"
	case b.State == heap.Uncommitted:
		return "in an uncommitted range of a heap: address space without memory"
	case b.State == heap.Internal:
		return "in a block of the heap's own (a header, an end marker, or a front end's container)"
	case b.State == heap.Free:
		return "in a free block"
	case x.Address < b.User():
		return "in the header of a busy block"
	case uint64(x.Address-b.User()) < b.UserBytes():
		return "in a busy block"
	}
	return "behind the program's bytes of a busy block, in its unused ones"
}

// saysNode says where on the pages of a page heap's allocation the address
// lies, outside its block.
func saysNode(x *report.Found) string {
	n := x.Node
	switch {
	case n.Kind == pageheap.NodeFreed:
		return "in the pages of a freed page heap allocation"
	case n.Kind == pageheap.NodeAvailable:
		return "in pages that a page heap keeps for allocations to come"
	case x.Address >= n.User.Add(n.Requested):
		return "in the guard page behind a busy page heap allocation"
	}
	return "before the data of a busy page heap allocation, on its pages"
}
