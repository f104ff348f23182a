// Package sweep walks heaps side by side, on as many processors as there are.
package sweep

import (
	"context"
	"iter"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/heapdump/heapdump/internal/progress"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
)

// pulse is how many blocks pass between two looks at the clock and the
// context.
const pulse = 4096

// piece is a part of a heap that can be walked on its own.
type piece struct {
	heap   *target.Heap
	blocks iter.Seq[heap.Block]
}

// pieces are the parts of a heap: its segments and its large blocks, or all of
// a page heap; none when it was not opened.
func pieces(h *target.Heap) []piece {
	switch {
	case h.Page != nil:
		return []piece{{h, h.Page.Blocks(nil)}}
	case h.NT == nil:
		return nil
	}
	var out []piece
	for s := range h.NT.Segments {
		out = append(out, piece{h, h.NT.SegmentBlocks(s, nil)})
	}
	return append(out, piece{h, h.NT.VirtualBlocks(nil)})
}

// queue is what the walkers of one sweep share.
type queue struct {
	mu          sync.Mutex
	pieces      []piece
	tick        func(done, total uint64)
	done, total uint64
}

// Blocks walks the heaps. Each walker has a state of its own, which start
// makes, and hands every block that it meets to do; the block is do's until it
// returns. What the states hold depends on who met which block, so their sum
// must not. tick may be nil; it is told how many of how many bytes are done,
// from one goroutine at a time. The states are returned in no order that means
// anything. The error is the context's when it was cancelled.
func Blocks[S any](ctx context.Context, heaps []*target.Heap, tick func(done, total uint64), start func() S, do func(S, *target.Heap, *heap.Block)) ([]S, error) {
	q := &queue{tick: tick}
	for _, h := range heaps {
		if x := h.Walkable(); x != nil {
			q.total += x.Size()
			q.pieces = append(q.pieces, pieces(h)...)
		}
	}
	states := make([]S, min(runtime.GOMAXPROCS(0), max(len(q.pieces), 1)))
	g, ctx := errgroup.WithContext(ctx)
	for i := range states {
		states[i] = start()
		g.Go(progress.Guard(func() error {
			for {
				p, ok := q.next()
				if !ok || ctx.Err() != nil {
					return ctx.Err()
				}
				if err := walk(ctx, q, p, states[i], do); err != nil {
					return err
				}
			}
		}))
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return states, nil
}

func (q *queue) next() (piece, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.pieces) == 0 {
		return piece{}, false
	}
	p := q.pieces[0]
	q.pieces = q.pieces[1:]
	return p, true
}

// walk goes over one piece.
func walk[S any](ctx context.Context, q *queue, p piece, state S, do func(S, *target.Heap, *heap.Block)) error {
	n, bytes := 0, uint64(0)
	var b heap.Block // one for all: what do is given a pointer to is allocated
	for x := range p.blocks {
		b = x
		do(state, p.heap, &b)
		if b.Segment != heap.NoSegment {
			bytes += b.Size
		}
		if n++; n%pulse == 0 {
			q.pulse(bytes)
			bytes = 0
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	q.pulse(bytes)
	return ctx.Err()
}

func (q *queue) pulse(bytes uint64) {
	if q.tick == nil {
		return
	}
	q.mu.Lock()
	q.done += bytes
	q.tick(q.done, q.total)
	q.mu.Unlock()
}
