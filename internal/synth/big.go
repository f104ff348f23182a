package synth

import (
	"bufio"
	"io"
	"slices"
)

// BigOptions says how big a dump WriteBig makes.
type BigOptions struct {
	Bytes  uint64 // of heap memory, about; 0 is 256 MiB
	Blocks int    // about; 0 is one for 400 bytes
	Heaps  int    // 0 is 1
	Ranges int    // saved memory ranges, about, and as many regions; 0 is one for each segment
	Seed   uint64
	Shape  Shape  // how the blocks in use hang together; not with LFH
	LFH    bool   // nearly all blocks are slots of the low-fragmentation heap
	Zeros  uint64 // bytes of private memory besides, all zero; a multiple of 64 KiB
}

const (
	bigBase     = 0x20000000000
	bigStride   = 0x1000000
	bigFirst    = 0x100000 // Windows' size of segment 0
	bigSegment  = 0xfd0000 // and the largest of the others
	bigMaxHeaps = 64
	sizeTable   = 4096
)

// bigSeg is one segment to be streamed.
type bigSeg struct {
	base, size uint64
	seed       uint64
	free       int // index of its first free block in the heap's list
	container  int // and of its first container
}

// bigHeap is one heap to be streamed: what is kept of it is its free blocks.
type bigHeap struct {
	h     *BuiltHeap
	segs  []bigSeg
	first uint64 // offset of the first entry in segment 0
	at    []uint64
	size  []uint16
	next  []int32 // index of the next by size, -1 is the head
	prev  []int32
	mean  float64  // bytes of a slot; 0 without an LFH
	subs  []bigSub // in the order of their containers
}

// WriteBig writes a full dump of a 64-bit Windows 10 process with very many
// blocks and says how many. It holds one segment in memory, and the list of
// free blocks. The same options give the same bytes. Where w can seek, Zeros
// are skipped and not written, so that a file has a hole there.
func WriteBig(w io.Writer, o BigOptions) (Truth, error) {
	if o.Bytes == 0 {
		o.Bytes = 256 << 20
	}
	if o.Blocks == 0 {
		o.Blocks = int(o.Bytes / 400)
	}
	o.Heaps = min(max(o.Heaps, 1), bigMaxHeaps)
	sizes := bigSizes(float64(o.Bytes) / float64(o.Blocks))
	p := NewProcess(Win10v1809, X64)
	p.MaximumHeaps = bigMaxHeaps
	p.AddNtdll()
	links := &bigLinks{shape: o.Shape}
	heaps := make([]*bigHeap, o.Heaps)
	var truth Truth
	for i := range heaps {
		heaps[i] = bigPlan(o, i)
		h := p.AddHeap(&Heap{Address: heaps[i].segs[0].base})
		truth = truth.Plus(heaps[i].measure(sizes))
		links.take(heaps[i], sizes)
		if o.LFH {
			h.FrontEndHeap, h.FrontEndHeapType = heaps[i].lfh(), 2
		}
	}
	p.Prepare = func(b *Built) {
		for i, g := range heaps {
			if g.h = b.Heaps[i]; o.LFH {
				g.writeFrontEnd(g.h)
			}
		}
		if len(links.users) > 0 {
			b.Image.PutU64(p.ProcessHeaps+bigRoot, links.users[0])
		}
	}
	b := p.Build()
	for _, g := range heaps {
		g.link()
		g.header()
	}
	bw := bufio.NewWriterSize(w, 1<<20)
	above, err := bigHead(bw, b, heaps, o)
	if err != nil {
		return truth, err
	}
	if err := bigBody(bw, heaps, sizes, links); err != nil {
		return truth, err
	}
	if err := bw.Flush(); err != nil {
		return truth, err
	}
	if err := writeZeros(w, o.Zeros); err != nil {
		return truth, err
	}
	for _, m := range above {
		if _, err := bw.Write(m.Data); err != nil {
			return truth, err
		}
	}
	return truth, bw.Flush()
}

// bigBody writes the segments, one at a time.
func bigBody(w io.Writer, heaps []*bigHeap, sizes []uint16, links *bigLinks) error {
	data := make([]byte, bigSegment)
	for _, g := range heaps {
		for k := range g.segs {
			seg := data[:g.segs[k].size]
			clear(seg)
			g.fill(k, sizes, seg, links)
			if _, err := w.Write(seg); err != nil {
				return err
			}
		}
	}
	return nil
}

