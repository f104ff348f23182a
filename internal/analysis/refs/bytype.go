package refs

import (
	"cmp"
	"context"
	"slices"

	"github.com/heapdump/heapdump/pkg/memory"
)

// TypeRetained is what the blocks of one type retain.
type TypeRetained struct {
	Type     string // empty of those of which nothing is known
	Evidence string
	Count                // of the type
	Retained uint64      // user bytes under its topmost blocks in the tree
	Under    int         // as many blocks
	Example  memory.Addr // user pointer of the first by address
}

// ByType returns what reachable blocks retain by type, the most first: for
// each type the sum over its blocks that no other block of the type dominates.
// What two of them lead to together, and nothing else does, is in the sum of
// neither. The error is the context's.
func (d *Dominators) ByType(ctx context.Context, types Namer) ([]TypeRetained, error) {
	var out []TypeRetained
	ids := map[[2]string]uint32{}
	kind := make([]uint32, len(d.vertex)) // index in out, from 1; 0 of variables
	for id := range ID(d.n) {
		w := d.numberOf[id]
		if w == 0 {
			continue
		}
		if id%pulse == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var key [2]string
		key[0], key[1] = types(id)
		k, ok := ids[key]
		if !ok {
			k = uint32(len(out)) + 1
			ids[key] = k
			out = append(out, TypeRetained{Type: key[0], Evidence: key[1], Example: d.User(id)})
		}
		kind[w] = k
		out[k-1].add(d.Size(id))
	}
	d.topmost(kind, out)
	slices.SortStableFunc(out, func(a, b TypeRetained) int {
		return cmp.Or(cmp.Compare(b.Retained, a.Retained), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Evidence, b.Evidence))
	})
	return out, ctx.Err()
}

// topmost goes through the tree in depth, without recursion, and adds up what
// the blocks retain that have no other of their kind above them.
func (d *Dominators) topmost(kind []uint32, out []TypeRetained) {
	n := len(d.vertex)
	child, sibling := make([]uint32, n), make([]uint32, n)
	for w := n - 1; w > top; w-- {
		up := d.idom[w]
		sibling[w], child[up] = child[up], uint32(w)
	}
	open := make([]uint32, len(out)+1) // blocks of each kind above, this one included
	enter := func(w uint32) {
		k := kind[w]
		if k != 0 && open[k] == 0 {
			out[k-1].Retained += d.kept(w)
			out[k-1].Under += int(d.blocks[w])
		}
		open[k]++
	}
	for w := child[top]; w != 0; {
		enter(w)
		if child[w] != 0 {
			w = child[w]
			continue
		}
		for w != top {
			open[kind[w]]--
			if sibling[w] != 0 {
				w = sibling[w]
				break
			}
			w = d.idom[w]
		}
		if w == top {
			return
		}
	}
}
