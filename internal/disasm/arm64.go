package disasm

import (
	"strconv"
	"strings"

	"golang.org/x/arch/arm64/arm64asm"
)

// arm64 reads an instruction of ARM64.
func arm64(code []byte, ip uint64, regs Registers) (Instruction, error) {
	if len(code) < 4 {
		return Instruction{}, ErrUnknown
	}
	i, err := arm64asm.Decode(code[:4])
	if err != nil || i.Op == 0 {
		return Instruction{}, ErrUnknown
	}
	out := Instruction{Text: strings.ToLower(i.String()), Len: 4}
	for _, a := range i.Args {
		o := Operand{}
		switch m := a.(type) {
		case arm64asm.MemImmediate:
			o.Text = strings.ToLower(m.String())
			o.Address, o.Known = armImmediate(m, regs)
		case arm64asm.MemExtend:
			o.Text = strings.ToLower(m.String())
			o.Address, o.Known = armExtend(m, regs)
		case arm64asm.PCRel:
			if i.Op != arm64asm.LDR && i.Op != arm64asm.LDRSW {
				continue // where a branch leads, which is no memory of it
			}
			o.Text, o.Address, o.Known = strings.ToLower(m.String()), ip+uint64(int64(m)), true
		default:
			continue
		}
		out.Operands = append(out.Operands, o)
	}
	return out, nil
}

// armRegister returns a register by the name that instructions have for it.
func armRegister(name string, regs Registers) (uint64, bool) {
	name = strings.ToLower(name)
	switch name {
	case "xzr", "wzr":
		return 0, true
	case "x29":
		name = "fp"
	case "x30":
		name = "lr"
	}
	if strings.HasPrefix(name, "w") {
		v, ok := armRegister("x"+name[1:], regs)
		return v & 0xffffffff, ok
	}
	return regs(name)
}

// armImmediate computes [Xn,#imm] and its forms that change Xn. The decoder
// keeps the offset to itself; its text has it.
func armImmediate(m arm64asm.MemImmediate, regs Registers) (uint64, bool) {
	at, ok := armRegister(m.Base.String(), regs)
	if !ok || m.Mode == arm64asm.AddrPostIndex || m.Mode == arm64asm.AddrPostReg {
		return at, ok
	}
	_, rest, found := strings.Cut(m.String(), "#")
	if !found {
		return at, true
	}
	n, err := strconv.ParseInt(strings.TrimRight(rest, "]!"), 10, 64)
	return at + uint64(n), err == nil
}

// armExtend computes [Xn,Xm] with a shift, and [Xn,Wm] with an extension.
func armExtend(m arm64asm.MemExtend, regs Registers) (uint64, bool) {
	base, ok1 := armRegister(m.Base.String(), regs)
	index, ok2 := armRegister(m.Index.String(), regs)
	if !ok1 || !ok2 {
		return 0, false
	}
	if strings.EqualFold(m.Extend.String(), "sxtw") {
		index = uint64(int64(int32(uint32(index))))
	}
	if !m.ShiftMustBeZero {
		index <<= m.Amount
	}
	return base + index, true
}
