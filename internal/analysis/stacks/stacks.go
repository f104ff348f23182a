// Package stacks finds the stack traces that Windows recorded of allocations:
// those of the user-mode stack trace database (gflags +ust), by pointer or
// (XP to Vista) by index, and those of page heap; and those of the creation of
// heaps and critical sections. Each distinct stack is kept once.
package stacks

import (
	"fmt"

	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/stackdb"
)

// Stacks looks stack traces of blocks up. It is not for several goroutines at
// once.
type Stacks struct {
	Names *symbols.Table // of the addresses

	t     *target.Target
	side  [2]side // 32 and 64 bits
	build int
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

const (
	firstVista = 6000 // the build since which a trace's count has 11 bits
	firstWin7  = 7600 // since which blocks point at their stack
)

// New makes Stacks for a dump. It reads no heap.
func New(t *target.Target) *Stacks {
	s := &Stacks{t: t, Names: symbols.Of(t)}
	s.build = t.Build()
	for i, bits := range [...]int{32, 64} {
		s.side[i].reader = stackdb.Reader{Memory: t.Space, Bits: bits, Old: s.build > 0 && s.build < firstVista, Code: s.code}
	}
	return s
}

// code reports whether code could be at an address.
func (s *Stacks) code(a memory.Addr) bool {
	if s.Names.Module(a) != nil {
		return true
	}
	r, ok := s.t.Space.Region(a)
	return ok && r.State == memory.MemCommit && r.Protect.Executable()
}

// Frame is a return address, and what it lies in.
type Frame struct {
	Addr   memory.Addr
	Module string // file name; empty when in none
	Offset uint64 // from the module's start
	Name   symbols.Name
}

// String is the frame's name; its address where no module is.
func (f Frame) String() string {
	if s := f.Name.String(); s != "" {
		return s
	}
	return fmt.Sprintf("%#x", uint64(f.Addr))
}

// Frames names the addresses of a stack.
func (s *Stacks) Frames(stack []memory.Addr) []Frame {
	out := make([]Frame, len(stack))
	for i, a := range stack {
		out[i] = Frame{Addr: a, Name: s.Names.Return(a)}
		if m := s.Names.Module(a); m != nil {
			out[i].Module, out[i].Offset = m.File, a.Sub(m.Start)
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
