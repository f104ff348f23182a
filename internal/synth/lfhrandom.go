package synth

import "math/rand/v2"

// RandomLFH adds a low-fragmentation heap at addr with random containers to a
// script of RandomHeap. Install is left to the caller.
func RandomLFH(r *rand.Rand, h *Heap, addr uint64) *LFH {
	l := NewLFH(h.Family, h.Arch, addr, r.Uint64())
	h.Flags &^= FlagTailChecking | FlagFreeChecking // Windows does without an LFH then
	if h.Family == Win8 {
		l.PlainOffsets = r.IntN(2) == 0
		l.FreePointer = l.PlainOffsets
	}
	for i := range h.Segments {
		s := &h.Segments[i]
		room := uint64(0x20000)
		for range r.IntN(12) {
			c := RandomContainer(r, h)
			size := uint64(len(c.Slots))*c.Units*h.Arch.Unit() + 0x100
			if size > room {
				break
			}
			room -= size
			at := 0
			if n := len(s.Items); n > 0 {
				at = r.IntN(n)
			}
			if at < len(s.Items) && s.Items[at].Kind == ItemUncommitted {
				at++
			}
			s.Items = append(s.Items[:at:at], append([]Item{l.Add(c)}, s.Items[at:]...)...)
		}
	}
	return l
}

// RandomContainer is a container with random slots, extended ones where the
// heap has stack traces.
func RandomContainer(r *rand.Rand, h *Heap) *Container {
	u := h.Arch.Unit()
	c := &Container{Units: uint64(2 + r.IntN(20)), Affinity: uint8(r.IntN(3)), Spare: u * uint64(r.IntN(5))}
	if h.Interceptor != 0 {
		c.Units += 2
	}
	c.SizeIndex = uint8(c.Units) - 1
	for range 1 + r.IntN(150) {
		s := Slot{Busy: r.IntN(3) > 0}
		most := c.Units*u - 8
		if s.Busy && h.Interceptor != 0 {
			s.Stack = 0x1c1000 + 0x200*uint64(r.IntN(8))
			most -= 2 * u
		}
		if s.Busy {
			s.Size = most
			if r.IntN(3) > 0 {
				s.Size = uint64(r.IntN(int(most + 1)))
			}
		}
		c.Slots = append(c.Slots, s)
	}
	return c
}
