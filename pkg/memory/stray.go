package memory

import (
	"iter"
	"sort"
)

// Stray yields the multiples of step, which is a power of two, in r that lie in
// no region of the dump's own list, in order; all of them where the dump has no
// such list. It is how a search passes over memory that is saved and not
// described: it takes one step for each region, not a search.
func (s *Space) Stray(r Range, step uint64) iter.Seq[Addr] {
	return func(yield func(Addr) bool) {
		var regions []Region
		if s.known {
			regions = s.regions
		}
		a := (r.Start + Addr(step) - 1).Align(step)
		if a < r.Start { // beyond the top of the address space
			return
		}
		i := sort.Search(len(regions), func(i int) bool { return regions[i].End > a })
		for a < r.End {
			next := a + Addr(step)
			if i < len(regions) && regions[i].Start <= a {
				next = (regions[i].End + Addr(step) - 1).Align(step)
			} else if !yield(a) {
				return
			}
			if next <= a {
				return
			}
			for a = next; i < len(regions) && regions[i].End <= a; {
				i++
			}
		}
	}
}
