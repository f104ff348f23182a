package cli

import (
	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
)

// layers adds to the rows of a walk what stands around blocks: their stacks.
type layers struct {
	stacks   *stacks.Stacks
	captures map[*target.Heap]bool
}

// newLayers prepares for a walk of heaps; nil when none of them has layers.
func newLayers(t *target.Target, heaps []*target.Heap) *layers {
	l := &layers{stacks: stacks.New(t), captures: map[*target.Heap]bool{}}
	for _, h := range heaps {
		if l.stacks.Captures(h) {
			l.captures[h] = true
		}
	}
	if len(l.captures) == 0 {
		return nil
	}
	return l
}

// fill adds the layers of a block to its row.
func (l *layers) fill(r *render.BlockRow, h *target.Heap, b *heap.Block) {
	r.Stack = r.Stack[:0]
	if l == nil || !l.captures[h] {
		return
	}
	for _, a := range l.stacks.Of(h, b) {
		r.Stack = append(r.Stack, uint64(a))
	}
}
