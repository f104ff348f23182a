package attrib

import (
	"slices"

	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/process"
)

// hashTables finds the hash tables (std::unordered_map and its kin) whose
// objects are in the first bytes of blocks, in writable data of modules or on
// stacks: it names their arrays of buckets and marks their nodes, which by
// themselves are those of a list.
func (s *shared) hashTables(t *target.Target) {
	h := refs.NewHashTables(t, s.index, func(a memory.Addr) bool { return s.starts(uint64(a)) })
	found := func(x refs.HashTable) {
		if i, ok := s.index.At(x.Array); ok {
			if _, taken := s.named[s.index.User(i)]; !taken {
				s.named[s.index.User(i)] = place{"std::unordered_map or set buckets",
					"a hash table points to it, whose list, length and number of buckets agree with it"}
			}
		}
		h.Nodes(x, s.markHashed)
	}
	for id := range s.index.Len() {
		h.InBlock(refs.ID(id), found)
	}
	for _, m := range t.Modules() {
		if m.Image == nil {
			continue
		}
		for _, x := range m.Image.Sections {
			if x.Writable() && !x.Executable() {
				h.In(x.Range, m.Image.Bits, found)
			}
		}
	}
	for _, teb := range process.TEBs(t.Source()) {
		if teb.Proved && teb.StackLimit < teb.StackBase {
			h.In(memory.Range{Start: teb.StackLimit, End: teb.StackBase}, teb.Bits, found)
		}
	}
}

// markHashed notes that the block at an address is a node of a hash table.
func (s *shared) markHashed(a memory.Addr) {
	if s.hashed == nil {
		s.hashed = make([]uint64, (s.index.Len()+63)/64)
	}
	if i, ok := s.index.At(a); ok {
		s.hashed[i/64] |= 1 << (i % 64)
	}
}

// isHashNode reports whether a block is a node of a hash table.
func (w *worker) isHashNode(x *subject) bool {
	if w.hashed == nil {
		return false
	}
	i, ok := w.index.At(x.block.User())
	return ok && w.hashed[i/64]>>(i%64)&1 != 0
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
