package stackdb

import (
	"encoding/binary"

	"github.com/heapdump/heapdump/pkg/memory"
)

// SectionIndex returns the index of the stack that created a critical
// section, from the RTL_CRITICAL_SECTION_DEBUG that its first word points at
// (public symbols). ok is false when there is none, when it names another
// section, or when no stack was captured.
//
//	2      CreatorBackTraceIndex
//	4/8    CriticalSection: back
//	1c/2c  CreatorBackTraceIndexHigh (Vista and later)
func (r Reader) SectionIndex(section memory.Addr) (index uint32, ok bool) {
	p := r.ptr()
	f := r.frames(section, 1)
	if section == 0 || len(f) == 0 || f[0] == 0 {
		return 0, false
	}
	b, err := r.Memory.View(f[0], 0x10+4*p)
	if err != nil {
		return 0, false
	}
	if back := r.frames(f[0].Add(p), 1); len(back) == 0 || back[0] != section {
		return 0, false
	}
	index = uint32(binary.LittleEndian.Uint16(b[2:]))
	if high := 0xc + 4*p; !r.Old {
		index |= uint32(binary.LittleEndian.Uint16(b[high:])) << 16
	}
	return index, index != 0
}
