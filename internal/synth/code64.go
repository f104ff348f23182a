package synth

import "encoding/binary"

// Registers of x64 by the numbers that instructions and unwind codes use.
const (
	RAX = 0
	RBX = 3
	RSP = 4
	RBP = 5
	RSI = 6
	RDI = 7
	R12 = 12
	R13 = 13
	R14 = 14
	R15 = 15
)

// Kept64 are the registers that a function on x64 has to keep.
var Kept64 = []int{RBX, RBP, RSI, RDI, R12, R13, R14, R15}

// CPU64 is a processor that runs the instructions of Code64: the registers
// and the memory of one stack.
type CPU64 struct {
	R     [16]uint64
	Low   uint64 // address of Stack[0]
	Stack []byte
}

// Get reads a word of the stack.
func (c *CPU64) Get(a uint64) uint64 { return binary.LittleEndian.Uint64(c.Stack[a-c.Low:]) }

// Put writes a word of the stack.
func (c *CPU64) Put(a, v uint64) { binary.LittleEndian.PutUint64(c.Stack[a-c.Low:], v) }

// Push pushes a word.
func (c *CPU64) Push(v uint64) {
	c.R[RSP] -= 8
	c.Put(c.R[RSP], v)
}

// Pop pops a word.
func (c *CPU64) Pop() uint64 {
	v := c.Get(c.R[RSP])
	c.R[RSP] += 8
	return v
}

// Inst64 is one instruction: its bytes, what it does, and of a prologue's its
// unwind code in slots of two bytes without the offset; nil for none.
type Inst64 struct {
	Bytes []byte
	Do    func(*CPU64)
	Code  []uint16
	Call  bool // it calls the next function of the chain
}

// rex is the prefix of an instruction of 64 bits with the given registers.
func rex(reg, rm int) byte { return 0x48 | byte(reg>>3)<<2 | byte(rm>>3) }

// onStack is the ModRM byte, SIB byte and displacement of [base+disp].
func onStack(reg, base int, disp uint32) []byte {
	b := []byte{0x80 | byte(reg&7)<<3 | byte(base&7)}
	if base&7 == RSP {
		b = append(b, 0x24)
	}
	if disp < 0x80 { // the short form
		b[0] ^= 0xc0
		return append(b, byte(disp))
	}
	return binary.LittleEndian.AppendUint32(b, disp)
}

// Push64 pushes a register (UWOP_PUSH_NONVOL, 0).
func Push64(r int) Inst64 {
	b := []byte{0x50 | byte(r&7)}
	if r >= 8 {
		b = []byte{0x41, b[0]}
	}
	return Inst64{Bytes: b, Do: func(c *CPU64) { c.Push(c.R[r]) }, Code: []uint16{uint16(r)<<12 | 0<<8}}
}

// Pop64 pops a register.
func Pop64(r int) Inst64 {
	b := []byte{0x58 | byte(r&7)}
	if r >= 8 {
		b = []byte{0x41, b[0]}
	}
	return Inst64{Bytes: b, Do: func(c *CPU64) { c.R[r] = c.Pop() }}
}

// Alloc64 takes n bytes off the stack (UWOP_ALLOC_SMALL, 2, and
// UWOP_ALLOC_LARGE, 1); wide takes a longer code than need be.
func Alloc64(n uint32, wide bool) Inst64 {
	b := binary.LittleEndian.AppendUint32([]byte{0x48, 0x81, 0xec}, n)
	if n < 0x80 {
		b = []byte{0x48, 0x83, 0xec, byte(n)}
	}
	code := []uint16{uint16(n/8-1)<<12 | 2<<8}
	switch {
	case n >= 512<<10 || wide:
		code = []uint16{1<<12 | 1<<8, uint16(n), uint16(n >> 16)}
	case n > 128:
		code = []uint16{1 << 8, uint16(n / 8)}
	}
	return Inst64{Bytes: b, Do: func(c *CPU64) { c.R[RSP] -= uint64(n) }, Code: code}
}

// Free64 gives n bytes back.
func Free64(n uint32) Inst64 {
	b := binary.LittleEndian.AppendUint32([]byte{0x48, 0x81, 0xc4}, n)
	if n < 0x80 {
		b = []byte{0x48, 0x83, 0xc4, byte(n)}
	}
	return Inst64{Bytes: b, Do: func(c *CPU64) { c.R[RSP] += uint64(n) }}
}

// Frame64 makes r the frame register, at bytes above the stack pointer
// (UWOP_SET_FPREG, 3).
func Frame64(r int, at uint32) Inst64 {
	b := append([]byte{rex(r, RSP), 0x8d}, onStack(r, RSP, at)...)
	return Inst64{Bytes: b, Do: func(c *CPU64) { c.R[r] = c.R[RSP] + uint64(at) }, Code: []uint16{3 << 8}}
}

// Unframe64 sets the stack pointer n above the frame register; n is signed.
func Unframe64(r int, n uint32) Inst64 {
	b := append([]byte{rex(RSP, r), 0x8d}, onStack(RSP, r, n)...)
	return Inst64{Bytes: b, Do: func(c *CPU64) { c.R[RSP] = c.R[r] + uint64(int64(int32(n))) }}
}

// Save64 stores r at bytes above the stack pointer (UWOP_SAVE_NONVOL, 4, or
// the far form, 5).
func Save64(r int, at uint32, far bool) Inst64 {
	b := append([]byte{rex(r, RSP), 0x89}, onStack(r, RSP, at)...)
	code := []uint16{uint16(r)<<12 | 4<<8, uint16(at / 8)}
	if far {
		code = []uint16{uint16(r)<<12 | 5<<8, uint16(at), uint16(at >> 16)}
	}
	return Inst64{Bytes: b, Do: func(c *CPU64) { c.Put(c.R[RSP]+uint64(at), c.R[r]) }, Code: code}
}

// Load64 loads r from bytes above a base register; at is signed.
func Load64(r, base int, at uint32) Inst64 {
	b := append([]byte{rex(r, base), 0x8b}, onStack(r, base, at)...)
	return Inst64{Bytes: b, Do: func(c *CPU64) { c.R[r] = c.Get(c.R[base] + uint64(int64(int32(at)))) }}
}

// SaveXMM64 stores xmm6 at bytes above the stack pointer (UWOP_SAVE_XMM128, 8,
// or the far form, 9).
func SaveXMM64(at uint32, far bool) Inst64 {
	b := append([]byte{0x0f, 0x29}, onStack(6, RSP, at)...)
	code := []uint16{6<<12 | 8<<8, uint16(at / 16)}
	if far {
		code = []uint16{6<<12 | 9<<8, uint16(at), uint16(at >> 16)}
	}
	return Inst64{Bytes: b, Do: func(c *CPU64) { c.Put(c.R[RSP]+uint64(at), 0x1122334455667788) }, Code: code}
}

// Set64 sets a register to a number.
func Set64(r int, v uint64) Inst64 {
	b := binary.LittleEndian.AppendUint64([]byte{rex(0, r), 0xb8 | byte(r&7)}, v)
	return Inst64{Bytes: b, Do: func(c *CPU64) { c.R[r] = v }}
}

// Plain64 is an instruction that does nothing to registers and stack here: a
// nop, or one that ends a function.
func Plain64(b ...byte) Inst64 { return Inst64{Bytes: b, Do: func(*CPU64) {}} }

// Call64 calls a place 32 bytes further; the chain decides what is called.
func Call64() Inst64 {
	i := Plain64(0xe8, 0x20, 0, 0, 0)
	i.Call = true
	return i
}
