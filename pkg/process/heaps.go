package process

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// maxHeaps bounds the PEB's list: MaximumNumberOfHeaps is a multiple of 16
// that doubles, and no process has more than some thousand.
const maxHeaps = 1 << 16

// finder merges the heaps that several searches find.
type finder struct {
	Source
	sink diag.Sink
	refs []*HeapRef
	at   map[memory.Addr]*HeapRef
}

// Heaps returns the heaps of the process: those of each PEB in its order, and
// behind them, by address, those that ntdll's descriptors or a scan for
// signatures lead to. structures are the addresses that [Scan] found.
func Heaps(s Source, pebs []PEB, found Structures, sink diag.Sink) []HeapRef {
	f := &finder{Source: s, sink: sink, at: map[memory.Addr]*HeapRef{}}
	for _, p := range pebs {
		f.fromPEB(p)
	}
	listed := len(f.refs)
	for i := 0; i < len(f.refs); i++ {
		f.fromDescriptors(*f.refs[i])
	}
	for _, a := range found.Heaps {
		kind, bits := ntheap.Identify(s.Space, a)
		f.add(HeapRef{Address: a, Bits: bits, Kind: kind, Found: 1 << ByScan, Index: -1})
	}
	slices.SortFunc(f.refs[listed:], func(a, b *HeapRef) int { return cmp.Compare(a.Address, b.Address) })
	out := make([]HeapRef, len(f.refs))
	for i, r := range f.refs {
		r.Foreign = f.foreign(*r, pebs)
		out[i] = *r
	}
	return out
}

// add merges r into what is known; it reports whether the heap is new.
func (f *finder) add(r HeapRef) bool {
	if old := f.at[r.Address]; old != nil {
		old.Found |= r.Found
		old.Default = old.Default || r.Default
		return false
	}
	f.at[r.Address] = &r
	f.refs = append(f.refs, &r)
	return true
}

func (f *finder) fromPEB(p PEB) {
	ptr := uint64(p.Bits) / 8
	n := uint64(p.NumberOfHeaps)
	if n > maxHeaps || p.NumberOfHeaps > p.MaximumNumberOfHeaps {
		f.put(CodePEBHeaps, diag.Corrupt, p, "NumberOfHeaps", fmt.Sprintf("at most MaximumNumberOfHeaps, %d", p.MaximumNumberOfHeaps), fmt.Sprint(p.NumberOfHeaps))
		n = min(n, maxHeaps, max(uint64(p.MaximumNumberOfHeaps), 16))
	}
	before := len(f.refs)
	for i := range n {
		at, err := f.Space.Pointer(p.ProcessHeaps.Add(i*ptr), p.Bits)
		if err != nil {
			f.put(CodePEBHeapsMissing, diag.Incomplete, p, "ProcessHeaps", fmt.Sprintf("%d heaps", p.NumberOfHeaps),
				fmt.Sprintf("%d: entry %d at %v is %v", i, i, p.ProcessHeaps.Add(i*ptr), f.Space.Why(p.ProcessHeaps.Add(i*ptr))))
			break
		}
		f.listed(p, int(i), at)
	}
	if p.ProcessHeap == 0 {
		return
	}
	kind, _ := ntheap.Identify(f.Space, p.ProcessHeap)
	if f.add(HeapRef{Address: p.ProcessHeap, Bits: p.Bits, Kind: kind, Found: 1 << ByPEBDefault, Index: -1, Default: true}) && len(f.refs)-before > 1 {
		f.put(CodePEBHeaps, diag.Corrupt, p, "ProcessHeap", "one of ProcessHeaps", fmt.Sprintf("%v", p.ProcessHeap))
	}
}

