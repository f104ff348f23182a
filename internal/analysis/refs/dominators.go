package refs

import (
	"context"
	"math"
	"math/bits"

	"github.com/heapdump/heapdump/internal/mmap"
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
	numberOf []uint32 // of each node; 0 is not reached
	blocks   []uint32 // blocks under each number, its own included
	low      []uint32 // user bytes under each number, its own included: the lower 32 bits
	high     []uint32 // and those above; nil when there are not as many bytes
}

// kept returns what a number retains.
func (d *Dominators) kept(w uint32) uint64 {
	n := uint64(d.low[w])
	if d.high != nil {
		n |= uint64(d.high[w]) << 32
	}
	return n
}

// keep adds to what a number retains.
func (d *Dominators) keep(w uint32, bytes uint64) {
	n := d.kept(w) + bytes
	d.low[w] = uint32(n)
	if d.high != nil {
		d.high[w] = uint32(n >> 32)
	}
}

const top = 1 // the tree's root

// domBuilder holds what only the construction needs. The algorithm is
// semi-NCA, without recursion, in memory linear in blocks and edges; what has
// one reference alone, most of most heaps, takes no part in it: its dominator
// is what refers to it.
type domBuilder struct {
	*Dominators
	hits   []hit
	first  []uint32 // hits of each variable
	parent []uint32 // in the walk; later compressed
	semi   []uint32
	label  []uint32
	joins  joins
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
	return d.build(ctx)
}

// build makes the tree of variables and hits.
func (d *domBuilder) build(ctx context.Context) (*Dominators, error) {
	d.walk(ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if d.findJoins(); d.joins.n > 0 {
		d.invert()
		d.solve()
	} else {
		d.idom = d.parent
	}
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

// walk numbers the nodes in depth. The path down to a node is that of the
// parents; where the walk is among a node's edges stands in blocks, which is
// not needed before.
func (d *domBuilder) walk(ctx context.Context) {
	d.numberOf = mmap.Large[uint32](d.n + len(d.Variables))
	reached := 2 + len(d.Variables)
	for _, w := range d.all {
		reached += bits.OnesCount64(w)
	}
	d.vertex = mmap.Large[uint32](reached)
	d.parent = mmap.Large[uint32](reached)
	d.blocks = mmap.Large[uint32](reached)
	next := uint32(top + 1)
	enter := func(node, from uint32) uint32 {
		at := next
		d.numberOf[node], d.vertex[at], d.parent[at] = at, node, from
		next++
		return at
	}
	for v := range d.Variables {
		for at := enter(uint32(d.n+v), top); at != top; {
			if at%pulse == 0 && ctx.Err() != nil {
				return
			}
			to, ok := d.out(d.vertex[at], d.blocks[at])
			if !ok {
				at = d.parent[at]
				continue
			}
			d.blocks[at]++
			if d.numberOf[to] == 0 {
				at = enter(to, at)
			}
		}
	}
	d.vertex, d.parent, d.blocks = d.vertex[:next], d.parent[:next], d.blocks[:next]
}

// solve computes semidominators, and dominators from them.
func (d *domBuilder) solve() {
	n := uint32(len(d.vertex))
	d.idom = mmap.Large[uint32](int(n))
	copy(d.idom, d.parent)
	d.semi, d.label = mmap.Large[uint32](int(n)), mmap.Large[uint32](int(n))
	for w := range n {
		d.semi[w], d.label[w] = w, w
	}
	for w := n - 1; w > top; w-- {
		s := d.idom[w] // its parent, as yet
		for _, v := range d.joins.before(d.vertex[w]) {
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

// sum adds up what each node retains, in memory that is no longer needed.
func (d *domBuilder) sum() {
	n := len(d.vertex)
	if d.low, d.high = d.semi, d.label; d.low == nil {
		d.low = mmap.Large[uint32](n)
	}
	if d.Bytes <= math.MaxUint32 {
		d.high = nil
	} else if d.high == nil {
		d.high = mmap.Large[uint32](n)
	}
	d.semi, d.label, d.parent, d.joins = nil, nil, nil, joins{}
	clear(d.low)
	clear(d.high)
	clear(d.blocks)
	for w := uint32(n - 1); w > top; w-- {
		if d.vertex[w] < uint32(d.n) {
			d.keep(w, d.Size(d.vertex[w]))
			d.blocks[w]++
		}
		d.keep(d.idom[w], d.kept(w))
		d.blocks[d.idom[w]] += d.blocks[w]
	}
}
