package refs

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
)

// tebPlace says where the fields of a TEB are (public symbols, the same from
// XP to 11): NtTib.StackBase, NtTib.StackLimit, NtTib.Self,
// DeallocationStack, and its size as far as roots go.
type tebPlace struct {
	bits                       int
	base, limit, self, dealloc memory.Addr
	size                       uint64
}

var (
	teb32 = tebPlace{bits: 32, base: 4, limit: 8, self: 0x18, dealloc: 0xe0c, size: 0x1000}
	teb64 = tebPlace{bits: 64, base: 8, limit: 0x10, self: 0x30, dealloc: 0x1478, size: 0x2000}
)

// wow64Slot is the TLS slot in which the x64 TEB of a WOW64 thread keeps its
// 32-bit registers: a word of flags, the machine, and the CONTEXT of 32 bits
// (published descriptions of WOW64_CPURESERVED; its contents are checked).
const wow64Slot = 0x1480 + 8

// threadAreas are the stacks, environment blocks and registers of the threads.
func threadAreas(t *target.Target, w width) (out, registers []Area) {
	native := &teb64
	if t.File.Arch().Bits() == 32 {
		native = &teb32
	}
	var fault *minidump.Exception
	if x, err := t.File.Exception(nil); err == nil {
		fault = &x
	}
	for _, th := range t.File.Threads(nil) {
		r := threadReader{space: t.Space, id: th.ID, width: w}
		contexts := []minidump.Context{th.Context}
		if fault != nil && fault.ThreadID == th.ID {
			contexts = append(contexts, fault.Context)
		}
		if th.TEB != 0 {
			r.teb(native, th.TEB, contexts)
			if native == &teb64 && w == mixed {
				r.wow(th.TEB, contexts)
			}
		}
		if !r.stack { // no TEB: the dump's own word, which begins at the stack pointer
			r.add(Stack, "stack", th.Stack.Range)
			if x, ok := t.Space.Region(th.Stack.Start); ok && x.AllocationBase != 0 {
				r.out = append(r.out, Area{Range: memory.Range{Start: x.AllocationBase, End: th.Stack.Start}, skip: true})
			}
		}
		for _, c := range contexts {
			r.registers(c.Registers())
		}
		out, registers = append(out, r.out...), append(registers, r.held...)
	}
	return out, registers
}

// threadReader collects the areas of one thread.
type threadReader struct {
	space *memory.Space
	id    uint32
	width width
	stack bool
	out   []Area
	held  []Area // registers
}

func (r *threadReader) add(k Kind, what string, at memory.Range) {
	if at.Empty() {
		return
	}
	r.out = append(r.out, Area{Range: at, Kind: k, Name: fmt.Sprintf("thread %x %s", r.id, what), Base: at.Start, Thread: r.id, width: r.width})
}

// teb adds a TEB and the stack that it names, from the lowest stack pointer
// that points into it; all of the stack when none does. What lies below is
// left out.
func (r *threadReader) teb(p *tebPlace, at memory.Addr, contexts []minidump.Context) {
	self, err := r.space.Pointer(at+p.self, p.bits)
	if err != nil || self != at {
		return
	}
	name := "TEB"
	if p == &teb32 && r.width == mixed {
		name = "32-bit TEB"
	}
	r.add(TEB, name, at.Span(p.size))
	base, err1 := r.space.Pointer(at+p.base, p.bits)
	limit, err2 := r.space.Pointer(at+p.limit, p.bits)
	if err1 != nil || err2 != nil || limit >= base || base.Sub(limit) > maxStack {
		return
	}
	low := base
	for _, c := range contexts {
		if c.SP >= limit && c.SP < low {
			low = c.SP
		}
	}
	if low == base {
		low = limit
	}
	r.stack = true
	name = "stack"
	if p == &teb32 && r.width == mixed {
		name = "32-bit stack"
	}
	r.add(Stack, name, memory.Range{Start: low.Align(uint64(p.bits) / 8), End: base})
	bottom := limit
	if d, err := r.space.Pointer(at+p.dealloc, p.bits); err == nil && d < limit && limit.Sub(d) <= maxStack {
		bottom = d
	}
	r.out = append(r.out, Area{Range: memory.Range{Start: bottom, End: low.Align(uint64(p.bits) / 8)}, skip: true})
}

// maxStack bounds a stack, which no thread has larger: a TEB that claims more
// is not believed.
const maxStack = 1 << 32

// wow adds what a WOW64 thread has of 32 bits.
func (r *threadReader) wow(teb memory.Addr, contexts []minidump.Context) {
	at := wowTEB(r.space, teb)
	if at == 0 {
		return
	}
	if c, ok := r.wowContext(teb); ok {
		contexts = append(slices.Clone(contexts), c)
		r.registers(c.Registers())
	}
	r.teb(&teb32, at, contexts)
}

// wowContext reads the 32-bit registers that the x64 TEB leads to.
func (r *threadReader) wowContext(teb memory.Addr) (minidump.Context, bool) {
	const size = 0x2cc // CONTEXT of x86
	at, err := r.space.Pointer(teb+wow64Slot, 64)
	if err != nil || at == 0 {
		return minidump.Context{}, false
	}
	raw, err := r.space.View(at+4, size)
	if err != nil || binary.LittleEndian.Uint32(raw)&0x10000 == 0 {
		return minidump.Context{}, false
	}
	return minidump.Context{Arch: minidump.X86, SP: memory.Addr(binary.LittleEndian.Uint32(raw[0xc4:])), Raw: raw}, true
}

// wowTEB returns the 32-bit TEB of a WOW64 thread, 0 when it has none: by the
// first field of the 64-bit one, by WowTebOffset, or 0x2000 further (as
// package process finds it). Its own Self pointer has to agree.
func wowTEB(s *memory.Space, teb memory.Addr) memory.Addr {
	list, _ := s.Pointer(teb, 64)
	candidates := []memory.Addr{list, teb + 0x2000}
	if off, err := s.U32(teb + 0x180c); err == nil {
		candidates = append(candidates, teb.Add(uint64(int64(int32(off)))))
	}
	for _, at := range candidates {
		if at == 0 || at == teb || at > 0xffffffff {
			continue
		}
		if self, err := s.Pointer(at+0x18, 32); err == nil && self == at {
			return at
		}
	}
	return 0
}

func (r *threadReader) registers(all []minidump.Register) {
	for _, x := range all {
		r.held = append(r.held, Area{Kind: Register, Name: fmt.Sprintf("thread %x register %s", r.id, x.Name), Thread: r.id, Value: x.Value})
	}
}
