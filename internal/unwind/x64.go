package unwind

import (
	"slices"

	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
	"github.com/heapdump/heapdump/pkg/peimage"
)

// The numbers of registers in unwind codes and instructions.
const (
	rsp = 4
	rbp = 5
)

// order64 is the registers by those numbers.
var order64 = [...]string{"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"}

// volatile64 are the registers that a function need not keep, a bit for each.
const volatile64 = 1<<0 | 1<<1 | 1<<2 | 1<<8 | 1<<9 | 1<<10 | 1<<11

// cpu64 is the registers of a frame on x64.
type cpu64 struct {
	rip   memory.Addr
	r     [16]uint64
	known uint16 // registers whose value is this frame's, a bit for each
}

func newCPU64(regs []minidump.Register) *cpu64 {
	c := &cpu64{known: 0xffff}
	byName := map[string]uint64{}
	for _, r := range regs {
		byName[r.Name] = r.Value
	}
	for i, name := range order64 {
		c.r[i] = byName[name]
	}
	c.rip = memory.Addr(byName["rip"])
	return c
}

func (c *cpu64) bits() int                { return 64 }
func (c *cpu64) at() (ip, sp memory.Addr) { return c.rip, memory.Addr(c.r[rsp]) }

// up finds the caller: by the unwind data of the function; of a function that
// has none, on top of the stack; and of code that belongs to no image, or whose
// frame register is lost, by frame pointers and a search.
func (c *cpu64) up(w *walk, prev step) (step, *stop) {
	in := c.rip
	if !prev.exact {
		in-- // of a call that never returns, the next instruction may be another function's
	}
	m := w.names.Module(in)
	d, ok := w.dataOf(m)
	if !ok {
		if m != nil && !m.Unloaded && m.Image == nil {
			_, err := peimage.Open(w.space, m.Start, m.Size())
			return step{}, missing("the headers of "+m.File+", which lead to its unwind data", err)
		}
		if d, ok = w.registered(in); !ok {
			return c.search(w, prev)
		}
	}
	f, found, end := d.find(uint32(in.Sub(d.holds.Start)))
	switch {
	case end != nil:
		return step{}, end
	case !found && prev.exact && w.code(c.rip) && d.entries == nil:
		if end := c.pop(w, nil); end != nil {
			return step{}, end
		}
		c.known &^= volatile64
		return step{how: Leaf}, nil
	case !found:
		return c.search(w, prev)
	}
	return c.unwind(w, d, f, prev.exact)
}

// search finds the caller of code without unwind data: made at run time, or no
// code at all, as after a call through a bad pointer.
func (c *cpu64) search(w *walk, prev step) (step, *stop) {
	sp := memory.Addr(c.r[rsp])
	if prev.exact {
		if v, end := w.word(sp); end == nil && w.code(memory.Addr(v)) && w.callBefore(memory.Addr(v), 64).Call == CallSeen {
			c.rip, c.r[rsp] = memory.Addr(v), uint64(sp+8)
			c.known &^= volatile64
			return step{how: Leaf}, nil
		}
	}
	fp := memory.Addr(1) // is never one
	if c.known>>rbp&1 != 0 {
		fp = memory.Addr(c.r[rbp])
	}
	l, x, how, end := w.above(fp, sp, c.rip)
	if end != nil {
		return step{}, end
	}
	if how == FramePointer {
		c.rip, c.r[rsp], c.r[rbp], c.known = l.ret, uint64(fp+16), uint64(l.next), 1<<rsp|1<<rbp
		return step{how: how}, nil
	}
	// Registers may have been saved on the way; the frame pointer is tried,
	// since it proves itself.
	c.rip, c.r[rsp], c.known = x.ret, uint64(x.at+8), c.known&(1<<rbp)|1<<rsp
	return step{how: Scan}, nil
}

// pop takes the next word of the stack: into r, or as return address.
func (c *cpu64) pop(w *walk, r *byte) *stop {
	v, end := w.word(memory.Addr(c.r[rsp]))
	if end != nil {
		return end
	}
	c.r[rsp] += 8
	if r == nil {
		c.rip = memory.Addr(v)
		return nil
	}
	if *r == rsp {
		return stopf(BadData, "unwind data saves the stack pointer on the stack")
	}
	c.put(*r, v)
	return nil
}

// put sets a register.
func (c *cpu64) put(r byte, v uint64) {
	c.r[r] = v
	c.known |= 1 << r
}

