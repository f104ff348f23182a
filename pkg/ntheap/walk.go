package ntheap

import (
	"iter"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Address returns the heap's handle.
func (h *Heap) Address() memory.Addr { return h.Header.Address }

// Kind returns heap.NT.
func (h *Heap) Kind() heap.Kind { return heap.NT }

// Blocks walks the segments in the order of h.Segments, and then the virtual
// blocks. The blocks of a segment cover it from end to end, in order, each
// byte once; bytes that no block could be made of are blocks in state Lost,
// and the Lost of the problems adds up to them.
func (h *Heap) Blocks(sink diag.Sink) iter.Seq[heap.Block] { return h.BlocksNear(nil, sink) }

// BlocksNear is Blocks, and makes near, unless it is nil, the memory as the
// walk has it at hand: while a block is handed out, its bytes are cheaper
// there.
func (h *Heap) BlocksNear(near *Near, sink diag.Sink) iter.Seq[heap.Block] {
	return func(yield func(heap.Block) bool) {
		for _, p := range h.problems {
			sink.Put(p)
		}
		for i := range h.Segments {
			for batch := range h.NearBatches(i, nil, near, sink) {
				for j := range batch {
					if !yield(batch[j]) {
						return
					}
				}
			}
		}
		h.walkVirtuals(sink, yield)
	}
}

// SegmentBlocks walks one segment of h.Segments, as Blocks does: for walks of
// several segments at a time.
func (h *Heap) SegmentBlocks(i int, sink diag.Sink) iter.Seq[heap.Block] {
	return h.NearBlocks(i, nil, nil, sink)
}

// LinkedBlocks is SegmentBlocks, and gives links what Check needs in order to
// judge the free lists without following them.
func (h *Heap) LinkedBlocks(i int, links *Links, sink diag.Sink) iter.Seq[heap.Block] {
	return h.NearBlocks(i, links, nil, sink)
}

// NearBlocks is LinkedBlocks with a Near as that of BlocksNear.
func (h *Heap) NearBlocks(i int, links *Links, near *Near, sink diag.Sink) iter.Seq[heap.Block] {
	return func(yield func(heap.Block) bool) {
		for batch := range h.NearBatches(i, links, near, sink) {
			for j := range batch {
				if !yield(batch[j]) {
					return
				}
			}
		}
	}
}

// VirtualBlocks hands out the virtual blocks, as Blocks does.
func (h *Heap) VirtualBlocks(sink diag.Sink) iter.Seq[heap.Block] {
	return func(yield func(heap.Block) bool) { h.walkVirtuals(sink, yield) }
}

// Size returns the bytes that a walk passes over: the reserved bytes of the
// segments.
func (h *Heap) Size() uint64 {
	var n uint64
	for _, s := range h.Segments {
		n += s.Size()
	}
	return n
}

// walker walks one segment. Its fields up to budget do not change on the way.
type walker struct {
	h     *Heap
	c     codec
	seg   *Segment
	index uint32
	sink  diag.Sink // see put

	simple bool        // neither XP's headers nor extended ones: the short ways
	limit  memory.Addr // end of the committed bytes that are being walked
	budget int64       // units that resynchronising may still look at

	out                               // where the blocks go
	atHand                            // the bytes that the walk has read
	sums    *Links                    // sums of the free lists' links, when wanted
	onlyFor func(*walker, heap.Block) // instead of expanding blocks that may be UserBlocks; or nil
}

// walkSegment hands the blocks of a segment to take, with a walker that
// prepare has prepared.
func (h *Heap) walkSegment(i int, sink diag.Sink, take func([]heap.Block) bool, prepare func(*walker)) {
	seg := &h.Segments[i]
	r := room.Get().(*rooms)
	defer room.Put(r)
	k := &walker{h: h, c: h.codec, seg: seg, index: uint32(i), sink: sink, out: out{take: take, batch: r.batch[:0]}}
	k.simple = !k.c.old && !h.Header.Extended()
	if m, ok := h.mem.(reader); ok {
		k.reader, k.buf = m, r.bytes[:]
	}
	prepare(k)
	k.budget = int64(seg.Size()>>k.c.shift)*resyncRounds + 1<<16
	at := seg.Start
	for _, u := range seg.UCRs {
		if !k.span(at, u.Start) || !k.yield(k.uncommitted(u.Range)) {
			return
		}
		at = u.End
	}
	if k.span(at, seg.End) {
		k.flush()
	}
}

func (k *walker) uncommitted(r memory.Range) heap.Block {
	return heap.Block{Addr: r.Start, Size: r.Size(), Segment: k.index, State: heap.Uncommitted}
}

// unknown is the previous size where nothing is known of it: behind an
// uncommitted range or a loss.
const unknown = ^uint64(0)

// span walks the committed bytes from at to end, which are entries from end
// to end. Each entry is handed out when the one behind it has confirmed it.
func (k *walker) span(at, end memory.Addr) bool {
	prev := unknown
	if at == k.seg.Start {
		prev = 0
	}
	k.limit = end
	k.touched = at
	if k.reader != nil && at < end {
		k.fill(at)
	}
	w, ok := k.read(at, end)
	for at < end {
		if at >= k.touched {
			k.advance(at)
		}
		next := at + memory.Addr(k.c.bytes(w))
		if !ok || !k.c.sound(w) || next > end || w.prev() != prev && prev != unknown {
			if at, prev, ok = k.trouble(at, end, prev); !ok {
				return false
			}
			w, ok = k.read(at, end)
			continue
		}
		if k.simple {
			a, x := k.sprint(at, w)
			if k.over {
				return false
			}
			if a != at {
				at, w, prev = a, x, x.prev()
				continue
			}
		}
		nw, nok := k.readOn(at, next, end)
		if next < end && (!nok || nw.prev() != w.size() || !k.c.sound(nw)) {
			if at, prev, ok = k.trouble(at, end, prev); !ok {
				return false
			}
			w, ok = k.read(at, end)
			continue
		}
		if !k.emit(at, w) {
			return false
		}
		at, prev, w, ok = next, w.size(), nw, nok
	}
	return true
}

// emit hands out the block of a sound entry.
func (k *walker) emit(a memory.Addr, w word) bool {
	b, ok := k.block(a, w)
	if !ok {
		// The block's borders are certain, what the program asked for is not.
		return k.lose(a, b.End(), k.problem(a, CodeEntryUnused, "UnusedBytes", "at least 8 and at most the block's size", hex(uint64(w.unused()))))
	}
	if k.sums != nil && b.State == heap.Free {
		k.link(b.Addr)
	}
	return k.give(b)
}

// give hands out a block, and a container as its slots.
func (k *walker) give(b heap.Block) bool {
	switch {
	case k.c.old && b.State == heap.Busy && k.h.isParked(b):
		b.State, b.Origin, b.Unused = heap.Free, heap.Lookaside, 0
		return k.yield(b)
	case b.State == heap.Busy && k.h.oldFrontEnd() && k.h.isOldContainer(k, b):
		b.State, b.Unused = heap.Internal, 0
	case b.State != heap.Internal || k.c.old:
		return k.yield(b)
	}
	if k.onlyFor != nil {
		k.onlyFor(k, b)
		return k.yield(b)
	}
	return k.expand(b)
}

// lose hands out [a, end) as lost and reports why.
func (k *walker) lose(a, end memory.Addr, p diag.Problem) bool {
	p.Lost = end.Sub(a)
	k.put(p)
	return k.yield(heap.Block{Addr: a, Size: p.Lost, Segment: k.index, State: heap.Lost, Trust: heap.Doubtful})
}

func (k *walker) problem(a memory.Addr, code diag.Code, field, want, got string) diag.Problem {
	return diag.Problem{Code: code, Class: diag.Corrupt, At: diag.At(a), Heap: k.h.Header.Address,
		Object: "_HEAP_ENTRY", Field: field, Want: want, Got: got}
}
