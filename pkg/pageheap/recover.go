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
	size := h.form.node.size
	for _, pool := range mergePieces(pools) {
		for a := pool.Start; a.Span(size).End <= pool.End && a.Span(size).Size() == size; {
			n, ok := h.readNode(a, NodeBusy)
			if ok && n.User != 0 && !known[a] && h.judge(&n) == (fault{}) {
				if i, ok := h.info(n.User); ok && i.start == stampBusy && i.ends(stampBusyEnd) && i.requested == n.Requested {
					out = append(out, piece{Range: n.Virtual, node: a, kind: NodeBusy})
					known[a] = true
				}
			}
			if known[a] {
				a += memory.Addr(size)
				continue
			}
			a += memory.Addr(h.form.ptr)
		}
	}
	return out
}
