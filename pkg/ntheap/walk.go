package ntheap

import (
	"iter"
	"sync"

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
func (h *Heap) Blocks(sink diag.Sink) iter.Seq[heap.Block] {
	return func(yield func(heap.Block) bool) {
		for _, p := range h.problems {
			sink.Put(p)
		}
		for i := range h.Segments {
			if !h.walkSegment(i, nil, sink, yield) {
				return
			}
		}
		h.walkVirtuals(sink, yield)
	}
}

// SegmentBlocks walks one segment of h.Segments, as Blocks does: for walks of
// several segments at a time.
func (h *Heap) SegmentBlocks(i int, sink diag.Sink) iter.Seq[heap.Block] {
	return func(yield func(heap.Block) bool) { h.walkSegment(i, nil, sink, yield) }
}

// LinkedBlocks is SegmentBlocks, and gives links what Check needs in order to
// judge the free lists without following them.
func (h *Heap) LinkedBlocks(i int, links *Links, sink diag.Sink) iter.Seq[heap.Block] {
	return func(yield func(heap.Block) bool) { h.walkSegment(i, links, sink, yield) }
}

// NearBlocks is LinkedBlocks, and makes near the memory as the walk has it at
// hand: while a block is handed out, its bytes are cheaper there.
func (h *Heap) NearBlocks(i int, links *Links, near *Near, sink diag.Sink) iter.Seq[heap.Block] {
	return func(yield func(heap.Block) bool) {
		h.walkSegmentWith(i, links, sink, yield, func(k *walker) { near.k = k })
		near.k = nil
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
	sink  diag.Sink
	yield func(heap.Block) bool

	simple bool        // neither XP's headers nor extended ones: emit's short way
	limit  memory.Addr // end of the committed bytes that are being walked
	budget int64       // units that resynchronising may still look at

	run   []byte // saved bytes around the cursor
	start memory.Addr

	containers func(*walker, heap.Block) // instead of expanding blocks that may be UserBlocks; or nil

	sums    *Links      // sums of the free lists' links, when wanted
	reader  reader      // nil when the memory cannot read ahead
	buf     *[]byte     // what was read ahead
	touched memory.Addr // up to where the run's bytes are in the cache
	ballast byte        // keeps the touching loads alive
}

// ahead is how far memory is read before the walk decodes it. Entries lie some
// hundred bytes apart, so that each would be a cache miss, and in a fresh
// mapping often a page fault: reading in order costs a fraction of that.
const ahead = 256 << 10

// reader is memory that can be read in order more cheaply than by views.
type reader interface {
	ReadAhead(a memory.Addr, buf []byte) int
}

var buffers = sync.Pool{New: func() any { b := make([]byte, ahead); return &b }}

// advance brings the next stretch of the run into the cache: by reading it
// from the file where the memory can do that, else by touching each line.
func (k *walker) advance(a memory.Addr) {
	if k.reader != nil {
		if n := k.reader.ReadAhead(a, (*k.buf)[:min(ahead, uint64(k.limit-a))]); uint64(n) >= k.c.unit {
			k.run, k.start = (*k.buf)[:n], a
			k.touched = a + memory.Addr(n)
			return
		}
	}
	k.touched = a + 32<<10
	off := uint64(a - k.start)
	if off >= uint64(len(k.run)) {
		return
	}
	b := k.run[off:]
	b = b[:min(uint64(len(b)), 32<<10, uint64(k.limit-a))]
	sum := byte(0)
	for i := 0; i < len(b); i += 64 {
		sum += b[i]
	}
	k.ballast += sum
}

func (h *Heap) walkSegment(i int, links *Links, sink diag.Sink, yield func(heap.Block) bool) bool {
	return h.walkSegmentWith(i, links, sink, yield, func(*walker) {})
}

// walkSegmentWith walks a segment with a walker that prepare has prepared.
func (h *Heap) walkSegmentWith(i int, links *Links, sink diag.Sink, yield func(heap.Block) bool, prepare func(*walker)) bool {
	seg := &h.Segments[i]
	k := &walker{h: h, c: h.codec, seg: seg, index: uint32(i), sink: sink, yield: yield, sums: links}
	prepare(k)
	k.simple = !k.c.old && !h.Header.Extended()
	if r, ok := h.mem.(reader); ok {
		k.reader, k.buf = r, buffers.Get().(*[]byte)
		defer buffers.Put(k.buf)
	}
	k.budget = int64(seg.Size()>>k.c.shift)*resyncRounds + 1<<16
	at := seg.Start
	for _, u := range seg.UCRs {
		if !k.span(at, u.Start) || !yield(k.uncommitted(u.Range)) {
			return false
		}
		at = u.End
	}
	return k.span(at, seg.End)
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
	w, ok := k.read(at, end)
	k.touched = at
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
		nw, nok := k.readOn(next, end)
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
	// Most blocks of most heaps are plain busy ones; block decides the rest.
	if u := w.unused(); k.simple && w&(0x09<<16) == 0x01<<16 && u >= 8 && u != unusedEscape && a != k.seg.Start {
		if size := w.size() << k.c.shift; uint64(u) <= size && w.size() > 1 {
			return k.yield(heap.Block{Addr: a, Size: size, Unused: uint32(u), Segment: k.index,
				Header: uint8(k.c.unit), Flags: w.flags()})
		}
	}
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
	if k.containers != nil {
		k.containers(k, b)
		return k.yield(b)
	}
	return k.expand(b)
}

// lose hands out [a, end) as lost and reports why.
func (k *walker) lose(a, end memory.Addr, p diag.Problem) bool {
	p.Lost = end.Sub(a)
	k.sink.Put(p)
	return k.yield(heap.Block{Addr: a, Size: p.Lost, Segment: k.index, State: heap.Lost, Trust: heap.Doubtful})
}

func (k *walker) problem(a memory.Addr, code diag.Code, field, want, got string) diag.Problem {
	return diag.Problem{Code: code, Class: diag.Corrupt, At: diag.At(a), Heap: k.h.Header.Address,
		Object: "_HEAP_ENTRY", Field: field, Want: want, Got: got}
}

// read decodes the entry at a, if a whole one is there before end.
func (k *walker) read(a, end memory.Addr) (word, bool) {
	if off := uint64(a - k.start); off < uint64(len(k.run)) && uint64(len(k.run))-off >= k.c.unit {
		return k.c.decode(k.run[off:]), a < end
	}
	return k.readSlow(a, end)
}

// readOn is read for the entry that the walk comes to next: what lies behind
// the bytes at hand is read ahead rather than through the mapping.
func (k *walker) readOn(a, end memory.Addr) (word, bool) {
	if off := uint64(a - k.start); off < uint64(len(k.run)) && uint64(len(k.run))-off >= k.c.unit {
		return k.c.decode(k.run[off:]), a < end
	}
	if k.reader != nil && a < end {
		k.advance(a)
	}
	return k.read(a, end)
}

func (k *walker) readSlow(a, end memory.Addr) (word, bool) {
	if a >= end {
		return 0, false
	}
	if tail := k.h.mem.Tail(a); uint64(len(tail)) >= k.c.unit {
		k.run, k.start = tail, a
		return k.c.decode(tail), true
	}
	b, err := k.h.mem.View(a, k.c.unit)
	if err != nil {
		return 0, false
	}
	return k.c.decode(b), true
}
