package attrib

import (
	"context"

	"github.com/heapdump/heapdump/internal/analysis/content"
	"github.com/heapdump/heapdump/internal/analysis/crt"
	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
)

// Means is what a claim about a block's type rests on.
type Means uint8

// The means.
const (
	NoMeans Means = iota
	RTTI          // a class, by run-time type information
	VTable        // a table of functions in constant data
	Shape         // links that a container's parts have among them
	Bytes         // what the bytes are
)

// String returns the word that reports have: rtti, vtable, shape, content;
// empty of none.
func (m Means) String() string { return [...]string{"", "rtti", "vtable", "shape", "content"}[m] }

// Namer says what blocks are, one at a time. It is not for several goroutines
// at once; Another makes one for each.
type Namer struct {
	w     *worker
	index *refs.Index
	block heap.Block // the one that is looked at, and what is known of it
	x     subject
	last  id // of the key before, and what Type says of it
	text  string
	means string
}

// NewNamer makes a Namer of the blocks of an index. The error is the
// context's.
func NewNamer(ctx context.Context, t *target.Target, x *refs.Index) (*Namer, error) {
	s := newSharedNames(t, x.Heaps, Options{By: []By{Type}, CRT: crt.New(t).Likely(ctx, x.Heaps)})
	s.index = x
	s.place(t)
	return &Namer{w: newWorker(s), index: x}, ctx.Err()
}

// Another returns a Namer of the same blocks for another goroutine.
func (n *Namer) Another() *Namer { return &Namer{w: newWorker(n.w.shared), index: n.index} }

// Of returns the type of a block; its Known is false when nothing is known of
// it, and Text says so.
func (n *Namer) Of(i refs.ID) Key {
	return n.w.keys[Type][n.id(i)]
}

func (n *Namer) id(i refs.ID) id {
	n.block = heap.Block{Addr: n.index.User(i), Size: n.index.Size(i), State: heap.Busy}
	n.x = subject{heap: n.index.Heap(i), block: &n.block}
	return n.w.byType(&n.x)
}

// Type returns a block's type in words and what that rests on; empty when
// nothing is known of it.
func (n *Namer) Type(i refs.ID) (text, evidence string) {
	switch k := n.id(i); k {
	case unknown:
		return "", ""
	case n.last: // most blocks are like the one before
	default:
		n.last, n.text, n.means = k, "", ""
		if k := n.w.keys[Type][k]; k.Known && k.Confidence != content.None {
			n.text, n.means = k.Text, k.Means.String()
		}
	}
	return n.text, n.means
}