// part is a piece of a function and its unwind information.
type part struct {
	peimage.Function
	info
}

// parts reads the unwind information of a function and of those that it is a
// part of.
func (d data) parts(f peimage.Function) ([]part, *stop) {
	var out []part
	for range maxParts {
		i, end := d.parse(f)
		if end != nil {
			return nil, end
		}
		out = append(out, part{f, i})
		if !i.chained {
			return out, nil
		}
		next, end := d.read(i.next)
		if end == nil {
			next, end = d.direct(next)
		}
		if end != nil {
			return nil, end
		}
		f = next
	}
	return nil, stopf(BadData, "the chain of unwind data of the function at %v has no end", d.holds.Start.Add(uint64(f.Begin)))
}

// unwind undoes what the function did to registers and stack, as the x64 ABI
// lays down: in an epilogue by what is left of it, else by the unwind codes of
// the instructions that ran.
func (c *cpu64) unwind(w *walk, d data, f peimage.Function, exact bool) (step, *stop) {
	parts, end := d.parts(f)
	if end != nil {
		return step{}, end
	}
	c.known &^= volatile64 // what a callee leaves in them is not the caller's
	offset := uint32(c.rip.Sub(d.holds.Start)) - f.Begin
	if exact && offset >= parts[0].prologue && !parts[len(parts)-1].machine() {
		if e, ok := w.epilogue(d, parts, c.rip); ok {
			return step{how: Unwind}, c.leave(w, e)
		}
	}
	base, ok := c.base(parts, offset)
	if !ok { // a frame below was found without unwind data, and its register lost
		return c.search(w, step{how: Scan})
	}
	for n, p := range parts {
		if n > 0 {
			offset = ^uint32(0) // all of what it is a part of has run
		}
		machine, end := c.undo(w, p.info, offset, base)
		if end != nil {
			return step{}, end
		}
		if machine {
			return step{how: Unwind, exact: true}, nil
		}
	}
	return step{how: Unwind}, c.pop(w, nil)
}

// machine reports whether it begins at an interrupt or exception, and so ends
// with no return.
func (i info) machine() bool {
	return slices.ContainsFunc(i.ops, func(o op) bool { return o.code == opMachineFrame })
}

// base is what the offsets of saved registers count from: the frame register,
// once it is set, less its offset; else the stack pointer. False when a frame
// register is needed and not known.
func (c *cpu64) base(parts []part, offset uint32) (memory.Addr, bool) {
	i := parts[0].info
	set := i.register != 0 && (offset >= i.prologue || i.chained)
	for _, o := range i.ops {
		set = set || o.code == opSetFrame && o.at <= offset
	}
	for n, p := range parts {
		if p.register != 0 && c.known>>p.register&1 == 0 && (n > 0 || set) {
			return 0, false
		}
	}
	if !set {
		return memory.Addr(c.r[rsp]), true
	}
	return memory.Addr(c.r[i.register] - i.offset), true
}

// undo undoes the codes of instructions that end at or before offset. It
// reports whether one was a machine frame, which has the registers of the
// frame above.
func (c *cpu64) undo(w *walk, i info, offset uint32, base memory.Addr) (machine bool, end *stop) {
	for _, o := range i.ops {
		if o.at > offset {
			continue
		}
		switch o.code {
		case opPush:
			end = c.pop(w, &o.info)
		case opAllocSmall, opAllocLarge:
			c.r[rsp] += uint64(o.size)
		case opSetFrame:
			c.r[rsp] = c.r[i.register] - i.offset
		case opSave, opSaveFar:
			var v uint64
			if v, end = w.word(base.Add(uint64(o.size))); end == nil && o.info != rsp {
				c.put(o.info, v)
			}
		case opMachineFrame:
			return true, c.machine(w, memory.Addr(c.r[rsp]+8*uint64(o.info)))
		}
		if end != nil {
			return false, end
		}
	}
	return false, nil
}

// machine takes the registers that the processor pushed at an interrupt or
// exception: rip, cs, eflags, rsp, ss.
func (c *cpu64) machine(w *walk, at memory.Addr) *stop {
	ip, end := w.word(at)
	if end != nil {
		return end
	}
	sp, end := w.word(at + 24)
	if end != nil {
		return end
	}
	c.rip, c.r[rsp] = memory.Addr(ip), sp
	return nil
}
