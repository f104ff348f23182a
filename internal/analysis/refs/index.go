package refs

import (
	"math"
	"sort"

	"github.com/heapdump/heapdump/internal/mmap"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// ID names a block of an Index: its place in the order of addresses, from 0.
type ID = uint32

const (
	pageShift = 10
	pageSize  = 1 << pageShift // blocks of a page
	pageMask  = pageSize - 1

	sizeBig = 1<<16 - 1 // the size stands in Index.large

	addressBits = 48      // user space has 47 bits on every x64 Windows
	maxBlocks   = 1 << 30 // two bits of an edge say what it is
)

// page is blocks in the order of addresses.
type page struct { // of pageBytes
	base uint64 // address of the first; of a page in Index.wide wideBase
	n    uint32
	off  [pageSize]uint32 // from base
	size [pageSize]uint16 // of the user bytes
}

const pageBytes = 16 + 6*pageSize

// wideBase marks a page whose blocks lie more than 4 GiB apart: their
// addresses are in Index.wide. No block has this address.
const wideBase = 1 << 63

// start returns the address of a block of a page that is not wide.
func (p *page) start(i uint32) uint64 { return p.base + uint64(p.off[i]) }

// chunk is a stretch of blocks that lie in order: those of a segment, of a
// page heap, or one large block.
type chunk struct {
	start, end uint64 // of the user bytes of its blocks
	base       ID     // its first block
	n          uint32
	shift      uint8    // log2 of the bytes that an entry of first stands for
	first      []uint32 // last block, from base, that starts at or before the granule's start
	heap       *target.Heap
}

// Index holds the blocks in use of all heaps, by address, six bytes each.
// It is immutable, and safe for many goroutines.
type Index struct {
	Heaps   []*target.Heap // that were walked
	Bytes   uint64         // user bytes of the blocks
	Lost    []memory.Range // what the walks could not make blocks of
	Dropped int            // blocks that overlap others, or lie where no user memory is: not indexed

	pages  []*page             // each full but the last
	wide   map[uint32][]uint64 // addresses of the blocks of pages that are wide, by page
	n      int
	large  []largeSize // of blocks of 64 KiB and more, by block
	chunks []chunk     // by start
	lo, hi uint64      // from the first block to the end of the last
	tops   []uint32    // first chunk that ends behind a granule's start
	top    uint8       // log2 of that granule
	wow    bool        // heaps of both widths
}

type largeSize struct {
	id   ID
	size uint64
}

// Len returns the number of blocks.
func (x *Index) Len() int { return x.n }

// User returns the user pointer of a block.
func (x *Index) User(id ID) memory.Addr { return memory.Addr(x.start(id)) }

// Size returns the user bytes of a block.
func (x *Index) Size(id ID) uint64 {
	if n := x.pages[id>>pageShift].size[id&pageMask]; n != sizeBig {
		return uint64(n)
	}
	i := sort.Search(len(x.large), func(i int) bool { return x.large[i].id >= id })
	return x.large[i].size
}

// Heap returns the heap of a block.
func (x *Index) Heap(id ID) *target.Heap { return x.chunkOf(id).heap }

// chunkOf returns the chunk of a block.
func (x *Index) chunkOf(id ID) *chunk {
	i := sort.Search(len(x.chunks), func(i int) bool { return x.chunks[i].base > id })
	return &x.chunks[i-1]
}

// At returns the block whose user bytes hold a. A block of no bytes holds its
// first.
func (x *Index) At(a memory.Addr) (ID, bool) {
	id, _, what := x.find(uint64(a))
	return id, what == inBlock
}

// place says where an address is.
type place uint8

const (
	outside   place = iota // in no chunk
	between                // in a chunk, in no block, or just behind one
	inBlock                //
	fewBlocks = 4          // as many are looked through one by one
)

// find looks an address up. offset is that from the block's user pointer.
func (x *Index) find(v uint64) (id ID, offset uint64, what place) {
	if v-x.lo >= x.hi-x.lo {
		return 0, 0, outside
	}
	i := int(x.tops[(v-x.lo)>>x.top])
	if end := len(x.chunks); i < end && x.chunks[i].end <= v {
		// More than one chunk in the granule.
		last := end
		if g := (v-x.lo)>>x.top + 1; g < uint64(len(x.tops)) {
			last = min(end, int(x.tops[g])+1)
		}
		for i < last {
			m := int(uint(i+last) >> 1)
			if x.chunks[m].end <= v {
				i = m + 1
			} else {
				last = m
			}
		}
	}
	if i >= len(x.chunks) || v < x.chunks[i].start {
		return 0, 0, outside
	}
	return x.in(&x.chunks[i], v)
}

// in looks an address of a chunk up: the last block that starts at or before it.
func (x *Index) in(c *chunk, v uint64) (ID, uint64, place) {
	g := (v - c.start) >> c.shift
	lo := c.base + c.first[g]
	hi := c.base + c.n // the first that starts behind v is at most here
	if g+1 < uint64(len(c.first)) {
		hi = min(hi, c.base+c.first[g+1]+1)
	}
	for hi-lo > fewBlocks {
		m := lo + (hi-lo)/2
		if x.start(m) <= v {
			lo = m
		} else {
			hi = m
		}
	}
	for lo+1 < hi && x.start(lo+1) <= v {
		lo++
	}
	p := x.pages[lo>>pageShift]
	start, size := p.base+uint64(p.off[lo&pageMask]), uint64(p.size[lo&pageMask])
	if p.base == wideBase {
		start = x.wide[lo>>pageShift][lo&pageMask]
	}
	if v < start {
		return 0, 0, between
	}
	if size == sizeBig {
		size = x.Size(lo)
	}
	off := v - start
	if off < size || off == 0 {
		return lo, off, inBlock
	}
	return lo, off - size, between
}

func (x *Index) start(id ID) uint64 {
	p := x.pages[id>>pageShift]
	if p.base == wideBase {
		return x.wide[id>>pageShift][id&pageMask]
	}
	return p.start(id & pageMask)
}

// finish makes the tables of the lookup. Their size is bounded by the number
// of blocks and chunks, whatever addresses a dump claims.
func (x *Index) finish() {
	if len(x.chunks) == 0 {
		return
	}
	x.granules()
	x.lo, x.hi = x.chunks[0].start, x.chunks[len(x.chunks)-1].end
	limit := uint64(len(x.chunks))*4 + 256
	for (x.hi-x.lo)>>x.top >= limit {
		x.top++
	}
	x.tops = make([]uint32, (x.hi-1-x.lo)>>x.top+1)
	c := 0
	for g := range x.tops {
		for x.chunks[c].end <= x.lo+uint64(g)<<x.top {
			c++
		}
		x.tops[g] = uint32(c)
	}
}

// granules makes the chunks' tables: an entry for about four blocks.
func (x *Index) granules() {
	entries := 0
	for i := range x.chunks {
		c := &x.chunks[i]
		span, limit := c.end-c.start, uint64(c.n)/4+1
		for c.shift = 4; (span-1)>>c.shift >= limit; {
			c.shift++
		}
		entries += int((span-1)>>c.shift) + 1
	}
	all := mmap.Large[uint32](entries)
	for i := range x.chunks {
		c := &x.chunks[i]
		n := int((c.end-c.start-1)>>c.shift) + 1
		c.first, all = all[:n:n], all[n:]
		x.table(c)
	}
}

// table fills a chunk's table.
func (x *Index) table(c *chunk) {
	next := uint64(math.MaxUint64) // start of the block behind b
	if c.n > 1 {
		next = x.start(c.base + 1)
	}
	b := uint32(0)
	for g := range c.first {
		at := c.start + uint64(g)<<c.shift
		for next <= at {
			if b++; b+1 == c.n {
				next = math.MaxUint64
				break
			}
			next = x.start(c.base + b + 1)
		}
		c.first[g] = b
	}
}