// listed adds entry i of a PEB's list. A null, a repeated one, or one that
// leads to no heap is a problem; it stays on the list, as what it is, unless
// it can be nothing.
func (f *finder) listed(p PEB, i int, at memory.Addr) {
	field := fmt.Sprintf("ProcessHeaps[%d]", i)
	if old := f.at[at]; at == 0 || old != nil && old.Listed && old.Bits == p.Bits {
		f.put(CodePEBHeaps, diag.Corrupt, p, field, "a heap of its own", fmt.Sprintf("%v", at))
		return
	}
	kind, bits := ntheap.Identify(f.Space, at)
	if kind == heap.Unknown {
		why := f.Space.Why(at)
		if why == memory.Free || why == memory.Present {
			f.put(CodePEBHeaps, diag.Corrupt, p, field, "a heap", fmt.Sprintf("%v, where no heap is", at))
			return
		}
	}
	if kind != heap.NT || bits == 0 {
		bits = p.Bits
	}
	f.add(HeapRef{Address: at, Bits: bits, Kind: kind, Found: 1 << ByPEB, Index: i, Listed: true})
}

func (f *finder) put(code diag.Code, class diag.Class, p PEB, field, want, got string) {
	f.sink.Put(diag.Problem{Code: code, Class: class, At: diag.At(p.Address), Object: "_PEB", Field: field, Want: want, Got: got})
}

// fromDescriptors follows ntdll's list of heap descriptors from one of its
// heaps: _HEAP.UserContext leads to a _RTLP_PROCESS_HEAP_DESCRIPTOR
// {DescriptorLink, Heap}. Since Windows 11 24H2 the PEB lists its first heap
// alone. The list was described elsewhere and not seen in a dump of ours, so
// that each node has to prove itself: its Heap has to be a heap.
func (f *finder) fromDescriptors(r HeapRef) {
	var off memory.Addr
	switch {
	case r.Kind == heap.NT && r.Bits == 64:
		off = 0x188
	case r.Kind == heap.NT && r.Bits == 32:
		off = 0xdc
	case r.Kind == heap.Segment && r.Bits == 64:
		off = 0x38
	default:
		return
	}
	first, err := f.Space.Pointer(r.Address+off, r.Bits)
	if err != nil || first == 0 {
		return
	}
	heapAt := memory.Addr(2 * r.Bits / 8)
	if back, err := f.Space.Pointer(first+heapAt, r.Bits); err != nil || back != r.Address {
		return
	}
	for node, n := first, 0; n < maxHeaps; n++ {
		node, err = f.Space.Pointer(node, r.Bits)
		if err != nil || node == first {
			return
		}
		at, err := f.Space.Pointer(node+heapAt, r.Bits)
		if err != nil {
			return
		}
		kind, _ := ntheap.Identify(f.Space, at)
		if kind == heap.Unknown {
			continue // the list's head, or no descriptor
		}
		if !f.add(HeapRef{Address: at, Bits: r.Bits, Kind: kind, Found: 1 << ByDescriptor, Index: -1}) && n > len(f.refs)+1 {
			return // a loop that misses the first node
		}
	}
}

// foreign reports whether a heap is another process's, mapped into this one:
// it stands in the memory that CSRSS shares, or in a mapping whose own
// addresses are not those where it is mapped.
func (f *finder) foreign(r HeapRef, pebs []PEB) bool {
	if r.Listed || r.Default {
		return false
	}
	region, known := f.Space.Region(r.Address)
	for _, p := range pebs {
		shared := p.ReadOnlySharedMemoryBase
		if shared != 0 && (r.Address == shared || known && region.AllocationBase == shared) {
			return true
		}
	}
	if !known || region.Type != memory.MemMapped || r.Kind != heap.NT {
		return false
	}
	base, err := f.Space.Pointer(r.Address.Add(baseOffset(r.Bits)), r.Bits)
	return err == nil && base != r.Address
}

// baseOffset is where _HEAP_SEGMENT.BaseAddress stands since Vista.
func baseOffset(bits int) uint64 {
	if bits == 64 {
		return 0x30
	}
	return 0x1c
}
