package census

import (
	"cmp"
	"context"
	"iter"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
)

// SizeCount counts the blocks of one size.
type SizeCount struct {
	// Size is the size in bytes that the blocks share: what the program asked
	// for when they are busy, else the block's.
	Size  uint64
	State heap.State
	Count
}

// Sizes is the blocks of one heap by size. Of a heap that was not walked only
// Target is set.
type Sizes struct {
	Target *target.Heap
	Walked bool
	Rows   []SizeCount // by size, the smallest first, then by state
	Busy   Count       // all busy blocks of the heap, wanted or not
	Lost   uint64      // bytes of which no block could be made
}

// TakeSizes walks the given heaps side by side and counts, by size, the blocks
// that keep wants; keep is called from several goroutines at a time. tick is
// as for Take. The result does not depend on the order of the walks. The error
// is the context's when it was cancelled.
func TakeSizes(ctx context.Context, heaps []*target.Heap, keep func(*heap.Block) bool, tick func(done, total uint64)) ([]Sizes, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := make([]Sizes, len(heaps))
	sums := make([]sizeSum, len(heaps))
	w := &walks{tick: tick}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	w.ctx = ctx
	for _, h := range heaps {
		if x := h.Walkable(); x != nil {
			w.total += x.Size()
		}
	}
	for i, h := range heaps {
		out[i].Target = h
		for _, blocks := range sequences(h) {
			g.Go(func() error { return w.sizes(blocks, keep, &sums[i]) })
		}
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i, h := range heaps {
		out[i].Walked = h.Walkable() != nil
		out[i].Rows, out[i].Busy, out[i].Lost = sums[i].rows(), sums[i].busy, sums[i].lost
	}
	return out, nil
}

// sequences are the pieces of a heap that can be walked side by side.
func sequences(h *target.Heap) []iter.Seq[heap.Block] {
	ignore := func(diag.Problem) {}
	switch {
	case h.Page != nil:
		return []iter.Seq[heap.Block]{h.Page.Blocks(ignore)}
	case h.NT == nil:
		return nil
	}
	var out []iter.Seq[heap.Block]
	for s := range h.NT.Segments {
		out = append(out, h.NT.SegmentBlocks(s, ignore))
	}
	return append(out, h.NT.VirtualBlocks(ignore))
}

// smallSizes is how many sizes a histogram keeps in an array: what the
// low-fragmentation heap serves, where most blocks are.
const smallSizes = 16<<10 + 1

// histogram counts the blocks of one walk.
type histogram struct {
	small [heap.States]*[smallSizes]Count // by state and size; nil where none was met
	large map[sizeKey]*Count
}

type sizeKey struct {
	size  uint64
	state heap.State
}

// add counts a block under its size.
func (x *histogram) add(b *heap.Block) {
	size := b.Size
	if b.State == heap.Busy {
		size = b.UserBytes()
	}
	if size < smallSizes {
		if x.small[b.State] == nil {
			x.small[b.State] = new([smallSizes]Count)
		}
		x.small[b.State][size].one(b)
		return
	}
	c := x.large[sizeKey{size, b.State}]
	if c == nil {
		c = new(Count)
		x.large[sizeKey{size, b.State}] = c
	}
	c.one(b)
}

func (c *Count) one(b *heap.Block) {
	c.Blocks++
	c.Bytes += b.Size
	c.User += b.UserBytes()
}

// sizeSum is what the walks of one heap come to.
type sizeSum struct {
	mu   sync.Mutex
	all  map[sizeKey]Count
	busy Count
	lost uint64
}

// sizes counts the blocks of one piece of a heap.
func (w *walks) sizes(blocks iter.Seq[heap.Block], keep func(*heap.Block) bool, sum *sizeSum) error {
	x := &histogram{large: map[sizeKey]*Count{}}
	var busy Count
	var lost uint64
	err := w.over(blocks, func(b *heap.Block) {
		switch b.State {
		case heap.Busy:
			busy.one(b)
		case heap.Lost:
			lost += b.Size
		}
		if keep(b) {
			x.add(b)
		}
	})
	sum.mu.Lock()
	defer sum.mu.Unlock()
	sum.busy.add(busy)
	sum.lost += lost
	sum.merge(x)
	return err
}

// merge adds a histogram.
func (s *sizeSum) merge(x *histogram) {
	if s.all == nil {
		s.all = map[sizeKey]Count{}
	}
	put := func(k sizeKey, c Count) {
		if c.Blocks == 0 {
			return
		}
		sum := s.all[k]
		sum.add(c)
		s.all[k] = sum
	}
	for state, small := range x.small {
		if small == nil {
			continue
		}
		for size := range small {
			put(sizeKey{uint64(size), heap.State(state)}, small[size])
		}
	}
	for k, c := range x.large {
		put(k, *c)
	}
}

// rows are the counts in order.
func (s *sizeSum) rows() []SizeCount {
	var out []SizeCount
	for k, c := range s.all {
		out = append(out, SizeCount{k.size, k.state, c})
	}
	sortSizes(out)
	return out
}

func sortSizes(rows []SizeCount) {
	slices.SortFunc(rows, func(a, b SizeCount) int {
		return cmp.Or(cmp.Compare(a.Size, b.Size), cmp.Compare(a.State, b.State))
	})
}

// MergeSizes adds the sizes of heaps up to one list, in the order of Rows.
func MergeSizes(heaps []Sizes) (rows []SizeCount, busy Count) {
	var sum sizeSum
	sum.all = map[sizeKey]Count{}
	for _, h := range heaps {
		busy.add(h.Busy)
		for _, r := range h.Rows {
			c := sum.all[sizeKey{r.Size, r.State}]
			c.add(r.Count)
			sum.all[sizeKey{r.Size, r.State}] = c
		}
	}
	return sum.rows(), busy
}
