package refs

import "github.com/heapdump/heapdump/internal/mmap"

// An edge is the block that it leads to, and the bit interior. Most blocks
// have one edge or none, so a page of blocks has a word for each: its edge,
// noEdge, or, marked with the bit several, where in the page its edges are.
const (
	interior = 1 << 31 // it does not lead to the first byte
	several  = 1 << 30
	noEdge   = 1<<32 - 1

	countShift = 22 // of a word marked several: edges above, their place in many below
	maxMany    = 1 << countShift
	maxCount   = 1<<(30-countShift) - 1
)

// edgePage is the edges of a page of blocks.
type edgePage struct {
	word []uint32   // by block
	many []uint32   // edges of blocks that have several
	huge [][]uint32 // of blocks that have more than fit there; their words have both bits
}

// of returns the edges of the i-th block.
func (p *edgePage) of(i uint32) []uint32 {
	w := p.word[i]
	switch {
	case w&several == 0:
		return p.word[i : i+1 : i+1]
	case w == noEdge:
		return nil
	case w&interior != 0:
		return p.huge[w&(several-1)]
	}
	at := w & (maxMany - 1)
	return p.many[at : at+w>>countShift&maxCount]
}

// edges returns the references of a block.
func (g *Graph) edges(id ID) []uint32 { return g.pages[id>>pageShift].of(id & pageMask) }

// edgeMaker makes edgePages out of the edges of their blocks in turn.
type edgeMaker struct {
	arena
	n    int      // blocks of the page so far
	word []uint32 // of the page
	many []uint32
	huge [][]uint32
}

// begin begins a page, whose words stand in word.
func (m *edgeMaker) begin(word []uint32) { m.n, m.word, m.many, m.huge = 0, word, m.many[:0], nil }

// add appends a block with its edges.
func (m *edgeMaker) add(edges []uint32) {
	word := uint32(noEdge)
	switch n := len(edges); {
	case n == 0:
	case n == 1:
		word = edges[0]
	case n > maxCount || len(m.many)+n > maxMany:
		word = several | interior | uint32(len(m.huge))
		m.huge = append(m.huge, append([]uint32(nil), edges...))
	default:
		word = several | uint32(n)<<countShift | uint32(len(m.many))
		m.many = append(m.many, edges...)
	}
	m.word[m.n] = word
	m.n++
}

// page returns the page of the blocks since begin.
func (m *edgeMaker) page() edgePage { return edgePage{m.word, m.keep(m.many), m.huge} }

// arena is memory for many slices that are kept: one after another, and ever
// more at a time.
type arena struct {
	free []uint32
	last int
}

// maxArena bounds how much is asked for at a time, 16 MiB, and fewArena how
// much before large pages are.
const (
	maxArena = 4 << 20
	fewArena = 16 * pageSize
)

// keep copies a slice.
func (a *arena) keep(s []uint32) []uint32 {
	if len(s) == 0 {
		return nil
	}
	if len(s) > len(a.free) {
		if a.last = max(2*a.last, 4*pageSize); a.last > fewArena {
			a.last = min(max(a.last, mmap.LargeBytes/4), maxArena)
		}
		a.free = mmap.Large[uint32](max(a.last, len(s)))
	}
	n := copy(a.free, s)
	out := a.free[:n:n]
	a.free = a.free[n:]
	return out
}
