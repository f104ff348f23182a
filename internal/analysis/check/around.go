package check

import (
	"slices"

	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/progress"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// maxAround is how many findings of a heap get their neighbours.
const maxAround = 256

// dataBytes is how many bytes of a neighbour's data are kept.
const dataBytes = 16

// surround gives findings the block that they lie in, the blocks beside it,
// and the block's stack.
func (c *checker) surround(heaps []*target.Heap, s *stacks.Stacks) {
	for _, h := range heaps {
		if h.Walkable() == nil {
			continue
		}
		at := map[memory.Addr][]*Finding{}
		var places []memory.Addr
		for i := range c.out.Findings {
			f := &c.out.Findings[i]
			a := memory.Addr(f.At.Off)
			if f.Heap != h.Address || len(places) == maxAround {
				continue
			}
			if at[a] == nil {
				places = append(places, a)
			}
			at[a] = append(at[a], f)
		}
		if len(places) > 0 {
			slices.Sort(places)
			c.beside(h, s, places, at)
		}
	}
}

// beside walks the heap once and hands the blocks at the places out.
func (c *checker) beside(h *target.Heap, s *stacks.Stacks, places []memory.Addr, at map[memory.Addr][]*Finding) {
	var last *heap.Block
	var waiting []*Finding // for the block behind
	for b := range progress.Watch(c.ctx, nil, h.Walkable().Blocks(nil)) {
		if last != nil && (last.Segment != b.Segment || b.Origin == heap.Virtual) {
			last, waiting = nil, nil
		}
		for _, f := range waiting {
			f.Around = append(f.Around, c.neighbour("behind", b))
		}
		waiting = nil
		i, _ := slices.BinarySearch(places, b.Addr)
		for ; i < len(places) && places[i] < b.End(); i++ {
			for _, f := range at[places[i]] {
				if f.Around != nil {
					continue
				}
				if last != nil {
					n := c.neighbour("before", *last)
					n.Stack = s.Frames(s.Of(h, last))
					f.Around = append(f.Around, n)
				}
				f.Stack = s.Frames(s.Of(h, &b))
				n := c.neighbour("block", b)
				n.Stack = f.Stack
				f.Around = append(f.Around, n)
				waiting = append(waiting, f)
			}
		}
		last = &b
	}
}

// neighbour reads the first bytes of a block's data.
func (c *checker) neighbour(which string, b heap.Block) Neighbour {
	n := Neighbour{Which: which, Block: b, DataAt: b.Addr.Add(uint64(b.Header))}
	size := b.Size - min(b.Size, uint64(b.Header))
	if b.State == heap.Busy {
		size = b.UserBytes()
	}
	if b.State == heap.Uncommitted {
		size = 0
	}
	tail := c.t.Space.Tail(n.DataAt)
	n.Data = tail[:min(uint64(len(tail)), size, dataBytes)]
	return n
}
