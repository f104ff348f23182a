package pageheap

import (
	"errors"
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// ErrNotPageHeap says that no page heap is at a handle.
var ErrNotPageHeap = errors.New("not a page heap")

// enough is the score from which memory with the signature is taken for a
// root.
const enough = 3

// Open opens the page heap with the given handle; its root is one page behind
// it. Of the heap's nodes only the extent is kept. The error is
// ErrNotPageHeap, or a *memory.MissingError below when the root is not in
// the dump.
func Open(m heap.Memory, handle memory.Addr, o Options) (*Heap, error) {
	at := handle.Add(memory.PageSize)
	b, err := m.View(at, 4)
	if err != nil {
		return nil, fmt.Errorf("page heap %v: its root at %v: %w", handle, at, err)
	}
	if sig := raw(b).u32(0); sig != rootSignature {
		return nil, fmt.Errorf("%v: %w: signature %#x at %v", handle, ErrNotPageHeap, sig, at)
	}
	f, n := choose(m, at, o.Bits)
	if n < enough {
		_, err := m.View(at, newX86.root.size)
		if err != nil {
			return nil, fmt.Errorf("page heap %v: its root at %v: %w", handle, at, err)
		}
		return nil, fmt.Errorf("%v: %w: the memory at %v has the signature of a root and no other fact of one", handle, ErrNotPageHeap, at)
	}
	r, ok := readRoot(m, at, f)
	if !ok {
		return nil, fmt.Errorf("%v: %w", handle, ErrNotPageHeap)
	}
	h := &Heap{Root: r, mem: m, form: f, options: o}
	h.load()
	return h, nil
}

// load reads the lists and the tree.
func (h *Heap) load() {
	var own []piece
	own = h.readPools(own)
	limit := h.limit(own)
	h.readStorage(limit)
	var busy []memory.Addr
	whole := true
	if h.form.old {
		before := h.damaged
		h.damaged = false
		busy = h.chain(h.Root.busy, h.Root.busyTail, "pBusyAllocationList", limit)
		whole = !h.damaged
		h.damaged = h.damaged || before
	} else {
		busy, whole = h.walkTree(limit)
	}
	freed := h.intact("nFreeAllocations", h.Root.Freed, func() []memory.Addr {
		return h.chain(h.Root.freed, h.Root.freedTail, "pFreeAllocationList", limit)
	})
	room := h.intact("nAvailableAllocations", h.Root.Available, func() []memory.Addr {
		if h.form.old {
			return h.chain(h.Root.available, h.Root.availableTail, "pAvailableAllocationList", limit)
		}
		return h.ring(h.Root.Address.Add(h.form.root.available), "AvailableAllocationHead", limit)
	})
	if whole {
		h.count("nBusyAllocations", len(busy), h.Root.Busy)
	}
	var known map[memory.Addr]bool // only a search of the pools asks
	if !whole {
		known = map[memory.Addr]bool{}
	}
	all := h.judged(busy, NodeBusy, !h.form.old, known)
	all = append(all, h.judged(freed, NodeFreed, false, known)...)
	all = append(all, h.judged(room, NodeAvailable, false, known)...)
	if !whole {
		all = append(all, h.recover(own, known)...)
	}
	if h.damaged { // pages that have nodes are the heap's own, in a listed pool or not
		for _, p := range all {
			if !p.lost {
				own = append(own, piece{Range: p.node.Align(memory.PageSize).Span(memory.PageSize), kind: nodeInternal})
			}
		}
	}
	h.place(append(all, h.own(own)...))
}

// intact runs a reading of a list and compares its length with the counter
// when the list is whole.
func (h *Heap) intact(field string, says uint32, read func() []memory.Addr) []memory.Addr {
	before := h.damaged
	h.damaged = false
	nodes := read()
	if !h.damaged {
		h.count(field, len(nodes), says)
	}
	h.damaged = h.damaged || before
	return nodes
}

// maxOf is how many nodes are followed when the pools are not known.
const maxOf = 1 << 16

// limit returns how many nodes the node pools have room for.
func (h *Heap) limit(pools []piece) int {
	var n uint64
	for _, p := range mergePieces(pools) {
		parts, _ := h.saved(p.Range)
		for _, r := range parts {
			n += r.Size()/h.form.node.size + 1
		}
	}
	if n == 0 || h.damaged {
		n = max(n, maxOf)
	}
	return int(min(n, 1<<28))
}

// readPools reads the list of node pools: pages that hold the nodes.
func (h *Heap) readPools(own []piece) []piece {
	nodes := h.intact("nNodePools", h.Root.NodePools, func() []memory.Addr {
		return h.chain(h.Root.pools, h.Root.poolsTail, "pNodePoolList", maxOf)
	})
	for _, a := range nodes {
		n, ok := h.readNode(a, nodeInternal)
		if !ok {
			continue
		}
		f := h.judgePages(&n)
		if _, whole := h.saved(n.Virtual); f == (fault{}) && !whole {
			f = fault{"nVirtualBlockSize", "pages that are there", hex(n.Virtual.Size())}
		}
		if f != (fault{}) {
			h.damaged = true
			h.put(diag.Corrupt, CodeNode, a, "_DPH_HEAP_BLOCK", f.field, f.want, f.got)
			continue
		}
		own = append(own, piece{Range: n.Virtual, node: a, kind: nodeInternal})
	}
	return own
}

// saved returns what the dump has of r. It looks at runs, not at bytes, so
// that a size from the dump costs what is there. whole is false when the
// process itself had not all of it, as far as is known.
func (h *Heap) saved(r memory.Range) (parts []memory.Range, whole bool) {
	whole = true
	for a := r.Start; a < r.End; {
		if n := len(h.mem.Tail(a)); n > 0 {
			part := memory.Range{Start: a, End: min(a.Span(uint64(n)).End, r.End)}
			parts = append(parts, part)
			a = part.End
			continue
		}
		gap, why := h.mem.Gap(a)
		if gap.End <= a {
			return parts, false
		}
		whole = whole && (why == memory.NotSaved || why == memory.FileTruncated)
		a = gap.End
	}
	return parts, whole
}

// readStorage reads the list of reservations.
func (h *Heap) readStorage(limit int) {
	nodes := h.intact("nVirtualStorageRanges", h.Root.StorageRanges, func() []memory.Addr {
		return h.chain(h.Root.storage, h.Root.storageTail, "pVirtualStorageList", limit)
	})
	var got []memory.Range
	for _, a := range nodes {
		n, ok := h.readNode(a, nodeInternal)
		if !ok {
			continue
		}
		if f := h.judgePages(&n); f != (fault{}) {
			h.damaged = true
			h.put(diag.Corrupt, CodeNode, a, "_DPH_HEAP_BLOCK", f.field, f.want, f.got)
			continue
		}
		got = append(got, n.Virtual)
	}
	h.Ranges = mergeRanges(got)
}

// judged judges nodes and makes pieces of them. ordered says that they come
// from a tree, in which addresses ascend.
func (h *Heap) judged(nodes []memory.Addr, kind NodeKind, ordered bool, known map[memory.Addr]bool) []piece {
	out := make([]piece, 0, len(nodes))
	last := memory.Addr(0)
	for _, a := range nodes {
		n, ok := h.readNode(a, kind)
		if !ok {
			continue
		}
		if known != nil {
			known[a] = true
		}
		f := h.judgePages(&n)
		pages := f == (fault{})
		if pages && kind != NodeAvailable {
			f = h.judge(&n)
		}
		p := piece{Range: n.Virtual, node: a, kind: kind}
		if f != (fault{}) {
			h.put(diag.Corrupt, CodeNode, a, "_DPH_HEAP_BLOCK", f.field, f.want, f.got)
			if r, ok := h.repair(n); ok {
				p.Range, pages = r.Virtual, true
			} else if !pages {
				h.damaged = true
				continue
			} else {
				p.lost = kind == NodeBusy
			}
		}
		if ordered && f == (fault{}) {
			if p.Start < last {
				h.put(diag.Corrupt, CodeTree, a, "_DPH_HEAP_BLOCK", "TableLinks", "an address above "+hex(uint64(last)), hex(uint64(p.Start)))
			}
			last = p.Start
		}
		out = append(out, p)
	}
	return out
}
