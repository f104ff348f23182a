package refs

import (
	"cmp"
	"slices"

	"github.com/heapdump/heapdump/pkg/memory"
)

// Retainer is a block or a variable, and what would go with it.
type Retainer struct {
	Variable  *Variable   // nil when it is a block
	User      memory.Addr // of a block
	Size      uint64      // of a block
	Retained  uint64      // user bytes that only it leads to, its own included
	Blocks    int         // as many blocks
	Dominator string      // what leads to it: a block, a variable, or "several roots"

	number uint32
}

// name of a number: a block's address, or a variable.
func (d *Dominators) name(w uint32) string {
	switch node := d.vertex[w]; {
	case w == top:
		return severalRoots
	case node < uint32(d.n):
		return addressOf(d.User(node))
	default:
		return d.Variables[node-uint32(d.n)].Text()
	}
}

func (d *Dominators) retainer(w uint32) Retainer {
	r := Retainer{Retained: d.kept(w), Blocks: int(d.blocks[w]), number: w, Dominator: d.name(d.idom[w])}
	if node := d.vertex[w]; node < uint32(d.n) {
		r.User, r.Size = d.User(node), d.Size(node)
	} else {
		r.Variable, r.Dominator = &d.Variables[node-uint32(d.n)], ""
	}
	return r
}

// Largest returns the n blocks, or variables, that retain the most, the most
// first. Of a chain of blocks of one size, each dominated by the one before,
// only the first is among them.
func (d *Dominators) Largest(n int, variables bool) []Retainer {
	var best []uint32
	less := func(a, b uint32) int { return cmp.Or(cmp.Compare(d.kept(b), d.kept(a)), cmp.Compare(a, b)) }
	for w := uint32(top + 1); int(w) < len(d.vertex); w++ {
		node := d.vertex[w]
		if variables != (node >= uint32(d.n)) || d.kept(w) == 0 {
			continue
		}
		if up := d.vertex[d.idom[w]]; !variables && d.idom[w] != top && up < uint32(d.n) && d.Size(up) == d.Size(node) {
			continue
		}
		if best = append(best, w); len(best) >= 2*n+1024 {
			slices.SortFunc(best, less)
			best = best[:n]
		}
	}
	slices.SortFunc(best, less)
	var out []Retainer
	for _, w := range best[:min(n, len(best))] {
		out = append(out, d.retainer(w))
	}
	return out
}
