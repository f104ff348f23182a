package memory

import (
	"cmp"
	"io"
	"iter"
	"slices"
	"sort"
)

// Contents is what a [Space] is made of.
type Contents struct {
	Runs         []Run    // saved bytes, in any order; where they overlap the later wins
	Regions      []Region // what the process's address space held, in any order
	Cut          []Range  // promised by the dump's lists, but beyond the end of the file
	RegionsKnown bool     // Regions are the dump's own list; false when derived or absent
}

// Space is the memory of a dumped process, as far as the dump has it. It is
// immutable: any number of goroutines may read it. A byte that is not there is
// an error that says why, never a zero.
type Space struct {
	runs    []Run
	starts  []Addr // of runs, for the search
	regions []Region
	cut     []Range
	known   bool
	image   []byte      // see WithFile
	file    io.ReaderAt // see WithFile
}

// NewSpace makes a Space. It takes the lists and the bytes for its own, without
// copying, and writes over the lists; where regions overlap, the one with the
// lower start keeps its extent.
func NewSpace(c Contents) *Space {
	s := &Space{runs: splice(c.Runs), regions: tidy(c.Regions), known: c.RegionsKnown}
	s.starts = make([]Addr, len(s.runs))
	for i, r := range s.runs {
		s.starts[i] = r.Start
	}
	s.cut = slices.Clone(c.Cut)
	slices.SortFunc(s.cut, func(a, b Range) int { return cmp.Compare(a.Start, b.Start) })
	s.cut = Union(s.cut)
	return s
}

// tidy returns the regions sorted and without overlaps or empty ones: the
// argument itself where it is so already, as Windows writes them, else a copy.
func tidy(regions []Region) []Region {
	top := Addr(0)
	sound := true
	for i := range regions {
		sound = sound && regions[i].Start >= top && !regions[i].Empty()
		top = regions[i].End
	}
	if sound {
		return regions
	}
	in := slices.Clone(regions)
	slices.SortStableFunc(in, func(a, b Region) int { return cmp.Compare(a.Start, b.Start) })
	out := in[:0]
	end := Addr(0)
	for _, r := range in {
		r.Start = max(r.Start, end)
		if r.Empty() {
			continue
		}
		end = r.End
		out = append(out, r)
	}
	return out
}

// Union sorts ranges and joins those that touch or overlap; empty ones are
// dropped. It works in place and returns what it keeps of in.
func Union(in []Range) []Range {
	slices.SortFunc(in, func(a, b Range) int { return cmp.Compare(a.Start, b.Start) })
	out := in[:0]
	for _, r := range in {
		if r.Empty() {
			continue
		}
		if n := len(out); n > 0 && r.Start <= out[n-1].End {
			out[n-1].End = max(out[n-1].End, r.End)
			continue
		}
		out = append(out, r)
	}
	return out
}

// WithRegions returns a Space of the same bytes with other regions, which the
// dump does not list itself: RegionsKnown is false of it.
func (s *Space) WithRegions(regions []Region) *Space {
	c := *s
	c.regions, c.known = tidy(regions), false
	return &c
}

// find returns the index of the run that has a, or -1.
func (s *Space) find(a Addr) int {
	lo, hi := 0, len(s.starts)
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		if s.starts[m] <= a {
			lo = m + 1
		} else {
			hi = m
		}
	}
	if lo == 0 || uint64(a-s.starts[lo-1]) >= uint64(len(s.runs[lo-1].Bytes)) {
		return -1
	}
	return lo - 1
}

// View returns the n bytes at a. They alias the dump where one run has them
// all, and are a copy where they lie across runs that are apart in the file;
// either way they must not be written. When a byte is not there the error is a
// [*MissingError], and nothing was allocated for the rest, so n may be any
// number from a dump. A view of no bytes is empty and never an error.
func (s *Space) View(a Addr, n uint64) ([]byte, error) {
	if n == 0 {
		return []byte{}, nil
	}
	i := s.find(a)
	if i < 0 {
		return nil, s.missing(a, n, a)
	}
	tail := s.runs[i].Bytes[a-s.runs[i].Start:]
	if n <= uint64(len(tail)) {
		return tail[:n:n], nil
	}
	return s.gather(i, a, n)
}

