package ntheap

import (
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// userBlocksSignature marks a _HEAP_USERDATA_HEADER, the head of the UserBlocks
// that the low-fragmentation heap cuts into slots of one size (all versions;
// confirmed on Windows 10).
const userBlocksSignature = 0xf0e0d0c0

// container is one UserBlocks: count slots of stride bytes, the first one
// first bytes behind the header at at.
type container struct {
	at, sub       memory.Addr
	room          uint64 // bytes that the back end gave it, header included
	first, stride uint64
	count         uint64
	depth         uint64 // free slots, as its subsegment counts them
	delayed       uint64 // slots on the subsegment's DelayFreeList
	sizeIndex     uint8  // the bucket's, as the subsegment says; the container's own SizeIndex is the log2 of its room
	affinity      uint8
	counted       bool   // depth and delayed are known
	doubt         bool   // the geometry is not its subsegment's undisputed word
	offsets       uint32 // EncodedOffsets as it stands there; 0 before Windows 8
	mapBits       uint64 // SizeOfBitMap; 0 before Windows 8
	bitmap        []byte // a bit for each slot, set when busy; on Vista and 7 nil, as when it cannot be had
}

// plain is what EncodedOffsets means: BlockStride and FirstAllocationOffset.
// Both follow from the subsegment (confirmed on two builds, x86 and x64), so
// that the key is not needed to read a container, and each container votes
// for the key.
func (c *container) plain() uint32 { return uint32(c.stride)<<16 | uint32(c.first)&0xffff }

// firstOf is the offset of the first slot in a container of count slots.
func (h *Heap) firstOf(count uint64) uint64 {
	u := &h.set.UserData
	if !u.BitmapData.Has() {
		return uint64(u.Size)
	}
	bits := uint64(h.Header.Bits)
	words := (count + bits - 1) / bits
	return (uint64(u.BitmapData.Off) + bits/8*words + h.codec.unit - 1) &^ (h.codec.unit - 1)
}

// container reads the UserBlocks in the back-end block b, which k has come to;
// ok is false when the block holds none that can be expanded. p says what is
// wrong with it.
func (h *Heap) container(k *walker, b heap.Block) (c container, p *diag.Problem, ok bool) {
	l := &h.set.UserData
	c.at, c.room = b.Addr.Add(h.codec.unit), b.Size-h.codec.unit
	if c.room < uint64(l.Size) || b.Size < h.codec.unit {
		return c, nil, false
	}
	if h.set.Old() {
		return h.oldSlots(k, c)
	}
	head, err := h.bytes(k, c.at, uint64(l.Size))
	raw := fields(head)
	if err != nil || uint32(raw.num(l.Signature)) != userBlocksSignature {
		return h.smashed(c, err == nil)
	}
	c.sub = raw.addr(l.SubSegment)
	if l.BitmapData.Has() {
		c.offsets = uint32(raw.num(l.EncodedOffsets))
		size := l.BusyBitmap
		size.Size = 4
		c.mapBits = raw.num(size)
	}
	if why, class := h.readSubSegment(&c); why != "" {
		return h.orphan(c, why, class)
	}
	p = h.settle(&c)
	if !h.fits(&c) {
		return c, p, false
	}
	if q := h.readBitmap(k, &c); p == nil {
		p = q
	}
	return c, p, true
}

// readSubSegment takes size and number of the slots from the subsegment, which
// has to point back at the container.
func (h *Heap) readSubSegment(c *container) (why string, class diag.Class) {
	l := &h.set.SubSegment
	sub, ok := structure(h.mem, c.sub, l.Size)
	if !ok {
		return fmt.Sprintf("its subsegment at %v is not in the dump", c.sub), h.blame(c.sub, uint64(l.Size))
	}
	if back := sub.addr(l.UserBlocks); back != c.at {
		return fmt.Sprintf("its subsegment at %v belongs to %v", c.sub, back), diag.Corrupt
	}
	c.count, c.stride = sub.num(l.BlockCount), sub.num(l.BlockSize)*h.codec.unit
	c.sizeIndex, c.affinity = uint8(sub.num(l.SizeIndex)), uint8(sub.num(l.AffinityIndex))
	depth := l.AggregateExchg
	depth.Size = 2
	c.depth, c.counted = sub.num(depth), true
	if l.DelayFreeList.Has() { // an SLIST_HEADER: the depth follows the pointer on x86, and comes first on x64
		n := l.DelayFreeList
		n.Size = 2
		if h.Header.Bits == 32 {
			n.Off += 4
		}
		c.delayed = sub.num(n)
	}
	c.first = h.firstOf(c.count)
	return "", 0
}

// fits reports whether the slots can be in the container.
func (h *Heap) fits(c *container) bool {
	return c.count != 0 && c.stride >= 2*h.codec.unit && c.first+c.count*c.stride <= c.room
}

// settle compares the geometry with what else is known of it: the size that
// the bucket has, and since Windows 8 the bitmap's size. Where they differ the
// slots' own headers decide which is right.
func (h *Heap) settle(c *container) *diag.Problem {
	units, bucket := h.bucketUnits(c.sizeIndex)
	strides, counts := []uint64{c.stride}, []uint64{c.count}
	if bucket && units*h.codec.unit != c.stride {
		strides = append(strides, units*h.codec.unit)
	}
	if c.mapBits != 0 && c.mapBits != c.count {
		counts = append(counts, c.mapBits)
	}
	if len(strides)+len(counts) == 2 && h.fits(c) {
		return nil
	}
	p := h.containerProblem(c.sub, "BlockSize, BlockCount", "slots that fit their bucket and their container",
		fmt.Sprintf("%d slots of %d bytes in %d; the bucket's are %d, and the bitmap has %d bits", c.count, c.stride, c.room, units*h.codec.unit, c.mapBits))
	p.Object = "_HEAP_SUBSEGMENT"
	best, bestGood, bestSeen := *c, 0, 1
	for _, stride := range strides {
		for _, count := range counts {
			try := *c
			try.stride, try.count, try.first = stride, count, h.firstOf(count)
			if !h.fits(&try) {
				continue
			}
			good, seen := h.sample(&try)
			if good*bestSeen > bestGood*seen || good*bestSeen == bestGood*seen && try.count*try.stride > best.count*best.stride {
				best, bestGood, bestSeen = try, good, max(seen, 1)
			}
		}
	}
	*c = best
	c.doubt = true
	return &p
}

// readBitmap finds the container's bitmap. Without it the slots' own headers
// say what they are.
func (h *Heap) readBitmap(k *walker, c *container) *diag.Problem {
	l := &h.set.UserData
	if !l.BitmapData.Has() {
		return nil
	}
	bits := uint64(h.Header.Bits)
	at, n := c.at.Add(uint64(l.BitmapData.Off)), (c.count+bits-1)/bits*bits/8
	bitmap, err := h.bytes(k, at, n)
	if err != nil {
		p := h.containerProblem(c.at, "BusyBitmap", "a bitmap", "memory that the dump does not hold")
		p.Class, c.doubt = h.blame(at, n), true
		return &p
	}
	c.bitmap = bitmap
	if k := h.LFHKey(); k.Known() && k.Offsets && c.offsets != 0 && c.offsets != c.plain() && h.decodeOffsets(c) != c.plain() {
		p := h.containerProblem(c.at, "EncodedOffsets", hex(uint64(c.plain())), hex(uint64(h.decodeOffsets(c)))+" decoded")
		return &p
	}
	return nil
}

// orphan settles a container whose subsegment is not its own. One that the
// heap keeps for later use has none, and is no finding: the first pointer of
// its header links it with others of its kind.
func (h *Heap) orphan(c container, why string, class diag.Class) (container, *diag.Problem, bool) {
	sub := c.sub
	if ref, ok := h.subSegmentOf(c.at); ok {
		c.sub = ref
		if again, _ := h.readSubSegment(&c); again == "" {
			p := h.containerProblem(c.at, "SubSegment", a2s(ref)+", which points back", a2s(sub))
			if h.settle(&c); h.fits(&c) {
				h.readBitmap(nil, &c)
				c.doubt = true
				return c, &p, true
			}
		}
		c.sub = sub
	} else if sub == 0 || h.isUserBlocks(sub) {
		return c, nil, false
	}
	p := h.containerProblem(c.at, "SubSegment", "a subsegment that points back", why)
	p.Class = class
	if c.mapBits == 0 {
		return c, &p, false
	}
	c.count, c.first, c.counted, c.doubt = c.mapBits, h.firstOf(c.mapBits), false, true
	if h.findStride(&c) {
		h.readBitmap(nil, &c)
		return c, &p, true
	}
	return c, &p, false
}

// findStride finds the size of the slots of a container that has lost its
// subsegment: by its offsets, which the key decodes, or else (Windows 8 and
// later) by the slots' headers, which are numbered.
func (h *Heap) findStride(c *container) bool {
	right := func(stride uint64) bool {
		c.stride = stride
		return stride%h.codec.unit == 0 && h.fits(c) && h.convincing(c)
	}
	if plain := uint64(h.decodeOffsets(c)); h.LFHKey().Known() && plain&0xffff == c.first && right(plain>>16) {
		return true
	}
	if plain := uint64(c.offsets); plain&0xffff == c.first && right(plain>>16) {
		return true // Windows 8.0
	}
	if c.count < 4 || c.first >= c.room {
		return false
	}
	for stride := 2 * h.codec.unit; stride <= (c.room-c.first)/c.count; stride += h.codec.unit {
		if right(stride) {
			return true
		}
	}
	return false
}

// smashed settles a block of the heap's own that does not begin as a container
// does. It is one all the same when a subsegment says so and its slots agree.
func (h *Heap) smashed(c container, readable bool) (container, *diag.Problem, bool) {
	ref, ok := h.subSegmentOf(c.at)
	if !ok {
		return c, nil, false
	}
	c.sub = ref
	if why, _ := h.readSubSegment(&c); why != "" || !h.fits(&c) || !h.convincing(&c) {
		return c, nil, false
	}
	c.doubt = true
	p := h.containerProblem(c.at, "Signature", hex(userBlocksSignature), "other bytes")
	if !readable {
		p.Got, p.Class = "memory that the dump does not hold", h.blame(c.at, uint64(h.set.UserData.Size))
	}
	return c, &p, true
}

func (h *Heap) isUserBlocks(a memory.Addr) bool {
	raw, ok := structure(h.mem, a, h.set.UserData.Size)
	return ok && uint32(raw.num(h.set.UserData.Signature)) == userBlocksSignature
}

func (h *Heap) containerProblem(a memory.Addr, field, want, got string) diag.Problem {
	return diag.Problem{Code: CodeLFHContainer, Class: diag.Corrupt, At: diag.At(a), Heap: h.Header.Address,
		Object: "_HEAP_USERDATA_HEADER", Field: field, Want: want, Got: got}
}

// samples is how many slots are asked whether a geometry is right.
const samples = 16

// sample looks at some of the slots, from the first to the last, and counts
// the headers that could be read and those that are a slot's.
func (h *Heap) sample(c *container) (good, seen int) {
	n := min(c.count, samples)
	for s := range n {
		i := s * (c.count - 1) / max(n-1, 1)
		w, ok := h.slotWord(c, i)
		if !ok {
			continue
		}
		seen++
		if w.marked() && (!h.set.UserData.BitmapData.Has() || w.index() == i&0xffff) && w.count() <= c.stride {
			good++
		}
	}
	return good, seen
}

// convincing reports whether the slots' headers prove a geometry by themselves.
func (h *Heap) convincing(c *container) bool {
	good, seen := h.sample(c)
	return good >= min(2, int(c.count)) && 4*good >= 3*seen
}
