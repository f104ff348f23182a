package synth

import "math/rand/v2"

// RandomHeap is a random script of a heap that Windows could have made, at
// addr. With Interceptor set its blocks have extended headers. It stays within [addr, addr+0x2000000).
func RandomHeap(r *rand.Rand, f Family, a Arch, addr uint64) *Heap {
	h := &Heap{Address: addr, Family: f, Arch: a, Key: r.Uint64() | 1}
	h.Flags = FlagGrowable
	if r.IntN(4) == 0 {
		h.Flags |= FlagNoSerialize
	}
	if r.IntN(4) == 0 {
		h.Flags |= FlagTailChecking | FlagFreeChecking
	}
	h.Plain = r.IntN(6) == 0
	if f >= Win7 && r.IntN(4) == 0 { // stack traces: every block is extended
		h.Interceptor = 1
		h.Flags |= FlagStackTrace
	}
	h.NoLookup = r.IntN(6) == 0
	for i := range 1 + r.IntN(4) {
		s := Segment{Items: randomItems(r, h)}
		if i > 0 {
			s.Address = addr + uint64(i)*0x100000
		}
		if r.IntN(2) == 0 {
			s.Reserve = uint64(1+r.IntN(0x100)) * pageSize
		}
		s.ZeroUCR = r.IntN(2) == 0
		h.Segments = append(h.Segments, s)
	}
	for i := range r.IntN(4) {
		v := Virtual{
			Address: addr + 0x800000 + uint64(i)*0x200000, Size: 0x80000 + uint64(r.IntN(0x40000)),
			Reserve: uint64(r.IntN(2)) * 0x180000,
		}
		if h.Interceptor != 0 {
			v.Stack = 0x1c1000
		}
		h.Virtual = append(h.Virtual, v)
	}
	return h
}

// randomItems is the items of one segment, below 512 KiB in all. No two free
// blocks are neighbours, as Windows would have joined them.
func randomItems(r *rand.Rand, h *Heap) []Item {
	var items []Item
	u := h.Arch.Unit()
	room := uint64(0x60000)
	for range r.IntN(200) {
		before := ItemUncommitted
		if n := len(items); n > 0 {
			before = items[n-1].Kind
		}
		it := Busy(randomSize(r))
		switch k := r.IntN(20); {
		case k < 5 && before != ItemFree:
			it = Free(2*u + u*uint64(r.IntN(0x100)))
		case k == 5 && h.Family != XP:
			it = Internal(u * uint64(4+r.IntN(0x80)))
		case k == 6 && before == ItemBusy:
			it = Uncommitted(uint64(1+r.IntN(8)) * pageSize)
		case k == 7:
			it = it.WithFlags(uint8(1+r.IntN(7)) << 5)
		case k == 8 && h.Family != XP:
			it = it.WithBlock(it.Size + 0x80 + u*uint64(r.IntN(20)))
		}
		if it.Kind == ItemBusy && h.Interceptor != 0 {
			it = it.WithStack(0x1c1000 + 0x200*uint64(r.IntN(8)))
		}
		size := it.Size + it.Block + 0x100
		if it.Kind == ItemUncommitted {
			size += pageSize
		}
		if size > room {
			break
		}
		room -= size
		items = append(items, it)
	}
	return items
}

// randomSize prefers small sizes, as programs do.
func randomSize(r *rand.Rand) uint64 {
	switch r.IntN(10) {
	case 0:
		return uint64(r.IntN(9))
	case 1:
		return uint64(r.IntN(0x8000))
	}
	return uint64(r.IntN(600))
}
