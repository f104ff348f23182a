package unwind

import (
	"bytes"
	"encoding/binary"

	"github.com/heapdump/heapdump/pkg/memory"
)

// code reports whether a is where code can be: in executable memory, or, when
// the dump has neither the list of regions nor the image's headers, in a loaded
// module.
func (u *Unwinder) code(a memory.Addr) bool {
	if u.space.RegionsKnown() {
		if r, ok := u.space.Region(a); ok && r.State == memory.MemCommit && r.Protect != 0 {
			return r.Protect.Executable()
		}
	}
	m := u.names.Module(a)
	if m == nil || m.Unloaded {
		return false
	}
	if m.Image == nil {
		return true
	}
	s, ok := m.Image.Section(a)
	return ok && s.Executable() || !ok && m.Image.HeadersPartial
}

// longest is the length of the longest call instruction that is looked for.
const longest = 7

// call is what stands before a return address.
type call struct {
	Call
	target memory.Addr // of a direct call; 0 of any other
}

// callBefore says whether a call instruction ends at a: E8 rel32, FF /2 with
// any operand, on x86 also 9A seg:off. Bytes that only look like one cannot be
// told from one. Where the dump has zeros in the place of the code, as dumps of
// writable memory alone do, it is not known.
func (u *Unwinder) callBefore(a memory.Addr, bits int) call {
	if a < longest {
		return call{CallAbsent, 0}
	}
	for n := memory.Addr(longest); n >= 2; n-- {
		b, err := u.space.View(a-n, uint64(n))
		if err != nil {
			continue
		}
		c := u.callIn(b, a, bits)
		if c.Call == CallAbsent && (n < longest || len(bytes.Trim(b, "\x00")) == 0) {
			c.Call = CallUnknown
		}
		return c
	}
	return call{}
}

// callIn looks for a call at the end of b, which ends at a.
func (u *Unwinder) callIn(b []byte, a memory.Addr, bits int) call {
	n := len(b)
	if n >= 5 && b[n-5] == 0xe8 {
		if to := relative(a, b[n-4:], bits); u.code(to) {
			return call{CallSeen, to}
		}
	}
	if bits == 32 && n >= 7 && b[n-7] == 0x9a {
		return call{CallSeen, 0}
	}
	for size := 2; size <= n; size++ {
		if b[n-size] == 0xff && b[n-size+1]>>3&7 == 2 && operandSize(b[n-size+1:], bits) == size-1 {
			return call{CallSeen, 0}
		}
	}
	return call{CallAbsent, 0}
}

// relative is the target of a jump or call by 32 bits that ends at a.
func relative(a memory.Addr, b []byte, bits int) memory.Addr {
	a += memory.Addr(int64(int32(binary.LittleEndian.Uint32(b))))
	if bits == 32 {
		a &= 0xffffffff
	}
	return a
}

// operandSize returns the bytes of a ModRM operand: the ModRM byte, its SIB
// byte and displacement; 0 when b ends in it.
func operandSize(b []byte, bits int) int {
	mod, rm, size := b[0]>>6, b[0]&7, 1
	if mod == 3 {
		return 1
	}
	if rm == 4 {
		if len(b) < 2 {
			return 0
		}
		size = 2
		if mod == 0 && b[1]&7 == 5 {
			return 6
		}
	}
	switch {
	case mod == 1:
		return size + 1
	case mod == 2, mod == 0 && rm == 5: // the latter is an address, on x64 from the instruction pointer
		return size + 4
	}
	return size
}

const (
	// longestFunction is how far behind its start code is still taken to be a
	// function's, in bytes.
	longestFunction = 0x10000
	// maxThunks is how many jumps a call may take to its function: that of an
	// import and that of incremental linking.
	maxThunks = 4
)

// calls reports whether a call to target can have led to the code at ip: it
// goes to a place at or a little before it in the same module, if need be by
// jumps. A function that ended in a jump to this one is not seen by that.
func (w *walk) calls(target, ip memory.Addr) bool {
	for range maxThunks {
		if target <= ip && ip.Sub(target) < longestFunction && w.names.Module(target) == w.names.Module(ip) {
			return true
		}
		b := w.bytes(target, 6)
		switch {
		case len(b) >= 5 && b[0] == 0xe9:
			target = relative(target+5, b[1:], int(w.width)*8)
		case len(b) >= 6 && b[0] == 0xff && b[1] == 0x25:
			at := memory.Addr(binary.LittleEndian.Uint32(b[2:]))
			if w.width == 8 {
				at = relative(target+6, b[2:], 64)
			}
			to, err := w.space.Pointer(at, int(w.width)*8)
			if err != nil {
				return false
			}
			target = to
		default:
			return false
		}
	}
	return false
}
