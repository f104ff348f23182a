package synth

import "encoding/binary"

// A dump of WriteBig with LFH set: the blocks are slots of the low-
// fragmentation heap. What is kept of a container is its subsegment.

const (
	bigKey      = 0x5a17c3d2
	bigLFHGap   = 0x4000000 // _LFH_HEAP stands so far before its heap
	bigZone     = 0x1000
	bigZoneSubs = (bigZone - 0x20) / 0x40
	bigSlots    = 80 // in a container
)

// bigSub is the subsegment of one container.
type bigSub struct {
	userBlocks   uint64
	units        uint16
	count, depth uint16
}

// bigBuckets are the units of the slots that are drawn, small ones more often
// than large ones.
var bigBuckets = [...]uint16{2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 48, 64, 96}

const bucketMean = 377 // bytes

// bigSlot is one slot while a container is generated.
type bigSlot struct {
	busy   bool
	unused uint8 // of a busy slot: 8 to 23
}

// bigFirst64 is the offset of the first slot in UserBlocks (x64, Windows 8.1
// and later): behind a bit for each slot.
func bigFirst64(count uint16) uint64 { return alignUp(0x30+8*((uint64(count)+63)/64), 16) }

// container makes the block a container, as x says, of slots of mean bytes in
// the mean; false when that does not fit into left units.
func (b *bigBlock) container(x, left uint64, mean float64) bool {
	b.slot = bigBuckets[x>>40%uint64(len(bigBuckets))]
	b.slot = uint16(min(max(float64(b.slot)*mean/bucketMean, 2), 400))
	b.count = bigSlots
	units := (16 + bigFirst64(b.count) + uint64(b.count)*uint64(b.slot)*16) / 16
	b.units = uint16(units)
	return units+2 <= left
}

// eachSlot generates the slots of the container in the back-end block at at,
// the same at every call: three of four are busy.
func (b *bigBlock) eachSlot(at uint64, yield func(i uint64, s bigSlot)) {
	r := rng(at)
	for i := range uint64(b.count) {
		x := r.next()
		yield(i, bigSlot{busy: x&3 != 0, unused: uint8(8 + x>>32%16)})
	}
}

// measureSlots counts the slots of a container and makes its subsegment.
func (g *bigHeap) measureSlots(at uint64, b *bigBlock, t *Truth) {
	sub := bigSub{userBlocks: at + 16, units: b.slot, count: b.count}
	stride := uint64(b.slot) * 16
	b.eachSlot(at, func(_ uint64, s bigSlot) {
		t.Blocks++
		if !s.busy {
			sub.depth++
			t.Free++
			t.FreeBytes += stride
			return
		}
		t.Busy++
		t.BusyBytes += stride
		t.BusyUser += stride - uint64(s.unused)
	})
	t.Blocks++
	t.Internal++
	t.IntlBytes += 16 + bigFirst64(b.count)
	g.subs = append(g.subs, sub)
}

// lfh is where _LFH_HEAP of the heap is.
func (g *bigHeap) lfh() uint64 { return g.segs[0].base - bigLFHGap }

// zones is how many zones the subsegments take.
func (g *bigHeap) zones() uint64 { return uint64(len(g.subs)+bigZoneSubs-1) / bigZoneSubs }

// frontEnd is the bytes of _LFH_HEAP and its zones.
func (g *bigHeap) frontEnd() uint64 { return pageSize + g.zones()*bigZone }

// subAt is the address of the i-th subsegment.
func (g *bigHeap) subAt(i int) uint64 {
	return g.lfh() + pageSize + uint64(i/bigZoneSubs)*bigZone + 0x20 + uint64(i%bigZoneSubs)*0x40
}

// writeFrontEnd writes _LFH_HEAP, its zones and its subsegments.
func (g *bigHeap) writeFrontEnd(b *BuiltHeap) {
	m, at, size := b.Image, g.lfh(), g.frontEnd()
	m.Reserve(at, size, MemPrivate, PageReadWrite)
	m.Commit(at, size, PageReadWrite)
	m.PutPtr(at+0x18, b.Address)
	m.PutPtr(at+0x28, at+size)
	m.PutPtr(at+0x30, at+size)
	index := map[uint16]uint8{}
	next := 0
	for _, s := range g.subs {
		if _, ok := index[s.units]; !ok {
			index[s.units] = uint8(next)
			next++
		}
	}
	for i := range uint64(128) {
		m.PutU16(at+0x2a4+4*i, uint16(0x400+i)) // a size that no slot has
		m.PutU8(at+0x2a4+4*i+2, uint8(i))
	}
	for units, i := range index {
		m.PutU16(at+0x2a4+4*uint64(i), units)
	}
	zones := make([]uint64, g.zones())
	for i := range zones {
		zones[i] = at + pageSize + uint64(i)*bigZone
		m.PutU32(zones[i]+0x10, uint32(min(bigZoneSubs, len(g.subs)-i*bigZoneSubs)))
	}
	b.ring(at+0x8, zones)
	for i, s := range g.subs {
		sub := g.subAt(i)
		m.PutPtr(sub, at+0xcc0)
		m.PutPtr(sub+8, s.userBlocks)
		m.PutU16(sub+0x20, s.depth)
		m.PutU16(sub+0x24, s.units)
		m.PutU16(sub+0x28, s.count)
		m.PutU8(sub+0x2a, index[s.units])
	}
}

// fillSlots makes the bytes of the n-th container of the heap, whose back-end
// block is at at and has the bytes data.
func (g *bigHeap) fillSlots(n int, at uint64, b *bigBlock, data []byte) {
	le, heap, ub := binary.LittleEndian, g.segs[0].base, data[16:]
	first, stride := bigFirst64(b.count), uint64(b.slot)*16
	le.PutUint64(ub, g.subAt(n))
	ub[0x10] = 15 // the log2 of its size
	le.PutUint32(ub[0x14:], 0xf0e0d0c0)
	le.PutUint32(ub[0x18:], uint32(first|stride<<16)^uint32(at+16)^uint32(g.lfh())^bigKey)
	le.PutUint32(ub[0x20:], uint32(b.count))
	le.PutUint64(ub[0x28:], at+16+0x30)
	last := at + 16
	b.eachSlot(at, func(i uint64, s bigSlot) {
		off := first + i*stride
		hdr := at + 16 + off
		w := uint64(uint32(off<<12)^bigKey^uint32(heap)^uint32(hdr>>4)) | i<<40 | 0x80<<56
		if s.busy {
			w |= uint64(s.unused) << 56
			ub[0x30+i/8] |= 1 << (i % 8)
			le.PutUint64(ub[off+16:], last) // a pointer to another block
			last = hdr + 16
		}
		le.PutUint64(ub[off+8:], w)
	})
}
