package memory

import "sort"

// Gap returns the missing bytes from a on that are missing for one and the
// same reason, and that reason. The range ends where the next saved byte is,
// where the reason may change, or at the top of the address space. When a is
// saved the range is empty and the reason is [Present].
func (s *Space) Gap(a Addr) (Range, Reason) {
	why := s.Why(a)
	if why == Present {
		return Range{a, a}, why
	}
	end := ^Addr(0)
	if i := sort.Search(len(s.starts), func(i int) bool { return s.starts[i] > a }); i < len(s.starts) {
		end = s.starts[i]
	}
	if i := sort.Search(len(s.regions), func(i int) bool { return s.regions[i].End > a }); i < len(s.regions) {
		end = min(end, border(s.regions[i].Range, a))
	}
	if i := sort.Search(len(s.cut), func(i int) bool { return s.cut[i].End > a }); i < len(s.cut) {
		end = min(end, border(s.cut[i], a))
	}
	return Range{a, end}, why
}

// border is the next border of r above a, which lies in r or below it.
func border(r Range, a Addr) Addr {
	if r.Start > a {
		return r.Start
	}
	return r.End
}
