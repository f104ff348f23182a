package ntheap

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// FreeList is one list of free blocks: the only one since Vista, one of 128
// on XP and 2003, where list n holds blocks of n units and list 0 the larger.
type FreeList struct {
	Index        int
	Head         memory.Addr // of the LIST_ENTRY in the _HEAP
	Flink, Blink memory.Addr // of the head; both are Head when the list is empty
	h            *Heap
}

// Empty reports whether the list's head points at itself.
func (l FreeList) Empty() bool { return l.Flink == l.Head && l.Blink == l.Head }

// FreeLists returns the heads of the heap's free lists.
func (h *Heap) FreeLists() []FreeList {
	f := h.set.Heap.FreeLists
	step := 2 * h.set.Ptr()
	var out []FreeList
	for i := range uint64(f.Size) / step {
		head := h.Header.Address.Add(uint64(f.Off) + i*step)
		flink, ok1 := h.pointer(head)
		blink, ok2 := h.pointer(head.Add(step / 2))
		if ok1 && ok2 {
			out = append(out, FreeList{Index: int(i), Head: head, Flink: flink, Blink: blink, h: h})
		}
	}
	return out
}

// Blocks yields the blocks on the list, in its order, as far as its links and
// the headers of the blocks hold. Where they do not, it goes on backwards from
// the head; what is wrong goes to the sink.
func (l FreeList) Blocks(sink diag.Sink) iter.Seq[heap.Block] {
	return func(yield func(heap.Block) bool) {
		limit := l.h.Size()/(2*l.h.Header.Unit) + 1
		ptr := l.h.set.Ptr()
		last, stop := l.along(0, ptr, limit, l.Head, yield)
		if stop == "" {
			return
		}
		sink.Put(diag.Problem{Code: CodeFreeList, Class: diag.Corrupt, At: diag.At(last), Heap: l.h.Header.Address,
			Object: "_HEAP_FREE_ENTRY", Field: "FreeList", Want: "the next free block of a closed list", Got: stop})
		l.along(ptr, 0, limit, last, yield)
	}
}

// along follows the list in the direction of the link at offset link, up to
// the node until, and checks that each node's other link (at offset back)
// leads where it came from. It returns the last good node and what stopped it;
// empty when the list is closed or yield had enough.
func (l FreeList) along(link, back, limit uint64, until memory.Addr, yield func(heap.Block) bool) (memory.Addr, string) {
	at := l.Head
	for range limit {
		next, ok := l.h.pointer(at.Add(link))
		if !ok {
			return at, "a link that the dump does not hold"
		}
		if next == until || next == l.Head {
			if prev, ok := l.h.pointer(next.Add(back)); next == l.Head && ok && prev != at {
				return at, fmt.Sprintf("the list's head, whose other link is %v", prev)
			}
			return at, ""
		}
		prev, ok := l.h.pointer(next.Add(back))
		if !ok || prev != at {
			return at, fmt.Sprintf("%v, which does not point back", next)
		}
		b, ok := l.h.freeEntry(next)
		if !ok {
			return at, fmt.Sprintf("%v, which has no free block's header", next)
		}
		if !yield(b) {
			return at, ""
		}
		at = next
	}
	return at, "more entries than the segments have room for"
}

// freeEntry makes the block whose list links stand at node.
func (h *Heap) freeEntry(node memory.Addr) (heap.Block, bool) {
	a := node - memory.Addr(h.Header.Unit)
	raw, err := h.mem.View(a, h.Header.Unit)
	if err != nil || a%memory.Addr(h.Header.Unit) != 0 {
		return heap.Block{}, false
	}
	w := h.codec.decode(raw)
	if !h.codec.sound(w) || w.busy() {
		return heap.Block{}, false
	}
	i, ok := h.SegmentAt(a)
	if !ok {
		return heap.Block{}, false
	}
	return heap.Block{Addr: a, Size: h.codec.bytes(w), Segment: uint32(i), Header: uint8(h.Header.Unit),
		State: heap.Free, Flags: w.flags()}, true
}

// SegmentAt returns the index of the segment whose range holds a.
func (h *Heap) SegmentAt(a memory.Addr) (int, bool) {
	n, ok := slices.BinarySearchFunc(h.byStart, a, func(i int, a memory.Addr) int { return cmp.Compare(h.Segments[i].Start, a) })
	if !ok {
		n--
	}
	if n < 0 || !h.Segments[h.byStart[n]].Contains(a) {
		return 0, false
	}
	return h.byStart[n], true
}

// Entry decodes the entry header at a. The error is a *memory.MissingError.
func (h *Heap) Entry(a memory.Addr) (Entry, error) {
	raw, err := h.mem.View(a, h.Header.Unit)
	if err != nil {
		return Entry{}, err
	}
	w := h.codec.decode(raw)
	plain := codec{skip: h.codec.skip}
	return Entry{
		Raw: uint64(plain.decode(raw)), Size: uint16(w.size()), Flags: w.flags(), SmallTagIndex: w.tag(), PreviousSize: uint16(w.prev()),
		SegmentOffset: w.segment(), UnusedBytes: w.unused(), Encoded: h.codec.encoded,
		ChecksumOK: !h.codec.encoded || w.tag() == w.checksum(),
	}, nil
}
