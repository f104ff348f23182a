package process

import "github.com/heapdump/heapdump/pkg/memory"

// TEB is one thread environment block and what it says of its thread's stack.
// A WOW64 thread has two, each with a stack of its own.
type TEB struct {
	Address memory.Addr
	Bits    int
	Thread  uint32 // the thread's ID
	Proved  bool   // its Self pointer is in the dump and agrees; else the thread list's word is all there is

	// Of the stack; 0 where the dump lacks the field. A stack grows from Base
	// down: Limit is the end of what is committed, Deallocation the start of
	// the whole reservation.
	StackBase, StackLimit, DeallocationStack memory.Addr
}

// Size returns the bytes of address space that a TEB takes: whole pages, two
// on 64-bit Windows and one on 32-bit (public symbols, and the regions that
// debuggers publish: 8 KiB for each TEB64, 4 KiB for each TEB32).
func (t TEB) Size() uint64 {
	if t.Bits == 64 {
		return 2 * memory.PageSize
	}
	return memory.PageSize
}

// TEBs returns the TEBs of the threads, in their order; of a WOW64 thread the
// 64-bit one and behind it the 32-bit one. A TEB that contradicts itself is
// left out, and so is one that an earlier thread has.
func TEBs(s Source) []TEB {
	r := pebReader{Source: s, seen: map[memory.Addr]bool{}}
	var out []TEB
	add := func(t TEB) {
		if r.seen[t.Address] {
			return
		}
		r.seen[t.Address] = true
		s.stack(&t)
		out = append(out, t)
	}
	for _, th := range s.Threads {
		if th.TEB == 0 {
			continue
		}
		bits, ok := r.width(th)
		if !ok {
			self, _ := tebFields(max(s.Bits, 32))
			if _, err := s.Space.Pointer(th.TEB+self, max(s.Bits, 32)); err != nil && s.Bits != 0 {
				add(TEB{Address: th.TEB, Bits: s.Bits, Thread: th.ID})
			}
			continue
		}
		add(TEB{Address: th.TEB, Bits: bits, Thread: th.ID, Proved: true})
		if bits == 64 {
			if low := s.wowTEB(th.TEB); low != 0 {
				add(TEB{Address: low, Bits: 32, Thread: th.ID, Proved: true})
			}
		}
	}
	return out
}

// stack reads the fields of the stack (NT_TIB.StackBase and StackLimit, and
// DeallocationStack; their places are the same from XP to 11, public symbols).
func (s Source) stack(t *TEB) {
	base, limit, dealloc := memory.Addr(0x4), memory.Addr(0x8), memory.Addr(0xe0c)
	if t.Bits == 64 {
		base, limit, dealloc = 0x8, 0x10, 0x1478
	}
	read := func(off memory.Addr) memory.Addr {
		a, err := s.Space.Pointer(t.Address+off, t.Bits)
		if err != nil {
			return 0
		}
		return a
	}
	t.StackBase, t.StackLimit, t.DeallocationStack = read(base), read(limit), read(dealloc)
}
