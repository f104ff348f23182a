// Package stacks finds the stack traces that Windows recorded of allocations:
// those of the user-mode stack trace database (gflags +ust) and those of page
// heap. Each distinct stack is kept once.
package stacks

import (
	"cmp"
	"slices"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/pageheap"
	"github.com/heapdump/heapdump/pkg/stackdb"
)

// Stacks looks stack traces of blocks up. It is not for several goroutines at
// once.
type Stacks struct {
	t       *target.Target
	modules []module // by start
	side    [2]side  // 32 and 64 bits
}

// side is what belongs to one pointer size.
type side struct {
	reader stackdb.Reader
	set    stackdb.Set
}

// module is an image, loaded or since unloaded.
type module struct {
	memory.Range
	name string // file name without path
}

// firstVista is the build since which a trace's count has 11 bits.
const firstVista = 6000

// New makes Stacks for a dump. It reads no heap.
func New(t *target.Target) *Stacks {
	s := &Stacks{t: t}
	for _, m := range t.File.Modules(nil) {
		s.modules = append(s.modules, module{m.Range, Base(m.Name)})
	}
	for _, m := range t.File.UnloadedModules(nil) {
		s.modules = append(s.modules, module{m.Range, Base(m.Name)})
	}
	slices.SortStableFunc(s.modules, func(a, b module) int { return cmp.Compare(a.Start, b.Start) })
	build := t.Build()
	for i, bits := range [...]int{32, 64} {
		s.side[i].reader = stackdb.Reader{Memory: t.Space, Bits: bits, Old: build > 0 && build < firstVista, Code: s.code}
	}
	return s
}

// code reports whether code could be at an address.
func (s *Stacks) code(a memory.Addr) bool {
	if _, ok := s.at(a); ok {
		return true
	}
	r, ok := s.t.Space.Region(a)
	return ok && r.State == memory.MemCommit && r.Protect.Executable()
}

// at returns the module that holds an address. Modules seldom overlap: those
// unloaded may, and then the one that starts last is taken.
func (s *Stacks) at(a memory.Addr) (module, bool) {
	i, found := slices.BinarySearchFunc(s.modules, a, func(m module, a memory.Addr) int { return cmp.Compare(m.Start, a) })
	if !found {
		i--
	}
	for ; i >= 0 && i < len(s.modules); i-- {
		if s.modules[i].Contains(a) {
			return s.modules[i], true
		}
		if !s.modules[i].Empty() && a.Sub(s.modules[i].Start) > 1<<31 {
			break // no image is larger
		}
	}
	return module{}, false
}

// Frame is a return address, and the module that it lies in.
type Frame struct {
	Addr   memory.Addr
	Module string // file name; empty when in none
	Offset uint64 // from the module's start
}

// Frames names the modules of a stack.
func (s *Stacks) Frames(stack []memory.Addr) []Frame {
	out := make([]Frame, len(stack))
	for i, a := range stack {
		out[i].Addr = a
		if m, ok := s.at(a); ok {
			out[i].Module, out[i].Offset = m.name, a.Sub(m.Start)
		}
	}
	return out
}

// Captures reports whether blocks of the heap can have a stack at all: a walk
// of any other heap needs not ask.
func (s *Stacks) Captures(h *target.Heap) bool {
	return h.Page != nil || h.NormalOf != 0 || h.NT != nil && h.NT.Header.Extended()
}

// Of returns the stack of a block, innermost first: of its allocation or, of
// one that page heap keeps after it was freed, of its free. Nil when there is
// none, or none that validates. The slice is not the caller's to change.
func (s *Stacks) Of(h *target.Heap, b *heap.Block) []memory.Addr {
	p := s.pointer(h, b)
	if p == 0 {
		return nil
	}
	x := &s.side[0]
	if h.Bits == 64 {
		x = &s.side[1]
	}
	return x.set.Frames(x.set.At(x.reader, p))
}

// pointer returns the block's pointer to its stack trace; 0 without one.
func (s *Stacks) pointer(h *target.Heap, b *heap.Block) memory.Addr {
	switch {
	case h.Page != nil:
		if b.State != heap.Busy && b.State != heap.Free {
			return 0
		}
		n, ok := h.Page.Node(b.Addr)
		if !ok || n.Kind == pageheap.NodeAvailable {
			return 0
		}
		return n.StackTrace
	case b.State != heap.Busy || h.NT == nil:
		return 0
	case uint64(b.Header) >= 3*h.NT.Header.Unit:
		x, _ := stackdb.ExtensionOf(s.t.Space, *b, h.Bits)
		return x.Stack
	case h.NormalOf != 0:
		x, _ := pageheap.Light(s.t.Space, *b)
		return x.StackTrace
	}
	return 0
}

// Base returns the file name at the end of a Windows path.
func Base(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '\\' || path[i] == '/' {
			return path[i+1:]
		}
	}
	return path
}
