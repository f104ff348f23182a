package attrib

import (
	"fmt"

	"github.com/heapdump/heapdump/internal/analysis/content"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
)

// PartKind is a kind of part that a heap's blocks are in.
type PartKind uint8

// The kinds of part.
const (
	SegmentPart PartKind = iota // a segment of an NT heap, what its back end has in it
	BucketPart                  // a bucket of the low-fragmentation heap
	LargePart                   // the large blocks, outside the segments
	RangePart                   // a range of a page heap
)

// HeapPart is the part of its heap that a block is in.
type HeapPart struct {
	Kind   PartKind
	Number uint32 // of a segment or range its place from 0, of a bucket its SizeIndex
}

// PartOf returns the part of its heap that a block is in.
func PartOf(h *target.Heap, b *heap.Block) HeapPart {
	switch {
	case b.Origin == heap.Virtual || b.Segment == heap.NoSegment:
		return HeapPart{Kind: LargePart}
	case h.Page != nil:
		return HeapPart{RangePart, b.Segment}
	case b.Origin == heap.LFH:
		return HeapPart{BucketPart, uint32(b.Bucket)}
	}
	return HeapPart{SegmentPart, b.Segment}
}

// Text names the part of a heap: "segment 0x…", "LFH bucket 33".
func (p HeapPart) Text(h *target.Heap) string {
	switch p.Kind {
	case BucketPart:
		if p.Number == uint32(heap.NoBucket) {
			return "LFH, bucket not known"
		}
		return fmt.Sprintf("LFH bucket %d", p.Number)
	case LargePart:
		return "large blocks"
	}
	at, ok := h.SegmentStart(p.Number)
	switch {
	case !ok:
		return fmt.Sprintf("segment %d", p.Number)
	case p.Kind == RangePart:
		return fmt.Sprintf("range %v", at)
	}
	return fmt.Sprintf("segment %v", at)
}

// same names the part alike in another run of the program.
func (p HeapPart) same(h *target.Heap) string {
	switch p.Kind {
	case SegmentPart:
		return fmt.Sprintf("segment %d", p.Number)
	case RangePart:
		return fmt.Sprintf("range %d", p.Number)
	}
	return p.Text(h)
}

// byPart groups by the part of the heap. A segment is one of its heap; buckets
// and large blocks of several heaps are together.
func (w *worker) byPart(x *subject) id {
	p := PartOf(x.heap, x.block)
	i := id(p.Number)<<8 | id(p.Kind)<<1 | 1
	if p.Kind == SegmentPart || p.Kind == RangePart {
		at, _ := x.heap.SegmentStart(p.Number) // unlike that of any other heap
		i = id(at)<<8 | id(p.Kind)<<1 | 1
	}
	return w.put(Part, i, func() Key {
		return Key{Text: p.Text(x.heap), Evidence: "where the walk of the heap met the block", Confidence: content.High, Same: p.same(x.heap), Part: p}
	})
}
