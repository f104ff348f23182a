package refs

import (
	"cmp"
	"context"
	"slices"

	"github.com/heapdump/heapdump/pkg/memory"
)

// Edge is one reference: a word of a block or root that is an address in a
// block.
type Edge struct {
	Level  int         // how many references away from the block that was asked for, from 1
	Root   *Variable   // what holds the word, when it is no block
	From   ID          // the block that holds the word, without a Root
	At     memory.Addr // the word; 0 of a register
	Offset uint64      // of the word in its block or variable
	To     ID
	Into   uint64 // offset in that block; behind a debug header the program's data begins
	Exact  bool   // it leads to the first byte, or the first behind a debug header
}

// Around is the references to a block and from it.
type Around struct {
	Block   ID
	In, Out []Edge // by level, then by address
	// MoreIn and MoreOut count what was left out for the limit.
	MoreIn, MoreOut int
	// InCut and OutCut are the level at which the limit was reached, when
	// there are further ones that were not looked at; 0 when there are none.
	InCut, OutCut int
}

// MaxDepth bounds how far from a block Around looks.
const MaxDepth = 64

// Around finds the references to and from a block, and on to depth references
// away, at most limit of each way (0 is no limit). A block is followed once,
// at the least number of references. The error is the context's.
func (r *Reach) Around(ctx context.Context, id ID, depth, limit int) (*Around, error) {
	a := &Around{Block: id}
	k := keeper{limit: limit}
	r.outgoing(ctx, id, depth, &k)
	a.Out, a.MoreOut, a.OutCut = k.edges, k.more, k.cut
	k = keeper{limit: limit}
	r.incoming(ctx, id, depth, &k)
	a.In, a.MoreIn, a.InCut = k.edges, k.more, k.cut
	return a, ctx.Err()
}

// keeper keeps edges up to a limit.
type keeper struct {
	limit, more int
	cut         int // Around.InCut
	edges       []Edge
}

// next reports whether a level is to be looked at that has blocks.
func (k *keeper) next(level int) bool {
	if k.limit > 0 && len(k.edges) >= k.limit {
		k.cut = level - 1
		return false
	}
	return true
}

func (k *keeper) add(e Edge) {
	if k.limit > 0 && len(k.edges) >= k.limit {
		k.more++
		return
	}
	k.edges = append(k.edges, e)
}

// outgoing follows references from a block, level by level. Once the limit is
// reached the level is counted to its end, and no further one is looked at.
func (r *Reach) outgoing(ctx context.Context, id ID, depth int, k *keeper) {
	seen := newBitmap(r.n)
	seen.set(id)
	level := []ID{id}
	for n := 1; n <= depth && len(level) > 0 && k.next(n); n++ {
		var next []ID
		for _, from := range level {
			if ctx.Err() != nil {
				return
			}
			r.wordsOf(from, func(e Edge) {
				e.Level = n
				k.add(e)
				if !seen.get(e.To) {
					seen.set(e.To)
					next = append(next, e.To)
				}
			})
		}
		level = next
	}
}

// wordsOf hands out the references of a block in order, those to itself left
// out, as the graph has them.
func (r *Reach) wordsOf(from ID, do func(Edge)) {
	if r.debug != nil && r.debug.freed.get(from) {
		return
	}
	at := r.Range(from)
	start := at.Start
	at.Start = min(at.End, at.Start.Add(r.ownLinks(from)))
	r.area(&Area{width: widthOf(r.Heap(from).Bits)}, at, func(word memory.Addr, v uint64) {
		id, off, what := r.find(v)
		if what != inBlock || id == from {
			return
		}
		if to, ok := r.target32(id, off); ok {
			do(Edge{From: from, At: word, Offset: word.Sub(start), To: id, Into: off, Exact: to&interior == 0})
		}
	})
}

// incoming follows references to a block backwards, level by level: those of
// blocks by a pass over the graph each, those of roots by one over all roots.
func (r *Reach) incoming(ctx context.Context, id ID, depth int, k *keeper) {
	seen := newBitmap(r.n)
	seen.set(id)
	level := []ID{id}
	for n := 1; n <= depth && len(level) > 0 && k.next(n); n++ {
		wanted := newBitmap(r.n)
		for _, to := range level {
			wanted.set(to)
		}
		r.rootWords(ctx, wanted, func(e Edge) {
			e.Level = n
			k.add(e)
		})
		level = level[:0]
		for _, from := range r.pointing(ctx, wanted) {
			r.wordsOf(from, func(e Edge) {
				if wanted.get(e.To) {
					e.Level = n
					k.add(e)
				}
			})
			if !seen.get(from) {
				seen.set(from)
				level = append(level, from)
			}
		}
	}
}

// pointing returns the blocks with an edge to one of a set, by address.
func (r *Reach) pointing(ctx context.Context, wanted bitmap) (out []ID) {
	for id := range ID(r.n) {
		if id%pulse == 0 && ctx.Err() != nil {
			return nil
		}
		for _, to := range r.edges(id) {
			if wanted.get(to &^ interior) {
				out = append(out, id)
				break
			}
		}
	}
	return out
}

// rootWords hands out the words of the roots that lead to blocks of a set, in
// order of the roots.
func (r *Reach) rootWords(ctx context.Context, wanted bitmap, do func(Edge)) {
	for i := range r.Areas {
		if ctx.Err() != nil {
			return
		}
		a := &r.Areas[i]
		take := func(at memory.Addr, value uint64) {
			id, off, what := r.find(value)
			if what != inBlock || !wanted.get(id) {
				return
			}
			to, ok := r.resolve(a, id, off)
			if !ok {
				return
			}
			e := Edge{Root: &Variable{Area: a, At: at}, At: at, To: id, Into: off, Exact: to&interior == 0}
			if a.Kind != Module && a.Kind != Register {
				e.Root.At, e.Offset = a.Start, at.Sub(a.Start)
			}
			do(e)
		}
		if a.Kind == Register {
			take(0, a.Value)
			continue
		}
		r.area(a, a.Range, take)
	}
	for _, c := range r.coded {
		if wanted.get(c.to) {
			do(Edge{Root: &Variable{c.area, c.at, true}, At: c.at, To: c.to, Exact: true})
		}
	}
}

// Others returns the blocks of the edges without the block itself, each
// once, by address.
func (a *Around) Others() []ID {
	var out []ID
	for _, edges := range [][]Edge{a.In, a.Out} {
		for _, e := range edges {
			out = append(out, e.To)
			if e.Root == nil {
				out = append(out, e.From)
			}
		}
	}
	slices.SortFunc(out, cmp.Compare)
	return slices.DeleteFunc(slices.Compact(out), func(id ID) bool { return id == a.Block })
}
