package refs

import (
	"context"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/heapdump/heapdump/internal/progress"
	"github.com/heapdump/heapdump/pkg/memory"
)

// KindCount is what one kind of root amounts to.
type KindCount struct {
	Kind    Kind
	Taken   bool   // it was looked at
	Areas   int    // stretches of memory; of registers, their number
	Bytes   uint64 // that were looked at
	Missing uint64 // bytes that the dump has not got
	Hits    uint64 // references in them
}

// Roots is a Graph with what points into it from outside.
type Roots struct {
	*Graph
	Areas  []Area
	Counts []KindCount // by kind

	coded  []coded      // references that are kept encoded, by address
	strays uint64       // words that lie between the heaps, where no memory is
	hits   [2][2]bitmap // by onlyStack and interior: the blocks that a root points to
}

// rootPiece is how much of an area is scanned at a time.
const rootPiece = 1 << 18

// Roots looks through everything outside the heaps for references to blocks.
// The error is the context's.
func (g *Graph) Roots(ctx context.Context, set Kinds, tick Tick) (*Roots, error) {
	r := &Roots{Graph: g, Counts: make([]KindCount, kinds)}
	for i := range r.hits {
		r.hits[i] = [2]bitmap{newBitmap(g.n), newBitmap(g.n)}
	}
	all, registers := areas(g.target, g.Index)
	var pieces []rootScan
	total := uint64(0)
	for _, a := range append(all, registers...) {
		if !set.has(a.Kind) {
			continue
		}
		r.Areas = append(r.Areas, a)
		// Only what the dump has is cut into pieces: an area is as large as the
		// dump's list of regions says.
		for run := range g.target.Space.Runs(a.Range) {
			for b := run.Range(); !b.Empty(); b.Start += memory.Addr(min(rootPiece, b.Size())) {
				pieces = append(pieces, rootScan{Range: memory.Range{Start: b.Start, End: min(b.End, b.Start.Span(rootPiece).End)}})
			}
			total += uint64(len(run.Bytes))
		}
	}
	r.place(pieces)
	if err := r.scan(ctx, pieces, &meter{tick: tick, total: total}); err != nil {
		return nil, err
	}
	r.count(set, pieces)
	r.coded = r.findCoded(g.target)
	for _, c := range r.coded {
		r.mark(Module, c.to)
		r.Counts[Module].Hits++
	}
	return r, nil
}

// rootScan is a piece of an area, and what was found in it.
type rootScan struct {
	memory.Range
	area  *Area
	index int
	bytes uint64
	hits  uint64
	stray uint64 // of Roots.strays
}

// place makes the pieces point into r.Areas as it stands in the end.
func (r *Roots) place(pieces []rootScan) {
	k := 0
	for i := range pieces {
		for !r.Areas[k].Holds(pieces[i].Range) || r.Areas[k].Kind == Register {
			k++
		}
		pieces[i].area, pieces[i].index = &r.Areas[k], k
	}
}

func (r *Roots) scan(ctx context.Context, pieces []rootScan, m *meter) error {
	g, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		g.Go(progress.Guard(func() error {
			for ctx.Err() == nil {
				k := int(next.Add(1)) - 1
				if k >= len(pieces) {
					return nil
				}
				p := &pieces[k]
				r.piece(p)
				m.add(p.Size())
			}
			return ctx.Err()
		}))
	}
	return g.Wait()
}

// piece scans a piece of an area and marks the blocks that it points to.
func (r *Roots) piece(p *rootScan) {
	p.bytes = r.area(p.area, p.Range, func(_ memory.Addr, v uint64) {
		id, off, what := r.find(v)
		switch what {
		case inBlock:
			if to, ok := r.resolve(p.area, id, off); ok {
				r.mark(p.area.Kind, to)
				p.hits++
			}
		case outside:
			if r.nothing(v) {
				p.stray++
			}
		}
	})
}

// area hands out every word of a part of an area that could be an address of
// a block, and returns how many bytes of it the dump has.
func (r *Roots) area(a *Area, at memory.Range, do func(memory.Addr, uint64)) (bytes uint64) {
	for run := range r.target.Space.Runs(at) {
		bytes += uint64(len(run.Bytes))
		skip := 0
		if !r.option.Unaligned {
			skip = int(-uint64(run.Start) & (wordOf(a.width) - 1))
		}
		b := run.Bytes[min(skip, len(run.Bytes)):]
		r.words(b, a.width, r.option.Unaligned, func(off int, v uint64) { do(run.Start+memory.Addr(skip+off), v) })
	}
	return bytes
}

// wordOf is the size of the words that a width begins at.
func wordOf(w width) uint64 {
	if w == words64 {
		return 8
	}
	return 4
}

// resolve makes an edge of an offset in a block. A pointer to the header of a
// debug C runtime counts where the runtime itself may be at work.
func (r *Roots) resolve(a *Area, id ID, off uint64) (uint32, bool) {
	to, ok := r.target32(id, off)
	switch {
	case !ok && a.Kind.onlyStack():
		return id, true
	case a.exact && to&interior != 0:
		return 0, false
	}
	return to, ok
}

// mark notes that a root points to a block.
func (r *Roots) mark(k Kind, to uint32) {
	s, i := 0, 0
	if k.onlyStack() {
		s = 1
	}
	if to&interior != 0 {
		i = 1
	}
	id := to &^ interior
	atomic.OrUint64(&r.hits[s][i][id>>6], 1<<(id&63))
}

// count adds the pieces up by kind, and looks at the registers.
func (r *Roots) count(set Kinds, pieces []rootScan) {
	for k := range r.Counts {
		r.Counts[k].Kind, r.Counts[k].Taken = Kind(k), set.has(Kind(k))
	}
	for i := range r.Areas {
		a := &r.Areas[i]
		c := &r.Counts[a.Kind]
		c.Areas++
		c.Missing += a.Size()
		if a.Kind == Register {
			if id, off, what := r.find(a.Value); what == inBlock {
				if to, ok := r.resolve(a, id, off); ok {
					r.mark(a.Kind, to)
					c.Hits++
				}
			}
		}
	}
	for i := range pieces {
		c := &r.Counts[pieces[i].area.Kind]
		c.Bytes += pieces[i].bytes
		c.Missing -= pieces[i].bytes
		c.Hits += pieces[i].hits
		r.strays += pieces[i].stray
	}
}
