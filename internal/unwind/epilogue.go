package unwind

import (
	"encoding/binary"
	"slices"

	"github.com/heapdump/heapdump/pkg/memory"
)

// longestEpilogue is enough for add rsp,imm32, a pop of every register and a
// jump, in bytes.
const longestEpilogue = 48

// epilogue is what is left to do of one: first rsp becomes r[from]+add, then
// registers are popped, then it returns.
type epilogue struct {
	moves bool
	from  byte
	add   uint64
	pops  []byte
}

// leave does what is left of an epilogue.
func (c *cpu64) leave(w *walk, e epilogue) *stop {
	if e.moves {
		c.r[rsp] = c.r[e.from] + e.add
	}
	for _, r := range e.pops {
		if end := c.pop(w, &r); end != nil {
			return end
		}
	}
	return c.pop(w, nil)
}

// epilogue recognises the rest of an epilogue at ip. The x64 ABI allows few
// forms: add rsp,n or lea rsp,[frame+n]; pops; then ret, or a jump to another
// function. Registers that were pushed must be popped in the opposite order.
func (w *walk) epilogue(d data, parts []part, ip memory.Addr) (epilogue, bool) {
	b := w.bytes(ip, longestEpilogue)
	e, n := adjust(b, parts[0].register)
	at := ip.Add(uint64(n))
	b = b[n:]
	for {
		r, n := popped(b)
		if n == 0 || r == rsp {
			break
		}
		e.pops = append(e.pops, r)
		b, at = b[n:], at.Add(uint64(n))
	}
	if !inOrder(e.pops, parts) {
		return e, false
	}
	return e, w.leaves(d, parts, b, at) || parts[0].ending(ip.Sub(d.holds.Start))
}

// adjust decodes add rsp,imm or lea rsp,[frame+disp], and returns its length.
func adjust(b []byte, frame byte) (e epilogue, n int) {
	le := binary.LittleEndian
	switch {
	case len(b) >= 4 && b[0] == 0x48 && b[1] == 0x83 && b[2] == 0xc4:
		return epilogue{true, rsp, uint64(int64(int8(b[3]))), nil}, 4
	case len(b) >= 7 && b[0] == 0x48 && b[1] == 0x81 && b[2] == 0xc4:
		return epilogue{true, rsp, uint64(int64(int32(le.Uint32(b[3:])))), nil}, 7
	case frame == 0 || len(b) < 4 || b[0]&^1 != 0x48 || b[1] != 0x8d || b[2]>>3&7 != rsp:
		return e, 0
	}
	rm, disp := b[2]&7|b[0]&1<<3, 3
	if b[2]&7 == rsp { // r12: with a SIB byte
		if b[3] != 0x24 {
			return e, 0
		}
		disp = 4
	}
	switch mod := b[2] >> 6; {
	case rm != frame:
	case mod == 1 && len(b) > disp:
		return epilogue{true, frame, uint64(int64(int8(b[disp]))), nil}, disp + 1
	case mod == 2 && len(b) >= disp+4:
		return epilogue{true, frame, uint64(int64(int32(le.Uint32(b[disp:])))), nil}, disp + 4
	}
	return epilogue{}, 0
}

// popped decodes pop of a register, and returns its length.
func popped(b []byte) (r byte, n int) {
	switch {
	case len(b) >= 1 && b[0]&^7 == 0x58:
		return b[0] & 7, 1
	case len(b) >= 2 && b[0] == 0x41 && b[1]&^7 == 0x58:
		return b[1]&7 | 8, 2
	}
	return 0, 0
}

// inOrder reports whether pops undo the last of what the function pushed.
// Other registers may be popped to free 8 bytes.
func inOrder(pops []byte, parts []part) bool {
	var kept, pushed []byte
	for _, r := range pops {
		if volatile64>>r&1 == 0 {
			kept = append(kept, r)
		}
	}
	for _, p := range parts {
		for _, o := range p.ops {
			if o.code == opPush && volatile64>>o.info&1 == 0 {
				pushed = append(pushed, o.info)
			}
		}
	}
	return len(kept) <= len(pushed) && slices.Equal(kept, pushed[len(pushed)-len(kept):])
}

// leaves reports whether the instruction b at address at leaves the function:
// ret, or a jump that is none within it.
func (w *walk) leaves(d data, parts []part, b []byte, at memory.Addr) bool {
	is := func(s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }
	switch {
	case is("\xc3"), is("\xc2"), is("\xf3\xc3"):
		return true
	case is("\xff\x25"): // jmp [rip+disp32]
		return true
	case len(b) >= 3 && b[0]&^7 == 0x48 && b[1] == 0xff && b[2]>>3&7 == 4: // rex.w jmp
		return true
	case len(b) >= 2 && b[0] == 0xeb:
		return w.outside(d, parts, at.Add(2)+memory.Addr(int64(int8(b[1]))))
	case len(b) >= 5 && b[0] == 0xe9:
		return w.outside(d, parts, at.Add(5)+memory.Addr(int64(int32(binary.LittleEndian.Uint32(b[1:])))))
	}
	return false
}

// outside reports whether a jump to a leaves the function: it goes to its
// first instruction, or to none of its parts.
func (w *walk) outside(d data, parts []part, a memory.Addr) bool {
	if !d.holds.Contains(a) {
		return true
	}
	rva, whole := uint32(a.Sub(d.holds.Start)), parts[len(parts)-1]
	if rva == whole.Begin {
		return true
	}
	f, ok, end := d.find(rva)
	if end != nil || !ok {
		return end == nil // a leaf is another function
	}
	others, end := d.parts(f)
	return end == nil && others[len(others)-1].Begin != whole.Begin
}

// ending reports whether version 2's codes place an epilogue round the code at
// rva.
func (p part) ending(rva uint64) bool {
	return slices.ContainsFunc(p.ends, func(before uint32) bool {
		begin := uint64(p.End) - uint64(before)
		return uint64(before) <= uint64(p.End) && rva >= begin && rva < begin+uint64(p.epilogue)
	})
}
