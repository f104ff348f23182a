package stacks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/pageheap"
	"github.com/heapdump/heapdump/pkg/stackdb"
)

// FLG_USER_STACK_TRACE_DB of NtGlobalFlag: gflags +ust.
const stackTraceFlag = 0x1000

// source is where a block or a heap says that its stack is: at a pointer, or
// under an index of the database. Both 0 are none.
type source struct {
	at    memory.Addr
	index uint32
}

// of returns what belongs to a pointer size.
func (s *Stacks) of(bits int) *side {
	if bits == 32 {
		return &s.side[0]
	}
	return &s.side[1]
}

// Captures reports whether blocks of the heap can have a stack at all: a walk
// of any other heap needs not ask.
func (s *Stacks) Captures(h *target.Heap) bool {
	switch {
	case h.Page != nil || h.NormalOf != 0:
		return true
	case h.NT == nil:
		return false
	case h.NT.Header.Extended():
		return true
	}
	for _, p := range s.t.PEBs {
		if p.Bits == h.Bits && p.NtGlobalFlag&stackTraceFlag != 0 {
			return true
		}
	}
	return false
}

// Of returns the stack of a block, innermost first: of its allocation or, of
// one that page heap keeps after it was freed, of its free. Nil when there is
// none, or none that validates. The slice is not the caller's to change.
func (s *Stacks) Of(h *target.Heap, b *heap.Block) []memory.Addr {
	return s.frames(s.of(h.Bits), s.source(h, b))
}

// Trace returns the same as Of with all that the structure says which the
// stack was read from. ok is false when there is none that validates.
func (s *Stacks) Trace(h *target.Heap, b *heap.Block) (t stackdb.Trace, ok bool) {
	x, from := s.of(h.Bits), s.source(h, b)
	switch {
	case from.at != 0:
		t, err := x.reader.Trace(from.at)
		return t, err == nil
	case from.index != 0 && s.database(x) != nil:
		t, err := x.db.Trace(from.index)
		return t, err == nil
	}
	return t, false
}

// OfHeap returns the stack that created a heap: that of its
// AllocatorBackTraceIndex, of a page heap its root's CreateStackTrace. Nil
// when none was captured, or none validates.
func (s *Stacks) OfHeap(h *target.Heap) []memory.Addr {
	switch {
	case h.Page != nil:
		return s.frames(s.of(h.Bits), source{at: h.Page.Root.CreateStackTrace})
	case h.NT != nil:
		return s.frames(s.of(h.Bits), source{index: uint32(h.NT.Header.AllocatorBackTraceIndex)})
	}
	return nil
}

// OfLock returns the stack that created the critical section of a heap, and
// the index that its debug information has; 0 when it has none.
func (s *Stacks) OfLock(h *target.Heap) ([]memory.Addr, uint32) {
	var at memory.Addr
	switch {
	case h.Page != nil:
		at = h.Page.Root.LockAddress
	case h.NT != nil:
		at = h.NT.Header.LockVariable
	}
	x := s.of(h.Bits)
	i, ok := x.reader.SectionIndex(at)
	if !ok {
		return nil, 0
	}
	return s.frames(x, source{index: i}), i
}

// Section is a critical section that holds an address, and the stack that
// created it.
type Section struct {
	stackdb.Section
	Bits    int
	Creator []memory.Addr // nil when none was captured, or none validates
}

// SectionAt returns the critical section that an address lies in, if its debug
// information and the process's list of sections confirm one. Of a WOW64
// process both pointer sizes are tried.
func (s *Stacks) SectionAt(a memory.Addr) (Section, bool) {
	for i, bits := range [...]int{32, 64} {
		if bits > s.t.File.Arch().Bits() || bits < s.t.File.Arch().Bits() && !s.wow64() {
			continue
		}
		x := &s.side[i]
		if c, ok := x.reader.SectionAt(a); ok {
			return Section{c, bits, s.frames(x, source{index: c.Index})}, true
		}
	}
	return Section{}, false
}

