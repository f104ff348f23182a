package refs

import (
	"context"
	"math/bits"
)

func trailing(w uint64) int { return bits.TrailingZeros64(w) }

// condenser finds the strongly connected components of the blocks that a
// bitmap leaves out (Tarjan's algorithm, without recursion). Its memory is
// linear in their number.
type condenser struct {
	*Graph
	out   bitmap   // the blocks that are left out
	ranks []uint32 // of each word of out: blocks before it that are not left out
	n     int

	number []uint32 // order of discovery, from 1; 0 is undiscovered
	low    []uint32
	group  []uint32 // component, from 1; 0 while on the path
	stack  []ID     // of Tarjan
	path   []step
	groups uint32
}

// step is a block whose edges are being followed.
type step struct {
	id   ID
	edge uint32
}

func newCondenser(g *Graph, out bitmap) *condenser {
	c := &condenser{Graph: g, out: out, ranks: make([]uint32, len(out))}
	for w := range out {
		c.ranks[w] = uint32(c.n)
		c.n += bits.OnesCount64(c.members(w))
	}
	c.number, c.low, c.group = make([]uint32, c.n), make([]uint32, c.n), make([]uint32, c.n)
	return c
}

// members is the blocks of a word that are not left out.
func (c *condenser) members(w int) uint64 {
	m := ^c.out[w]
	if end := c.Index.n - w<<6; end < 64 {
		m &= 1<<end - 1
	}
	return m
}

// rank numbers the blocks that are not left out.
func (c *condenser) rank(id ID) int {
	w := id >> 6
	return int(c.ranks[w]) + bits.OnesCount64(c.members(int(w))&(1<<(id&63)-1))
}

// each calls do for the blocks that are not left out.
func (c *condenser) each(do func(ID)) {
	for w := range c.out {
		for m := c.members(w); m != 0; m &= m - 1 {
			do(ID(w<<6 + trailing(m)))
		}
	}
}

func (c *condenser) run(ctx context.Context) {
	next, n := uint32(0), 0
	enter := func(id ID) {
		next++
		k := c.rank(id)
		c.number[k], c.low[k] = next, next
		c.stack = append(c.stack, id)
		c.path = append(c.path, step{id: id})
	}
	c.each(func(root ID) {
		if c.number[c.rank(root)] != 0 || ctx.Err() != nil {
			return
		}
		enter(root)
		for len(c.path) > 0 {
			if n++; n%pulse == 0 && ctx.Err() != nil {
				return
			}
			top := &c.path[len(c.path)-1]
			if e := c.edges(top.id); int(top.edge) < len(e) {
				to := e[top.edge] &^ interior
				top.edge++
				if c.out.get(to) {
					continue
				}
				k, t := c.rank(top.id), c.rank(to)
				switch {
				case c.number[t] == 0:
					enter(to)
				case c.group[t] == 0:
					c.low[k] = min(c.low[k], c.number[t])
				}
				continue
			}
			c.leave(top.id)
		}
	})
}

// leave ends a block whose edges are followed.
func (c *condenser) leave(id ID) {
	c.path = c.path[:len(c.path)-1]
	k := c.rank(id)
	if len(c.path) > 0 {
		p := c.rank(c.path[len(c.path)-1].id)
		c.low[p] = min(c.low[p], c.low[k])
	}
	if c.low[k] != c.number[k] {
		return
	}
	c.groups++
	for {
		top := c.stack[len(c.stack)-1]
		c.stack = c.stack[:len(c.stack)-1]
		c.group[c.rank(top)] = c.groups
		if top == id {
			return
		}
	}
}

// heads sets the blocks of the components that no other component leads to.
func (c *condenser) heads(set bitmap) {
	led := make([]bool, c.groups+1)
	c.each(func(id ID) {
		for _, to := range c.edges(id) {
			if to &^= interior; c.out.get(to) {
				continue
			}
			if a, b := c.group[c.rank(id)], c.group[c.rank(to)]; a != b {
				led[b] = true
			}
		}
	})
	c.each(func(id ID) {
		if !led[c.group[c.rank(id)]] {
			set.set(id)
		}
	})
}
