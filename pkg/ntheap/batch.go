package ntheap

import (
	"encoding/binary"
	"iter"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// batchBlocks is how many blocks are handed out at a time: few enough to stay
// in the nearest cache.
const batchBlocks = 128

// NearBatches is NearBlocks for who passes over millions of blocks: it hands
// out many at a time, in the same order. The slice is the walk's, and good
// until the next; links and near may be nil.
func (h *Heap) NearBatches(i int, links *Links, near *Near, sink diag.Sink) iter.Seq[[]heap.Block] {
	return func(yield func([]heap.Block) bool) {
		h.walkSegment(i, sink, yield, func(k *walker) {
			k.sums = links
			if near != nil {
				near.k = k
			}
		})
		if near != nil {
			near.k = nil
		}
	}
}

// out is where a walker puts its blocks.
type out struct {
	batch []heap.Block
	take  func([]heap.Block) bool // gets each batch, and says whether it wants more
	over  bool                    // it does not
}

// yield hands out a block; false when no more are wanted.
func (o *out) yield(b heap.Block) bool {
	if len(o.batch) == cap(o.batch) && !o.flush() {
		return false
	}
	o.batch = append(o.batch, b)
	return !o.over
}

// flush hands out what has been collected.
func (o *out) flush() bool {
	if len(o.batch) > 0 && !o.over {
		o.over = !o.take(o.batch)
	}
	o.batch = o.batch[:0]
	return !o.over
}

// put tells the sink of a problem, when it is the problem's turn: whoever
// wanted no more of the blocks before it does not hear of it.
func (k *walker) put(p diag.Problem) {
	if k.flush() {
		k.sink.Put(p)
	}
}

// sprint is the walk's short way, through entries whose bytes are at hand and
// which are what most entries of most heaps are: plain busy blocks and free
// ones. It begins at the entry w at at, which is sound and whose neighbour
// before it agrees, and returns the first that it leaves to the long way: it
// is at itself, or as sound as w was and confirmed by the one before.
func (k *walker) sprint(at memory.Addr, w word) (memory.Addr, word) {
	c, batch := k.c, k.batch
	start, run := k.start, k.run
	if at == k.seg.Start || at == k.seg.Address || k.touched <= start {
		return at, w
	}
	run = run[:min(uint64(len(run)), uint64(k.limit-start), uint64(k.touched-start))]
	off := uint64(at - start)
	for {
		size := w.size() << c.shift
		next := off + size
		if next+c.unit > uint64(len(run)) || start+memory.Addr(off) == k.seg.Address {
			break
		}
		nw := word(binary.LittleEndian.Uint64(run[next+c.skip:]) ^ c.key)
		if nw.prev() != w.size() || !c.sound(nw) {
			break
		}
		u := uint64(w.unused())
		switch {
		case w&(0x09<<16) == 0x01<<16 && u >= 8 && u != unusedEscape && u <= size && w.size() > 1:
		case !w.busy():
			u = 0
			if k.sums != nil {
				k.link(start + memory.Addr(off))
			}
		default:
			k.batch = batch
			return start + memory.Addr(off), w
		}
		if len(batch) == cap(batch) {
			k.batch = batch
			if !k.flush() {
				return at, w
			}
			batch = k.batch
		}
		batch = batch[:len(batch)+1]
		batch[len(batch)-1] = heap.Block{Addr: start + memory.Addr(off), Size: size, Unused: uint32(u), Segment: k.index,
			Header: uint8(c.unit), State: plainState(w), Flags: w.flags()}
		off, w = next, nw
	}
	k.batch = batch
	return start + memory.Addr(off), w
}

// plainState is the state of a block that is either busy or free.
func plainState(w word) heap.State {
	return heap.State(^w >> 16 & 1 * word(heap.Free))
}
