// Package unwind turns a thread's registers and the memory of its stack into
// frames, each of which says how it was found: on x64 by the unwind data of the
// images in the dump, on x86 by instructions, by the chain of frame pointers
// and, where that fails, by a search for return addresses. Both stacks of a
// WOW64 thread are read. It opens no file: what the dump lacks ends a stack,
// with the reason.
package unwind

import (
	"fmt"

	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
	"github.com/heapdump/heapdump/pkg/process"
)

// How says how a frame was found.
type How uint8

// The ways to a frame, from the surest to the weakest.
const (
	Context      How = iota // the registers of the thread
	Unwind                  // the unwind data of the function below it (x64): of its image, or registered for code made at run time
	Leaf                    // the function below has no unwind data, and so leaves the stack alone (x64)
	Instructions            // the function below was about to return, or had just begun, by its instructions (x86)
	FramePointer            // the chain of frame pointers
	Scan                    // the next word of the stack that follows a call instruction: may be a leftover
)

// String returns how in a word or two: context, unwind, leaf, instructions,
// frame pointer, scan.
func (h How) String() string {
	switch h {
	case Context:
		return "context"
	case Unwind:
		return "unwind"
	case Leaf:
		return "leaf"
	case Instructions:
		return "instructions"
	case FramePointer:
		return "frame pointer"
	}
	return "scan"
}

// Call says whether a call instruction stands before a return address.
type Call uint8

// What the bytes before a return address are.
const (
	CallUnknown Call = iota // not in the dump, or the address is no return address
	CallSeen
	CallAbsent
)

// Frame is one function that had not returned.
type Frame struct {
	IP     memory.Addr // the instruction it goes on with
	Return memory.Addr // into the frame above; 0 when there is none or it was not found
	SP     memory.Addr // the stack pointer in this frame; where a callee removes arguments (x86), below them
	Base   memory.Addr // x86: 4 below the return address, where the caller's frame pointer is saved if anywhere; 0 when not known
	How    How
	Exact  bool // IP is where the thread or an exception stopped, not a return address
	Call   Call // of a return address
	Name   symbols.Name
}

// End says why a stack has no further frame.
type End uint8

// The ends of stacks. Only Start is a whole stack.
const (
	Start      End = iota // the thread began there
	Missing               // bytes that the dump has not got
	Bounds                // the stack pointer left the thread's stack
	Loop                  // the stack pointer did not grow
	NotCode               // what should be a return address leads into no code
	NoReturn              // no return address was found in the rest of the stack
	BadData               // the unwind data contradicts itself
	NoContext             // the dump has not got the thread's registers, or they are none that are read
	TooMany               // more frames than are read
	endsNumber            // how many there are
)

// String returns the end as one word for programs.
func (e End) String() string {
	names := [endsNumber]string{"start", "missing", "bounds", "loop", "not_code", "no_return", "bad_data", "no_context", "too_many"}
	if e < endsNumber {
		return names[e]
	}
	return ""
}

// Source says where the registers of a stack's first frame are from.
type Source uint8

// The sources of registers.
const (
	FromThread    Source = iota // the ThreadList
	FromException               // the Exception stream: where the thread crashed
	FromWOW64                   // what WOW64 saved when the thread left its 32-bit code
)

// String returns the source as one word for programs.
func (s Source) String() string {
	switch s {
	case FromException:
		return "exception"
	case FromWOW64:
		return "wow64"
	}
	return "thread"
}

// Stack is one stack of a thread, innermost frame first.
type Stack struct {
	Thread uint32
	Bits   int // 32 or 64; 0 without registers
	From   Source
	Limits memory.Range // where its frames may be
	Frames []Frame
	End    End
	Why    string // the end in words
}

// Unwinder reads the stacks of one process. It is not for several goroutines
// at once.
type Unwinder struct {
	t         *target.Target
	space     *memory.Space
	names     *symbols.Table
	exception minidump.Exception
	crashed   bool
	tables    []minidump.FunctionTable
}

// New makes an Unwinder for a dump; names are of the same dump.
func New(t *target.Target, names *symbols.Table) *Unwinder {
	u := &Unwinder{t: t, space: t.Space, names: names, tables: t.File.FunctionTables(nil)}
	if e, err := t.File.Exception(nil); err == nil {
		u.exception, u.crashed = e, true
	}
	return u
}

// Crashed returns the thread that the exception is of; false without one.
func (u *Unwinder) Crashed() (uint32, bool) { return u.exception.ThreadID, u.crashed }

// codeWOW64 is the code segment in which 64-bit Windows runs 32-bit code
// (KGDT64_R3_CMCODE, public headers), and segCs its place in a CONTEXT of x64.
const (
	codeWOW64 = 0x23
	segCs     = 0x38
)

// Stacks returns the stacks of a thread: of a WOW64 thread the program's own
// 32-bit one first. Of the thread that crashed they begin where it did.
func (u *Unwinder) Stacks(th minidump.Thread) []Stack {
	ctx, from := th.Context, FromThread
	if u.crashed && th.ID == u.exception.ThreadID && len(u.exception.Context.Registers()) > 0 {
		ctx, from = u.exception.Context, FromException
	}
	src := u.t.Source()
	blocks := src.ThreadBlocks(process.Thread{ID: th.ID, TEB: th.TEB})
	regs := ctx.Registers()
	switch {
	case len(regs) == 0:
		return []Stack{{Thread: th.ID, From: from, End: NoContext, Why: "the dump has not got its registers"}}
	case ctx.Arch == minidump.X86:
		return []Stack{u.walk(th, from, newCPU32(regs), blocks)}
	case ctx.Arch != minidump.AMD64:
		why := fmt.Sprintf("stacks of %v are not read", ctx.Arch)
		return []Stack{{Thread: th.ID, From: from, End: NoContext, Why: why}}
	case ctx.Raw[segCs] == codeWOW64: // it ran 32-bit code, and its 64-bit stack is not in use
		return []Stack{u.walk(th, from, newCPU32(lowHalves(regs)), blocks)}
	}
	var out []Stack
	if len(blocks) > 0 && blocks[len(blocks)-1].Bits == 32 {
		if low, ok := minidump.ContextOf(src.WOW64Context(th.TEB), minidump.X86); ok {
			out = append(out, u.walk(th, FromWOW64, newCPU32(low.Registers()), blocks))
		}
	}
	return append(out, u.walk(th, from, newCPU64(regs), blocks))
}

// lowHalves are the registers of a WOW64 thread in its 32-bit code, as x64
// names them.
func lowHalves(regs []minidump.Register) []minidump.Register {
	out := make([]minidump.Register, len(regs))
	for i, r := range regs {
		out[i] = minidump.Register{Name: "e" + r.Name[1:], Value: r.Value & 0xffffffff}
	}
	return out
}
