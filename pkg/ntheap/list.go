package ntheap

import (
	"errors"
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
)

// ring is what a walk over a doubly linked list (LIST_ENTRY) found.
type ring struct {
	nodes  []memory.Addr // addresses of the LIST_ENTRYs, in list order as far as it holds
	broken string        // what is wrong with the list, empty when nothing is
	at     memory.Addr   // the link that is wrong
	class  diag.Class    // Incomplete when the dump lacks the node that the link leads to
	gap    memory.Addr   // the one node that both ends of a broken list lead to, or 0
}

// maxNodes bounds a list: no process has more virtual blocks, of half a
// megabyte and more, in one heap. A node is looked at once only, so that the
// bytes of the dump bound it too.
const maxNodes = 1 << 20

// walkRing follows a list of at most limit nodes from its head. Where the
// forward links break off or loop, it goes on backwards from the head, so that
// one damaged node hides none of the others. accept says whether a node is
// what the list should hold.
func (h *Heap) walkRing(head memory.Addr, limit uint64, accept func(node memory.Addr) bool) ring {
	var out ring
	seen := map[memory.Addr]bool{}
	ptr := uint64(h.Header.Bits) / 8
	limit = min(limit, maxNodes)
	stop := h.follow(head, 0, limit, seen, accept, func(n memory.Addr) { out.nodes = append(out.nodes, n) })
	if stop.why == "" {
		h.checkBacklinks(head, ptr, &out)
		return out
	}
	out.broken, out.at, out.class = stop.why, stop.at, h.blame(stop.next, 2*ptr)
	var back []memory.Addr
	other := h.follow(head, ptr, limit, seen, accept, func(n memory.Addr) { back = append(back, n) })
	for i := len(back) - 1; i >= 0; i-- {
		out.nodes = append(out.nodes, back[i])
	}
	if other.next == stop.next && !seen[stop.next] {
		out.gap = stop.next
	}
	return out
}

type stopped struct {
	why  string
	at   memory.Addr // the last good node
	next memory.Addr // where its link leads; at itself when the link is missing
}

// follow goes along one direction of a list: link is the offset of the
// pointer in the LIST_ENTRY, 0 forwards and a pointer's size backwards.
func (h *Heap) follow(head memory.Addr, link, limit uint64, seen map[memory.Addr]bool, accept func(memory.Addr) bool, add func(memory.Addr)) stopped {
	at := head
	for range limit + 1 {
		next, ok := h.pointer(at.Add(link))
		switch {
		case !ok:
			return stopped{"the link is not in the dump", at, at.Add(link)}
		case next == head:
			return stopped{}
		case seen[next]:
			return stopped{fmt.Sprintf("the link leads back to %v", next), at, next}
		case !accept(next):
			return stopped{fmt.Sprintf("the link leads to %v, which is no such node", next), at, next}
		}
		seen[next] = true
		add(next)
		at = next
	}
	return stopped{"the list has no end", at, at}
}

// linked reports whether the neighbours of the list entry at n point back at
// it: then it is a node, whatever else is wrong with it.
func (h *Heap) linked(n memory.Addr) bool {
	ptr := h.set.Ptr()
	flink, ok1 := h.pointer(n)
	blink, ok2 := h.pointer(n.Add(ptr))
	if !ok1 || !ok2 {
		return false
	}
	back, ok1 := h.pointer(flink.Add(ptr))
	forth, ok2 := h.pointer(blink)
	return ok1 && ok2 && back == n && forth == n
}

// blame says whose fault it is that the n bytes at a are not what they should
// be: the dump's, when it lacks some of them and the process could have had
// them, else the process's.
func (h *Heap) blame(a memory.Addr, n uint64) diag.Class {
	const lowest = 0x10000 // the first 64 KiB are never a program's, nor the last below the kernel
	highest := memory.Addr(1<<47 - 0x10000)
	if h.Header.Bits == 32 {
		highest = 1<<32 - 0x10000 // /LARGEADDRESSAWARE on 64-bit Windows; all others have less
	}
	_, err := h.mem.View(a, n)
	var missing *memory.MissingError
	if !errors.As(err, &missing) || a < lowest || a >= highest {
		return diag.Corrupt
	}
	if missing.Why == memory.NotSaved || missing.Why == memory.FileTruncated || missing.Why == memory.Unknown {
		return diag.Incomplete
	}
	return diag.Corrupt
}

// checkBacklinks notes the first node whose Blink is not the node before it.
func (h *Heap) checkBacklinks(head memory.Addr, ptr uint64, r *ring) {
	prev := head
	for i := 0; i <= len(r.nodes); i++ {
		node := head
		if i < len(r.nodes) {
			node = r.nodes[i]
		}
		if back, ok := h.pointer(node.Add(ptr)); ok && back != prev {
			r.broken, r.at = fmt.Sprintf("Blink is %v, not %v", back, prev), node
			return
		}
		prev = node
	}
}
