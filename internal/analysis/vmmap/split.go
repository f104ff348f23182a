package vmmap

import (
	"cmp"
	"container/heap"
	"slices"

	"github.com/heapdump/heapdump/pkg/memory"
)

// may reports whether the owner can have memory of a region: never free
// address space, and an image no private memory that was allocated otherwise.
func (o *Owner) may(r *memory.Region) bool {
	switch {
	case r.State == memory.MemFree:
		return false
	case o.image:
		return r.Type == memory.MemImage || r.Type == 0 || r.AllocationBase == o.Start
	}
	return true
}

// waiting is the owners whose ranges hold the place that a sweep has come to,
// by index: the first has the memory.
type waiting []int

// Len, Less, Swap, Push and Pop are those of heap.Interface.
func (w waiting) Len() int           { return len(w) }
func (w waiting) Less(i, j int) bool { return w[i] < w[j] }
func (w waiting) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }

// Push appends an index.
func (w *waiting) Push(x any) { *w = append(*w, x.(int)) }

// Pop takes the last index off.
func (w *waiting) Pop() any {
	old := *w
	x := old[len(old)-1]
	*w = old[:len(old)-1]
	return x
}

// pages returns a range's pages, whole.
func pages(r memory.Range) memory.Range {
	end := (r.End + memory.PageSize - 1).Align(memory.PageSize)
	if end < r.End {
		end = r.End // the top of the address space
	}
	return memory.Range{Start: r.Start.Align(memory.PageSize), End: end}
}

// claim is the pages of an owner.
type claim struct {
	memory.Range
	owner int
}

// split cuts regions at the borders of the owners' pages and hands each piece
// on, with the first owner that may have it, in time n log n of regions and
// owners together, however they overlap. A piece is the caller's only until
// take returns.
func split(regions []memory.Region, owners []Owner, take func(*Piece)) {
	s := sweep{owners: owners, images: map[memory.Addr]int{}}
	for i := range owners {
		r := pages(owners[i].Range)
		if s.pages = append(s.pages, r); r.Empty() {
			continue
		}
		s.claims = append(s.claims, claim{r, i})
		if _, twice := s.images[owners[i].Start]; owners[i].image && !twice {
			s.images[owners[i].Start] = i
		}
	}
	slices.SortStableFunc(s.claims, func(a, b claim) int { return cmp.Compare(a.Start, b.Start) })
	for i := range regions {
		s.region(&regions[i], take)
	}
}

// sweep goes over regions and claims in address order.
type sweep struct {
	owners []Owner
	pages  []memory.Range      // by owner
	claims []claim             // sorted by start
	next   int                 // the first that does not begin at or below the place
	image  waiting             // the images that begin at or below the place
	rest   waiting             // the others
	images map[memory.Addr]int // by where they begin, the first of several
	piece  Piece               // the one that is being made
}

// region hands on the pieces of a region.
func (s *sweep) region(r *memory.Region, take func(*Piece)) {
	for at := r.Start; at < r.End; {
		for s.next < len(s.claims) && s.claims[s.next].Start <= at {
			i := s.claims[s.next].owner
			if s.owners[i].image {
				heap.Push(&s.image, i)
			} else {
				heap.Push(&s.rest, i)
			}
			s.next++
		}
		end := r.End
		if s.next < len(s.claims) {
			end = min(end, s.claims[s.next].Start)
		}
		var owner *Owner
		if i := s.first(at, r); i >= 0 {
			end = min(end, s.pages[i].End)
			owner = &s.owners[i]
		}
		if at == r.Start || owner != s.piece.Owner {
			if at > r.Start {
				take(&s.piece)
			}
			s.piece = Piece{Region: *r, Usage: Unknown, Owner: owner}
			s.piece.Start = at
			s.piece.name()
		}
		s.piece.End = end
		at = end
	}
	if !r.Empty() {
		take(&s.piece)
	}
}

// first returns the index of the owner that has the memory at a place of a
// region, -1 for none.
func (s *sweep) first(at memory.Addr, r *memory.Region) int {
	if r.State == memory.MemFree {
		return -1
	}
	if r.Type == memory.MemImage || r.Type == 0 {
		if i := s.top(&s.image, at); i >= 0 {
			return i
		}
	} else if i, ok := s.images[r.AllocationBase]; ok && s.pages[i].Contains(at) {
		return i
	}
	return s.top(&s.rest, at)
}

// top returns the first of those that reach beyond a place, -1 for none.
func (s *sweep) top(w *waiting, at memory.Addr) int {
	for len(*w) > 0 && s.pages[(*w)[0]].End <= at {
		heap.Pop(w)
	}
	if len(*w) == 0 {
		return -1
	}
	return (*w)[0]
}

// name says what a piece is for: what its owner's memory is for, and what is
// known of it without one.
func (p *Piece) name() {
	switch {
	case p.State == memory.MemFree:
		p.Usage = Free
	case p.Owner != nil:
		p.Usage = p.Owner.Usage
	case p.Type == memory.MemMapped:
		p.Usage = MappedFile
	}
}
