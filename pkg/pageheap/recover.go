package pageheap

import (
	"github.com/heapdump/heapdump/pkg/memory"
)

// recover looks through the node pools for busy nodes that a damaged tree or
// list does not lead to. A node is taken only if all its fields agree, and
// the header before its user's data has both stamps and the same requested
// size.
func (h *Heap) recover(pools []piece, known map[memory.Addr]bool) []piece {
	var out []piece
	for _, pool := range mergePieces(pools) {
		parts, _ := h.saved(pool.Range)
		for _, r := range parts {
			out = h.search(r, known, out)
		}
	}
	return out
}

// search looks through one saved part of a pool.
func (h *Heap) search(r memory.Range, known map[memory.Addr]bool, out []piece) []piece {
	size := memory.Addr(h.form.node.size)
	for a := r.Start; a+size <= r.End && a+size > a; {
		if !known[a] {
			n, ok := h.readNode(a, NodeBusy)
			if !ok || n.User == 0 || h.judge(&n) != (fault{}) || !h.borneOut(&n) {
				a += memory.Addr(h.form.ptr)
				continue
			}
			known[a] = true
			out = append(out, piece{Range: n.Virtual, node: a, kind: NodeBusy})
		}
		a += size
	}
	return out
}

// borneOut reports whether the header of the node's block has both stamps of
// a busy one and the same requested size.
func (h *Heap) borneOut(n *Node) bool {
	i, ok := h.info(n.User)
	return ok && i.start == stampBusy && i.ends(stampBusyEnd) && i.requested == n.Requested
}
