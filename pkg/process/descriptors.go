package process

import (
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// fromDescriptors follows ntdll's list of heap descriptors from one of its
// heaps: _HEAP.UserContext leads to a _RTLP_PROCESS_HEAP_DESCRIPTOR
// {DescriptorLink, Heap}. Since Windows 11 24H2 the PEB lists its first heap
// alone. The list was described elsewhere and not seen in a dump of ours, so
// that each node has to prove itself: its Heap has to be a heap. No node is
// visited twice, whichever heap leads to it, so that loops end.
func (f *finder) fromDescriptors(r HeapRef) {
	off, ok := userContext(r)
	if !ok {
		return
	}
	node, err := f.Space.Pointer(r.Address+off, r.Bits)
	if err != nil || node == 0 {
		return
	}
	heapAt := memory.Addr(2 * r.Bits / 8)
	back, err := f.Space.Pointer(node+heapAt, r.Bits)
	if err != nil || back != r.Address {
		return
	}
	for len(f.nodes) < maxHeaps && !f.nodes[node] {
		f.nodes[node] = true
		if at, err := f.Space.Pointer(node+heapAt, r.Bits); err == nil {
			f.described(at, r.Bits)
		}
		if node, err = f.Space.Pointer(node, r.Bits); err != nil {
			return
		}
	}
}

// userContext returns where a heap points at its descriptor.
func userContext(r HeapRef) (memory.Addr, bool) {
	switch {
	case r.Kind == heap.NT && r.Bits == 64:
		return 0x188, true
	case r.Kind == heap.NT && r.Bits == 32:
		return 0xdc, true
	case r.Kind == heap.Segment && r.Bits == 64:
		return 0x38, true
	}
	return 0, false
}

// described adds the heap that a node of the descriptors' list names. The
// list's head names none: what follows its links is anything. A heap whose
// header the dump lacks is taken for one where a private reservation starts.
func (f *finder) described(at memory.Addr, bits int) {
	kind, _ := ntheap.Identify(f.Space, at)
	if kind == heap.Unknown {
		r, ok := f.Space.Region(at)
		if !ok || !f.Space.RegionsKnown() || f.Space.Why(at) == memory.Present || r.State != memory.MemCommit || r.Type != memory.MemPrivate || r.AllocationBase != at {
			return
		}
	}
	f.add(HeapRef{Address: at, Bits: bits, Kind: kind, Found: 1 << ByDescriptor, Index: -1})
}
