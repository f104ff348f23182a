package refs

import (
	"context"
	"encoding/binary"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/heapdump/heapdump/internal/mmap"
	"github.com/heapdump/heapdump/internal/progress"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Options say what a Graph is made of.
type Options struct {
	Unaligned bool // look at every byte offset, not at aligned words alone
	Tick      Tick
}

// Graph is an Index with the references between its blocks, four bytes each,
// and four for a block that has none or several. An edge that repeats the one
// before it, or leads to its own block, is left out. It is immutable.
type Graph struct {
	*Index
	Edges   int
	Missing uint64 // user bytes of blocks that the dump has not got
	Words   uint64 // that were looked at in blocks

	pages  []edgePage
	single []uint32 // the words of all pages
	debug  *debugBlocks
	target *target.Target
	option Options
	misses uint64 // words that lie between the heaps, where no memory is
}

// eachPage calls do for every page of blocks, several at a time. start makes
// a do for each of the goroutines. Its error is the context's.
func eachPage(ctx context.Context, x *Index, tick Tick, start func() (do func(page int))) error {
	g, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	m := &meter{tick: tick, total: uint64(x.n)}
	const some = 16 // pages at a time
	for range min(runtime.GOMAXPROCS(0), len(x.pages)/some+1) {
		do := start()
		g.Go(progress.Guard(func() error {
			for ctx.Err() == nil {
				k := int(next.Add(some)) - some
				if k >= len(x.pages) {
					return nil
				}
				for end := min(k+some, len(x.pages)); k < end; k++ {
					do(k)
					m.add(uint64(x.pages[k].n))
				}
			}
			return ctx.Err()
		}))
	}
	return g.Wait()
}

// Graph scans every block for references to others. The error is the
// context's.
func (x *Index) Graph(ctx context.Context, t *target.Target, o Options) (*Graph, error) {
	g := &Graph{Index: x, pages: make([]edgePage, len(x.pages)), single: mmap.Large[uint32](x.n), target: t, option: o}
	var err error
	if g.debug, err = findDebug(ctx, t, x); err != nil {
		return nil, err
	}
	var scanners []*scanner
	err = eachPage(ctx, x, o.Tick, func() func(int) {
		s := &scanner{Graph: g, win: memory.NewWindow(t.Space)}
		scanners = append(scanners, s)
		return s.page
	})
	for _, s := range scanners {
		g.Edges += s.edges
		g.Missing += s.missing
		g.Words += s.looked
		g.misses += s.misses
	}
	return g, err
}

// scanner makes the edges of blocks.
type scanner struct {
	*Graph
	win     memory.Window
	make    edgeMaker
	found   []uint64         // words of a page that lie between the first and the last block
	ends    [pageSize]uint32 // of each block's words in found
	out     []uint32
	edges   int
	missing uint64
	looked  uint64
	misses  uint64
}

// page makes the edges of a page: first it collects the words of many blocks,
// then it looks them up, so that no lookup waits for another.
func (s *scanner) page(k int) {
	n, first := s.Index.pages[k].n, ID(k<<pageShift)
	p, done := s.Index.pages[k], uint32(0)
	plain := s.debug == nil && !s.option.Unaligned && p.base != wideBase
	var c *chunk
	var w width
	s.make.begin(s.single[first : first+n])
	for i := uint32(0); i < n; i++ {
		if id := first + i; c == nil || id >= c.base+c.n {
			c = s.chunkOf(id)
			w = widthOf(c.heap.Bits)
		}
		if plain && w == words64 && len(s.found) < maxFound {
			if to := s.held(p, i, min(n, c.base+c.n-first)); to > i {
				i = to - 1
				continue
			}
		}
		large := s.Size(first+i) > pieceBytes
		if large || len(s.found) > maxFound {
			s.resolve(first, done, i)
			done = i
		}
		s.block(first+i, w, large)
		if s.ends[i] = uint32(len(s.found)); large {
			s.resolve(first, i, i+1)
			done = i + 1
		}
	}
	s.resolve(first, done, n)
	s.Graph.pages[k] = s.make.page()
}

// held collects the words of the blocks of a page from the i-th on, before
// end, whose bytes have been read ahead, and returns the first of which that
// is not so. The page is not wide and its pointers have 64 bits; nothing in its
// blocks is a runtime's own.
func (s *scanner) held(p *page, i, end uint32) uint32 {
	start, held := s.win.Ahead()
	lo, span := s.lo, s.hi-s.lo
	found, base := s.found, p.base-uint64(start)
	for ; i < end && len(found) < maxFound; i++ {
		j := i & pageMask
		size := uint64(p.size[j])
		at := base + uint64(p.off[j])
		if size == sizeBig || at >= uint64(len(held)) || size > uint64(len(held))-at {
			break
		}
		b := held[at : at+size : at+size]
		s.looked += size / 8
		for ; len(b) >= 32; b = b[32:] {
			v0, v1 := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
			v2, v3 := binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])
			if v0-lo < span {
				found = append(found, v0)
			}
			if v1-lo < span {
				found = append(found, v1)
			}
			if v2-lo < span {
				found = append(found, v2)
			}
			if v3-lo < span {
				found = append(found, v3)
			}
		}
		for ; len(b) >= 8; b = b[8:] {
			if v := binary.LittleEndian.Uint64(b); v-lo < span {
				found = append(found, v)
			}
		}
		s.ends[j] = uint32(len(found))
	}
	s.found = found
	return i
}

