package peimage

import "math/bits"

// slots say of every 2^shift bytes from the first of many sorted RVAs on which
// is the first in them, so that a search has few to look at.
type slots struct {
	base  uint32
	shift uint8
	first []uint32
}

// sparse is the binary logarithm of how many RVAs a slot has, about: so few
// that they lie side by side, and so many that the slots stay in the cache.
const sparse = 2

// newSlots makes the slots of n RVAs. Of RVAs that are not sorted
// some are not found.
func newSlots(n int, at func(int) uint32) slots {
	if n == 0 {
		return slots{}
	}
	s := slots{base: at(0)}
	span := at(n-1) - s.base
	s.shift = uint8(max(0, bits.Len32(span)-bits.Len(uint(n))) + sparse)
	s.first = make([]uint32, span>>s.shift+2)
	k := 0
	for slot := range s.first {
		for k < n && int((at(k)-s.base)>>s.shift) < slot {
			k++
		}
		s.first[slot] = uint32(k)
	}
	s.first[len(s.first)-1] = uint32(n)
	return s
}

// around bounds the search for the last RVA at or below one: it is just before
// a place in [lo, hi].
func (s *slots) around(rva uint32) (lo, hi int) {
	if len(s.first) == 0 || rva < s.base {
		return 0, 0
	}
	slot := int((rva - s.base) >> s.shift)
	if last := len(s.first) - 1; slot >= last {
		return int(s.first[last]), int(s.first[last])
	}
	return int(s.first[slot]), int(s.first[slot+1])
}
