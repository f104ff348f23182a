package ntheap

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// readVirtuals fills h.Virtuals from the list of virtual blocks. taken holds
// the nodes that other heaps of the process have, and is given this heap's.
func (h *Heap) readVirtuals(taken map[memory.Addr]bool) {
	l := &h.set.Virtual
	could := func(n memory.Addr, size uint64) bool {
		return size >= uint64(l.Size) && size <= maxSegment && n.Span(size).Size() == size
	}
	r := h.walkRing(h.Header.VirtualAllocdBlocks, maxNodes, func(n memory.Addr) bool {
		raw, ok := structure(h.mem, n, l.Size)
		if !ok || n%memory.PageSize != 0 || taken[n] { // nodes are page aligned on every version
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
		} else if v.CommitSize%memory.PageSize != 0 {
			h.report(CodeVirtualHeader, n, "_HEAP_VIRTUAL_ALLOC_ENTRY", "CommitSize", "whole pages", hex(v.CommitSize))
			v.CommitSize = uint64(memory.Addr(v.CommitSize + memory.PageSize - 1).Align(memory.PageSize))
		} else if v.ReserveSize < v.CommitSize || !could(n, v.ReserveSize) {
			h.report(CodeVirtualHeader, n, "_HEAP_VIRTUAL_ALLOC_ENTRY", "ReserveSize", "at least CommitSize "+hex(v.CommitSize), hex(v.ReserveSize))
			v.ReserveSize = v.CommitSize
		} else if v.ReserveSize%memory.PageSize != 0 || h.beyond(n, v) {
			h.report(CodeVirtualHeader, n, "_HEAP_VIRTUAL_ALLOC_ENTRY", "ReserveSize", "whole pages of one reservation", hex(v.ReserveSize))
			v.ReserveSize = v.CommitSize
		}
		h.byNode = append(h.byNode, len(h.Virtuals))
		h.Virtuals = append(h.Virtuals, v)
		if taken != nil {
			taken[n] = true
		}
	}
	slices.SortFunc(h.byNode, func(a, b int) int { return cmp.Compare(h.Virtuals[a].Node, h.Virtuals[b].Node) })
	h.fitVirtuals()
}

// fitVirtuals holds the blocks' sizes against what lies behind them: another
// block, or address space without storage. A size that reaches into either is
// cut there, so that no byte counts twice and none that cannot be.
func (h *Heap) fitVirtuals() {
	for i, at := range h.byNode {
		v := &h.Virtuals[at]
		end := v.Node.Span(max(v.CommitSize, v.ReserveSize)).End
		if i+1 < len(h.byNode) {
			end = min(end, h.Virtuals[h.byNode[i+1]].Node)
		}
		room := end.Sub(v.Node)
		if stored := h.stored(v.Node, min(room, v.CommitSize)); stored < v.CommitSize && stored >= uint64(h.set.Virtual.Size) {
			h.report(CodeVirtualHeader, v.Node, "_HEAP_VIRTUAL_ALLOC_ENTRY", "CommitSize",
				fmt.Sprintf("at most %#x bytes, up to another block or to address space without storage", stored), hex(v.CommitSize))
			v.CommitSize = stored
		}
		// A reservation is counted from its base, somewhat before the node.
		if v.ReserveSize > room+reserveSlack {
			h.report(CodeVirtualHeader, v.Node, "_HEAP_VIRTUAL_ALLOC_ENTRY", "ReserveSize", fmt.Sprintf("at most %#x bytes, up to another block", room), hex(v.ReserveSize))
			v.ReserveSize = max(room, v.CommitSize)
		}
	}
}

// beyond reports whether the reservation that v claims ends in address space
// that the dump says was free.
func (h *Heap) beyond(n memory.Addr, v Virtual) bool {
	if v.ReserveSize < v.CommitSize+reserveSlack {
		return false
	}
	_, why := h.mem.Gap(n.Add(v.ReserveSize - reserveSlack - 1))
	return why == memory.Free
}

// reserveSlack is how far a block's reservation may begin before its node:
// 0xd000 bytes were seen on Windows 10.
const reserveSlack = 0x10000

// stored returns how many of the n bytes at a can have storage: up to the
// first page that the dump says was reserved or free.
func (h *Heap) stored(a memory.Addr, n uint64) uint64 {
	end := a.Add(n)
	for at := a; at < end; {
		if tail := h.mem.Tail(at); tail != nil {
			at += memory.Addr(len(tail))
			continue
		}
		gap, why := h.mem.Gap(at)
		if why == memory.Reserved || why == memory.Free {
			return at.Sub(a)
		}
		if gap.Empty() {
			break
		}
		at = gap.End
	}
	return n
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
