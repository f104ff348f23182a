package ntheap

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sync"

	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap/internal/layout"
)

// frontEnd is what _LFH_HEAP says of the heap, read when it is first asked for.
type frontEnd struct {
	once    sync.Once
	subs    []subRef // in use, by UserBlocks
	buckets []byte   // 128 times _HEAP_BUCKET; nil when they cannot be had
}

// subRef is a subsegment in a zone.
type subRef struct{ blocks, at memory.Addr }

func (h *Heap) lfh() *frontEnd {
	h.front.once.Do(h.readLFH)
	return &h.front
}

// readLFH reads the zones and the buckets of a front end that names this heap.
func (h *Heap) readLFH() {
	l := &h.set.LFH
	if h.Header.FrontEndHeapType != 2 || !l.Heap.Has() {
		return
	}
	at := h.Header.FrontEndHeap
	raw, ok := structure(h.mem, at, l.Heap.Off+l.Heap.Size)
	if !ok || raw.addr(l.Heap) != h.Header.Address {
		return
	}
	h.readZones(at.Add(uint64(l.SubSegmentZones.Off)))
	h.readBuckets(at.Add(uint64(l.Buckets.Off)))
}

// The bounds of zones: Windows makes them of a page or less.
const (
	maxZone     = 0x10000 // bytes
	maxZoneSubs = 0x400
)

// readZones collects the subsegments that have UserBlocks. A zone says how far
// it is used by an address up to Windows 8.0 and by a number since 8.1, which
// may exceed what there is room for (seen: 26 of 25); so a subsegment is only
// believed where its container agrees.
func (h *Heap) readZones(head memory.Addr) {
	l, ptr := &h.set.SubSegment, h.set.Ptr()
	r := h.walkRing(head, maxSegments, func(z memory.Addr) bool { _, err := h.mem.View(z, 4*ptr); return err == nil })
	most := int(h.Size()/(4*h.codec.unit)) + 1 // containers that the segments have room for
	for _, z := range r.nodes {
		v, _ := h.pointer(z.Add(2 * ptr))
		subs := z.Add(4 * ptr)
		n := uint64(v) & 0xffffffff
		if v > z && v.Sub(z) <= maxZone {
			n = max(v, subs).Sub(subs) / uint64(l.Size)
		}
		for i := range min(n, maxZoneSubs) {
			at := subs.Add(i * uint64(l.Size))
			blocks, ok := h.pointer(at.Add(uint64(l.UserBlocks.Off)))
			if !ok || len(h.front.subs) >= most {
				break
			}
			if blocks != 0 {
				h.front.subs = append(h.front.subs, subRef{blocks, at})
			}
		}
	}
	slices.SortFunc(h.front.subs, func(a, b subRef) int {
		return cmp.Or(cmp.Compare(a.blocks, b.blocks), cmp.Compare(a.at, b.at))
	})
}

// readBuckets reads the array of buckets, each of which knows its place.
func (h *Heap) readBuckets(at memory.Addr) {
	raw, err := h.mem.View(at, uint64(h.set.LFH.Buckets.Size))
	if err != nil {
		return
	}
	right := 0
	for i := 0; 4*i+4 <= len(raw); i++ {
		if raw[4*i+2] == byte(i) && binary.LittleEndian.Uint16(raw[4*i:]) != 0 {
			right++
		}
	}
	if right >= 100 { // of 128
		h.front.buckets = raw
	}
}

// bucketUnits returns the size of the slots of a bucket, in units.
func (h *Heap) bucketUnits(index uint8) (units uint64, ok bool) {
	b := h.lfh().buckets
	if at := 4 * int(index); at+4 <= len(b) && b[at+2] == index {
		return uint64(binary.LittleEndian.Uint16(b[at:])), true
	}
	return 0, false
}

// affine reports whether a bucket hands out by processor.
func (h *Heap) affine(index uint8) bool {
	b := h.lfh().buckets
	at := 4 * int(index)
	return at+4 <= len(b) && b[at+3]&1 != 0
}

// subSegmentOf returns the one subsegment that has the UserBlocks at a.
func (h *Heap) subSegmentOf(a memory.Addr) (memory.Addr, bool) {
	subs := h.lfh().subs
	i, ok := slices.BinarySearchFunc(subs, a, func(s subRef, a memory.Addr) int { return cmp.Compare(s.blocks, a) })
	if !ok || i+1 < len(subs) && subs[i+1].blocks == a {
		return 0, false
	}
	return subs[i].at, true
}

// mutual calls f with the containers of subsegments of the zones that agree
// with theirs, as far as the geometry fits: of all of them, or of most of them
// spread over all.
func (h *Heap) mutual(most int, f func(c *container)) {
	l := &h.set.UserData
	subs := h.lfh().subs
	for i := 0; i < len(subs); i += 1 + len(subs)/(most+1) {
		s := subs[i]
		raw, ok := structure(h.mem, s.blocks, l.Size)
		if !ok || uint32(raw.num(l.Signature)) != userBlocksSignature || raw.addr(l.SubSegment) != s.at {
			continue
		}
		c := container{at: s.blocks, sub: s.at, room: maxSlots, offsets: uint32(raw.num(layout.Field{Off: l.EncodedOffsets.Off, Size: l.EncodedOffsets.Size}))}
		if why, _ := h.readSubSegment(&c); why == "" && h.fits(&c) {
			f(&c)
		}
	}
}

// maxSlots is more than a container can have in bytes: a back-end block.
const maxSlots = 0x10000 * 16

// bucketOf returns the bucket that the slots of a container belong to: the
// one that its subsegment names, if that has slots of this size; else the one
// that has; heap.NoBucket when neither can be said.
func (h *Heap) bucketOf(c *container) uint8 {
	units, known := h.bucketUnits(c.sizeIndex)
	if c.counted && (!known || units*h.codec.unit == c.stride) {
		return c.sizeIndex
	}
	out := heap.NoBucket
	for i := range uint8(128) {
		if units, ok := h.bucketUnits(i); ok && units*h.codec.unit == c.stride {
			if out != heap.NoBucket {
				return heap.NoBucket
			}
			out = i
		}
	}
	return out
}
