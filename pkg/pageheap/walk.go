package pageheap

import (
	"iter"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Blocks walks the heap's ranges in order of address and covers each from end
// to end, each byte once. All blocks have the origin PageHeap; a block's
// Segment is the index of its range.
//
// An allocation becomes up to three blocks. The busy one begins with its
// _DPH_BLOCK_INFORMATION, the header right below the user pointer (Header is
// its size, 0x40 or 0x20), and reaches to the end of the accessible pages:
// its Unused counts the header and the fill behind the user's data. Before it
// the rest of the first page is Internal, and so is the guard page behind it,
// or Uncommitted where the process had it reserved only. A freed allocation
// is one Free block of all its pages; so is room for allocations to come,
// where it has memory. Debuggers print the node instead of the header: Node
// has it, and the pages as they print them.
//
// What is damaged in the root, its tree and lists comes first to the sink.
func (h *Heap) Blocks(sink diag.Sink) iter.Seq[heap.Block] {
	return func(yield func(heap.Block) bool) {
		for _, p := range h.problems {
			sink.Put(p)
		}
		w := walker{h: h, sink: sink, yield: yield}
		i := 0
		for k, r := range h.Ranges {
			at := r.Start
			for ; i < len(h.pieces) && h.pieces[i].at == uint32(k); i++ {
				p := h.pieces[i]
				if !w.uncovered(memory.Range{Start: at, End: p.Start}, uint32(k)) || !w.piece(p) {
					return
				}
				at = p.End
			}
			if !w.uncovered(memory.Range{Start: at, End: r.End}, uint32(k)) {
				return
			}
		}
	}
}

type walker struct {
	h     *Heap
	sink  diag.Sink
	yield func(heap.Block) bool
}

// emit hands out a block without user data.
func (w *walker) emit(r memory.Range, at uint32, s heap.State, t heap.Trust) bool {
	if r.Empty() {
		return true
	}
	return w.yield(heap.Block{Addr: r.Start, Size: r.Size(), Segment: at, State: s, Origin: heap.PageHeap, Trust: t})
}

// lose hands out a lost block and reports it.
func (w *walker) lose(r memory.Range, at uint32, got string) bool {
	class := diag.Corrupt
	if w.h.partial {
		class = diag.Incomplete
	}
	w.sink.Put(diag.Problem{Code: CodeLost, Class: class, At: diag.At(r.Start), Heap: w.h.Root.Handle,
		Object: "_DPH_HEAP_ROOT", Want: "pages that a node describes", Got: got, Lost: r.Size()})
	return w.emit(r, at, heap.Lost, heap.Sound)
}

// piece hands out the blocks of one piece.
func (w *walker) piece(p piece) bool {
	switch {
	case p.lost:
		return w.lose(p.Range, p.at, "pages of a node that contradicts itself")
	case p.kind == nodeInternal:
		return w.emit(p.Range, p.at, heap.Internal, heap.Sound)
	case p.kind == NodeFreed:
		return w.emit(p.Range, p.at, heap.Free, heap.Sound)
	case p.kind == NodeAvailable:
		return w.split(p.Range, p.at, heap.Free, heap.Sound)
	}
	n, ok := w.h.node(p)
	if !ok {
		return w.lose(p.Range, p.at, "pages of a node that is missing")
	}
	return w.busy(p, &n)
}

// busy hands out the blocks of an allocation.
func (w *walker) busy(p piece, n *Node) bool {
	d, entry := n.data(), w.h.entry(n)
	b := heap.Block{Addr: entry, Size: d.End.Sub(entry), Segment: p.at, Header: uint8(n.User - entry), State: heap.Busy,
		Origin: heap.PageHeap, Flags: heap.FlagBusy, Trust: n.Trust}
	b.Unused = uint32(b.Size - n.Requested)
	if b.Size == 0 { // asked for nothing, at the end of the pages
		return w.split(p.Range, p.at, heap.Internal, n.Trust)
	}
	return w.split(memory.Range{Start: p.Start, End: d.Start}, p.at, heap.Internal, heap.Sound) &&
		w.emit(memory.Range{Start: d.Start, End: entry}, p.at, heap.Internal, heap.Sound) &&
		w.yield(b) &&
		w.split(memory.Range{Start: d.End, End: p.End}, p.at, heap.Internal, heap.Sound)
}

// split hands out a stretch that may have memory or not: what is reserved or
// free is uncommitted, the rest is of the given state.
func (w *walker) split(r memory.Range, at uint32, s heap.State, t heap.Trust) bool {
	for from := r.Start; from < r.End; {
		end, none := w.extent(from, r.End)
		state := s
		if none {
			state = heap.Uncommitted
		}
		for end < r.End { // stretches that are alike are one block
			next, n := w.extent(end, r.End)
			if n != none {
				break
			}
			end = next
		}
		if !w.emit(memory.Range{Start: from, End: end}, at, state, t) {
			return false
		}
		from = end
	}
	return true
}

// extent returns the end of the stretch at a that is alike, at most limit,
// and whether the process had no memory there.
func (w *walker) extent(a, limit memory.Addr) (memory.Addr, bool) {
	if n := len(w.h.mem.Tail(a)); n > 0 {
		return min(a.Span(uint64(n)).End, limit), false
	}
	gap, why := w.h.mem.Gap(a)
	end := min(gap.End, limit)
	if end <= a {
		end = limit
	}
	return end, why == memory.Reserved || why == memory.Free
}

// uncovered hands out a stretch that no node describes. In a heap whose lists
// are whole it can only be the heap's own; otherwise it is lost.
func (w *walker) uncovered(r memory.Range, at uint32) bool {
	if r.Start >= r.End {
		return true
	}
	if !w.h.damaged {
		return w.split(r, at, heap.Internal, heap.Doubtful)
	}
	for from := r.Start; from < r.End; {
		end, none := w.extent(from, r.End)
		for end < r.End {
			next, n := w.extent(end, r.End)
			if n != none {
				break
			}
			end = next
		}
		part := memory.Range{Start: from, End: end}
		if none && !w.emit(part, at, heap.Uncommitted, heap.Doubtful) ||
			!none && !w.lose(part, at, "pages in no node that could be reached") {
			return false
		}
		from = end
	}
	return true
}
