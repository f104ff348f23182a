package pageheap

import (
	"cmp"
	"slices"

	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Ref is a page heap that was found.
type Ref struct {
	Handle memory.Addr
	Bits   int
}

// granularity is what address space is reserved in; handles start on it.
const granularity = 0x10000

// Roots looks for page heaps that no list names: for the signature of
// _DPH_HEAP_ROOT one page behind the start of each reservation, and, where
// the dump does not say what its bytes belong to, behind each multiple of 64
// KiB. It touches a page of each. The handles are sorted.
func Roots(s *memory.Space) []Ref {
	var out []Ref
	look := func(a memory.Addr) {
		root := a.Add(memory.PageSize)
		if sig, err := s.U32(root); err != nil || sig != rootSignature {
			return
		}
		if f, n := choose(s, root, 0); n >= enough {
			out = append(out, Ref{a, f.bits})
		}
	}
	for _, r := range s.Regions() {
		if s.RegionsKnown() && r.State == memory.MemCommit && r.Type != memory.MemImage && r.Start == r.AllocationBase {
			look(r.Start)
		}
	}
	for _, run := range s.AllRuns() {
		// The root may be saved where its handle's page is not.
		for a := range s.Stray(memory.Range{Start: run.Start.Align(granularity), End: run.End()}, granularity) {
			look(a)
		}
	}
	slices.SortFunc(out, func(a, b Ref) int { return cmp.Compare(a.Handle, b.Handle) })
	return slices.Compact(out)
}

// Identify reports whether a page heap has the handle, and its pointer size
// in bits.
func Identify(m heap.Memory, handle memory.Addr) (bits int, ok bool) {
	root := handle.Add(memory.PageSize)
	b := view(m, root, 4)
	if b == nil || b.u32(0) != rootSignature {
		return 0, false
	}
	f, n := choose(m, root, 0)
	if n < enough {
		return 0, false
	}
	return f.bits, true
}

// maxSiblings is how many page heaps are followed from one.
const maxSiblings = 1 << 16

// Siblings returns the handles of the other page heaps of the process, by the
// list that links all roots, both ways. In Vista and later the list's head is
// in no root but in a module's data, and is left out; XP links the roots
// without a head. A link that leads to no root ends the list.
func (h *Heap) Siblings() []memory.Addr {
	var out []memory.Addr
	p := h.form.ptr
	link := memory.Addr(h.form.root.next)
	if h.form.old {
		link = 0 // pNextHeapRoot points at the root itself
	}
	for _, dir := range [...]uint64{0, p} {
		seen := map[memory.Addr]bool{h.Root.Address: true}
		at := h.Root.nextLink
		if dir != 0 {
			at = h.Root.previousLink
		}
		for heads := 0; at != 0 && len(out) < maxSiblings; {
			root := at - link
			var b raw
			if v := view(h.mem, root, 4); v != nil && v.u32(0) == rootSignature {
				if seen[root] {
					break
				}
				seen[root] = true
				out = append(out, root-memory.PageSize)
				b = view(h.mem, root.Add(h.form.root.next), 2*p)
			} else if heads++; heads == 1 && !h.form.old {
				b = view(h.mem, at, 2*p)
			}
			if b == nil {
				break
			}
			at = b.addr(dir, p)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
