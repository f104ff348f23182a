package ntheap

import (
	"cmp"
	"slices"

	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Tally sums up what a walk of a heap found, for Check. Feed it every block
// of one walk with Add; the zero Tally is ready.
type Tally struct {
	FreeBlocks int
	FreeBytes  uint64
	Lost       uint64 // bytes
	Repaired   int    // blocks

	// free is a sum over the addresses of the free blocks, so that two sets
	// can be compared without being kept.
	free uint64

	// Links may be filled by LinkedBlocks; Check follows the free lists
	// where it is not or does not add up.
	Links Links

	// odd are the lost and the repaired blocks, of which a free list may know
	// better than the walk; the first maxOdd of them.
	odd []memory.Range
}

const maxOdd = 1 << 12

// Add counts one block.
func (t *Tally) Add(b heap.Block) {
	switch b.State {
	case heap.Free:
		if b.Origin == heap.Backend {
			t.FreeBlocks++
			t.FreeBytes += b.Size
			t.free += mix(b.Addr)
		}
	case heap.Lost:
		t.Lost += b.Size
		t.addOdd(b)
	}
	if b.Trust == heap.Repaired {
		t.Repaired++
		t.addOdd(b)
	}
}

func (t *Tally) addOdd(b heap.Block) {
	if len(t.odd) < maxOdd {
		t.odd = append(t.odd, memory.Range{Start: b.Addr, End: b.End()})
	}
}

// sorted returns the odd blocks by address, for isOdd.
func (t *Tally) sorted() []memory.Range {
	odd := slices.Clone(t.odd)
	slices.SortFunc(odd, func(a, b memory.Range) int { return cmp.Compare(a.Start, b.Start) })
	return odd
}

// isOdd reports whether the walk could not read the header at a.
func isOdd(odd []memory.Range, a memory.Addr) bool {
	i, ok := slices.BinarySearchFunc(odd, a, func(r memory.Range, a memory.Addr) int { return cmp.Compare(r.Start, a) })
	return ok || i > 0 && odd[i-1].Contains(a)
}

// mix spreads an address over 64 bits, so that sums of different sets differ
// (the finaliser of splitmix64).
func mix(a memory.Addr) uint64 {
	x := uint64(a) + 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Merge adds what another walker found in other segments of the same heap.
func (t *Tally) Merge(o Tally) {
	t.FreeBlocks += o.FreeBlocks
	t.FreeBytes += o.FreeBytes
	t.Lost += o.Lost
	t.Repaired += o.Repaired
	t.free += o.free
	t.Links.Merge(o.Links)
	t.odd = append(t.odd, o.odd[:min(len(o.odd), maxOdd-min(len(t.odd), maxOdd))]...)
}
