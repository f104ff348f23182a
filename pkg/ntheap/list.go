package ntheap

import (
	"fmt"

	"github.com/heapdump/heapdump/pkg/memory"
)

// ring is what a walk over a doubly linked list (LIST_ENTRY) found.
type ring struct {
	nodes  []memory.Addr // addresses of the LIST_ENTRYs, in list order as far as it holds
	broken string        // what is wrong with the list, empty when nothing is
	at     memory.Addr   // the link that is wrong
}

// maxNodes bounds a list before its nodes are looked at: no process has more
// segments, virtual blocks or uncommitted ranges in one heap.
const maxNodes = 1 << 22

// walkRing follows a list from its head. Where the forward links break off or
// loop, it goes on backwards from the head, so that one damaged node hides
// none of the others. accept says whether a node is what the list should hold.
func (h *Heap) walkRing(head memory.Addr, accept func(node memory.Addr) bool) ring {
	var out ring
	seen := map[memory.Addr]bool{}
	ptr := uint64(h.Header.Bits) / 8
	stop := h.follow(head, 0, seen, accept, func(n memory.Addr) { out.nodes = append(out.nodes, n) })
	if stop.why == "" {
		h.checkBacklinks(head, ptr, &out)
		return out
	}
	out.broken, out.at = stop.why, stop.at
	var back []memory.Addr
	h.follow(head, ptr, seen, accept, func(n memory.Addr) { back = append(back, n) })
	for i := len(back) - 1; i >= 0; i-- {
		out.nodes = append(out.nodes, back[i])
	}
	return out
}

type stopped struct {
	why string
	at  memory.Addr
}

// follow goes along one direction of a list: link is the offset of the
// pointer in the LIST_ENTRY, 0 forwards and a pointer's size backwards.
func (h *Heap) follow(head memory.Addr, link uint64, seen map[memory.Addr]bool, accept func(memory.Addr) bool, add func(memory.Addr)) stopped {
	at := head
	for range maxNodes {
		next, ok := h.pointer(at.Add(link))
		switch {
		case !ok:
			return stopped{"the link is not in the dump", at}
		case next == head:
			return stopped{}
		case seen[next]:
			return stopped{fmt.Sprintf("the link leads back to %v", next), at}
		case !accept(next):
			return stopped{fmt.Sprintf("the link leads to %v, which is no such node", next), at}
		}
		seen[next] = true
		add(next)
		at = next
	}
	return stopped{"the list has no end", at}
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
