package refs

import (
	"cmp"
	"context"
	"iter"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/heapdump/heapdump/internal/progress"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Tick is told how many bytes of how many are done, from one goroutine at a
// time. It may be nil.
type Tick func(done, total uint64)

// Blocks is what walks of heaps collected, before it is an Index.
type Blocks struct {
	heaps []*target.Heap
	parts []*part
}

// part is the blocks in use of one segment, of a page heap, or one large block.
type part struct {
	heap    *target.Heap
	pages   [][]uint64
	large   []uint64 // sizes of those that are marked as large, in order
	lost    []memory.Range
	dropped int
	last    uint64
	jumbled bool // not in order of address
}

// pulse is how many blocks pass between two looks at the clock and the
// context.
const pulse = 4096

// Collect walks the heaps, segments side by side, and keeps the blocks in use.
// The result does not depend on the order of the walks. The error is the
// context's.
func Collect(ctx context.Context, heaps []*target.Heap, tick Tick) (*Blocks, error) {
	out := &Blocks{}
	m := &meter{tick: tick}
	for _, h := range heaps {
		if x := h.Walkable(); x != nil {
			out.heaps = append(out.heaps, h)
			m.total += x.Size()
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	var virtuals [][]*part
	walk := func(parts []*part, blocks iter.Seq[heap.Block]) {
		out.parts = append(out.parts, parts...)
		g.Go(progress.Guard(func() error { return take(ctx, parts, blocks, m) }))
	}
	for _, h := range out.heaps {
		if h.Page != nil { // the ranges of one may lie between those of another
			walk(newParts(h, len(h.Page.Ranges)), h.Page.Blocks(nil))
			continue
		}
		for s := range h.NT.Segments {
			walk(newParts(h, 1), h.NT.SegmentBlocks(s, nil))
		}
		virtuals = append(virtuals, large(h))
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for _, v := range virtuals {
		out.parts = append(out.parts, v...)
	}
	return out, nil
}

// large makes a part of each large block: they lie between segments.
func large(h *target.Heap) []*part {
	var out []*part
	for b := range h.NT.VirtualBlocks(nil) {
		p := &part{heap: h}
		p.pages = [][]uint64{make([]uint64, 0, 1)}
		p.add(b)
		out = append(out, p)
	}
	return out
}

// meter counts what is done over all goroutines.
type meter struct {
	tick  Tick
	total uint64
	mu    sync.Mutex
	done  uint64 // under mu
}

func (m *meter) add(n uint64) {
	if m.tick == nil {
		return
	}
	m.mu.Lock()
	m.done += n
	m.tick(m.done, m.total)
	m.mu.Unlock()
}

func newParts(h *target.Heap, n int) []*part {
	out := make([]*part, n)
	for i := range out {
		out[i] = &part{heap: h}
	}
	return out
}

// take keeps the blocks in use of one walk: in the only part that there is,
// or in that of the range which a block is in.
func take(ctx context.Context, parts []*part, blocks iter.Seq[heap.Block], m *meter) error {
	n, bytes := 0, uint64(0)
	for b := range blocks {
		if len(parts) == 1 {
			parts[0].add(b)
		} else if uint64(b.Segment) < uint64(len(parts)) {
			parts[b.Segment].add(b)
		}
		bytes += b.Size
		if n++; n%pulse == 0 {
			m.add(bytes)
			bytes = 0
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	m.add(bytes)
	return ctx.Err()
}

// add keeps a block.
func (p *part) add(b heap.Block) {
	switch b.State {
	case heap.Busy:
	case heap.Lost:
		p.lost = append(p.lost, memory.Range{Start: b.Addr, End: b.End()})
		return
	default:
		return
	}
	user, size := uint64(b.User()), b.UserBytes()
	if user>>addressBits != 0 || (user+size)>>addressBits != 0 {
		p.dropped++
		return
	}
	p.jumbled = p.jumbled || user < p.last
	p.last = user
	short := min(size, sizeBig)
	if short == sizeBig {
		p.large = append(p.large, size)
	}
	k := len(p.pages) - 1
	if k < 0 || len(p.pages[k]) == cap(p.pages[k]) {
		p.pages = append(p.pages, make([]uint64, 0, pageSize))
		k++
	}
	p.pages[k] = append(p.pages[k], user<<sizeBits|short)
}

// sort puts a part into order that a damaged heap handed out otherwise.
func (p *part) sort() {
	type block struct{ entry, size uint64 }
	var all []block
	k := 0
	for _, page := range p.pages {
		for _, e := range page {
			b := block{entry: e}
			if e&sizeBig == sizeBig {
				b.size = p.large[k]
				k++
			}
			all = append(all, b)
		}
	}
	slices.SortStableFunc(all, func(a, b block) int { return cmp.Compare(a.entry>>sizeBits, b.entry>>sizeBits) })
	p.pages, p.large = nil, nil
	for i := 0; i < len(all); i += pageSize {
		page := make([]uint64, 0, pageSize)
		for _, b := range all[i:min(i+pageSize, len(all))] {
			page = append(page, b.entry)
			if b.entry&sizeBig == sizeBig {
				p.large = append(p.large, b.size)
			}
		}
		p.pages = append(p.pages, page)
	}
}

// Index makes an index of the blocks. It takes their memory over, so that
// they are held once.
func (b *Blocks) Index() *Index {
	x := &Index{Heaps: b.heaps}
	bits := 0
	for _, h := range b.heaps {
		x.wow = x.wow || bits != 0 && bits != h.Bits
		bits = h.Bits
	}
	full := b.parts[:0]
	for _, p := range b.parts {
		if p.jumbled {
			p.sort()
		}
		x.Dropped += p.dropped
		x.Lost = append(x.Lost, p.lost...)
		if len(p.pages) > 0 && len(p.pages[0]) > 0 {
			full = append(full, p)
		}
	}
	slices.SortStableFunc(full, func(a, b *part) int { return cmp.Compare(a.pages[0][0], b.pages[0][0]) })
	slices.SortFunc(x.Lost, func(a, b memory.Range) int { return cmp.Compare(a.Start, b.Start) })
	m := merger{Index: x}
	for _, p := range full {
		m.part(p)
	}
	b.parts = nil
	x.finish()
	return x
}

// merger puts the parts' blocks behind one another, into the parts' own pages.
type merger struct {
	*Index
	spare [][]uint64
	end   uint64 // of the blocks so far
}

func (m *merger) part(p *part) {
	c := chunk{base: ID(m.n), heap: p.heap}
	k := 0
	for i, page := range p.pages {
		for _, e := range page {
			start, size := e>>sizeBits, e&sizeBig
			if size == sizeBig {
				size = p.large[k]
				k++
			}
			if start < m.end || m.n == maxBlocks {
				m.Dropped++
				continue
			}
			if c.n == 0 {
				c.start = start
			}
			m.end = start + max(size, 1)
			m.Bytes += size
			m.put(e, size)
			c.n++
		}
		p.pages[i] = nil
		if cap(page) == pageSize {
			m.spare = append(m.spare, page[:0])
		}
	}
	if c.end = m.end; c.n > 0 {
		m.chunks = append(m.chunks, c)
	}
}

func (m *merger) put(e, size uint64) {
	if e&sizeBig == sizeBig {
		m.large = append(m.large, largeSize{ID(m.n), size})
	}
	k := len(m.pages) - 1
	if m.n&pageMask == 0 {
		var page []uint64
		if s := len(m.spare) - 1; s >= 0 {
			page, m.spare = m.spare[s], m.spare[:s]
		} else {
			page = make([]uint64, 0, pageSize)
		}
		m.pages = append(m.pages, page)
		k++
	}
	m.pages[k] = append(m.pages[k], e)
	m.n++
}
