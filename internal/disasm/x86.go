package disasm

import (
	"fmt"
	"strings"

	"golang.org/x/arch/x86/x86asm"
)

// x86 reads an instruction of x86 or x64.
func x86(code []byte, bits int, ip uint64, regs Registers) (Instruction, error) {
	i, err := x86asm.Decode(code, bits)
	// Of instructions that it does not know, endbr64 among them, the decoder
	// returns a zero Op and no error.
	if err != nil || i.Op == 0 || i.Len > len(code) {
		return Instruction{}, ErrUnknown
	}
	out := Instruction{Text: x86Syntax(i, ip), Len: i.Len}
	if i.Op == x86asm.LEA || i.Op == x86asm.NOP {
		return out, nil // their operands are addresses and touch no memory
	}
	for _, a := range i.Args {
		if m, ok := a.(x86asm.Mem); ok {
			o := Operand{Text: x86Text(m), Bytes: i.MemBytes}
			o.Address, o.Known = x86Address(&i, m, ip, bits, regs)
			out.Operands = append(out.Operands, o)
		}
	}
	if o, ok := x86Stack(&i, bits, regs); ok {
		out.Operands = append(out.Operands, o)
	}
	return out, nil
}

// x86Syntax is the instruction's text, without two faults of the decoder's: an
// absolute address is left out of its brackets, and a word to be stored is
// shown as a negative number.
func x86Syntax(i x86asm.Inst, ip uint64) string {
	for k, a := range i.Args {
		if n, ok := a.(x86asm.Imm); ok && n < 0 && i.Op == x86asm.MOV && i.DataSize == 32 {
			i.Args[k] = x86asm.Imm(uint32(n))
		}
	}
	text := x86asm.IntelSyntax(i, ip, nil)
	for _, a := range i.Args {
		if m, ok := a.(x86asm.Mem); ok && m.Base == 0 && m.Index == 0 && m.Segment == 0 {
			text = strings.Replace(text, "[]", x86Text(m), 1)
		}
	}
	return text
}

// x86Text is an operand as it is computed, without its width.
func x86Text(m x86asm.Mem) string {
	var parts []string
	if m.Base != 0 {
		parts = append(parts, strings.ToLower(m.Base.String()))
	}
	switch {
	case m.Index != 0 && m.Scale == 1:
		parts = append(parts, strings.ToLower(m.Index.String()))
	case m.Index != 0 && m.Scale != 0:
		parts = append(parts, fmt.Sprintf("%s*%d", strings.ToLower(m.Index.String()), m.Scale))
	}
	s := strings.Join(parts, "+")
	switch {
	case s == "":
		s = fmt.Sprintf("%#x", uint64(m.Disp))
	case m.Disp < 0:
		s += fmt.Sprintf("-%#x", uint64(-m.Disp))
	case m.Disp > 0:
		s += fmt.Sprintf("+%#x", m.Disp)
	}
	if m.Segment == x86asm.FS || m.Segment == x86asm.GS {
		return strings.ToLower(m.Segment.String()) + ":[" + s + "]"
	}
	return "[" + s + "]"
}

// x86Address computes an operand's address.
func x86Address(i *x86asm.Inst, m x86asm.Mem, ip uint64, bits int, regs Registers) (uint64, bool) {
	at := uint64(m.Disp)
	add := func(r x86asm.Reg, times uint64) bool {
		if r == 0 || times == 0 {
			return true
		}
		if r == x86asm.RIP || r == x86asm.EIP {
			at += ip + uint64(i.Len)
			return true
		}
		v, ok := x86Register(r, bits, regs)
		at += v * times
		return ok
	}
	if i.AddrSize == 16 || !add(m.Base, 1) || !add(m.Index, uint64(m.Scale)) {
		return 0, false
	}
	if i.AddrSize == 32 {
		at &= 0xffffffff
	}
	if m.Segment == x86asm.FS || m.Segment == x86asm.GS {
		base, ok := regs(strings.ToLower(m.Segment.String()) + "_base")
		if at += base; bits == 32 {
			at &= 0xffffffff
		}
		return at, ok
	}
	return at, true
}

// x86Register returns a register that an address is made of: all of it, or
// its lower half.
func x86Register(r x86asm.Reg, bits int, regs Registers) (uint64, bool) {
	name := strings.ToLower(r.String())
	switch {
	case r >= x86asm.EAX && r <= x86asm.EDI:
		if bits == 64 {
			name = "r" + name[1:]
		}
	case r >= x86asm.R8L && r <= x86asm.R15L:
		name = strings.TrimSuffix(name, "l")
	case r >= x86asm.RAX && r <= x86asm.R15:
		return regs(name)
	default:
		return 0, false // a vector of indexes, or 16 bits
	}
	v, ok := regs(name)
	return v & 0xffffffff, ok
}

// x86Stack is the stack memory of an instruction that pushes or pops.
func x86Stack(i *x86asm.Inst, bits int, regs Registers) (Operand, bool) {
	name, size := "esp", 4
	if bits == 64 {
		name, size = "rsp", 8
	}
	sp, known := regs(name)
	o := Operand{Text: "[" + name + "]", Address: sp, Known: known, Bytes: size}
	switch i.Op {
	case x86asm.PUSH, x86asm.CALL, x86asm.PUSHF, x86asm.PUSHFD, x86asm.PUSHFQ:
		o.Text, o.Address = fmt.Sprintf("[%s-%d]", name, size), sp-uint64(size)
		if bits == 32 {
			o.Address &= 0xffffffff
		}
	case x86asm.POP, x86asm.RET, x86asm.POPF, x86asm.POPFD, x86asm.POPFQ, x86asm.LEAVE:
		if i.Op == x86asm.LEAVE { // esp becomes ebp first
			name = strings.Replace(name, "sp", "bp", 1)
			o.Text = "[" + name + "]"
			o.Address, o.Known = regs(name)
		}
	default:
		return o, false
	}
	if i.DataSize == 16 && i.Op != x86asm.CALL && i.Op != x86asm.RET && i.Op != x86asm.LEAVE {
		return o, false
	}
	return o, true
}
