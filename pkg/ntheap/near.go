package ntheap

import (
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Near is a heap's memory while one of its segments is walked by BlocksNear,
// NearBlocks or NearBatches:
// the same bytes, and those that the walk has just read are not read again.
// It is the walk's goroutine's alone, and what it returns is good until the
// next block.
type Near struct {
	heap.Memory         // what the walk has not at hand
	k           *walker // nil when no walk is on its way
}

// NewNear makes a Near of the memory that the heap is in.
func NewNear(m heap.Memory) *Near { return &Near{Memory: m} }

// View is heap.Memory's.
func (n *Near) View(a memory.Addr, size uint64) ([]byte, error) {
	if b, ok := n.k.hand(a, size); ok {
		return b, nil
	}
	return n.Memory.View(a, size)
}

// hand returns bytes that the walk has at hand; a nil walker has none.
func (k *walker) hand(a memory.Addr, size uint64) ([]byte, bool) {
	if k == nil {
		return nil, false
	}
	off := uint64(a - k.start)
	if off >= uint64(len(k.run)) || uint64(len(k.run))-off < size {
		return nil, false
	}
	return k.run[off : off+size : off+size], true
}

// bytes returns the bytes at a, from where they are cheapest.
func (h *Heap) bytes(k *walker, a memory.Addr, size uint64) ([]byte, error) {
	if b, ok := k.hand(a, size); ok {
		return b, nil
	}
	return h.mem.View(a, size)
}
