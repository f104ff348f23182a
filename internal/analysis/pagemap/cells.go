package pagemap

import (
	"cmp"
	"slices"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// Bounds of the maps.
const (
	mostMaps  = 32  // heaps that have one
	mostLarge = 200 // large blocks of a heap that have a part
	mostParts = 1 << 12
	leastEach = 64 // cells of the smallest heap's map
)

// walk is what the walkers of one run share. The cells of a part are written
// by the one walker that has its piece.
type walk struct {
	heaps []*target.Heap
	byAt  map[*target.Heap]*shape
}

// shape is the map of one heap on its way.
type shape struct {
	heap  *target.Heap
	size  uint64
	cell  uint64
	parts []Part
	bases int                 // parts that are segments or ranges: the first ones
	large map[memory.Addr]int // of a large block's node the part
	left  int
	spare uint64 // reserved bytes of large blocks beyond what is committed
}

// newWalk lays the maps out: which heaps have one, and how fine it is.
func newWalk(heaps []*target.Heap, cells int) *walk {
	w := &walk{byAt: map[*target.Heap]*shape{}}
	var all []*shape
	total := uint64(0)
	for _, h := range heaps {
		if h.Walkable() == nil {
			continue
		}
		s := shapeOf(h)
		w.heaps, w.byAt[h] = append(w.heaps, h), s
		all = append(all, s)
	}
	slices.SortStableFunc(all, func(a, b *shape) int { return cmp.Compare(b.size, a.size) })
	for _, s := range all[:min(len(all), mostMaps)] {
		total += s.size
	}
	for i, s := range all {
		if i >= mostMaps || len(s.parts) > mostParts || s.size == 0 {
			s.parts = nil
			continue
		}
		s.divide(max(leastEach, int(float64(cells)*float64(s.size)/float64(total))))
	}
	return w
}

// shapeOf collects the stretches of a heap.
func shapeOf(h *target.Heap) *shape {
	s := &shape{heap: h, large: map[memory.Addr]int{}}
	add := func(r memory.Range, large bool) {
		s.parts = append(s.parts, Part{Range: r, Large: large})
		s.size += r.Size()
	}
	if h.Page != nil {
		for _, r := range h.Page.Ranges {
			add(r, false)
		}
		s.bases = len(s.parts)
		return s
	}
	for _, x := range h.NT.Segments {
		add(x.Range, false)
	}
	s.bases = len(s.parts)
	virtuals := slices.Clone(h.NT.Virtuals)
	slices.SortStableFunc(virtuals, func(a, b ntheap.Virtual) int {
		return cmp.Compare(max(b.ReserveSize, b.CommitSize), max(a.ReserveSize, a.CommitSize))
	})
	for i, v := range virtuals {
		size := max(v.ReserveSize, v.CommitSize)
		s.spare += size - v.CommitSize
		if i >= mostLarge {
			s.left++
			continue
		}
		s.large[v.Node] = len(s.parts)
		add(v.Node.Span(size), true)
	}
	return s
}

// divide chooses the cells' size, so that there are at most so many but for
// one a part, and makes them.
func (s *shape) divide(cells int) {
	s.cell = memory.PageSize
	for s.count() > max(uint64(cells), uint64(2*len(s.parts))) {
		s.cell *= 2
	}
	for i := range s.parts {
		s.parts[i].Cells = make([]Sums, ceil(s.parts[i].Size(), s.cell))
	}
}

func (s *shape) count() uint64 {
	n := uint64(0)
	for i := range s.parts {
		n += ceil(s.parts[i].Size(), s.cell)
	}
	return n
}

// ceil is how many cells a size takes; sizes come near 2^64 in damaged dumps.
func ceil(size, cell uint64) uint64 {
	n := size / cell
	if size%cell != 0 {
		n++
	}
	return n
}

// cells adds a block to the cells that it lies in.
func (w *walk) cells(h *target.Heap, b *heap.Block, class Class) {
	s := w.byAt[h]
	i, from, size := int(b.Segment), uint64(0), b.Size
	if b.Segment == heap.NoSegment {
		if h.NT == nil {
			return
		}
		v, known := h.NT.VirtualOf(*b)
		at, drawn := s.large[v.Node]
		if !known || !drawn {
			return
		}
		i = at
	}
	if i >= len(s.parts) || s.parts[i].Cells == nil {
		return
	}
	p := &s.parts[i]
	if b.Segment != heap.NoSegment {
		if b.Addr < p.Start || b.Addr >= p.End {
			return
		}
		from = b.Addr.Sub(p.Start)
	}
	p.add(s.cell, from, min(size, p.Size()-from), class)
	if b.Segment == heap.NoSegment {
		p.add(s.cell, size, p.Size()-min(size, p.Size()), Uncommitted)
	}
}

// add adds bytes from an offset of the part on.
func (p *Part) add(cell, from, size uint64, class Class) {
	for size > 0 {
		i := from / cell
		n := min(size, (i+1)*cell-from)
		p.Cells[i][class] += n
		from += n
		size -= n
	}
}

// maps are the finished maps, the largest heap first, and how many heaps have
// none.
func (w *walk) maps(places map[place]*tally) ([]Map, int) {
	sums := map[*target.Heap]Sums{}
	for k, x := range places {
		s := sums[k.heap]
		for i, n := range x.sums {
			s[i] += n
		}
		sums[k.heap] = s
	}
	var out []Map
	none := 0
	for _, h := range w.heaps {
		s := w.byAt[h]
		if s.cell == 0 {
			none++
			continue
		}
		all := sums[h]
		all[Uncommitted] += s.spare
		out = append(out, Map{Heap: h, Cell: s.cell, Parts: s.parts, Sums: all, Left: s.left})
	}
	slices.SortStableFunc(out, func(a, b Map) int { return cmp.Compare(w.byAt[b.Heap].size, w.byAt[a.Heap].size) })
	return out, none
}
