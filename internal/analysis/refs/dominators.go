package refs

import (
	"context"
	"math/bits"
)

// Dominators is the dominator tree of what the roots reach, under one root of
// its own: a block's dominator is the nearest block or variable that every
// path to it passes.
//
// Nodes are numbered as a walk in depth met them, from 1, the tree's root.
type Dominators struct {
	*Reach
	Variables []Variable

	vertex   []uint32 // node of a number: block, or n + variable; [0] and [1] are unused
	idom     []uint32 // number of a number's dominator
	retained []uint64 // user bytes under each number, its own included
	blocks   []uint32 // blocks under each number, its own included
	numberOf []uint32 // of each node; 0 is not reached
}

const top = 1 // the tree's root

// domBuilder holds what only the construction needs: the algorithm is
// semi-NCA, without recursion, in memory linear in blocks and edges.
type domBuilder struct {
	*Dominators
	hits   []hit
	first  []uint32 // hits of each variable
	parent []uint32 // in the walk; later compressed
	semi   []uint32
	label  []uint32
	back   []uint32 // predecessors' numbers, by number
	start  []uint32 // where those of each number begin
	chain  []uint32
}

// Dominators makes the tree. The error is the context's.
func (r *Reach) Dominators(ctx context.Context) (*Dominators, error) {
	d := &domBuilder{Dominators: &Dominators{Reach: r}}
	d.Variables, d.hits = r.variables(ctx)
	d.first = make([]uint32, len(d.Variables)+1)
	for _, h := range d.hits {
		d.first[h.root+1]++
	}
	for i := range d.Variables {
		d.first[i+1] += d.first[i]
	}
	d.walk(ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d.invert()
	d.solve()
	d.back, d.start, d.semi, d.label, d.parent = nil, nil, nil, nil, nil
	d.sum()
	return d.Dominators, ctx.Err()
}

// out returns the i-th successor of a node, false behind the last.
func (d *domBuilder) out(node, i uint32) (uint32, bool) {
	if v := int(node) - d.n; v >= 0 {
		at := d.first[v] + i
		if at >= d.first[v+1] {
			return 0, false
		}
		return d.hits[at].to, true
	}
	e := d.edges(node)
	if int(i) >= len(e) {
		return 0, false
	}
	return e[i] &^ interior, true
}

// walk numbers the nodes.
func (d *domBuilder) walk(ctx context.Context) {
	d.numberOf = make([]uint32, d.n+len(d.Variables))
	reached := 2 + len(d.Variables)
	for _, w := range d.all {
		reached += bits.OnesCount64(w)
	}
	d.vertex, d.parent = make([]uint32, 2, reached), make([]uint32, 2, reached)
	var path []step
	enter := func(node, from uint32) {
		d.numberOf[node] = uint32(len(d.vertex))
		d.vertex = append(d.vertex, node)
		d.parent = append(d.parent, from)
		path = append(path, step{id: node})
	}
	for v := range d.Variables {
		if ctx.Err() != nil {
			return
		}
		enter(uint32(d.n+v), top)
		for len(path) > 0 {
			s := &path[len(path)-1]
			to, ok := d.out(s.id, s.edge)
			if !ok {
				path = path[:len(path)-1]
				continue
			}
			s.edge++
			if d.numberOf[to] == 0 {
				enter(to, d.numberOf[s.id])
			}
		}
	}
}

// each calls do for every edge between numbers, but those from the top.
func (d *domBuilder) each(do func(from, to uint32)) {
	for k := uint32(top + 1); int(k) < len(d.vertex); k++ {
		for i := uint32(0); ; i++ {
			to, ok := d.out(d.vertex[k], i)
			if !ok {
				break
			}
			do(k, d.numberOf[to])
		}
	}
}

// invert makes the edges' other direction.
func (d *domBuilder) invert() {
	d.start = make([]uint32, len(d.vertex)+1)
	d.each(func(_, to uint32) { d.start[to]++ })
	for i := 1; i < len(d.start); i++ {
		d.start[i] += d.start[i-1]
	}
	d.back = make([]uint32, d.start[len(d.start)-1])
	d.each(func(from, to uint32) { // each start moves down to where it belongs
		d.start[to]--
		d.back[d.start[to]] = from
	})
}

// solve computes semidominators, and dominators from them.
func (d *domBuilder) solve() {
	n := uint32(len(d.vertex))
	d.idom = append([]uint32(nil), d.parent...)
	d.semi, d.label = make([]uint32, n), make([]uint32, n)
	for w := range n {
		d.semi[w], d.label[w] = w, w
	}
	for w := n - 1; w > top; w-- {
		s := d.idom[w] // its parent, as yet
		for _, v := range d.back[d.start[w]:d.start[w+1]] {
			s = min(s, d.semi[d.eval(v, w)])
		}
		d.semi[w] = s
	}
	for w := uint32(top + 1); w < n; w++ {
		x := d.idom[w]
		for x > d.semi[w] {
			x = d.idom[x]
		}
		d.idom[w] = x
	}
}

// eval returns the number with the least semidominator on the path from v up
// to, but without, the first number at or below last; it shortens the path.
func (d *domBuilder) eval(v, last uint32) uint32 {
	if v <= last || d.parent[v] <= last {
		return d.label[v]
	}
	d.chain = d.chain[:0]
	for x := v; d.parent[x] > last; x = d.parent[x] {
		d.chain = append(d.chain, x)
	}
	for i := len(d.chain) - 1; i >= 0; i-- {
		x := d.chain[i]
		p := d.parent[x]
		if d.semi[d.label[p]] < d.semi[d.label[x]] {
			d.label[x] = d.label[p]
		}
		d.parent[x] = d.parent[p]
	}
	return d.label[v]
}

// sum adds up what each node retains.
func (d *domBuilder) sum() {
	d.retained, d.blocks = make([]uint64, len(d.vertex)), make([]uint32, len(d.vertex))
	for w := len(d.vertex) - 1; w > top; w-- {
		if d.vertex[w] < uint32(d.n) {
			d.retained[w] += d.Size(d.vertex[w])
			d.blocks[w]++
		}
		d.retained[d.idom[w]] += d.retained[w]
		d.blocks[d.idom[w]] += d.blocks[w]
	}
}
