package refs

import (
	"context"
	"math"

	"github.com/heapdump/heapdump/pkg/memory"
)

// Set says how a block is reached, or that it is not.
type Set uint8

// The sets. Each block is in one.
const (
	Reachable    Set = iota // from a root other than a stack, by pointers to first bytes
	InteriorOnly            // by pointers into blocks only
	StackOnly               // from a stack or register only
	Leaked                  // from nothing at all
	Indirect                // only from blocks that are unreachable themselves
	Cycle                   // only from blocks that lead back to it, and those are reached from nothing
	Kept                    // freed by the program, kept by the debug C runtime
	Sets
)

var setNames = [Sets]string{"reachable", "interior-only", "stack-only", "leaked", "indirect", "cycle", "kept"}

// String returns the set's name as it stands in JSON.
func (s Set) String() string { return setNames[s] }

// Unreachable reports whether no root leads to blocks of the set.
func (s Set) Unreachable() bool { return s >= Leaked }

// Reach says of every block how it is reached.
type Reach struct {
	*Roots
	all     bitmap // reached at all
	outside bitmap // not from stacks alone
	exact   bitmap // not through interior pointers alone
	pointed bitmap // unreachable, with a pointer from an unreachable one
	cycles  bitmap // of an unreachable cycle that nothing else leads to
}

// Reach marks what the roots lead to. The error is the context's.
func (r *Roots) Reach(ctx context.Context) (*Reach, error) {
	m := marker{ctx: ctx, Graph: r.Graph}
	out := &Reach{Roots: r}
	// From the smallest set to the largest: each begins with the one before.
	base := newBitmap(r.n)
	m.from(base, r.hits[0][0], interior)
	out.exact = base.clone()
	m.from(out.exact, r.hits[1][0], interior)
	out.outside = base
	m.inner(out.outside)
	m.from(out.outside, r.hits[0][1], 0)
	out.all = out.outside.clone()
	m.from(out.all, out.exact, 0)
	m.from(out.all, r.hits[1][0], 0)
	m.from(out.all, r.hits[1][1], 0)
	out.group(&m)
	return out, ctx.Err()
}

// marker follows edges. Its list of work takes a block once at most.
type marker struct {
	*Graph
	ctx  context.Context
	work []ID
	n    int
}

// from marks the seeds and what they lead to. Edges with a bit of skip are not
// followed.
func (m *marker) from(marks, seeds bitmap, skip uint32) {
	for w, bits := range seeds {
		bits &^= marks[w]
		for ; bits != 0; bits &= bits - 1 {
			id := ID(w<<6 + trailing(bits))
			if !marks.get(id) {
				marks.set(id)
				m.work = append(m.work, id)
				m.run(marks, skip)
			}
		}
	}
}

// inner extends marks, in which interior edges were not followed, by
// following them.
func (m *marker) inner(marks bitmap) {
	for w := range marks {
		for bits := marks[w]; bits != 0; bits &= bits - 1 {
			m.push(marks, ID(w<<6+trailing(bits)), 0)
			m.run(marks, 0)
		}
	}
}

func (m *marker) push(marks bitmap, id ID, skip uint32) {
	for _, to := range m.edges(id) {
		if to&skip != 0 {
			continue
		}
		if to &^= interior; !marks.get(to) {
			marks.set(to)
			m.work = append(m.work, to)
		}
	}
}

func (m *marker) run(marks bitmap, skip uint32) {
	for len(m.work) > 0 {
		id := m.work[len(m.work)-1]
		m.work = m.work[:len(m.work)-1]
		if m.n++; m.n%pulse == 0 && m.ctx.Err() != nil {
			m.work = m.work[:0]
			return
		}
		m.push(marks, id, skip)
	}
}

// group tells the unreachable blocks apart.
func (r *Reach) group(m *marker) {
	r.pointed = newBitmap(r.n)
	r.each(r.lost, func(id ID) {
		for _, to := range r.edges(id) {
			if to &^= interior; !r.all.get(to) {
				r.pointed.set(to)
			}
		}
	})
	led := r.all.clone() // reached from a root, or from a block that nothing points to
	heads := newBitmap(r.n)
	r.each(r.lost, func(id ID) {
		if !r.pointed.get(id) {
			heads.set(id)
		}
	})
	m.from(led, heads, 0)
	r.cycles = newBitmap(r.n)
	c := newCondenser(r.Graph, led)
	c.run(m.ctx)
	c.heads(r.cycles)
}

// lost is the unreachable blocks of a word of a bitmap.
func (r *Reach) lost(w int) uint64 { return ^r.all[w] }

// each calls do for the blocks that a word of bits has.
func (r *Reach) each(bits func(w int) uint64, do func(ID)) {
	for w := range r.all {
		for b := bits(w); b != 0; b &= b - 1 {
			id := w<<6 + trailing(b)
			if id >= r.n {
				return
			}
			do(ID(id))
		}
	}
}

// Set returns the set of a block.
func (r *Reach) Set(id ID) Set {
	switch {
	case r.debug != nil && r.debug.freed.get(id) && !r.all.get(id):
		return Kept
	case !r.all.get(id) && r.cycles.get(id):
		return Cycle
	case !r.all.get(id) && !r.pointed.get(id):
		return Leaked
	case !r.all.get(id):
		return Indirect
	case !r.outside.get(id):
		return StackOnly
	case !r.exact.get(id):
		return InteriorOnly
	}
	return Reachable
}

// Chance is how many unreachable blocks are expected to be taken for reachable
// since some word looks like a pointer to them: by how many words look like
// pointers to places between the heaps where the process had no memory. Not
// known when there are no such places, or the dump does not tell.
func (r *Reach) Chance() (blocks float64, known bool) {
	if !r.target.Space.RegionsKnown() || len(r.chunks) == 0 {
		return 0, false
	}
	empty := uint64(0)
	all := memory.Range{Start: memory.Addr(r.lo), End: memory.Addr(r.hi)}
	for _, x := range r.target.Space.Regions() {
		if x.State != memory.MemCommit {
			empty += x.Intersect(all).Size()
		}
	}
	if empty == 0 {
		return 0, false
	}
	rate := float64(r.misses+r.strays) / float64(empty)
	r.each(r.lost, func(id ID) { blocks += -math.Expm1(-rate * float64(r.Size(id))) })
	return blocks, true
}
