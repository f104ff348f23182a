package minidump

import (
	"encoding/binary"
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Context is the registers of a thread: a CONTEXT record. The zero Context,
// with no Raw bytes, is that of a thread whose registers the dump has not got.
type Context struct {
	Arch       Arch   // whose record it is; UnknownArch when Raw fits none
	Flags      uint32 // ContextFlags: which parts are valid
	IP, SP, FP memory.Addr
	Raw        []byte // the record, aliasing the file
}

// Register is one general register.
type Register struct {
	Name  string
	Value uint64
}

// The CONTEXT_* bits that tell the architectures apart (winnt.h; Breakpad for
// its own ARM records).
const (
	contextX86      = 0x00010000
	contextAMD64    = 0x00100000
	contextARM      = 0x00200000
	contextARM64    = 0x00400000
	contextARM64Old = 0x80000000
	contextARMOld   = 0x40000000
)

// register places one register in a CONTEXT record.
type register struct {
	name string
	off  int
}

// shape is a CONTEXT record: where ContextFlags is, the flags' architecture
// bit, how many bytes the registers take, and the registers.
type shape struct {
	arch       Arch
	flags      int
	bit        uint32
	need       int // the record must be this long
	width      int // bytes of a register
	ip, sp, fp int
	regs       []register
}

// shapeOf returns the record layout of an architecture (winnt.h CONTEXT,
// 0x2cc bytes on x86, 0x4d0 on x64, 0x390 on ARM64; Breakpad's
// MDRawContextARM64_Old of 0x31c).
func shapeOf(a Arch) (shape, bool) {
	switch a {
	case X86, X86OnWin64:
		return shape{X86, 0, contextX86, 0xcc, 4, 0xb8, 0xc4, 0xb4, []register{
			{"eax", 0xb0}, {"ebx", 0xa4}, {"ecx", 0xac}, {"edx", 0xa8}, {"esi", 0xa0}, {"edi", 0x9c},
			{"ebp", 0xb4}, {"esp", 0xc4}, {"eip", 0xb8}, {"efl", 0xc0}}}, true
	case AMD64:
		return shape{AMD64, 0x30, contextAMD64, 0x100, 8, 0xf8, 0x98, 0xa0, []register{
			{"rax", 0x78}, {"rbx", 0x90}, {"rcx", 0x80}, {"rdx", 0x88}, {"rsi", 0xa8}, {"rdi", 0xb0},
			{"rbp", 0xa0}, {"rsp", 0x98}, {"r8", 0xb8}, {"r9", 0xc0}, {"r10", 0xc8}, {"r11", 0xd0},
			{"r12", 0xd8}, {"r13", 0xe0}, {"r14", 0xe8}, {"r15", 0xf0}, {"rip", 0xf8}}}, true
	case ARM64:
		return shape{ARM64, 0, contextARM64, 0x110, 8, 0x108, 0x100, 0xf0, numbered("x", 29, 8, 8, "fp", "lr", "sp", "pc")}, true
	case ARM64Old:
		return shape{ARM64Old, 0, contextARM64Old, 0x110, 8, 0x108, 0x100, 0xf0, numbered("x", 29, 8, 8, "fp", "lr", "sp", "pc")}, true
	case ARM:
		return shape{ARM, 0, contextARM | contextARMOld, 0x48, 4, 0x40, 0x38, 0x30, numbered("r", 13, 4, 4, "sp", "lr", "pc", "cpsr")}, true
	}
	return shape{}, false
}

// numbered lists n registers called prefix0, prefix1, … from offset off on,
// and then the named ones, each width bytes.
func numbered(prefix string, n, off, width int, named ...string) []register {
	var regs []register
	for i := range n {
		regs = append(regs, register{fmt.Sprint(prefix, i), off + i*width})
	}
	for i, name := range named {
		regs = append(regs, register{name, off + (n+i)*width})
	}
	return regs
}

// archOf tells whose CONTEXT raw is: the expected architecture's when length
// and flags agree, else the first that they fit.
func archOf(raw []byte, expect Arch) Arch {
	for _, a := range [...]Arch{expect, AMD64, X86, ARM64, ARM, ARM64Old} {
		s, ok := shapeOf(a)
		if ok && len(raw) >= s.need && binary.LittleEndian.Uint32(raw[s.flags:])&s.bit != 0 {
			return s.arch
		}
	}
	return UnknownArch
}

// context decodes the record at l. A record of no size is none at all, and no
// problem; one that is outside the file or fits no processor is.
func (f *File) context(l location, object string, sink diag.Sink) Context {
	if l.size == 0 {
		return Context{Arch: UnknownArch}
	}
	bad := func(want, got string) {
		sink.Put(finding{CodeContext, l.off, object, "ThreadContext", want, got, 0}.problem())
	}
	raw, ok := f.at(l.off, l.size)
	if !ok {
		bad(fmt.Sprintf("%d bytes within the %d of the file", l.size, len(f.data)), fmt.Sprintf("offset %#x", l.off))
		return Context{Arch: UnknownArch}
	}
	c := Context{Arch: archOf(raw, f.arch), Raw: raw[:len(raw):len(raw)]}
	s, ok := shapeOf(c.Arch)
	if !ok {
		bad("a CONTEXT of "+f.arch.String(), fmt.Sprintf("%d bytes that are none", l.size))
		return c
	}
	c.Flags = binary.LittleEndian.Uint32(raw[s.flags:])
	c.IP, c.SP, c.FP = memory.Addr(s.word(raw, s.ip)), memory.Addr(s.word(raw, s.sp)), memory.Addr(s.word(raw, s.fp))
	return c
}

// ContextOf decodes a CONTEXT record of an architecture that was found in the
// process's memory; false when the bytes are none. They are kept.
func ContextOf(raw []byte, a Arch) (Context, bool) {
	s, ok := shapeOf(a)
	if !ok || len(raw) < s.need || binary.LittleEndian.Uint32(raw[s.flags:])&s.bit == 0 {
		return Context{Arch: UnknownArch}, false
	}
	return Context{Arch: s.arch, Flags: binary.LittleEndian.Uint32(raw[s.flags:]), Raw: raw[:len(raw):len(raw)],
		IP: memory.Addr(s.word(raw, s.ip)), SP: memory.Addr(s.word(raw, s.sp)), FP: memory.Addr(s.word(raw, s.fp))}, true
}

// word reads a register.
func (s shape) word(raw []byte, off int) uint64 {
	if s.width == 4 {
		return uint64(binary.LittleEndian.Uint32(raw[off:]))
	}
	return binary.LittleEndian.Uint64(raw[off:])
}

// Registers returns the general registers in the order that debuggers print
// them; none when the record's architecture is not known.
func (c Context) Registers() []Register {
	s, ok := shapeOf(c.Arch)
	if !ok || len(c.Raw) < s.need {
		return nil
	}
	out := make([]Register, len(s.regs))
	for i, r := range s.regs {
		out[i] = Register{r.name, s.word(c.Raw, r.off)}
	}
	return out
}
