package process

import (
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// fromShared adds the heap in the memory that CSRSS shares with every process
// of its session, if the dump has it.
func (f *finder) fromShared(p PEB) {
	at := p.ReadOnlySharedMemoryBase
	if at == 0 {
		return
	}
	if kind, bits := ntheap.Identify(f.Space, at); kind != heap.Unknown {
		f.add(HeapRef{Address: at, Bits: bits, Kind: kind, Found: 1 << ByShared, Index: -1})
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
	own, ok := selfAddressed(f.Space, r.Address, r.Bits)
	return ok && !own
}

// selfAddressed reports whether the heap or segment at a, of Vista or later,
// names a as its BaseAddress or its Heap (either may be damaged). A copy of
// one names neither, wherever it lies. ok is false on XP, where the segment is
// apart from the heap, and where the dump does not hold it.
func selfAddressed(s *memory.Space, a memory.Addr, bits int) (own, ok bool) {
	signature, owner, base := memory.Addr(8), memory.Addr(0x18), memory.Addr(0x1c)
	if bits == 64 {
		signature, owner, base = 0x10, 0x28, 0x30
	}
	if sig, err := s.U32(a + signature); err != nil || sig != segmentSignature {
		return false, false
	}
	h, err1 := s.Pointer(a+owner, bits)
	b, err2 := s.Pointer(a+base, bits)
	return h == a || b == a, err1 == nil && err2 == nil
}
