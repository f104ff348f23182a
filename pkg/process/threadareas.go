package process

import "github.com/heapdump/heapdump/pkg/memory"

// expansionSlots is how many TLS slots a thread can have beyond the 64 of its
// TEB (documented for TlsAlloc: 1,088 in all).
const expansionSlots = 1024

// ThreadAreas returns the areas that a TEB names: its TlsExpansionSlots, 1,024
// pointers (public symbols: x86 0xf94, x64 0x1780, from XP to 11), and of
// ThreadLocalStoragePointer the first pointer, since what the TEB says is
// where the array begins and not how long it is. A pointer that is not aligned
// is left out.
func ThreadAreas(s Source, t TEB) []Area {
	word := uint64(t.Bits) / 8
	tls, more := memory.Addr(0x2c), memory.Addr(0xf94)
	if t.Bits == 64 {
		tls, more = 0x58, 0x1780
	}
	var out []Area
	add := func(name, field string, off memory.Addr, size uint64) {
		at, err := s.Space.Pointer(t.Address+off, t.Bits)
		if err == nil && at != 0 && uint64(at)%word == 0 {
			out = append(out, Area{name, field, at, size})
		}
	}
	add("array of pointers to thread-local data", "ThreadLocalStoragePointer", tls, word)
	add("TLS slots beyond the first 64", "TlsExpansionSlots", more, expansionSlots*word)
	return out
}
