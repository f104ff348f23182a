package refs

import (
	"context"
	"slices"

	"github.com/heapdump/heapdump/pkg/memory"
)

// Hop is one reference on a path: a word at From, in a variable or in the
// block of the hop before, that leads into a block.
type Hop struct {
	From   memory.Addr // address of the word; 0 of a register
	Offset uint64      // of the word in its block; 0 of the first hop
	User   memory.Addr // the block that it leads to
	Size   uint64
	Into   uint64 // offset in that block
}

// Way is a shortest path from the roots to a block.
type Way struct {
	Root Variable
	Hops []Hop
}

// Why returns a shortest path from a root to a block; false when there is
// none. Of several, it is that of the earliest root. The error is the
// context's.
func (r *Reach) Why(ctx context.Context, id ID) (Way, bool, error) {
	vars, hits := r.variables(ctx)
	if err := ctx.Err(); err != nil {
		return Way{}, false, err
	}
	from := make([]uint32, r.n) // block before, from 1, or 1<<31 + variable; 0 is not met
	var queue []ID
	for _, h := range hits {
		if from[h.to] == 0 {
			from[h.to] = interior | h.root
			queue = append(queue, h.to)
		}
	}
	for k := 0; k < len(queue) && from[id] == 0; k++ {
		for _, to := range r.edges(queue[k]) {
			if to &^= interior; from[to] == 0 {
				from[to] = queue[k] + 1
				queue = append(queue, to)
			}
		}
	}
	if from[id] == 0 {
		return Way{}, false, ctx.Err()
	}
	var blocks []ID
	for ; from[id]&interior == 0; id = from[id] - 1 {
		blocks = append(blocks, id)
	}
	blocks = append(blocks, id)
	slices.Reverse(blocks)
	v := vars[from[id]&^interior]
	return Way{Root: v, Hops: r.hops(v, blocks)}, true, ctx.Err()
}

// hops finds the words that lead from a variable over blocks.
func (r *Reach) hops(v Variable, blocks []ID) []Hop {
	out := make([]Hop, 0, len(blocks))
	for i, id := range blocks {
		h := Hop{User: r.User(id), Size: r.Size(id)}
		found := false
		take := func(at memory.Addr, value uint64) {
			if got, off, what := r.find(value); !found && what == inBlock && got == id {
				h.From, h.Into, found = at, off, true
			}
		}
		switch {
		case i > 0:
			before := r.Range(blocks[i-1])
			r.area(&Area{width: widthOf(r.Heap(blocks[i-1]).Bits)}, before, take)
			h.Offset = h.From.Sub(before.Start)
		case v.Area.Kind == Register:
			take(0, v.Area.Value)
		case v.Area.Kind == Module:
			r.area(v.Area, v.At.Span(8).Intersect(v.Area.Range), take)
		default:
			r.area(v.Area, v.Area.Range, take)
		}
		out = append(out, h)
	}
	return out
}
