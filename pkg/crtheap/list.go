package crtheap

import (
	"cmp"
	"slices"

	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// List collects the headers that a walk found, in order to follow the
// runtime's own list through them. It keeps 32 bytes for each. Headers of one
// pointer size go into one List; the heaps of all runtimes may: each runtime
// has a list of its own. The zero List is ready.
type List struct {
	nodes   []node
	ignored int
	bits    int
}

// node is what the list needs of one header.
type node struct {
	addr memory.Addr
	to   [2]memory.Addr // older, newer
	form Form
	seen bool
}

// The directions of a list.
const (
	older = 0 // pBlockHeaderNext
	newer = 1 // pBlockHeaderPrev
)

// Add counts one header.
func (l *List) Add(h Header) {
	l.bits = int(h.bits)
	if !h.listed() {
		l.ignored++
		return
	}
	l.nodes = append(l.nodes, node{addr: h.Addr, to: [2]memory.Addr{h.Next, h.Prev}, form: h.Form})
}

// Merge adds what another walker found.
func (l *List) Merge(o List) {
	if o.bits != 0 {
		l.bits = o.bits
	}
	l.ignored += o.ignored
	l.nodes = append(l.nodes, o.nodes...)
}

// Chain is a stretch of a runtime's list of blocks, followed from the newest
// to the oldest. A sound list is one whole chain.
type Chain struct {
	Newest, Oldest memory.Addr // headers
	Form           Form        // what its blocks have in common; Either when none could be told
	Blocks         int         // that are among the headers found
	Others         int         // headers on it that are not: in heaps that were not walked, or damaged ones
	First          bool        // Newest has no newer one: the list begins here
	Last           bool        // Oldest has no older one: the list ends here
	Loop           bool        // it leads back to its beginning
}

// Whole reports whether the chain is a list from end to end.
func (c Chain) Whole() bool { return c.First && c.Last }

// Walked is what following the lists showed.
type Walked struct {
	Found    int // headers that were added and belong on a list
	Ignored  int // headers of type ignore, which are on none
	Chains   []Chain
	Findings []Finding // links that lead astray
	Dropped  int       // links beyond those judged
}

// What a walk of the list keeps and looks at; sound dumps are far below.
const (
	maxChains   = 1000
	maxSuspects = 1000
	maxOthers   = 1 << 20
)

// Walk follows the lists through the headers found. The blocks of all its
// chains together are the headers found: each is on one chain, if only by
// itself. A dump taken while a runtime linked a block in or out shows one link
// that is not closed.
func (l *List) Walk(m heap.Memory) Walked {
	out := Walked{Found: len(l.nodes), Ignored: l.ignored}
	slices.SortFunc(l.nodes, func(a, b node) int { return cmp.Compare(a.addr, b.addr) })
	l.nodes = slices.CompactFunc(l.nodes, func(a, b node) bool { return a.addr == b.addr })
	out.Found = len(l.nodes)
	for i := range l.nodes {
		l.nodes[i].seen = false
	}
	w := walker{m: m, l: layoutOf(l.bits), nodes: l.nodes, others: maxOthers}
	w.chains(&out, func(n *node) bool { return n.to[newer] == 0 })
	w.chains(&out, func(n *node) bool { return !w.closed(n, newer) })
	w.chains(&out, func(*node) bool { return true })
	w.judge(&out)
	return out
}

// walker follows the list.
type walker struct {
	m      heap.Memory
	l      *layout
	nodes  []node
	others int // headers that may still be read which nobody found
}

// find returns the node of the header at a, nil if none was found there.
func (w *walker) find(a memory.Addr) *node {
	i, ok := slices.BinarySearchFunc(w.nodes, a, func(n node, a memory.Addr) int { return cmp.Compare(n.addr, a) })
	if !ok {
		return nil
	}
	return &w.nodes[i]
}

// next returns the node at the end of n's link in direction d, if its own
// link leads back; it may be one that nobody found, made of memory.
func (w *walker) next(n *node, d int) (to *node, other bool) {
	a := n.to[d]
	if a == 0 {
		return nil, false
	}
	if f := w.find(a); f != nil {
		if f.to[1-d] == n.addr {
			return f, false
		}
		return nil, false
	}
	f, ok := w.read(a)
	if ok && f.to[1-d] == n.addr {
		return &f, true
	}
	return nil, false
}

// read makes a node of the header at a.
func (w *walker) read(a memory.Addr) (node, bool) {
	raw, err := w.m.View(a, w.l.head)
	if err != nil || !w.l.header(raw) {
		return node{}, false
	}
	return node{addr: a, to: [2]memory.Addr{w.l.addr(raw, 0), w.l.addr(raw, w.l.ptr)}, form: w.l.only(raw)}, true
}

// closed reports whether n's link leads to a header that leads back.
func (w *walker) closed(n *node, d int) bool {
	to, _ := w.next(n, d)
	return to != nil
}

// chains follows a chain from each node not yet seen that could begin one.
func (w *walker) chains(out *Walked, begins func(*node) bool) {
	for i := range w.nodes {
		n := &w.nodes[i]
		if n.seen || !begins(n) {
			continue
		}
		c := w.follow(n)
		if len(out.Chains) < maxChains {
			out.Chains = append(out.Chains, c)
		}
	}
}

// follow follows one chain. It ends, since each step is to a node not seen
// before, or to one of a bounded number of others.
func (w *walker) follow(n *node) Chain {
	c := Chain{Newest: n.addr, First: n.to[newer] == 0}
	other := false
	for {
		c.Oldest = n.addr
		if other {
			w.others--
			c.Others++
		} else {
			n.seen = true
			c.Blocks++
		}
		if n.form != Either {
			c.Form = n.form
		}
		c.Last = n.to[older] == 0
		to, unfound := w.next(n, older)
		if to == nil || w.others <= 0 {
			return c
		}
		if to.seen || to.addr == c.Newest {
			c.Loop = true
			return c
		}
		n, other = to, unfound
	}
}
