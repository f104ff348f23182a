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

// Blocks yields the blocks on the list, in its order, as far as its links
// hold. Where they do not, it goes on backwards from the head; what is wrong
// goes to the sink. A block whose header is destroyed has Size 0 and is
// Doubtful; one that is not free is only reported.
func (l FreeList) Blocks(sink diag.Sink) iter.Seq[heap.Block] {
	return func(yield func(heap.Block) bool) {
		more := true
		enough := func(b heap.Block) bool { more = more && yield(b); return more }
		f := follower{FreeList: l, limit: l.h.Size()/(2*l.h.Header.Unit) + 1, sink: sink, yield: enough}
		ptr := l.h.set.Ptr()
		last, stop, class := f.along(0, ptr, l.Head)
		if stop == "" {
			return
		}
		sink.Put(diag.Problem{Code: CodeFreeList, Class: class, At: diag.At(last), Heap: l.h.Header.Address,
			Object: "_HEAP_FREE_ENTRY", Field: "FreeList", Want: "the next free block of a closed list", Got: stop})
		first, _, _ := f.along(ptr, 0, last)
		if node, ok := f.gap(last, first); ok {
			switch b, _ := l.h.freeEntry(node); b.State {
			case heap.Busy: // a header as destroyed as the links
				b.State, b.Size, b.Trust = heap.Free, 0, heap.Doubtful
				enough(b)
			case heap.Free:
				enough(b)
			}
		}
	}
}

// follower follows one free list.
type follower struct {
	FreeList
	limit uint64 // nodes
	sink  diag.Sink
	yield func(heap.Block) bool
}

// along follows the list in the direction of the link at offset link, up to
// the node until, and checks that each node's other link (at offset back)
// leads where it came from. It returns the last good node and what stopped it;
// empty when the list is closed or yield had enough.
func (f *follower) along(link, back uint64, until memory.Addr) (memory.Addr, string, diag.Class) {
	at := f.Head
	for range f.limit {
		next, ok := f.h.pointer(at.Add(link))
		if !ok {
			return at, "a link that the dump does not hold", f.h.blame(at.Add(link), back|link)
		}
		if next == until || next == f.Head {
			if prev, ok := f.h.pointer(next.Add(back)); next == f.Head && ok && prev != at {
				return at, fmt.Sprintf("the list's head, whose other link is %v", prev), diag.Corrupt
			}
			return at, "", 0
		}
		prev, ok := f.h.pointer(next.Add(back))
		if !ok {
			return at, fmt.Sprintf("%v, where nothing can be read", next), f.h.blame(next, back|link)
		}
		if prev != at {
			return at, fmt.Sprintf("%v, which does not point back", next), diag.Corrupt
		}
		b, why := f.h.freeEntry(next)
		if why != "" {
			class := f.h.blame(b.Addr, f.h.Header.Unit)
			if b.Segment == heap.NoSegment && f.h.partial.segments {
				class = diag.Incomplete // of a segment that the dump lacks
			}
			f.sink.Put(diag.Problem{Code: CodeFreeList, Class: class, At: diag.At(b.Addr), Heap: f.h.Header.Address,
				Object: "_HEAP_ENTRY", Field: "Flags", Want: "the header of a free block", Got: why})
		}
		if b.State == heap.Free && !f.yield(b) {
			return at, "", 0
		}
		at = next
	}
	return at, "more entries than the segments have room for", diag.Corrupt
}

// freeGaps returns the nodes to which the free lists lead from both sides
// where they break off: free blocks whose own links are destroyed.
func (h *Heap) freeGaps() []memory.Addr {
	h.gaps.once.Do(func() {
		ptr := h.set.Ptr()
		for _, l := range h.FreeLists() {
			f := follower{FreeList: l, limit: h.Size()/(2*h.Header.Unit) + 1, yield: func(heap.Block) bool { return true }}
			last, stop, _ := f.along(0, ptr, l.Head)
			if stop == "" {
				continue
			}
			first, _, _ := f.along(ptr, 0, last)
			if node, ok := f.gap(last, first); ok {
				h.gaps.nodes = append(h.gaps.nodes, node)
			}
		}
	})
	return h.gaps.nodes
}

// gap returns the one node between the ends last and first of a broken list,
// if both lead to the same.
func (f *follower) gap(last, first memory.Addr) (memory.Addr, bool) {
	fore, ok1 := f.h.pointer(last)
	aft, ok2 := f.h.pointer(first.Add(f.h.set.Ptr()))
	return fore, ok1 && ok2 && fore == aft && fore != f.Head && fore != last && fore != first
}

// freeEntry makes the block whose list links stand at node, and says what is
// wrong with its header: it is destroyed, or that of a busy block, which is
// then what the block is.
func (h *Heap) freeEntry(node memory.Addr) (b heap.Block, why string) {
	b = heap.Block{Addr: node - memory.Addr(h.Header.Unit), Header: uint8(h.Header.Unit), State: heap.Free, Trust: heap.Doubtful}
	i, ok := h.SegmentAt(b.Addr)
	b.Segment = uint32(i)
	if !ok || (b.Addr-h.Segments[i].Start)%memory.Addr(h.Header.Unit) != 0 {
		b.State, b.Segment = heap.Lost, heap.NoSegment
		return b, "an address in no segment"
	}
	raw, err := h.mem.View(b.Addr, h.Header.Unit)
	if err != nil {
		return b, "memory that the dump does not hold"
	}
	w := h.codec.decode(raw)
	if !h.codec.sound(w) {
		return b, fmt.Sprintf("%#016x decoded", uint64(w))
	}
	b.Size, b.Flags, b.Trust = h.codec.bytes(w), w.flags(), heap.Sound
	if w.busy() {
		b.State = heap.Busy
		return b, "that of a busy block"
	}
	return b, ""
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
