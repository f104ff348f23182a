package refs

import (
	"cmp"
	"context"
	"iter"
	"math"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/heapdump/heapdump/internal/progress"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// Tick is told how many bytes of how many are done, from one goroutine at a
// time. It may be nil.
type Tick func(done, total uint64)

// Blocks is what walks of heaps collected, before it is an Index.
type Blocks struct {
	heaps []*target.Heap
	parts []*part
	fresh *pageMaker
}

// part is the blocks in use of one segment, of a page heap, or one large block.
type part struct {
	heap    *target.Heap
	pages   []*page // full or not
	page    *page   // the last of them while there are no loose ones
	thin    int     // pages that are nearly empty
	loose   []looseBlock
	fresh   *pageMaker
	large   []uint64 // sizes of those that are marked as large, in order
	lost    []memory.Range
	dropped int
	last    uint64
	jumbled bool // not in order of address
}

// looseBlock is a block that is in no page.
type looseBlock struct{ user, size uint64 }

// pulse is how many blocks pass between two looks at the clock and the
// context.
const pulse = 4096

// Collect walks the heaps, segments side by side, and keeps the blocks in use.
// The result does not depend on the order of the walks. The error is the
// context's.
func Collect(ctx context.Context, heaps []*target.Heap, tick Tick) (*Blocks, error) {
	out := &Blocks{fresh: new(pageMaker)}
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
	for _, h := range out.heaps {
		if h.Page != nil { // the ranges of one may lie between those of another
			parts := out.newParts(h, len(h.Page.Ranges))
			out.parts = append(out.parts, parts...)
			g.Go(progress.Guard(func() error { return take(ctx, parts, h.Page.Blocks(nil), m) }))
			continue
		}
		for s := range h.NT.Segments {
			p := out.newParts(h, 1)[0]
			out.parts = append(out.parts, p)
			g.Go(progress.Guard(func() error { return p.segment(ctx, h.NT, s, m) }))
		}
		virtuals = append(virtuals, out.large(h))
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
func (b *Blocks) large(h *target.Heap) []*part {
	var out []*part
	for v := range h.NT.VirtualBlocks(nil) {
		p := &part{heap: h, thin: maxThin + 1} // no page for one block
		p.add(&v)
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

func (b *Blocks) newParts(h *target.Heap, n int) []*part {
	out := make([]*part, n)
	for i := range out {
		out[i] = &part{heap: h, fresh: b.fresh}
	}
	return out
}

// segment keeps the blocks in use of a segment.
func (p *part) segment(ctx context.Context, h *ntheap.Heap, s int, m *meter) error {
	n, bytes := 0, uint64(0)
	for batch := range h.NearBatches(s, nil, nil, nil) {
		for i := range batch {
			b := &batch[i]
			bytes += b.Size
			if to := p.page; b.State == heap.Busy && to != nil && to.n < pageSize {
				user, size := uint64(b.User()), b.UserBytes()
				if off := user - to.base; size < sizeBig && user >= p.last && off <= math.MaxUint32 && user < 1<<addressBits-sizeBig {
					k := to.n & pageMask
					to.off[k], to.size[k] = uint32(off), uint16(size)
					to.n++
					p.last = user
					continue
				}
			}
			p.add(b)
		}
		if n += len(batch); n >= pulse {
			m.add(bytes)
			n, bytes = 0, 0
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	m.add(bytes)
	return ctx.Err()
}

// take keeps the blocks in use of a page heap, in the part of the range that
// each is in.
func take(ctx context.Context, parts []*part, blocks iter.Seq[heap.Block], m *meter) error {
	n, bytes := 0, uint64(0)
	for b := range blocks {
		if len(parts) == 1 {
			parts[0].add(&b)
		} else if uint64(b.Segment) < uint64(len(parts)) {
			parts[b.Segment].add(&b)
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
func (p *part) add(b *heap.Block) {
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
	p.put(user, size)
}

// put appends a block to the pages. One that lies too far from the first of
// its page begins another; after too many pages that so stayed nearly empty
// blocks are kept one by one.
func (p *part) put(user, size uint64) {
	if p.thin > maxThin {
		p.loose, p.page = append(p.loose, looseBlock{user, size}), nil
		return
	}
	to := p.page
	if to == nil || to.n == pageSize || user-to.base > math.MaxUint32 {
		if to != nil && to.n < pageSize/16 {
			p.thin++
		}
		to = p.fresh.page()
		to.base = user - min(user, math.MaxUint32/2)
		p.pages, p.page = append(p.pages, to), to
	}
	i := to.n & pageMask
	to.off[i], to.size[i] = uint32(user-to.base), uint16(min(size, sizeBig))
	if size >= sizeBig {
		p.large = append(p.large, size)
	}
	to.n++
}

// maxThin is how many pages of a part may be nearly empty: what a hostile dump
// can make of one is 400 KiB.
const maxThin = 64

// each hands out the blocks, and takes their memory over.
func (p *part) each(do func(user, size uint64), emptied func(*page)) {
	k := 0
	for i, from := range p.pages {
		for j := range from.n {
			size := uint64(from.size[j])
			if size == sizeBig {
				size = p.large[k]
				k++
			}
			do(from.start(j), size)
		}
		p.pages[i] = nil
		emptied(from)
	}
	for _, b := range p.loose {
		do(b.user, b.size)
	}
	p.pages, p.page, p.loose = nil, nil, nil
}

// first is the address of the first block.
func (p *part) first() uint64 {
	if len(p.pages) == 0 {
		return p.loose[0].user
	}
	return p.pages[0].start(0)
}

// sort puts a part into order that a damaged heap handed out otherwise.
func (p *part) sort() {
	var all []looseBlock
	p.each(func(user, size uint64) { all = append(all, looseBlock{user, size}) }, func(*page) {})
	slices.SortStableFunc(all, func(a, b looseBlock) int { return cmp.Compare(a.user, b.user) })
	p.loose = all
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
		if p.jumbled || len(p.loose) > 0 {
			p.sort()
		}
		x.Dropped += p.dropped
		x.Lost = append(x.Lost, p.lost...)
		if len(p.pages) > 0 || len(p.loose) > 0 {
			full = append(full, p)
		}
	}
	slices.SortStableFunc(full, func(a, b *part) int { return cmp.Compare(a.first(), b.first()) })
	slices.SortFunc(x.Lost, func(a, b memory.Range) int { return cmp.Compare(a.Start, b.Start) })
	m := merger{Index: x, fresh: b.fresh}
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
	fresh *pageMaker
	spare []*page
	end   uint64 // of the blocks so far
}

func (m *merger) part(p *part) {
	c := chunk{base: ID(m.n), heap: p.heap}
	p.each(func(start, size uint64) {
		if start < m.end || uint64(m.n) == maxBlocks {
			m.Dropped++
			return
		}
		if c.n == 0 {
			c.start = start
		}
		m.end = start + max(size, 1)
		m.Bytes += size
		m.put(start, size)
		c.n++
	}, func(empty *page) { m.spare = append(m.spare, empty) })
	if c.end = m.end; c.n > 0 {
		m.chunks = append(m.chunks, c)
	}
}

func (m *merger) put(start, size uint64) {
	if size >= sizeBig {
		m.large = append(m.large, largeSize{ID(m.n), size})
	}
	k, i := m.n>>pageShift, m.n&pageMask
	if i == 0 {
		m.pages = append(m.pages, m.page())
		m.pages[k].base = start
	}
	p := m.pages[k]
	if p.base != wideBase && start-p.base > math.MaxUint32 {
		m.widen(k)
	}
	if p.base == wideBase {
		m.wide[uint32(k)] = append(m.wide[uint32(k)], start)
	} else {
		p.off[i] = uint32(start - p.base)
	}
	p.size[i] = uint16(min(size, sizeBig))
	p.n++
	m.n++
}

// page returns an empty page: one whose blocks have been taken over, if there
// is one.
func (m *merger) page() *page {
	s := len(m.spare) - 1
	if s < 0 {
		return m.fresh.page()
	}
	p := m.spare[s]
	m.spare = m.spare[:s]
	p.n = 0
	return p
}

// widen makes a page one whose addresses stand apart.
func (m *merger) widen(k int) {
	p := m.pages[k]
	all := make([]uint64, p.n, pageSize)
	for i := range all {
		all[i] = p.start(uint32(i))
	}
	if m.wide == nil {
		m.wide = map[uint32][]uint64{}
	}
	m.wide[uint32(k)], p.base = all, wideBase
}
