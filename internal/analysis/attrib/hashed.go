package attrib

import (
	"slices"
	"sync"

	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/process"
)

// hashed are the parts of the hash tables (std::unordered_map and its kin) whose
// objects are in the first bytes of blocks, in writable data of modules or on
// stacks: a bit for each block of the index. They are looked for when the first
// block asks that is a list's node or an array of pointers by itself.
type hashed struct {
	once           sync.Once
	nodes, buckets []uint64 // nil when there is no table
}

// hashTables looks for the hash tables, once.
func (s *shared) hashTables() *hashed {
	s.hashed.once.Do(func() {
		t := s.t
		h := refs.NewHashTables(t, s.index, func(a memory.Addr) bool { return s.starts(uint64(a)) })
		for id := range s.index.Len() {
			h.InBlock(refs.ID(id), s.hashTable(h))
		}
		for _, m := range t.Modules() {
			if m.Image == nil {
				continue
			}
			for _, x := range m.Image.Sections {
				if x.Writable() && !x.Executable() {
					h.In(x.Range, m.Image.Bits, s.hashTable(h))
				}
			}
		}
		for _, teb := range process.TEBs(t.Source()) {
			if teb.Proved && teb.StackLimit < teb.StackBase {
				h.In(memory.Range{Start: teb.StackLimit, End: teb.StackBase}, teb.Bits, s.hashTable(h))
			}
		}
	})
	return s.hashed
}

// hashTable notes the parts of a table that was found.
func (s *shared) hashTable(h *refs.HashTables) func(refs.HashTable) {
	return func(x refs.HashTable) {
		if s.hashed.nodes == nil {
			s.hashed.nodes, s.hashed.buckets = make([]uint64, (s.index.Len()+63)/64), make([]uint64, (s.index.Len()+63)/64)
		}
		mark := func(bits []uint64, a memory.Addr) {
			if i, ok := s.index.At(a); ok {
				bits[i/64] |= 1 << (i % 64)
			}
		}
		mark(s.hashed.buckets, x.Array)
		h.Nodes(x, func(a memory.Addr) { mark(s.hashed.nodes, a) })
	}
}

// isHashed reports whether a block is one of the parts.
func (w *worker) isHashed(x *subject, parts []uint64) bool {
	i, ok := w.index.At(x.block.User())
	return ok && parts != nil && parts[i/64]>>(i%64)&1 != 0
}

// starts reports whether the program's bytes of a block in use begin at an
// address.
func (s *shared) starts(a uint64) bool {
	i, ok := s.index.At(memory.Addr(a))
	return ok && (s.index.User(i) == memory.Addr(a) || (s.o.CRT || s.index.Heap(i).NormalOf != 0) && s.debugStarts(i, memory.Addr(a)))
}

// headers are the bytes that may stand before the program's in a block: a
// debug C runtime's header on x86 and on x64, light page heap's, and both.
var headers = []uint64{0x20, 0x30, 0x40, 0x70}

// debugStarts reports whether an address is behind the header of a debug C
// runtime or of light page heap in a block.
func (s *shared) debugStarts(i refs.ID, a memory.Addr) bool {
	return slices.Contains(headers, a.Sub(s.index.User(i)))
}
