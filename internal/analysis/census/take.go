package census

import (
	"context"
	"iter"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/heapdump/heapdump/internal/progress"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// pulse is how many blocks pass between two looks at the clock and the
// context.
const pulse = 4096

// part is what the walk of one segment, or of the virtual blocks, found.
type part struct {
	counts  [heap.States][heap.Origins]Count
	tally   ntheap.Tally
	list    diag.List
	largest uint64
	visit   Visit // nil when nobody looks
	near    *ntheap.Near
}

// Take walks the given heaps of t, segments side by side, and counts. tick, if
// there is one, is told now and then how many bytes of how many are done, from
// one goroutine at a time and never less than before. The result does not
// depend on the order of the walks. The error is the context's when it was
// cancelled.
func Take(ctx context.Context, t *target.Target, heaps []*target.Heap, tick func(done, total uint64)) (*Census, error) {
	return TakeWith(ctx, t, heaps, tick, nil)
}

// Visit sees each block of a piece of a heap while it is counted. The block is
// its own until it returns; m is the dump's memory, of which the block's bytes
// are at hand.
type Visit func(b *heap.Block, m heap.Memory)

// TakeWith is Take, and shows every block to what visit returns. visit is
// called for each piece of a heap, in the order of the blocks, before any is
// walked; the pieces are walked side by side.
func TakeWith(ctx context.Context, t *target.Target, heaps []*target.Heap, tick func(done, total uint64), visit func(*target.Heap) Visit) (*Census, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := &Census{Heaps: make([]Heap, len(heaps)), Memory: MemoryOf(t.Space)}
	w := &walks{tick: tick}
	parts := make([]pieces, len(heaps))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	w.ctx = ctx
	for _, h := range heaps {
		if x := h.Walkable(); x != nil {
			w.total += x.Size()
		}
	}
	for i, h := range heaps {
		switch {
		case h.Page != nil:
			parts[i] = newParts(1).seenBy(h, t.Space, visit)
			g.Go(progress.Guard(func() error { p := &parts[i][0]; return w.count(h.Page.Blocks(p.list.Add), p) }))
			continue
		case h.NT == nil:
			continue
		}
		parts[i] = newParts(len(h.NT.Segments)+1).seenBy(h, t.Space, visit)
		for s := range parts[i] {
			g.Go(progress.Guard(func() error { return w.walk(h.NT, s, &parts[i][s]) }))
		}
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	left := diag.DefaultLimit
	for i, h := range heaps {
		out.Heaps[i] = settle(h, parts[i])
		parts[i] = nil
		out.Heaps[i].trim(&left)
	}
	return out, nil
}

// pieces are the parts of one heap, in the order of their blocks.
type pieces []part

func newParts(n int) pieces {
	out := make(pieces, n)
	for i := range out {
		out[i].list.Limit = partLimit
	}
	return out
}

// seenBy gives each part of h its memory and its visitor.
func (p pieces) seenBy(h *target.Heap, m heap.Memory, visit func(*target.Heap) Visit) pieces {
	for i := range p {
		p[i].near = ntheap.NewNear(m)
		if visit != nil {
			p[i].visit = visit(h)
		}
	}
	return p
}

// trim keeps the heap's problems within what is left of the limit for all.
func (h *Heap) trim(left *int) {
	if n := len(h.Problems); n > *left {
		h.Problems = slices.Clone(h.Problems[:*left])
		h.Dropped += n - *left
	}
	*left -= len(h.Problems)
}

// partLimit is how many problems of one segment are kept: many segments may be
// damaged, and a report shows the first of each kind.
const partLimit = 1000

// walks is what the walks of one census share.
type walks struct {
	ctx   context.Context
	tick  func(done, total uint64)
	total uint64
	mu    sync.Mutex
	done  uint64 // under mu
}

// walk counts the blocks of segment s, or, behind the last, the virtual ones.
func (w *walks) walk(h *ntheap.Heap, s int, p *part) error {
	if s == len(h.Segments) {
		return w.count(h.VirtualBlocks(p.list.Add), p)
	}
	n, bytes := 0, uint64(0)
	for batch := range h.NearBatches(s, &p.tally.Links, p.near, p.list.Add) {
		for i := range batch {
			p.add(&batch[i])
			bytes += batch[i].Size
		}
		if n += len(batch); n >= pulse {
			if err := w.pulse(bytes); err != nil {
				return err
			}
			n, bytes = 0, 0
		}
	}
	return w.pulse(bytes)
}

// count counts blocks, and looks up now and then.
func (w *walks) count(blocks iter.Seq[heap.Block], p *part) error {
	n, bytes := 0, uint64(0)
	var b heap.Block // one for all: what a visitor may keep is allocated
	for x := range blocks {
		b = x
		p.add(&b)
		if b.Segment != heap.NoSegment {
			bytes += b.Size
		}
		if n++; n%pulse == 0 {
			if err := w.pulse(bytes); err != nil {
				return err
			}
			bytes = 0
		}
	}
	return w.pulse(bytes)
}

// add counts a block.
func (p *part) add(b *heap.Block) {
	p.counts[b.State][b.Origin].one(b)
	if b.State != heap.Busy || b.Trust != heap.Sound { // a tally takes no notice of the rest
		p.tally.Add(*b)
		if b.State == heap.Free {
			p.largest = max(p.largest, b.Size)
		}
	}
	if p.visit != nil {
		p.visit(b, p.near)
	}
}

func (w *walks) pulse(bytes uint64) error {
	if w.tick != nil {
		w.mu.Lock()
		w.done += bytes
		w.tick(w.done, w.total)
		w.mu.Unlock()
	}
	return w.ctx.Err()
}

// settle adds up the parts of one heap and closes its accounting.
func settle(t *target.Heap, parts pieces) Heap {
	h := Heap{Target: t}
	if t.Walkable() == nil {
		return h
	}
	h.Walked = true
	var list diag.List
	if t.NT != nil {
		for _, p := range t.NT.Problems() {
			list.Add(p)
		}
	}
	var tally ntheap.Tally
	for i := range parts {
		p := &parts[i]
		for s := range p.counts {
			for o := range p.counts[s] {
				h.Counts[s][o].add(p.counts[s][o])
			}
		}
		tally.Merge(p.tally)
		for _, x := range p.list.Problems {
			list.Add(x)
		}
		list.Dropped += p.list.Dropped
		h.LargestFree = max(h.LargestFree, p.largest)
	}
	if t.NT != nil {
		t.NT.Check(tally, list.Add)
		h.account(t.NT)
	} else {
		list.Dropped += t.Page.Dropped()
		h.accountPages(t.Page)
	}
	h.Problems, h.Dropped = list.Problems, list.Dropped
	for i := range h.Problems {
		h.Problems[i] = foreign(t, h.Problems[i])
	}
	return h
}

// reactOS is _HEAP.Signature in heaps of ReactOS.
const reactOS = 0x0eefeeff

// foreign makes what contradicts Windows in a heap that Windows did not make
// a lack of heapdump's: ReactOS has structures of its own behind the same
// signatures of segments.
func foreign(h *target.Heap, p diag.Problem) diag.Problem {
	if h.NT != nil && h.NT.Header.Signature == reactOS && p.Class == diag.Corrupt {
		p.Class = diag.Unsupported
		p.Got += " (the heap is one of ReactOS)"
	}
	return p
}

func (c *Count) add(o Count) {
	c.Blocks += o.Blocks
	c.Bytes += o.Bytes
	c.User += o.User
}

// Sum returns the count of one state over all origins.
func (h *Heap) Sum(s heap.State) Count {
	var sum Count
	for _, c := range h.Counts[s] {
		sum.add(c)
	}
	return sum
}
