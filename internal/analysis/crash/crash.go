// Package crash says what the exception of a dump was: its code in words, what
// it was about, what the address hit, and where the registers point.
package crash

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/heapdump/heapdump/internal/analysis/check"
	"github.com/heapdump/heapdump/internal/analysis/locate"
	"github.com/heapdump/heapdump/internal/analysis/threads"
	"github.com/heapdump/heapdump/internal/analysis/vmmap"
	"github.com/heapdump/heapdump/internal/ntcode"
	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
)

// Register is a register and what it points at.
type Register struct {
	minidump.Register
	Says string       // what is there; empty where nothing is
	Name symbols.Name // of the address, in a module
}

// Result is the exception of a dump.
type Result struct {
	Has       bool   // the dump has an Exception stream
	Why       string // why the stream could not be read; empty when it could
	Exception minidump.Exception
	Name      string // of the code; empty when not known
	Meaning   string // of the code, with what its parameters add
	Thread    *threads.Thread
	At        locate.Found  // where it happened
	Touched   *locate.Found // what the address of an access hit; nil for other exceptions
	Hit       string        // the same in words
	Registers []Register
	Wow       []Register          // of a WOW64 thread, the 32-bit side's; nil when the dump has none
	Code      *Instruction        // at the instruction pointer; nil without registers
	Assertion *minidump.Assertion // what the C runtime told of it; nil when the dump has none
	Detected  *check.Detected     // the corruption of a heap that the exception reports; nil for others
	Problems  []diag.Problem
	Dropped   int

	space *vmmap.Map // nil until something that no heap or module has is asked for
}

// The exceptions whose first two parameters are the kind of an access and its
// address (winnt.h), and the end of the 64 KiB at the start of address space
// in which Windows gives no program memory.
const (
	accessViolation = 0xc0000005
	inPageError     = 0xc0000006
	guardPage       = 0x80000001
	stackOverflow   = 0xc00000fd
	nullEnd         = 0x10000
)

// Take reads the exception and looks at what it is about. The error is the
// context's.
func Take(ctx context.Context, t *target.Target) (*Result, error) {
	var list diag.List
	r := &Result{}
	if a, ok := t.File.Assertion(); ok {
		r.Assertion = &a
	}
	e, err := t.File.Exception(list.Add)
	r.Problems, r.Dropped = list.Problems, list.Dropped
	switch {
	case errors.Is(err, minidump.ErrNoStream):
		return r, nil
	case err != nil:
		r.Has, r.Why = true, err.Error()
		return r, nil
	}
	r.Has, r.Exception = true, e
	r.Name, r.Meaning = ntcode.Status(e.Code)
	all := threads.Take(t).Threads
	for i := range all {
		if all[i].ID == e.ThreadID {
			r.Thread = &all[i]
		}
	}
	if r.At, err = locate.At(ctx, t, e.Address); err != nil {
		return nil, err
	}
	switch {
	case e.Address == 0 && e.Code != accessViolation:
		r.At.Says = "no address: the dump's writer recorded none" // Breakpad's of an assertion
	case r.At.Heap == nil && r.At.Module == "":
		r.At.Says = r.hit(t, &r.At)
	}
	if err := r.touched(ctx, t); err != nil {
		return nil, err
	}
	if r.Registers, err = r.registers(ctx, t, e.Context); err != nil {
		return nil, err
	}
	if r.Thread != nil && r.Thread.Context32 != nil && e.Context.Arch == minidump.AMD64 {
		if r.Wow, err = r.registers(ctx, t, *r.Thread.Context32); err != nil {
			return nil, err
		}
	}
	if d, ok := check.OfException(t); ok {
		r.Detected = &d
	}
	return r, r.code(ctx, t)
}

// registers looks at where the registers of a context point.
func (r *Result) registers(ctx context.Context, t *target.Target, c minidump.Context) ([]Register, error) {
	var out []Register
	for _, reg := range c.Registers() {
		x := Register{Register: reg}
		if reg.Value >= nullEnd && !strings.HasPrefix(reg.Name, "ef") && reg.Name != "cpsr" {
			at, err := locate.At(ctx, t, memory.Addr(reg.Value))
			if err != nil {
				return nil, err
			}
			x.Name = at.Name
			if s := r.place(t, &at, c.SP); s != "" {
				x.Says = s
			} else if at.Where != "nothing" {
				x.Says = strings.TrimPrefix(at.Says, "in no heap: ")
			}
		}
		out = append(out, x)
	}
	return out, nil
}

