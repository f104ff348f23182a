package pageheap

import (
	"cmp"
	"slices"

	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// fault says which field of a node cannot be, and why. The zero fault is none.
type fault struct{ field, want, got string }

// readNode decodes the _DPH_HEAP_BLOCK at a. ok is false when a byte of it is
// missing.
func (h *Heap) readNode(a memory.Addr, kind NodeKind) (n Node, ok bool) {
	l, p := &h.form.node, h.form.ptr
	b := view(h.mem, a, l.size)
	if b == nil {
		return n, false
	}
	start := b.addr(l.block, p)
	return Node{Address: a, Kind: kind, User: b.addr(l.user, p), Virtual: start.Span(b.word(l.blockSize, p)),
		Access: b.word(l.access, p), Requested: b.word(l.requested, p), Actual: b.word(l.actual, p),
		UserValue: b.addr(l.value, p), UserFlags: b.u32(l.flags), StackTrace: b.addr(l.trace, p)}, true
}

// judgePages looks for a contradiction in the pages that the node claims.
func (h *Heap) judgePages(n *Node) fault {
	v := n.Virtual
	switch {
	case v.Start == 0 || uint64(v.Start)%memory.PageSize != 0:
		return fault{"pVirtualBlock", "the address of a page", hex(uint64(v.Start))}
	case v.Empty() || v.Size()%memory.PageSize != 0 || h.form.bits == 32 && v.End > 1<<32:
		return fault{"nVirtualBlockSize", "whole pages", hex(v.Size())}
	}
	i, _ := slices.BinarySearchFunc(h.Ranges, v.Start, func(r memory.Range, a memory.Addr) int { return cmp.Compare(r.End, a+1) })
	if i < len(h.Ranges) && h.Ranges[i].Overlaps(v) {
		if s := h.Ranges[i]; !s.Holds(v) {
			return fault{"nVirtualBlockSize", "pages within the reservation " + hex(uint64(s.Start)), hex(v.Size())}
		}
		return fault{}
	}
	if _, why := h.mem.Gap(v.End - 1); why == memory.Free || !h.somewhere(v.Start) {
		return fault{"pVirtualBlock", "pages of the heap's", hex(uint64(v.Start))}
	}
	return fault{}
}

// somewhere reports whether the process had memory at a, as far as is known.
func (h *Heap) somewhere(a memory.Addr) bool {
	switch _, why := h.mem.Gap(a); why {
	case memory.Free:
		return false
	case memory.Unknown:
		return h.damaged || len(h.Ranges) == 0
	}
	return true
}

// judge looks for a contradiction in the fields of a node that is or was an
// allocation.
func (h *Heap) judge(n *Node) fault {
	if f := h.judgePages(n); f != (fault{}) {
		return f
	}
	size := n.Virtual.Size()
	switch {
	case n.Access == 0 || n.Access > size || n.Access%memory.PageSize != 0:
		return fault{"nVirtualAccessSize", "whole pages, at most " + hex(size), hex(n.Access)}
	case !n.Virtual.Contains(n.User) || n.User > n.data().End:
		return fault{"pUserAllocation", "an address in the node's pages", hex(uint64(n.User))}
	}
	room := n.data().End.Sub(min(n.User, n.data().End))
	switch {
	case n.Requested > room:
		return fault{"nUserRequestedSize", "at most " + hex(room), hex(n.Requested)}
	case n.Actual < n.Requested || n.Actual > room:
		return fault{"nUserActualSize", "between nUserRequestedSize and " + hex(room), hex(n.Actual)}
	case room-n.Requested >= 1<<31:
		return fault{"nUserRequestedSize", "a size that fits the pages", hex(n.Requested)}
	}
	return h.judgeFit(n, room)
}

// slack is more than alignment leaves between the end of the user's data and
// the end of the pages.
const slack = 0x40

// judgeFit asks that the user's data end where the pages end, but for
// alignment. Where they do not the block's header has to bear the node out,
// if there is one.
func (h *Heap) judgeFit(n *Node, room uint64) fault {
	if n.Actual-n.Requested < slack && room-n.Actual < slack || h.entry(n) == n.User {
		return fault{}
	}
	i, ok := h.info(n.User)
	switch {
	case !ok || i.start == stampBusy && i.requested == n.Requested:
		return fault{}
	case i.start != stampBusy && !i.ends(stampBusyEnd):
		return fault{"pUserAllocation", "an address whose data end with the pages", hex(uint64(n.User))}
	}
	return fault{"nUserRequestedSize", hex(i.requested) + " as in the block's header", hex(n.Requested)}
}

// data returns the accessible pages of an allocation: the first ones, with
// the guard page behind; or the last ones, where the user pointer lies beyond
// the first (gflags /backwards: inferred).
func (n *Node) data() memory.Range {
	size := n.Virtual.Size()
	access := min(n.Access, size)
	first := n.Virtual.Start.Span(access)
	if start := n.Virtual.End - memory.Addr(access); n.User == start && n.Requested > 0 && n.Actual > first.End.Sub(min(start, first.End)) {
		return memory.Range{Start: start, End: n.Virtual.End}
	}
	return first
}

// entry returns where the block of an allocation begins: its
// _DPH_BLOCK_INFORMATION, or the user pointer where there is no room for one.
func (h *Heap) entry(n *Node) memory.Addr {
	size := memory.Addr(h.form.info.size)
	if d := n.data(); n.User >= d.Start+size {
		return n.User - size
	}
	return n.User
}

// repair rebuilds a node with an impossible field from the header before the
// user's data, which has the requested size, and from the page arithmetic of
// full page heap. It asks that two of the node's five facts agree.
func (h *Heap) repair(n Node) (Node, bool) {
	if n.Kind != NodeBusy {
		return n, false
	}
	for _, user := range [...]memory.Addr{n.User, n.Virtual.Start.Add(n.Access - n.Actual)} {
		i, ok := h.info(user)
		if !ok || i.start != stampBusy || !i.ends(stampBusyEnd) || i.requested > 1<<46 {
			continue
		}
		start := (user - memory.Addr(h.form.info.size)).Align(memory.PageSize)
		access := alignUp(user.Add(i.requested)).Sub(start)
		agree := 0
		for _, same := range [...]bool{user == n.User, start == n.Virtual.Start, access == n.Access,
			access+memory.PageSize == n.Virtual.Size(), i.requested == n.Requested} {
			if same {
				agree++
			}
		}
		r := n
		r.User, r.Virtual, r.Access, r.Requested = user, start.Span(access+memory.PageSize), access, i.requested
		if room := r.data().End.Sub(user); r.Actual < r.Requested || r.Actual > room {
			r.Actual = room
		}
		r.Trust = heap.Repaired
		if agree >= 2 && h.judge(&r) == (fault{}) {
			return r, true
		}
	}
	return n, false
}

// node returns the node of a piece, repaired where it has to be.
func (h *Heap) node(p piece) (Node, bool) {
	n, ok := h.readNode(p.node, p.kind)
	if !ok {
		return n, false
	}
	if p.kind == NodeAvailable { // the other fields are those of an earlier use
		return Node{Address: n.Address, Kind: n.Kind, Virtual: p.Range}, true
	}
	if n.Virtual == p.Range && h.judge(&n) == (fault{}) {
		return n, true
	}
	if r, ok := h.repair(n); ok && r.Virtual == p.Range {
		return r, true
	}
	n.Trust = heap.Doubtful
	return n, n.Virtual == p.Range && p.kind != NodeBusy
}
