package pageheap

import (
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
)

// broken reports a link that leads nowhere, and remembers that nodes may be
// missing.
func (h *Heap) broken(code diag.Code, at memory.Addr, object, field, want string, to memory.Addr) {
	class, got := diag.Corrupt, hex(uint64(to))
	missing := to
	if n := uint64(len(h.mem.Tail(to))); n > 0 && n < h.form.node.size {
		missing = to.Add(n) // the node's end is
	}
	switch _, why := h.mem.Gap(missing); why {
	case memory.NotSaved, memory.FileTruncated:
		class, got = diag.Incomplete, fmt.Sprintf("%v, which is %v", to, why)
		h.partial = true
	}
	h.damaged = true
	h.put(class, code, at, object, field, want, got)
}

// chain follows a singly linked list of nodes (pNextAlloc, the first word of
// each) from first to a null link. limit is how many nodes could be.
func (h *Heap) chain(first, last memory.Addr, field string, limit int) []memory.Addr {
	var nodes []memory.Addr
	seen := map[memory.Addr]bool{}
	from, object, name := h.Root.Address, "_DPH_HEAP_ROOT", field+"Head"
	for at := first; at != 0; {
		b := view(h.mem, at, h.form.node.size)
		if b == nil || uint64(at)%4 != 0 || len(nodes) >= limit {
			h.broken(CodeList, from, object, name, "a node or 0", at)
			return nodes
		}
		if seen[at] {
			h.broken(CodeList, from, object, name, "a list that ends", at)
			return nodes
		}
		seen[at] = true
		nodes = append(nodes, at)
		from, object, name = at, "_DPH_HEAP_BLOCK", "pNextAlloc"
		at = b.addr(0, h.form.ptr)
	}
	if n := len(nodes); n > 0 && nodes[n-1] != last && !h.Root.Owned {
		h.put(diag.Corrupt, CodeList, h.Root.Address, "_DPH_HEAP_ROOT", field+"Tail", hex(uint64(nodes[n-1])), hex(uint64(last)))
	}
	return nodes
}

// ring follows a doubly linked list of nodes, whose links are the first words
// of each, forward and, when that breaks, backward too.
func (h *Heap) ring(head memory.Addr, field string, limit int) []memory.Addr {
	var nodes []memory.Addr
	seen := map[memory.Addr]bool{head: true}
	p := h.form.ptr
	walk := func(link, back uint64, report bool) bool {
		from := head
		for len(nodes) <= limit {
			b := view(h.mem, from, 2*p)
			if b == nil {
				return false
			}
			next := b.addr(link, p)
			if next == head {
				return true
			}
			n := view(h.mem, next, h.form.node.size)
			if n == nil || seen[next] || uint64(next)%4 != 0 || n.addr(back, p) != from {
				if report {
					h.broken(CodeList, from, "_DPH_HEAP_ROOT", field, "a node whose links agree", next)
				}
				return false
			}
			seen[next] = true
			nodes = append(nodes, next)
			from = next
		}
		return false
	}
	if !walk(0, p, true) {
		if !h.damaged {
			h.broken(CodeList, head, "_DPH_HEAP_ROOT", field, "a list that ends", head)
		}
		walk(p, 0, false)
		return nodes
	}
	if b := view(h.mem, head, 2*p); b != nil {
		last := head
		if len(nodes) > 0 {
			last = nodes[len(nodes)-1]
		}
		if got := b.addr(p, p); got != last {
			h.put(diag.Corrupt, CodeList, head, "_DPH_HEAP_ROOT", field+".Blink", hex(uint64(last)), hex(uint64(got)))
		}
	}
	return nodes
}

// count compares a counter of the root's with what was found. A heap whose
// lock somebody holds may be in mid-update, and is not judged.
func (h *Heap) count(field string, found int, says uint32) {
	if h.Root.Owned || uint64(found) == uint64(says) {
		return
	}
	h.put(diag.Corrupt, CodeCount, h.Root.Address, "_DPH_HEAP_ROOT", field, fmt.Sprint(found), fmt.Sprint(says))
}
