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
}

// NewNamer makes a Namer of the blocks of an index. The error is the
// context's.
func NewNamer(ctx context.Context, t *target.Target, x *refs.Index) (*Namer, error) {
	s := newSharedNames(t, x.Heaps, Options{By: []By{Type}, CRT: crt.New(t).Likely(ctx, x.Heaps)})
	s.index = x
	s.named = s.places(t)
	return &Namer{newWorker(s), x}, ctx.Err()
}

// Another returns a Namer of the same blocks for another goroutine.
func (n *Namer) Another() *Namer { return &Namer{newWorker(n.w.shared), n.index} }

// Of returns the type of a block; its Known is false when nothing is known of
// it, and Text says so.
func (n *Namer) Of(i refs.ID) Key {
	return n.w.keys[Type][n.id(i)]
}

func (n *Namer) id(i refs.ID) id {
	b := heap.Block{Addr: n.index.User(i), Size: n.index.Size(i), State: heap.Busy}
	return n.w.byType(&subject{heap: n.index.Heap(i), block: &b})
}

// Type returns a block's type in words and what that rests on; empty when
// nothing is known of it.
func (n *Namer) Type(i refs.ID) (text, evidence string) {
	k := n.Of(i)
	if !k.Known || k.Confidence == content.None {
		return "", ""
	}
	return k.Text, k.Means.String()
}
