package ntheap

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// readVirtuals fills h.Virtuals from the list of virtual blocks.
func (h *Heap) readVirtuals() {
	l := &h.set.Virtual
	could := func(n memory.Addr, size uint64) bool {
		return size >= uint64(l.Size) && size <= maxSegment && n.Span(size).Size() == size
	}
	r := h.walkRing(h.Header.VirtualAllocdBlocks, maxNodes, func(n memory.Addr) bool {
		raw, ok := structure(h.mem, n, l.Size)
		if !ok || uint64(n)%h.Header.Unit != 0 {
			return false
		}
		commit, reserve := raw.num(l.CommitSize), raw.num(l.ReserveSize)
		return could(n, commit) && reserve <= maxSegment || (could(n, commit) || could(n, reserve)) && h.linked(n)
	})
	if r.broken != "" {
		h.partial.virtuals = r.class == diag.Incomplete
		h.put(r.class, CodeVirtualList, r.at, "_HEAP_VIRTUAL_ALLOC_ENTRY", "Entry", "a closed list of virtual blocks", r.broken)
	}
	for _, n := range r.nodes {
		raw, ok := structure(h.mem, n, l.Size)
		if !ok {
			continue
		}
		v := Virtual{Node: n, CommitSize: raw.num(l.CommitSize), ReserveSize: raw.num(l.ReserveSize)}
		if !could(n, v.CommitSize) {
			h.report(CodeVirtualHeader, n, "_HEAP_VIRTUAL_ALLOC_ENTRY", "CommitSize", "at most ReserveSize "+hex(v.ReserveSize), hex(v.CommitSize))
			v.CommitSize = v.ReserveSize
		} else if v.ReserveSize < v.CommitSize || !could(n, v.ReserveSize) {
			h.report(CodeVirtualHeader, n, "_HEAP_VIRTUAL_ALLOC_ENTRY", "ReserveSize", "at least CommitSize "+hex(v.CommitSize), hex(v.ReserveSize))
			v.ReserveSize = v.CommitSize
		}
		h.byNode = append(h.byNode, len(h.Virtuals))
		h.Virtuals = append(h.Virtuals, v)
	}
	slices.SortFunc(h.byNode, func(a, b int) int { return cmp.Compare(h.Virtuals[a].Node, h.Virtuals[b].Node) })
}

// VirtualOf returns the node of a virtual block that the walk handed out.
func (h *Heap) VirtualOf(b heap.Block) (Virtual, bool) {
	node := b.Addr - memory.Addr(h.set.Virtual.BusyBlock.Off)
	i, ok := slices.BinarySearchFunc(h.byNode, node, func(i int, a memory.Addr) int { return cmp.Compare(h.Virtuals[i].Node, a) })
	if !ok || b.Origin != heap.Virtual {
		return Virtual{}, false
	}
	return h.Virtuals[h.byNode[i]], true
}

// walkVirtuals hands out the virtual blocks in list order.
func (h *Heap) walkVirtuals(sink diag.Sink, yield func(heap.Block) bool) bool {
	for _, v := range h.Virtuals {
		b, p := h.virtualBlock(v)
		if b.State == heap.Lost {
			b.Trust = heap.Doubtful
			p.Lost = b.Size
			sink.Put(p)
		}
		if !yield(b) {
			return false
		}
	}
	return true
}

// virtualBlock makes the block of a node. In its BusyBlock the Size field is
// not a size but the number of unused bytes of the commitment, from the node
// on (confirmed on Windows 10). When the header contradicts itself the block
// is lost, and the problem says why.
func (h *Heap) virtualBlock(v Virtual) (heap.Block, diag.Problem) {
	off := uint64(h.set.Virtual.BusyBlock.Off)
	b := heap.Block{Addr: v.Node.Add(off), Size: v.CommitSize, Segment: heap.NoSegment,
		Header: uint8(h.codec.unit), Origin: heap.Virtual, State: heap.Busy}
	p := diag.Problem{Code: CodeVirtualHeader, Class: diag.Corrupt, At: diag.At(b.Addr), Heap: h.Header.Address,
		Object: "_HEAP_VIRTUAL_ALLOC_ENTRY", Field: "BusyBlock"}
	raw, err := h.mem.View(b.Addr, h.codec.unit)
	if err != nil {
		p.Class, p.Got, b.State = diag.Incomplete, "memory that the dump does not hold", heap.Lost
		return b, p
	}
	w := h.codec.decode(raw)
	b.Flags = w.flags()
	unused := w.size()
	head := h.codec.unit
	// Where stacks are captured (+ust) an extended header of two units follows
	// the entry, and user data begin behind it. The entry's own count takes it
	// for used; UnusedBytesLength counts up to the user data.
	if k := (&walker{h: h, c: h.codec}); h.Header.Extended() {
		if n, ok := k.extended(b, 2); ok {
			head += 2 * h.codec.unit
			if uint64(n) != unused+2*h.codec.unit {
				b.Trust = heap.Doubtful
			}
			unused = uint64(n)
		}
	}
	b.Header = uint8(head)
	sound := !h.codec.encoded || w.tag() == w.checksum()
	if !h.codec.encoded { // no checksum: what Windows always has there
		sound = w.unused() == unusedVirtual || h.codec.old && w.flags()&heap.FlagInternal != 0
	}
	if !sound || !w.busy() || unused < off+head-(h.codec.unit-8) || unused > v.CommitSize {
		p.Want, p.Got, b.State = "a busy header whose Size is the unused bytes of the commitment", fmt.Sprintf("%#016x decoded", uint64(w)), heap.Lost
		return b, p
	}
	b.Unused = uint32(unused)
	return b, p
}
