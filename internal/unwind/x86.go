package unwind

import (
	"encoding/binary"
	"strings"

	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
)

// cpu32 is the registers of a frame on x86 that finding the next one needs.
type cpu32 struct {
	eip, esp, ebp memory.Addr
	slot          memory.Addr // where the return address was found; 0 when in none
	exact         bool        // esp is exact: no callee can have removed arguments that were not counted
}

func newCPU32(regs []minidump.Register) *cpu32 {
	c := &cpu32{exact: true}
	for _, r := range regs {
		switch r.Name {
		case "eip":
			c.eip = memory.Addr(r.Value)
		case "esp":
			c.esp = memory.Addr(r.Value)
		case "ebp":
			c.ebp = memory.Addr(r.Value)
		}
	}
	return c
}

func (c *cpu32) bits() int                   { return 32 }
func (c *cpu32) at() (ip, sp memory.Addr)    { return c.eip, c.esp }
func (c *cpu32) system(w *walk) bool         { return isSystem(w, c.eip) }
func (c *cpu32) set(eip, esp, e memory.Addr) { c.eip, c.esp, c.ebp = eip, esp, e }

// isSystem reports whether a is in one of the modules that threads begin in.
func isSystem(w *walk, a memory.Addr) bool {
	m := w.names.Module(a)
	return m != nil && (strings.EqualFold(m.File, "ntdll.dll") || strings.EqualFold(m.File, "kernel32.dll"))
}

// up finds the caller. A function that is about to return, as the stubs of
// system calls are, or that has only begun, has its return address on top of
// the stack. Else its frame pointer leads to it, and for want of one a search.
func (c *cpu32) up(w *walk, prev step) (step, *stop) {
	if c.exact && c.returning(w) || prev.exact && c.beginning(w) {
		return step{how: Instructions}, nil
	}
	// The frame pointer of a thread's first function is 0.
	if c.ebp == 0 && prev.how == FramePointer && c.system(w) {
		c.eip, c.slot = 0, 0
		return step{how: FramePointer}, nil
	}
	l, x, how, end := w.above(c.ebp, c.esp, c.eip)
	if end != nil {
		return step{}, end
	}
	c.exact = false
	if how == FramePointer {
		c.slot = c.ebp + 4
		c.set(l.ret, c.ebp+8, l.next)
		return step{how: how}, nil
	}
	at := x.at
	// A function with a frame pointer saved its caller's below its return
	// address; one without left it in its register.
	if saved, end := w.word(at - 4); end == nil && memory.Addr(saved) > at && w.limits.Contains(memory.Addr(saved)) && at-4 >= c.esp {
		c.ebp = memory.Addr(saved)
	}
	c.eip, c.esp, c.slot = x.ret, at+4, at
	return step{how: Scan}, nil
}

// maxEpilogue is how many instructions the end of a function has at most that
// are followed.
const maxEpilogue = 12

// returning follows instructions that end a function: add esp, pop, leave,
// mov esp,ebp and at last ret. It changes the registers only when the return
// address follows a call.
func (c *cpu32) returning(w *walk) bool {
	t := *c
	for at, n := c.eip, 0; n < maxEpilogue; n++ {
		b := w.bytes(at, 6)
		if len(b) == 0 {
			return false
		}
		size, done, ok := t.ends(w, b)
		if !ok {
			return false
		}
		if done {
			if t.eip != 0 && w.code(t.eip) && w.callBefore(t.eip, 32).Call == CallSeen {
				*c = t
				return true
			}
			return false
		}
		at += size
	}
	return false
}

// ends follows one instruction of a function's end; done after a return.
func (c *cpu32) ends(w *walk, b []byte) (size memory.Addr, done, ok bool) {
	pop := func() memory.Addr {
		v, end := w.word(c.esp)
		ok = end == nil
		c.esp += 4
		return memory.Addr(v)
	}
	is := func(s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }
	switch {
	case is("\xc3"):
		c.slot = c.esp
		c.eip = pop()
		return 1, true, ok
	case is("\xc2") && len(b) >= 3:
		c.slot = c.esp
		c.eip = pop()
		c.esp += memory.Addr(binary.LittleEndian.Uint16(b[1:]))
		return 3, true, ok
	case is("\xc9"): // leave
		c.esp = c.ebp
		c.ebp = pop()
		return 1, false, ok
	case is("\x8b\xe5"), is("\x89\xec"): // mov esp, ebp
		c.esp = c.ebp
		return 2, false, true
	case is("\x5d"): // pop ebp
		c.ebp = pop()
		return 1, false, ok
	case b[0] >= 0x58 && b[0] <= 0x5f && b[0] != 0x5c: // pop, but not esp
		pop()
		return 1, false, ok
	case is("\x83\xc4") && len(b) >= 3 && b[2] < 0x80: // add esp, imm8
		c.esp += memory.Addr(b[2])
		return 3, false, true
	case is("\x81\xc4") && len(b) >= 6: // add esp, imm32
		c.esp += memory.Addr(binary.LittleEndian.Uint32(b[2:]))
		return 6, false, c.esp <= w.limits.End
	}
	return 0, false, false
}

// beginning recognises a function of which only the first instructions ran:
// [mov edi,edi] push ebp; mov ebp,esp.
func (c *cpu32) beginning(w *walk) bool {
	b := w.bytes(c.eip, 5)
	is := func(b []byte, s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }
	at := c.esp
	ebp := c.ebp
	switch {
	case is(b, "\x8b\xff\x55\x8b\xec"), is(b, "\x55\x8b\xec"), is(b, "\x55\x89\xe5"):
	case is(b, "\x8b\xec") || is(b, "\x89\xe5"):
		if p := w.bytes(c.eip-1, 1); len(p) == 0 || p[0] != 0x55 {
			return false
		}
		v, end := w.word(at)
		if end != nil {
			return false
		}
		ebp, at = memory.Addr(v), at+4
	default:
		return false
	}
	ret, end := w.word(at)
	if end != nil || !w.code(memory.Addr(ret)) || w.callBefore(memory.Addr(ret), 32).Call != CallSeen {
		return false
	}
	c.slot = at
	c.set(memory.Addr(ret), at+4, ebp)
	return true
}

// bytes returns up to n bytes of code at a: fewer where the dump has no more.
func (u *Unwinder) bytes(a memory.Addr, n uint64) []byte {
	if b, err := u.space.View(a, n); err == nil {
		return b
	}
	b := u.space.Tail(a)
	return b[:min(n, uint64(len(b)))]
}
