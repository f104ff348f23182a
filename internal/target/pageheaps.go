package target

import (
	"cmp"
	"slices"

	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
	"github.com/heapdump/heapdump/pkg/pageheap"
	"github.com/heapdump/heapdump/pkg/process"
)

// pageHeaps opens the page heaps of the process and adds those that no list
// names: found by a scan, by the list that links them, and the NT heap behind
// each of them.
func (t *Target) pageHeaps() {
	at := map[memory.Addr]*Heap{}
	first := 0 // behind the heaps of the PEBs
	for i, h := range t.Heaps {
		at[h.Address] = h
		if h.Found.Has(process.ByPEB) || h.Found.Has(process.ByPEBDefault) {
			first = i + 1
		}
	}
	add := func(a memory.Addr, kind heap.Kind, bits int, way process.Way) *Heap {
		h := at[a]
		if h == nil {
			h = &Heap{HeapRef: process.HeapRef{Address: a, Bits: bits, Kind: kind, Index: -1}}
			at[a] = h
			t.Heaps = append(t.Heaps, h)
		}
		if h.Kind == heap.Unknown {
			h.Kind, h.Bits = kind, bits
		}
		h.Found |= 1 << way
		return h
	}
	for _, r := range pageheap.Roots(t.Space) {
		add(r.Handle, heap.Page, r.Bits, process.ByScan)
	}
	for i := 0; i < len(t.Heaps); i++ {
		h := t.Heaps[i]
		if h.Kind != heap.Page || h.Foreign {
			continue
		}
		page, err := pageheap.Open(t.Space, h.Address, pageheap.Options{Region: t.Space.Region})
		if err != nil {
			continue
		}
		h.Page, h.Bits = page, page.Root.Bits
		for _, a := range page.Siblings() {
			if bits, ok := pageheap.Identify(t.Space, a); ok {
				add(a, heap.Page, bits, process.BySibling)
			}
		}
		if kind, bits := ntheap.Identify(t.Space, page.Root.NormalHeap); kind == heap.NT {
			add(page.Root.NormalHeap, kind, bits, process.ByPageHeap).NormalOf = h.Address
		}
	}
	slices.SortStableFunc(t.Heaps[first:], func(a, b *Heap) int { return cmp.Compare(a.Address, b.Address) })
}
