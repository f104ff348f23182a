// Package threads lists the threads of a process with what their TEBs say of
// them, of a WOW64 thread both TEBs and the 32-bit registers.
package threads

import (
	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
	"github.com/heapdump/heapdump/pkg/process"
)

// Thread is one thread.
type Thread struct {
	minidump.Thread
	TEB, TEB32 *process.ThreadBlock // nil when not in the dump; TEB32 of WOW64 threads alone
	Context32  *minidump.Context    // the 32-bit registers of a WOW64 thread; nil when not in the dump
	At, Start  symbols.Name         // of the instruction pointer and of the start address
	Crashed    bool                 // it has the exception
}

// Block is the TEB of the program's own width: of a WOW64 thread the 32-bit
// one; nil when the dump has none.
func (t *Thread) Block() *process.ThreadBlock {
	if t.TEB32 != nil {
		return t.TEB32
	}
	return t.TEB
}

// Registers are those of the program's own width: of a WOW64 thread the
// 32-bit ones when the dump has them.
func (t *Thread) Registers() minidump.Context {
	if t.Context32 != nil {
		return *t.Context32
	}
	return t.Context
}

// Stack is the address space of a thread's stack. Bytes that are not known
// are false in Known.
type Stack struct {
	Reserved, Committed, Used             uint64
	KnowReserved, KnowCommitted, KnowUsed bool
}

// StackOf measures the stack of a TEB with the stack pointer of its width.
func StackOf(b *process.ThreadBlock, sp memory.Addr) Stack {
	var s Stack
	if b == nil || !b.Knows("StackBase") {
		return s
	}
	base := b.StackBase
	if s.KnowReserved = b.Knows("DeallocationStack") && b.DeallocationStack != 0 && b.DeallocationStack < base; s.KnowReserved {
		s.Reserved = base.Sub(b.DeallocationStack)
	}
	if s.KnowCommitted = b.Knows("StackLimit") && b.StackLimit < base; s.KnowCommitted {
		s.Committed = base.Sub(b.StackLimit)
	}
	lowest := b.StackLimit
	if s.KnowReserved {
		lowest = b.DeallocationStack
	}
	if s.KnowUsed = sp != 0 && sp <= base && sp >= lowest; s.KnowUsed {
		s.Used = base.Sub(sp)
	}
	return s
}

// Stack measures the thread's own stack.
func (t *Thread) Stack() Stack { return StackOf(t.Block(), t.Registers().SP) }

// Result is the threads of a dump.
type Result struct {
	Threads  []Thread
	Problems []diag.Problem
	Dropped  int
}

// Take lists the threads in the dump's order.
func Take(t *target.Target) *Result {
	var list diag.List
	r, names, src := &Result{}, symbols.Of(t), t.Source()
	crashed, err := t.File.Exception(nil)
	for _, th := range t.File.Threads(list.Add) {
		x := Thread{Thread: th, Crashed: err == nil && crashed.ThreadID == th.ID}
		for _, b := range src.ThreadBlocks(process.Thread{ID: th.ID, TEB: th.TEB}) {
			if b.Bits == 32 && x.TEB != nil {
				x.TEB32 = &b
			} else {
				x.TEB = &b
			}
		}
		if x.TEB32 != nil {
			if c, ok := minidump.ContextOf(src.WOW64Context(th.TEB), minidump.X86); ok {
				x.Context32 = &c
			}
		}
		x.At = names.Find(x.Registers().IP)
		if th.Info != nil {
			x.Start = names.Find(th.Info.StartAddress)
		}
		r.Threads = append(r.Threads, x)
	}
	r.Problems, r.Dropped = list.Problems, list.Dropped
	return r
}
