package refs

// RetainedBy returns how many user bytes the blocks of each of n groups retain,
// each byte once: what every path from a root to it passes some one block of
// the group for. group gives the group of a block; one of n or more is none.
// Blocks that no root reaches are in no sum.
func (d *Dominators) RetainedBy(n int, group func(ID) int) []uint64 {
	out := make([]uint64, n)
	first, next := d.children()
	above := make([]int32, n) // how many blocks of a group are on the path down to here
	in := func(w uint32) int {
		node := d.vertex[w]
		if w == top || node >= uint32(d.n) {
			return n
		}
		return group(node)
	}
	for w := uint32(top); ; {
		if g := in(w); g < n {
			if above[g] == 0 {
				out[g] += d.kept(w)
			}
			above[g]++
		}
		if first[w] != 0 {
			w = first[w]
			continue
		}
		for { // up until there is a sibling
			if g := in(w); g < n {
				above[g]--
			}
			if w == top {
				return out
			}
			if next[w] != 0 {
				w = next[w]
				break
			}
			w = d.idom[w]
		}
	}
}

// children turns the tree round: the first child of each number, and the next
// one of the same parent; 0 is none.
func (d *Dominators) children() (first, next []uint32) {
	first, next = make([]uint32, len(d.idom)), make([]uint32, len(d.idom))
	for w := len(d.idom) - 1; w > top; w-- {
		up := d.idom[w]
		next[w], first[up] = first[up], uint32(w)
	}
	return first, next
}