// bigPlan places the segments of the i-th heap.
func bigPlan(o BigOptions, i int) *bigHeap {
	g := &bigHeap{first: 0x740}
	if o.LFH {
		g.mean = float64(o.Bytes) / float64(o.Blocks)
	}
	base := uint64(bigBase) + uint64(i)<<36
	left := o.Bytes / uint64(o.Heaps)
	for n := uint64(0); left > 0 || n == 0; n++ {
		size := uint64(bigSegment)
		if n == 0 {
			size = bigFirst
		}
		size = min(size, max(alignUp(left, pageSize), 2*pageSize))
		g.segs = append(g.segs, bigSeg{base: base + n*bigStride, size: size, seed: o.Seed ^ base + n})
		left -= min(left, size)
	}
	return g
}

// bigSizes is a table to draw block sizes (in units) from: many small ones,
// few up to five times the mean.
func bigSizes(mean float64) []uint16 {
	t := make([]uint16, sizeTable)
	sum := 0.0
	for i := range t {
		q := (float64(i) + 0.5) / sizeTable
		sum += shape(q)
	}
	scale := max(mean-32, 1) / (sum / sizeTable)
	for i := range t {
		q := (float64(i) + 0.5) / sizeTable
		t[i] = uint16(min(2+shape(q)*scale/16+0.5, maxUnits))
	}
	return t
}

// shape is the inverse of a distribution that is cut at five.
func shape(q float64) float64 {
	return min(0.2*q/(1.04-q)+1.2*q*q, 5)
}

// rng is a small generator (splitmix64).
type rng uint64

func (r *rng) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// bigBlock is one block while a segment is generated.
type bigBlock struct {
	at     uint64 // offset in the segment
	units  uint16
	free   bool
	unused uint8
	slot   uint16 // of a container: units and number of its slots
	count  uint16
}

// blocks generates the blocks of segment k between its header and its
// sentinel, the same at every call.
func (g *bigHeap) blocks(k int, sizes []uint16, yield func(bigBlock)) {
	s := &g.segs[k]
	r := rng(s.seed)
	at, end := uint64(0x70), s.size-0x40
	if k == 0 {
		at = g.first
	}
	wasFree := false
	for at < end {
		x := r.next()
		b := bigBlock{at: at, units: sizes[x%sizeTable]}
		b.free = !wasFree && (x>>16)%10 == 0
		left := (end - at) / 16
		if g.mean > 0 && x>>40%8 != 0 && !b.container(r.next(), left, g.mean) {
			b.count = 0
		}
		if b.count > 0 {
			b.free = false
		} else if uint64(b.units)+2 > left { // the last one takes what is left
			b.units = uint16(left)
		}
		if !b.free {
			b.unused = uint8(8 + (x>>32)%16)
		}
		wasFree = b.free
		yield(b)
		at += uint64(b.units) * 16
	}
}

// measure goes through the heap once: the free blocks, and the totals.
func (g *bigHeap) measure(sizes []uint16) Truth {
	t := Truth{Segments: len(g.segs)}
	for k := range g.segs {
		s := &g.segs[k]
		s.free, s.container = len(g.at), len(g.subs)
		head := uint64(0x70)
		if k == 0 {
			head = g.first
		}
		t.Reserved += s.size
		t.Internal += 2
		t.IntlBytes += head + 0x40
		t.Blocks += 2
		g.blocks(k, sizes, func(b bigBlock) {
			bytes := uint64(b.units) * 16
			if b.count > 0 {
				g.measureSlots(s.base+b.at, &b, &t)
				return
			}
			t.Blocks++
			if b.free {
				g.at = append(g.at, s.base+b.at)
				g.size = append(g.size, b.units)
				t.Free++
				t.FreeBytes += bytes
				return
			}
			t.Busy++
			t.BusyBytes += bytes
			t.BusyUser += bytes - uint64(b.unused)
		})
	}
	return t
}

// link orders the free blocks by size and remembers each one's neighbours.
func (g *bigHeap) link() {
	order := make([]int32, len(g.at))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return int(g.size[a]) - int(g.size[b]) })
	g.next, g.prev = make([]int32, len(order)), make([]int32, len(order))
	last := int32(-1)
	for _, i := range order {
		g.prev[i] = last
		if last >= 0 {
			g.next[last] = i
		}
		last = i
	}
	if last >= 0 {
		g.next[last] = -1
	}
	g.ends(order)
}

// node is the list entry of free block i; -1 is the head.
func (g *bigHeap) node(i int32) uint64 {
	if i < 0 {
		return g.h.FieldAddr("FreeLists")
	}
	return g.at[i] + 16
}
