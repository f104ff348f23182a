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
	To     ID          // the block that it leads to
	User   memory.Addr // its user pointer
	Size   uint64
	Into   uint64 // offset in that block
}

// Way is a shortest path from the roots to a block.
type Way struct {
	Root Variable
	Hops []Hop // the last leads to the block
}

// MaxPaths is how many paths Why looks for at most.
const MaxPaths = 1000

// Why returns up to limit paths from roots to a block, the shortest first and
// no two with the same last reference; of each last reference the shortest,
// and of equally long ones that of the earliest root. None is no error, which
// is the context's.
func (r *Reach) Why(ctx context.Context, id ID, limit int) ([]Way, error) {
	vars, hits := r.variables(ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var ways []Way
	from := make([]uint32, r.n) // block before, from 1, or 1<<31 + variable; 0 is not met
	var queue []ID
	for _, h := range hits {
		switch {
		case h.to == id && len(ways) < limit:
			ways = append(ways, Way{Root: vars[h.root], Hops: r.hops(vars[h.root], []ID{id})})
		case h.to != id && from[h.to] == 0:
			from[h.to] = interior | h.root
			queue = append(queue, h.to)
		}
	}
	for k := 0; k < len(queue) && len(ways) < limit; k++ {
		if k%pulse == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		last := false
		for _, to := range r.edges(queue[k]) {
			switch to &^= interior; {
			case to == id:
				last = true
			case from[to] == 0:
				from[to] = queue[k] + 1
				queue = append(queue, to)
			}
		}
		if last {
			ways = append(ways, r.back(vars, from, queue[k], id))
		}
	}
	return ways, ctx.Err()
}

// back is the path over a block to the next, by the block before each.
func (r *Reach) back(vars []Variable, from []uint32, at, id ID) Way {
	blocks := []ID{id}
	for ; from[at]&interior == 0; at = from[at] - 1 {
		blocks = append(blocks, at)
	}
	blocks = append(blocks, at)
	slices.Reverse(blocks)
	v := vars[from[at]&^interior]
	return Way{Root: v, Hops: r.hops(v, blocks)}
}

// hops finds the words that lead from a variable over blocks.
func (r *Reach) hops(v Variable, blocks []ID) []Hop {
	out := make([]Hop, 0, len(blocks))
	for i, id := range blocks {
		h := Hop{To: id, User: r.User(id), Size: r.Size(id)}
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
		case v.Encoded:
			h.From = v.At
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