// place says whose an address is that lies in no heap and no module: a
// thread's stack or TEB, the PEB, what else Windows keeps. Empty when nobody's.
// sp is the stack pointer that the address is seen with; 0 when there is none.
func (r *Result) place(t *target.Target, x *locate.Found, sp memory.Addr) string {
	if x.Heap != nil || x.Module != "" {
		return ""
	}
	if r.space == nil {
		r.space = vmmap.Take(t)
	}
	owners := r.space.Owners(x.Address)
	if len(owners) == 0 {
		return ""
	}
	o := owners[0]
	switch {
	case o.Usage == vmmap.Stack && o.Contains(sp) && x.Address < sp:
		return fmt.Sprintf("on the stack of thread %#x, below its stack pointer", o.Thread)
	case o.Usage == vmmap.Stack:
		return fmt.Sprintf("on the stack of thread %#x", o.Thread)
	case o.Usage == vmmap.TEB || o.Usage == vmmap.PEB:
		return fmt.Sprintf("%s, at +%#x", o.Words(), x.Address.Sub(o.Start))
	case o.Usage == vmmap.Heap && !x.Saved:
		return o.Words() + ": " + x.Why.String()
	}
	return o.Words()
}

// touched looks at the address of an access.
func (r *Result) touched(ctx context.Context, t *target.Target) error {
	p := r.Exception.Parameters
	switch r.Exception.Code {
	case accessViolation, inPageError, guardPage, stackOverflow:
	default:
		return nil
	}
	if len(p) < 2 {
		return nil
	}
	kind := map[uint64]string{0: "reading", 1: "writing", 8: "executing"}[p[0]]
	if kind == "" {
		kind = fmt.Sprintf("access %d at", p[0])
	}
	at := memory.Addr(p[1])
	r.Meaning += fmt.Sprintf(": %s %v", kind, at)
	if r.Exception.Code == inPageError && len(p) > 2 {
		short, _ := ntcode.Status(uint32(p[2]))
		r.Meaning += strings.TrimRight(fmt.Sprintf(", because of %#x %s", uint32(p[2]), short), " ")
	}
	x, err := locate.At(ctx, t, at)
	if err != nil {
		return err
	}
	r.Touched, r.Hit = &x, r.hit(t, &x)
	return nil
}

// hit says what an access hit.
func (r *Result) hit(t *target.Target, x *locate.Found) string {
	a := x.Address
	if a == 0 {
		return "the null page: a null pointer"
	}
	if a < nullEnd {
		return fmt.Sprintf("the null page: a null pointer, or %d bytes behind one", uint64(a))
	}
	if t.File.Arch() == minidump.AMD64 && a > 0x7fffffffffff && (a == ^memory.Addr(0) || a < 0xffff800000000000) {
		return "no address that a program can have: the processor names all-ones for pointers that are none (not canonical)"
	}
	if b := r.stack(a); b != "" {
		return b
	}
	for _, m := range t.File.UnloadedModules(nil) {
		if m.Contains(a) && x.Module == "" {
			return fmt.Sprintf("where %s was before it was unloaded, at +%#x", m.Name, a.Sub(m.Start))
		}
	}
	if s := pastEnd(x); s != "" {
		return s
	}
	if x.Heap == nil && x.InRegion && x.Region.Protect&memory.PageGuard != 0 {
		return "a guard page"
	}
	if x.Where == "nothing" && x.Why == memory.Free {
		return "free address space"
	}
	if s := r.place(t, x, r.Exception.Context.SP); s != "" {
		return s
	}
	return strings.TrimPrefix(x.Says, "in no heap: ")
}

// stack says whether the address lies below what is committed of the crashed
// thread's stack, in its reservation.
func (r *Result) stack(a memory.Addr) string {
	if r.Thread == nil {
		return ""
	}
	b := r.Thread.Block()
	if b == nil || !b.Knows("StackLimit") || !b.Knows("DeallocationStack") || a < b.DeallocationStack || a >= b.StackLimit {
		return ""
	}
	return fmt.Sprintf("the thread's stack below what is committed of it (from %v on): the stack overflowed, or a large frame was not probed", b.StackLimit)
}

// pastEnd says that an address lies behind the program's bytes of a busy
// block: in its unused ones, or in the header of the block behind it. Empty
// when it does not.
func pastEnd(x *locate.Found) string {
	if x.Heap == nil || x.Heap.NT == nil || x.CRT != nil || x.Light != nil {
		return "" // their headers tell it better
	}
	b := x.Block
	where := "in its unused bytes"
	if b != nil && x.Address < b.User() && x.Previous != nil && x.Previous.End() == b.Addr {
		b, where = x.Previous, "in the header of the block behind it"
	}
	switch {
	case b == nil || b.State != heap.Busy:
		return ""
	case x.Address < b.User().Add(b.UserBytes()):
		return ""
	}
	return fmt.Sprintf("past the end of a busy block, %d bytes behind the %d at %v: %s", x.Address.Sub(b.User().Add(b.UserBytes())), b.UserBytes(), b.User(), where)
}
