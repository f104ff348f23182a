// Package disasm reads one instruction: its text, and the addresses of the
// memory it reads or writes, computed from registers. It is the one package
// that knows golang.org/x/arch.
package disasm

import (
	"errors"
	"fmt"
)

// Arch is what code is of.
type Arch uint8

// The kinds of code that are read.
const (
	X86 Arch = iota + 1
	X64
	ARM64
)

// MaxLen is the most bytes that an instruction has.
const MaxLen = 15

// ErrUnknown says that the bytes are no instruction that is known.
var ErrUnknown = errors.New("no known instruction")

// Registers returns a register by its name in lower case: "rax", "eax" of
// 32-bit code, "x0", "sp"; also "fs_base" and "gs_base". False when its value
// is not known.
type Registers func(name string) (uint64, bool)

// Operand is memory that an instruction reads or writes.
type Operand struct {
	Text    string // "[rax+0x18]", or "[rsp]" of a push
	Address uint64
	Known   bool // Address is; false when a register of it is not
	Bytes   int  // 0 when not known
}

// Instruction is one instruction.
type Instruction struct {
	Text     string // Intel's syntax of x86 and x64, Arm's of ARM64
	Len      int    // bytes
	Operands []Operand
}

// Decode reads the instruction at ip that code begins with. The error is
// ErrUnknown when code is none, or ends within it.
func Decode(a Arch, code []byte, ip uint64, regs Registers) (in Instruction, err error) {
	defer func() {
		// The decoders are not ours, and the bytes are a dump's.
		if p := recover(); p != nil {
			in, err = Instruction{}, fmt.Errorf("%w: the decoder failed: %v", ErrUnknown, p)
		}
	}()
	code = code[:min(len(code), MaxLen)]
	switch a {
	case X86:
		return x86(code, 32, ip, regs)
	case X64:
		return x86(code, 64, ip, regs)
	case ARM64:
		return arm64(code, ip, regs)
	}
	return Instruction{}, ErrUnknown
}
