package refs

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/heapdump/heapdump/internal/progress"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// interior marks an edge that does not lead to the first byte of a block.
const interior = 1 << 31

// Options say what a Graph is made of.
type Options struct {
	Unaligned bool // look at every byte offset, not at aligned words alone
	Tick      Tick
}

// Graph is an Index with the references between its blocks: for each page of
// blocks the edges in the order of the blocks, four bytes each, and where
// those of each block begin. An edge that repeats the one before it, or leads
// to its own block, is left out. It is immutable.
type Graph struct {
	*Index
	Edges   int
	Missing uint64 // user bytes of blocks that the dump has not got
	Words   uint64 // that were looked at in blocks

	pages  []edgePage
	debug  *debugBlocks
	target *target.Target
	option Options
	misses uint64 // words that lie between the heaps, where no memory is
}

type edgePage struct {
	off []uint32 // of the edges of each block, and behind the last
	to  []uint32 // block, and the bit interior
}

// edges returns the references of a block.
func (g *Graph) edges(id ID) []uint32 {
	p := &g.pages[id>>pageShift]
	i := id & pageMask
	return p.to[p.off[i]:p.off[i+1]]
}

// eachPage calls do for every page of blocks, several at a time. Its error is
// the context's.
func eachPage(ctx context.Context, x *Index, tick Tick, do func(page int)) error {
	g, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	m := &meter{tick: tick, total: uint64(x.n)}
	const some = 16 // pages at a time
	for range runtime.GOMAXPROCS(0) {
		g.Go(progress.Guard(func() error {
			for ctx.Err() == nil {
				k := int(next.Add(some)) - some
				if k >= len(x.pages) {
					return nil
				}
				for end := min(k+some, len(x.pages)); k < end; k++ {
					do(k)
					m.add(uint64(len(x.pages[k])))
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
	g := &Graph{Index: x, pages: make([]edgePage, len(x.pages)), target: t, option: o}
	var err error
	if g.debug, err = findDebug(ctx, t, x); err != nil {
		return nil, err
	}
	var edges, missing, words, misses atomic.Uint64
	scanners := sync.Pool{New: func() any { return &scanner{Graph: g, win: window{space: t.Space}} }}
	err = eachPage(ctx, x, o.Tick, func(k int) {
		s := scanners.Get().(*scanner)
		defer scanners.Put(s)
		s.missing, s.words, s.misses = 0, 0, 0
		s.page(k)
		edges.Add(uint64(len(g.pages[k].to)))
		missing.Add(s.missing)
		words.Add(s.words)
		misses.Add(s.misses)
	})
	g.Edges, g.Missing, g.Words, g.misses = int(edges.Load()), missing.Load(), words.Load(), misses.Load()
	return g, err
}

// scanner makes the edges of blocks.
type scanner struct {
	*Graph
	win     window
	out     []uint32
	missing uint64
	words   uint64
	misses  uint64
	from    ID
	first   int // of the edges of from
	chunk   *chunk
}

func (s *scanner) page(k int) {
	entries := s.Index.pages[k]
	off := make([]uint32, len(entries)+1)
	s.out, s.chunk = s.out[:0], nil
	for i := range entries {
		s.from = ID(k<<pageShift + i)
		if s.chunk == nil || s.from >= s.chunk.base+s.chunk.n {
			s.chunk = s.chunkOf(s.from)
		}
		s.first = len(s.out)
		s.block()
		off[i+1] = uint32(len(s.out))
	}
	s.Graph.pages[k] = edgePage{off, append(make([]uint32, 0, len(s.out)), s.out...)}
}

// block scans one block, but for the links of a debug header.
func (s *scanner) block() {
	id := s.from
	if s.debug != nil && s.debug.freed.get(id) {
		return
	}
	skip := s.ownLinks(id)
	at, size := uint64(s.User(id)), s.Size(id)
	w := widthOf(s.chunk.heap.Bits)
	saved := s.win.view(at+skip, size-skip, func(_ uint64, b []byte) {
		s.words += uint64(s.Index.words(b, w, s.option.Unaligned, s.word))
	})
	s.missing += size - skip - saved
}

// word adds the edge of a word, if it is one.
func (s *scanner) word(_ int, v uint64) {
	id, off, what := s.find(v)
	switch {
	case what == outside && s.nothing(v):
		s.misses++
		return
	case what != inBlock || id == s.from:
		return
	}
	to, ok := s.target32(id, off)
	if !ok {
		return
	}
	if n := len(s.out); n > s.first && s.out[n-1] == to {
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
