package ntheap

import (
	"cmp"
	"slices"

	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Container is one UserBlocks of the low-fragmentation heap and its subsegment.
type Container struct {
	UserBlocks memory.Addr
	SubSegment memory.Addr
	SizeIndex  uint8  // the bucket; heap.NoBucket when it is not known
	Affinity   uint8  // AffinityIndex of the subsegment
	BlockSize  uint64 // bytes of a slot
	Blocks     int
	Busy       int
	Free       int
	Depth      int    // free slots by the subsegment's count; -1 when it has none
	Bytes      uint64 // the whole back-end block
	Doubtful   bool   // its subsegment is damaged or missing; on XP and 2003 always
}

// Bucket sums up the containers of one size.
type Bucket struct {
	SizeIndex   uint8
	BlockSize   uint64
	Affinity    bool // slots are handed out by processor
	SubSegments int
	Blocks      int
	Busy        int
	Free        int
	Unused      uint64 // bytes of the free slots
	Bytes       uint64 // of the back-end blocks
}

// Containers walks the back end and returns every container that a walk
// expands, in the order of the walk. Containers that the heap keeps for later
// use are not among them.
func (h *Heap) Containers() []Container {
	var out []Container
	for i := range h.Segments {
		h.walkContainers(i, func(k *walker, b heap.Block) {
			if s, ok := h.sumUp(k, b); ok {
				out = append(out, s)
			}
		})
	}
	return out
}

// ContainerAt walks a segment and returns the container that has the address
// in its UserBlocks, if there is one that a walk expands.
func (h *Heap) ContainerAt(segment int, a memory.Addr) (found Container, ok bool) {
	h.walkContainers(segment, func(k *walker, b heap.Block) {
		if !ok && a >= b.Addr && a < b.End() {
			found, ok = h.sumUp(k, b)
		}
	})
	return found, ok
}

// sumUp counts the slots of the container in a back-end block; ok is false
// when it has none that a walk expands.
func (h *Heap) sumUp(k *walker, b heap.Block) (s Container, ok bool) {
	c, _, ok := h.container(k, b)
	if !ok {
		return s, false
	}
	s = Container{UserBlocks: c.at, SubSegment: c.sub, SizeIndex: h.bucketOf(&c), Affinity: c.affinity, BlockSize: c.stride,
		Blocks: int(c.count), Depth: -1, Bytes: b.Size, Doubtful: c.doubt}
	if c.counted {
		s.Depth = int(c.depth)
	}
	q := *k
	q.sink, q.onlyFor = nil, nil
	q.out = out{batch: make([]heap.Block, 0, batchBlocks), take: func(batch []heap.Block) bool {
		for i := range batch {
			if b := &batch[i]; b.Origin == heap.LFH && b.State == heap.Busy {
				s.Busy++
			} else if b.Origin == heap.LFH {
				s.Free++
			}
		}
		return true
	}}
	q.expand(b)
	q.flush()
	return s, true
}

// walkContainers walks a segment and calls f for each block that the heap
// keeps for itself, whole.
func (h *Heap) walkContainers(i int, f func(k *walker, b heap.Block)) {
	h.walkSegment(i, nil, func([]heap.Block) bool { return true }, func(k *walker) { k.onlyFor = f })
}

// Buckets sums containers up by their bucket, ascending.
func (h *Heap) Buckets(containers []Container) []Bucket {
	at := map[uint8]int{}
	var out []Bucket
	for _, c := range containers {
		i, ok := at[c.SizeIndex]
		if !ok {
			i = len(out)
			at[c.SizeIndex] = i
			out = append(out, Bucket{SizeIndex: c.SizeIndex, BlockSize: c.BlockSize, Affinity: h.affine(c.SizeIndex)})
		}
		b := &out[i]
		b.SubSegments++
		b.Blocks += c.Blocks
		b.Busy += c.Busy
		b.Free += c.Free
		b.Unused += uint64(c.Free) * c.BlockSize
		b.Bytes += c.Bytes
	}
	slices.SortFunc(out, func(a, b Bucket) int { return cmp.Compare(a.SizeIndex, b.SizeIndex) })
	return out
}