func (s *Stacks) wow64() bool {
	for _, p := range s.t.PEBs {
		if p.Bits == 32 {
			return true
		}
	}
	return len(s.t.PEBs) == 0
}

// frames looks a stack up.
func (s *Stacks) frames(x *side, from source) []memory.Addr {
	switch {
	case from.at != 0:
		return x.set.Frames(x.set.At(x.reader, from.at))
	case from.index == 0:
		return nil
	case s.database(x) == nil:
		x.indexed++
		return nil
	}
	return x.set.Frames(x.set.Index(x.db, from.index))
}

// source returns where the block says that its stack is.
func (s *Stacks) source(h *target.Heap, b *heap.Block) source {
	switch {
	case h.Page != nil:
		if b.State != heap.Busy && b.State != heap.Free {
			return source{}
		}
		n, ok := h.Page.Node(b.Addr)
		if !ok || n.Kind == pageheap.NodeAvailable {
			return source{}
		}
		return source{at: n.StackTrace}
	case b.State != heap.Busy || h.NT == nil:
		return source{}
	case uint64(b.Header) >= 3*h.NT.Header.Unit:
		x, _ := stackdb.ExtensionOf(s.t.Space, *b, h.Bits)
		return source{at: x.Stack}
	case h.NormalOf != 0:
		if x, ok := pageheap.Light(s.t.Space, *b); ok {
			return source{at: x.StackTrace}
		}
	}
	if !s.byIndex(h) {
		return source{}
	}
	x, _ := stackdb.ExtraOf(s.t.Space, *b, h.Bits)
	return source{index: uint32(x.BackTrace)}
}

// byIndex reports whether blocks of the heap name their stack by an index, as
// those of XP to Vista do. XP and 2003 are told by the heap's layout; Vista's
// is that of Windows 7, so that the build number decides.
func (s *Stacks) byIndex(h *target.Heap) bool {
	return !h.NT.Header.Counters.Known || s.build < firstWin7
}

// database looks for the process's stack trace database, once; nil when the
// dump does not have it.
func (s *Stacks) database(x *side) *stackdb.Database {
	if !x.looked {
		x.looked = true
		x.db, x.why = stackdb.Locate(s.t.Space, x.reader, stackdb.Query{Data: s.ntdllData(x.reader.Bits)})
	}
	return x.db
}

// ntdllData returns the writable sections of the ntdll of a pointer size.
func (s *Stacks) ntdllData(bits int) []memory.Range {
	var out []memory.Range
	for _, m := range s.t.Modules() {
		if m.Image == nil || m.Image.Bits != bits || !strings.EqualFold(Base(m.Name), "ntdll.dll") {
			continue
		}
		for _, x := range m.Image.Sections {
			if x.Writable() {
				out = append(out, x.Range)
			}
		}
	}
	return out
}

// Notes says in sentences what was asked for and could not be had: stacks
// that blocks name and the dump lacks, or that are no stacks.
func (s *Stacks) Notes() []string { return Notes(s) }

// Notes is what all of these of one dump have to say, each of which looked up
// the stacks of some of the blocks.
func Notes(all ...*Stacks) []string {
	var out []string
	if len(all) == 0 {
		return nil
	}
	for i := range all[0].side {
		var indexed, missing uint64
		var noDatabase error
		var why []stackdb.Failure
		for _, s := range all {
			x := &s.side[i]
			f := x.set.Facts()
			missing += f.Missing
			why = append(why, f.Why...)
			if indexed += x.indexed; x.indexed > 0 {
				noDatabase = x.why
			}
		}
		if indexed > 0 {
			out = append(out, fmt.Sprintf("%s recorded by an index into the stack trace database: %v", stacksOf(indexed), noDatabase))
		}
		if missing > 0 && len(why) > 0 {
			first := slices.MinFunc(why, stackdb.Failure.Compare)
			out = append(out, fmt.Sprintf("%s recorded, and could not be read or believed: %v", stacksOf(missing), first.Err))
		}
	}
	return out
}

func stacksOf(n uint64) string {
	if n == 1 {
		return "1 stack is"
	}
	return fmt.Sprintf("%d stacks are", n)
}
