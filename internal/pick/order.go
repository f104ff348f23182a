package pick

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"slices"
	"strings"

	blocks "github.com/heapdump/heapdump/pkg/heap"
)

// MaxSorted is how many blocks are kept for sorting: 40 bytes each, 640 MiB
// in all. With a limit on the output only that many are kept.
const MaxSorted = 16 << 20

// ErrTooMany says that there are more blocks than can be sorted.
var ErrTooMany = errors.New("too many blocks to sort")

// Found is a block and the heap it is in, by place in the list of heaps.
type Found struct {
	Block blocks.Block
	Heap  uint32
}

// Order is an order of blocks.
type Order struct {
	key     string
	reverse bool
}

// ParseOrder reads addr, size or user_size, with a minus for the reverse.
func ParseOrder(s string) (Order, error) {
	key, reverse := strings.CutPrefix(s, "-")
	switch key {
	case "addr", "size", "user_size":
		return Order{key, reverse}, nil
	}
	return Order{}, fmt.Errorf("no order %q; there are addr, size, user_size, and -addr, -size, -user_size", s)
}

// Compare orders two blocks; equal ones by address, so that the order is one.
func (o Order) Compare(a, b *Found) int {
	c := 0
	switch o.key {
	case "size":
		c = cmp.Compare(a.Block.Size, b.Block.Size)
	case "user_size":
		c = cmp.Compare(a.Block.UserBytes(), b.Block.UserBytes())
	default:
		c = cmp.Compare(a.Block.Addr, b.Block.Addr)
	}
	if o.reverse {
		c = -c
	}
	if c == 0 {
		c = cmp.Compare(a.Block.Addr, b.Block.Addr)
	}
	if c == 0 {
		c = cmp.Compare(a.Heap, b.Heap)
	}
	return c
}

// Sorter keeps blocks and gives them back in order: all of them up to
// [MaxSorted], or with a limit the first so many.
type Sorter struct {
	order Order
	limit int // 0: all
	kept  []Found
}

// NewSorter makes a sorter; a limit of 0 or less keeps all.
func NewSorter(o Order, limit int) *Sorter { return &Sorter{order: o, limit: max(limit, 0)} }

// Add keeps a block if it is among the first so many.
func (s *Sorter) Add(f Found) error {
	if s.limit > 0 && len(s.kept) == s.limit {
		if s.order.Compare(&f, &s.kept[0]) < 0 {
			s.kept[0] = f
			heap.Fix((*lastFirst)(s), 0)
		}
		return nil
	}
	if len(s.kept) == MaxSorted {
		return ErrTooMany
	}
	s.kept = append(s.kept, f)
	if s.limit > 0 {
		heap.Fix((*lastFirst)(s), len(s.kept)-1)
	}
	return nil
}

// Sorted returns what was kept, in order.
func (s *Sorter) Sorted() []Found {
	slices.SortFunc(s.kept, func(a, b Found) int { return s.order.Compare(&a, &b) })
	return s.kept
}

// lastFirst is the binary heap of the kept blocks, the last in order at the top.
type lastFirst Sorter

// Len is the number of blocks.
func (h *lastFirst) Len() int { return len(h.kept) }

// Less reports whether block i comes after block j.
func (h *lastFirst) Less(i, j int) bool { return h.order.Compare(&h.kept[i], &h.kept[j]) > 0 }

// Swap swaps two blocks.
func (h *lastFirst) Swap(i, j int) { h.kept[i], h.kept[j] = h.kept[j], h.kept[i] }

// Push is never used: blocks are appended before they are sifted.
func (h *lastFirst) Push(x any) { h.kept = append(h.kept, x.(Found)) }

// Pop is never used.
func (h *lastFirst) Pop() any {
	last := h.kept[len(h.kept)-1]
	h.kept = h.kept[:len(h.kept)-1]
	return last
}
