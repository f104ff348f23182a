package pagemap

import (
	"cmp"
	"container/heap"
	"fmt"
	"math/bits"
	"slices"
)

// step is one level of a path to a leaf.
type step struct {
	name, kind string
	class      Class
	evidence   string
}

// figures are what adds up along a path.
type figures struct {
	bytes, reserved uint64
	blocks          int
}

// branch is a node of a tree that grows.
type branch struct {
	step
	figures
	kids map[string]*branch
}

// add adds figures to the branch and to all branches along a path below it.
func (b *branch) add(f figures, path ...step) {
	b.grow(f)
	for _, s := range path {
		k := b.kids[s.name]
		if k == nil {
			if b.kids == nil {
				b.kids = map[string]*branch{}
			}
			k = &branch{step: s}
			b.kids[s.name] = k
		}
		b = k
		b.grow(f)
	}
}

// grow adds, without passing what a number holds: sizes of a damaged dump can
// be anything.
func (b *branch) grow(f figures) {
	b.bytes, b.reserved, b.blocks = saturated(b.bytes, f.bytes), saturated(b.reserved, f.reserved), b.blocks+f.blocks
}

func saturated(a, b uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	if carry != 0 {
		return 1<<64 - 1
	}
	return sum
}

// weight is what a branch counts for when nodes are chosen: what is committed,
// and of address space alone less.
func (b *branch) weight() uint64 { return max(b.bytes, b.reserved/4) }

// widest is the most children of a node, besides a remainder.
const widest = 60

// bounded is the tree with at most about so many nodes: the heaviest are
// opened first, and what there is no room for is in remainders.
func (b *branch) bounded(nodes int) Node {
	root := b.node()
	q := &queue{{b, &root, 0}}
	left := nodes
	for n := 1; q.Len() > 0 && left > 1; {
		o := heap.Pop(q).(opening)
		kids := o.from.sorted()
		keep := min(len(kids), widest, left-1)
		if len(kids) == keep+1 {
			keep++ // a remainder of one would be no smaller
		}
		o.to.Children = make([]Node, keep, keep+2)
		for i, k := range kids[:keep] {
			o.to.Children[i] = k.node()
			if len(k.kids) > 0 {
				heap.Push(q, opening{k, &o.to.Children[i], n})
				n++
			}
		}
		left -= keep
		if rest, ok := o.from.rest(kids[keep:]); ok {
			o.to.Children = append(o.to.Children, rest)
			left--
		}
		if self, ok := o.from.self(kids); ok {
			o.to.Children = append(o.to.Children, self)
			left--
		}
	}
	return root
}

func (b *branch) node() Node {
	return Node{Name: b.name, Kind: b.kind, Class: b.class, Bytes: b.bytes, Reserved: b.reserved, Blocks: b.blocks, Evidence: b.evidence}
}

func (b *branch) sorted() []*branch {
	out := make([]*branch, 0, len(b.kids))
	for _, k := range b.kids {
		out = append(out, k)
	}
	slices.SortFunc(out, func(x, y *branch) int {
		return cmp.Or(cmp.Compare(y.weight(), x.weight()), cmp.Compare(y.reserved, x.reserved), cmp.Compare(x.name, y.name))
	})
	return out
}

// rest is the remainder of children that have no node.
func (b *branch) rest(kids []*branch) (Node, bool) {
	out := Node{Name: fmt.Sprintf("%d smaller parts", len(kids)), Kind: "remainder", Class: b.class, Rest: len(kids)}
	for _, k := range kids {
		out.Bytes, out.Reserved, out.Blocks = saturated(out.Bytes, k.bytes), saturated(out.Reserved, k.reserved), out.Blocks+k.blocks
	}
	return out, len(kids) > 0
}

// self is what belongs to the branch and to none of its children: blocks whose
// stack ends where others go on.
func (b *branch) self(kids []*branch) (Node, bool) {
	out := b.node()
	out.Name, out.Kind, out.Evidence = "(itself)", "self", ""
	for _, k := range kids {
		out.Bytes, out.Reserved, out.Blocks = out.Bytes-min(out.Bytes, k.bytes), out.Reserved-min(out.Reserved, k.reserved), out.Blocks-k.blocks
	}
	return out, len(kids) > 0 && out.Bytes > 0
}

// opening is a node that can be opened.
type opening struct {
	from *branch
	to   *Node
	n    int // the order of those of equal weight
}

// queue has the heaviest opening first.
type queue []opening

// Len, Less, Swap, Push and Pop are those of heap.Interface.
func (q queue) Len() int { return len(q) }

// Less puts the heavier first.
func (q queue) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(q[j].from.weight(), q[i].from.weight()), cmp.Compare(q[i].n, q[j].n)) < 0
}

// Swap exchanges two openings.
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push appends an opening.
func (q *queue) Push(x any) { *q = append(*q, x.(opening)) }

// Pop takes the last opening off.
func (q *queue) Pop() any {
	old := *q
	x := old[len(old)-1]
	*q = old[:len(old)-1]
	return x
}
