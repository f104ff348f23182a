// Package stacks finds the stack traces that Windows recorded of allocations:
// those of the user-mode stack trace database (gflags +ust), by pointer or
// (XP to Vista) by index, and those of page heap; and those of the creation of
// heaps and critical sections. Each distinct stack is kept once.
package stacks

import (
	"cmp"
	"slices"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/stackdb"
)

// Stacks looks stack traces of blocks up. It is not for several goroutines at
// once.
type Stacks struct {
	t       *target.Target
	modules []module // by start
	side    [2]side  // 32 and 64 bits
	build   int
}

// side is what belongs to one pointer size.
type side struct {
	reader  stackdb.Reader
	set     stackdb.Set
	looked  bool              // for the database
	db      *stackdb.Database // nil when it was not found
	why     error             // why db is nil
	indexed uint64            // blocks that name a stack by index, where there is no database
}

// module is an image, loaded or since unloaded.
type module struct {
	memory.Range
	name string // file name without path
}

const (
	firstVista = 6000 // the build since which a trace's count has 11 bits
	firstWin7  = 7600 // since which blocks point at their stack
)

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
	s.build = t.Build()
	for i, bits := range [...]int{32, 64} {
		s.side[i].reader = stackdb.Reader{Memory: t.Space, Bits: bits, Old: s.build > 0 && s.build < firstVista, Code: s.code}
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

// Base returns the file name at the end of a Windows path.
func Base(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '\\' || path[i] == '/' {
			return path[i+1:]
		}
	}
	return path
}