// maxFound is about how many words are kept before they are looked up.
const maxFound = 1 << 15

// resolve makes the edges of the blocks [from, to) of a page.
func (s *scanner) resolve(first ID, from, to uint32) {
	at := uint32(0)
	for i := from; i < to; i++ {
		for _, v := range s.found[at:s.ends[i]] {
			s.word(first+i, v)
		}
		at = s.ends[i]
		s.make.add(s.out)
		s.edges += len(s.out)
		s.out = s.out[:0]
	}
	s.found = s.found[:0]
}

// block collects the words of one block, but for the links of a debug header.
// Those of a large one are looked up as they come.
func (s *scanner) block(id ID, w width, large bool) {
	if s.debug != nil && s.debug.freed.get(id) {
		return
	}
	skip := s.ownLinks(id)
	at, size := memory.Addr(s.start(id)+skip), s.Size(id)-skip
	if !large {
		if b, ok := s.win.At(at, size); ok {
			s.collect(b, w)
			return
		}
	}
	more := 0 // what a word has beyond a piece that begins at its last byte
	if s.option.Unaligned {
		more = int(wordOf(w)) - 1
	}
	s.missing += size
	for r := range s.target.Space.Runs(at.Span(size)) {
		s.missing -= uint64(len(r.Bytes))
		b := r.Bytes
		for ; large && len(b) > pieceBytes; b = b[pieceBytes:] {
			s.collect(b[:min(len(b), pieceBytes+more)], w)
			s.drain(id)
		}
		if s.collect(b, w); large {
			s.drain(id)
		}
	}
}

// pieceBytes is how much of a large block is looked at at a time.
const pieceBytes = 256 << 10

// drain looks up what has been collected, all of it of one block.
func (s *scanner) drain(id ID) {
	for _, v := range s.found {
		s.word(id, v)
	}
	s.found = s.found[:0]
}

// collect appends the words of b that may be references.
func (s *scanner) collect(b []byte, w width) {
	if s.option.Unaligned {
		s.looked += uint64(s.words(b, w, true, func(_ int, v uint64) { s.found = append(s.found, v) }))
		return
	}
	lo, span := s.lo, s.hi-s.lo
	if w == words32 {
		s.looked += uint64(len(b) / 4)
		for ; len(b) >= 4; b = b[4:] {
			if v := uint64(binary.LittleEndian.Uint32(b)); v-lo < span {
				s.found = append(s.found, v)
			}
		}
		return
	}
	s.looked += uint64(len(b) / 8)
	for ; len(b) >= 8; b = b[8:] {
		if v := binary.LittleEndian.Uint64(b); v-lo < span {
			s.found = append(s.found, v)
		}
	}
}

// word adds the edge of a word of a block, if it is one.
func (s *scanner) word(from ID, v uint64) {
	id, off, what := s.find(v)
	switch {
	case what == outside && s.nothing(v):
		s.misses++
		return
	case what != inBlock || id == from:
		return
	}
	to, ok := s.target32(id, off)
	if !ok {
		return
	}
	if n := len(s.out); n > 0 && s.out[n-1] == to {
		return
	}
	s.out = append(s.out, to)
}

// nothing reports whether the process had no memory at an address.
func (g *Graph) nothing(v uint64) bool {
	r, ok := g.target.Space.Region(memory.Addr(v))
	return ok && r.State != memory.MemCommit
}

// target32 makes an edge to an offset in a block. A pointer to the header of a
// debug C runtime or of light page heap is their own, and no edge.
func (g *Graph) target32(id ID, off uint64) (uint32, bool) {
	if g.debug == nil {
		if off == 0 {
			return id, true
		}
		return id | interior, true
	}
	bits := g.Heap(id).Bits
	if g.debug.light.get(id) {
		n := lightOf(bits)
		if off < n {
			return 0, false
		}
		off -= n
	}
	head, has := uint64(0), g.debug.has.get(id)
	if has {
		head, _ = headerOf(bits)
	}
	switch {
	case has && off == 0:
		return 0, false
	case off == head:
		return id, true
	}
	return id | interior, true
}

// Range returns the user bytes of a block.
func (x *Index) Range(id ID) memory.Range { return x.User(id).Span(x.Size(id)) }
