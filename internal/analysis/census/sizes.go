package census

import (
	"cmp"
	"context"
	"slices"

	"github.com/heapdump/heapdump/internal/analysis/sweep"
	"github.com/heapdump/heapdump/internal/target"
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
	states, err := sweep.Blocks(ctx, heaps, tick, func() map[*target.Heap]*sizeSum { return map[*target.Heap]*sizeSum{} },
		func(state map[*target.Heap]*sizeSum, h *target.Heap, b *heap.Block) {
			sum := state[h]
			if sum == nil {
				sum = &sizeSum{large: map[sizeKey]*Count{}}
				state[h] = sum
			}
			sum.block(b, keep)
		})
	if err != nil {
		return nil, err
	}
	out := make([]Sizes, len(heaps))
	for i, h := range heaps {
		var all total
		for _, s := range states {
			if s[h] != nil {
				all.merge(s[h])
			}
		}
		out[i] = Sizes{Target: h, Walked: h.Walkable() != nil, Rows: all.rows(), Busy: all.busy, Lost: all.lost}
	}
	return out, nil
}

// smallSizes is how many sizes a histogram keeps in an array: what the
// low-fragmentation heap serves, where most blocks are.
const smallSizes = 16<<10 + 1

// sizeSum counts the blocks of one heap that one walker met.
type sizeSum struct {
	busy  Count
	lost  uint64
	small [heap.States]*[smallSizes]Count // by state and size; nil where none was met
	large map[sizeKey]*Count
}

type sizeKey struct {
	size  uint64
	state heap.State
}

// block counts a block.
func (x *sizeSum) block(b *heap.Block, keep func(*heap.Block) bool) {
	switch b.State {
	case heap.Busy:
		x.busy.one(b)
	case heap.Lost:
		x.lost += b.Size
	}
	if keep(b) {
		x.add(b)
	}
}

// add counts a block under its size.
func (x *sizeSum) add(b *heap.Block) {
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

// total is what the walks of one heap come to.
type total struct {
	all  map[sizeKey]Count
	busy Count
	lost uint64
}

// merge adds what one walker met.
func (s *total) merge(x *sizeSum) {
	s.busy.add(x.busy)
	s.lost += x.lost
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
func (s *total) rows() []SizeCount {
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
	sum := total{all: map[sizeKey]Count{}}
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
