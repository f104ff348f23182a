package ntheap

import (
	"encoding/binary"
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// userBlocksSignature marks a _HEAP_USERDATA_HEADER, the head of the UserBlocks
// that the low-fragmentation heap cuts into slots of one size (all versions;
// confirmed on Windows 10).
const userBlocksSignature = 0xf0e0d0c0

// container is one UserBlocks whose geometry is known: count slots of stride
// bytes, the first one first bytes behind the header at at.
type container struct {
	at, sub       memory.Addr
	first, stride uint64
	count         uint64
	depth         uint64 // free slots, as its subsegment counts them
	sizeIndex     uint8
	affinity      uint8
	offsets       uint32 // EncodedOffsets as it stands there; 0 before Windows 8
	bitmap        []byte // a bit for each slot, set when busy; nil before Windows 8
}

// plain is what EncodedOffsets means: BlockStride and FirstAllocationOffset.
// Both follow from the subsegment (confirmed on two builds, x86 and x64), so
// that the key is not needed to read a container, and each container votes
// for the key.
func (c *container) plain() uint32 { return uint32(c.stride)<<16 | uint32(c.first)&0xffff }

// container reads the UserBlocks in the back-end block b. ok is false when the
// block holds none, or one that contradicts itself; then why says how.
func (h *Heap) container(b heap.Block) (c container, why string, ok bool) {
	l := &h.set.UserData
	c.at = b.Addr.Add(h.codec.unit)
	room := b.Size - h.codec.unit
	if room < uint64(l.Size) {
		return c, "", false
	}
	raw, ok := structure(h.mem, c.at, l.Size)
	if !ok || uint32(raw.num(l.Signature)) != userBlocksSignature {
		return c, "", false
	}
	c.sub, c.sizeIndex = raw.addr(l.SubSegment), uint8(raw.num(l.SizeIndex))
	if why := h.geometry(&c, room); why != "" {
		return c, why, false
	}
	if !l.BitmapData.Has() {
		return c, "", true
	}
	c.offsets = uint32(raw.num(l.EncodedOffsets))
	words := (c.count + uint64(h.Header.Bits) - 1) / uint64(h.Header.Bits)
	bitmap, err := h.mem.View(c.at.Add(uint64(l.BitmapData.Off)), words*uint64(h.Header.Bits)/8)
	if err != nil {
		return c, "its bitmap is not in the dump", false
	}
	c.bitmap = bitmap
	return c, "", true
}

// geometry takes size and number of the slots from the subsegment, which has
// to point back at the container and to fit into it.
func (h *Heap) geometry(c *container, room uint64) (why string) {
	l, u := &h.set.SubSegment, &h.set.UserData
	sub, ok := structure(h.mem, c.sub, l.Size)
	if !ok {
		return fmt.Sprintf("its subsegment at %v is not in the dump", c.sub)
	}
	if back := sub.addr(l.UserBlocks); back != c.at {
		return fmt.Sprintf("its subsegment at %v belongs to %v", c.sub, back)
	}
	c.count, c.stride = sub.num(l.BlockCount), sub.num(l.BlockSize)*h.codec.unit
	c.affinity = uint8(sub.num(l.AffinityIndex))
	depth := l.AggregateExchg
	depth.Size = 2
	c.depth = sub.num(depth)
	c.first = uint64(u.Size)
	if u.BitmapData.Has() {
		ptr := h.set.Ptr()
		words := (c.count + 8*ptr - 1) / (8 * ptr)
		c.first = (uint64(u.BitmapData.Off) + ptr*words + h.codec.unit - 1) &^ (h.codec.unit - 1)
	}
	if c.count == 0 || c.stride < 2*h.codec.unit || c.first+c.count*c.stride > room {
		return fmt.Sprintf("its %d slots of %d bytes do not fit into %d bytes", c.count, c.stride, room)
	}
	return ""
}

// expand hands out a back-end block that the heap keeps for itself: whole, or,
// when it is a UserBlocks container, as its head, its slots in place, and what
// is left behind them.
func (k *walker) expand(b heap.Block) bool {
	c, why, ok := k.h.container(b)
	if !ok {
		if why != "" {
			p := k.problem(c.at, CodeLFHContainer, "SubSegment", "a subsegment that points back and fits", why)
			p.Object = "_HEAP_USERDATA_HEADER"
			k.sink.Put(p)
		}
		return k.yield(b)
	}
	end := b.End()
	at := c.at.Add(c.first)
	b.Size = at.Sub(b.Addr)
	if !k.yield(b) {
		return false
	}
	free := uint64(0)
	for i := range c.count {
		slot, problem := k.slot(&c, i, at)
		if problem != nil {
			k.sink.Put(*problem)
		}
		if slot.State == heap.Free {
			free++
		}
		if !k.yield(slot) {
			return false
		}
		at += memory.Addr(c.stride)
	}
	k.checkDepth(&c, free)
	if at == end {
		return true
	}
	return k.yield(heap.Block{Addr: at, Size: end.Sub(at), Segment: k.index, Header: uint8(k.c.unit), State: heap.Internal, Flags: b.Flags})
}

// checkDepth compares the free slots with the subsegment's own count of them.
// Slots whose freeing is delayed are free in the bitmap and not in Depth, so
// that fewer may be counted there.
func (k *walker) checkDepth(c *container, free uint64) {
	if free >= c.depth {
		return
	}
	p := k.problem(c.sub, CodeLFHDepth, "AggregateExchg.Depth", fmt.Sprintf("at most the %d free slots of the container", free), fmt.Sprint(c.depth))
	p.Object = "_HEAP_SUBSEGMENT"
	k.sink.Put(p)
}

// The bits of UnusedBytes in a slot's header.
const (
	slotMark   = 0x80 // set in every slot
	slotUnused = 0x3f // unused bytes, header included; 0 when free, 0x3f when they do not fit
)

// slot makes the block of slot i at a. What it is, the container's bitmap
// says, and before Windows 8 the slot's own header; where the two disagree the
// problem says so and the slot is doubtful.
func (k *walker) slot(c *container, i uint64, a memory.Addr) (heap.Block, *diag.Problem) {
	b := heap.Block{Addr: a, Size: c.stride, Segment: k.index, Header: uint8(k.c.unit), State: heap.Free, Origin: heap.LFH}
	raw, err := k.h.mem.View(a.Add(k.c.unit-8), 8)
	if err != nil {
		return b, k.unreadableSlot(c, i, &b)
	}
	mark := raw[7]
	count := uint64(mark & slotUnused)
	busy := count != 0
	if c.bitmap != nil {
		busy = c.bitmap[i/8]&(1<<(i%8)) != 0
		if index := uint64(binary.LittleEndian.Uint16(raw[5:])); busy != (count != 0) || mark&slotMark == 0 || index != i {
			b.Trust = heap.Doubtful
			p := k.problem(a, CodeLFHSlot, "", fmt.Sprintf("slot %d of %v, %s in its bitmap", i, c.at, busyWord(busy)),
				fmt.Sprintf("a header of slot %d, %s, UnusedBytes %#x", index, busyWord(count != 0), mark))
			return k.slotSize(b, busy, count), &p
		}
	} else if mark&slotMark == 0 {
		b.Trust = heap.Doubtful
		p := k.problem(a, CodeLFHSlot, "UnusedBytes", "a slot's mark, 0x80", hex(uint64(mark)))
		return k.slotSize(b, busy, count), &p
	}
	return k.slotSize(b, busy, count), nil
}

func busyWord(busy bool) string {
	if busy {
		return "busy"
	}
	return "free"
}

// slotSize completes a slot with its state and the size that was asked for.
func (k *walker) slotSize(b heap.Block, busy bool, count uint64) heap.Block {
	if !busy {
		return b
	}
	b.State, b.Flags = heap.Busy, heap.FlagBusy
	if k.h.Header.Extended() {
		if n, ok := k.extended(b, 2); ok {
			b.Unused, b.Header = n, uint8(3*k.c.unit)
			return b
		}
	}
	if count == slotUnused {
		count = k.escaped(b)
	}
	if count < 8 || count > b.Size {
		b.Trust, count = heap.Doubtful, k.least()
	}
	b.Unused = uint32(count)
	return b
}

// unreadableSlot settles a slot whose header the dump lacks: the bitmap still
// tells busy from free.
func (k *walker) unreadableSlot(c *container, i uint64, b *heap.Block) *diag.Problem {
	b.Trust = heap.Doubtful
	p := k.problem(b.Addr, CodeMemoryMissing, "", "a slot's header", "bytes that the dump does not hold")
	p.Class = diag.Incomplete
	if c.bitmap == nil {
		b.State, b.Origin, p.Lost = heap.Lost, heap.Backend, b.Size
		return &p
	}
	if c.bitmap[i/8]&(1<<(i%8)) != 0 {
		*b = k.slotSize(*b, true, 0)
	}
	return &p
}