// gather copies the n bytes at a together, from run i onwards. It finds them
// all before it allocates.
func (s *Space) gather(i int, a Addr, n uint64) ([]byte, error) {
	have := s.runs[i].End().Sub(a)
	for j := i + 1; have < n; j++ {
		at := a.Add(have)
		if j == len(s.runs) || s.runs[j].Start != at {
			return nil, s.missing(a, n, at)
		}
		have += uint64(len(s.runs[j].Bytes))
	}
	out := make([]byte, 0, n)
	out = append(out, s.runs[i].Bytes[a-s.runs[i].Start:]...)
	for j := i + 1; uint64(len(out)) < n; j++ {
		part := s.runs[j].Bytes
		out = append(out, part[:min(uint64(len(part)), n-uint64(len(out)))]...)
	}
	return out, nil
}

// missing makes the error for a view of n bytes at a whose byte at is not there.
func (s *Space) missing(a Addr, n uint64, at Addr) error {
	return &MissingError{Want: a.Span(n), At: at, Why: s.Why(at)}
}

// Tail returns the saved bytes from a to the end of the run that has it, nil
// when a is not saved. It never allocates or copies.
func (s *Space) Tail(a Addr) []byte {
	i := s.find(a)
	if i < 0 {
		return nil
	}
	b := s.runs[i].Bytes[a-s.runs[i].Start:]
	return b[:len(b):len(b)]
}

// Runs yields what the dump has of r, in order, cut to r.
func (s *Space) Runs(r Range) iter.Seq[Run] {
	return func(yield func(Run) bool) {
		i := sort.Search(len(s.runs), func(i int) bool { return s.runs[i].End() > r.Start })
		for ; i < len(s.runs) && s.runs[i].Start < r.End; i++ {
			x := s.runs[i].Range().Intersect(r)
			if x.Empty() {
				continue
			}
			part := s.runs[i].within(x.Start, x.End)
			part.Bytes = part.Bytes[:len(part.Bytes):len(part.Bytes)]
			if !yield(part) {
				return
			}
		}
	}
}

// AllRuns returns every run, sorted and without overlaps. The slice is the
// Space's own and must not be written.
func (s *Space) AllRuns() []Run { return s.runs }

// Saved returns how many bytes of r the dump has.
func (s *Space) Saved(r Range) uint64 {
	n := uint64(0)
	for run := range s.Runs(r) {
		n += uint64(len(run.Bytes))
	}
	return n
}

// Regions returns every region, sorted and without overlaps. The slice is the
// Space's own and must not be written. See [Space.RegionsKnown].
func (s *Space) Regions() []Region { return s.regions }

// RegionsKnown reports whether the regions are the dump's own list of the
// address space. When not, they are at most what the saved bytes imply, and an
// address outside them may have been anything.
func (s *Space) RegionsKnown() bool { return s.known }

// Cut returns the ranges that the dump's lists promise beyond the end of the
// file, sorted and joined. The slice is the Space's own.
func (s *Space) Cut() []Range { return s.cut }

// Region returns the region that has a, if one has.
func (s *Space) Region(a Addr) (Region, bool) {
	i := sort.Search(len(s.regions), func(i int) bool { return s.regions[i].End > a })
	if i < len(s.regions) && s.regions[i].Start <= a {
		return s.regions[i], true
	}
	return Region{}, false
}

// Why says why the byte at a is missing; [Present] when it is not.
func (s *Space) Why(a Addr) Reason {
	if s.find(a) >= 0 {
		return Present
	}
	i := sort.Search(len(s.cut), func(i int) bool { return s.cut[i].End > a })
	if i < len(s.cut) && s.cut[i].Start <= a {
		return FileTruncated
	}
	r, ok := s.Region(a)
	if !ok {
		return Unknown
	}
	switch r.State {
	case MemCommit:
		return NotSaved
	case MemReserve:
		return Reserved
	case MemFree:
		return Free
	}
	return Unknown
}
