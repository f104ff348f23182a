package ntheap

import (
	"encoding/binary"
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// slotWord is the header of a slot, which is encoded in a way of its own:
//
//	bits  0-31  code of the UserBlocks (before Windows 8 of the subsegment; 40 bits on x64)
//	bits 40-55  the slot's number (Windows 8 and later)
//	bits 56-61  unused bytes, header included; 0 when free, 0x3f when they do not fit
//	bit  63     set in every slot
type slotWord uint64

const slotUnused = 0x3f

func (w slotWord) marked() bool  { return w>>63 != 0 }
func (w slotWord) index() uint64 { return uint64(w >> 40 & 0xffff) }
func (w slotWord) count() uint64 { return uint64(w >> 56 & slotUnused) }

// readSlot reads a slot's header where it may not be at hand.
func readSlot(m heap.Memory, at memory.Addr) (slotWord, bool) {
	b := m.Tail(at)
	if len(b) < 8 {
		if b == nil {
			return 0, false
		}
		var err error
		if b, err = m.View(at, 8); err != nil {
			return 0, false
		}
	}
	return slotWord(binary.LittleEndian.Uint64(b)), true
}

// expand hands out a back-end block that the heap keeps for itself: whole, or,
// when it is a UserBlocks container, as its head, its slots in place, and what
// is left behind them.
func (k *walker) expand(b heap.Block) bool {
	c, p, ok := k.h.container(k, b)
	if p != nil {
		k.put(*p)
	}
	if !ok {
		return k.yield(b)
	}
	end := b.End()
	b.Size = k.c.unit + c.first
	if !k.yield(b) {
		return false
	}
	s := slots{walker: k, c: &c, block: heap.Block{Size: c.stride, Segment: k.index, Header: uint8(k.c.unit), Origin: heap.LFH}}
	s.block.Bucket = k.h.bucketOf(&c)
	if c.doubt {
		s.block.Trust = heap.Doubtful
	}
	if !s.walk() {
		return false
	}
	if c.counted {
		s.checkDepth()
	}
	if at := c.at.Add(c.first + c.count*c.stride); at != end {
		return k.yield(heap.Block{Addr: at, Size: end.Sub(at), Segment: k.index, Header: uint8(k.c.unit), State: heap.Internal, Flags: b.Flags})
	}
	return true
}

// slots walks the slots of one container.
type slots struct {
	*walker
	c     *container
	block heap.Block // what all slots have in common

	free, odd, unread uint64 // free slots, slots that contradict something, slots without header
	delayed           uint64 // busy in the bitmap, free in the header, as a delayed free leaves them
}

// hold returns the bytes from the first slot's header word on, of all slots,
// when they can be had in one piece without copying.
func (s *slots) hold() []byte {
	from, n := s.c.at.Add(s.c.first+s.walker.c.skip), (s.c.count-1)*s.c.stride+8
	if raw, ok := s.hand(from, n); ok {
		return raw
	}
	if tail := s.h.mem.Tail(from); uint64(len(tail)) >= n {
		return tail[:n]
	}
	return nil
}

// walk hands out every slot. Most are what all their witnesses say; what is
// not goes the long way.
func (s *slots) walk() bool {
	if s.h.set.Old() {
		return s.walkOld()
	}
	c, raw, key := s.c, s.hold(), s.h.LFHKey()
	for i := uint64(0); i < c.count; {
		if i = s.dash(raw, key, i); s.over || i == c.count {
			break
		}
		at := c.at.Add(c.first + i*c.stride)
		var w slotWord
		if raw != nil {
			w = slotWord(binary.LittleEndian.Uint64(raw[i*c.stride:]))
		} else {
			var ok bool
			if w, ok = readSlot(s.h.mem, at.Add(s.walker.c.skip)); !ok {
				n, more := s.missing(i, at)
				if !more {
					return false
				}
				i += n
				continue
			}
		}
		if !s.yield(s.slot(i, at, w, key)) {
			return false
		}
		i++
	}
	return !s.over
}

// slot makes the block of slot i.
func (s *slots) slot(i uint64, at memory.Addr, w slotWord, key LFHKey) heap.Block {
	c, n := s.c, w.count()
	right := w.marked()
	if c.bitmap != nil {
		right = right && (c.bitmap[i>>3]>>(i&7)&1 != 0) == (n != 0) && w.index() == i
	}
	if right && key.Known() {
		right = s.h.slotKey(c, i, w) == key.Value
	}
	b := s.block
	b.Addr = at
	switch {
	case right && n == 0:
		b.State = heap.Free
		s.free++
		return b
	case right && !s.h.Header.Extended() && n >= 8 && n != slotUnused && n <= c.stride:
		b.State, b.Unused, b.Flags = heap.Busy, uint32(n), heap.FlagBusy
		return b
	}
	return s.odder(i, b, w, right)
}

// dash is the short way through the slots from number i on, since Windows 8:
// it hands out those that are plainly free or busy, and returns the number of
// the first that is not.
func (s *slots) dash(raw []byte, key LFHKey, i uint64) uint64 {
	c, h := s.c, s.h
	if raw == nil || c.bitmap == nil || !h.set.UserData.BitmapData.Has() || h.Header.Extended() {
		return i
	}
	mask, value := uint64(1<<63|0xffff<<40), uint64(0)
	if key.Known() {
		mask, value = mask|h.codeMask(), key.Value&h.codeMask()
		if value != key.Value {
			return i
		}
	}
	for ; i < min(c.count, 1<<16); i++ {
		w := slotWord(binary.LittleEndian.Uint64(raw[i*c.stride:]))
		want := 1<<63 | i<<40 | h.numberedCode(c, i) ^ value
		n, busy := w.count(), c.bitmap[i>>3]>>(i&7)&1
		if (uint64(w)^want)&mask != 0 || (busy != 0) != (n != 0) || n != 0 && (n < 8 || n == slotUnused || n > c.stride) {
			return i
		}
		if len(s.batch) == cap(s.batch) && !s.flush() {
			return i
		}
		s.batch = s.batch[:len(s.batch)+1]
		b := &s.batch[len(s.batch)-1]
		*b = s.block
		b.Addr, b.Unused, b.Flags, b.State = c.at.Add(c.first+i*c.stride), uint32(n), heap.Flags(busy)*heap.FlagBusy, heap.State(1-busy)
		s.free += uint64(1 - busy)
	}
	return i
}

// odder settles a slot that is not as most are. Its state is the bitmap's
// word where there is one: an overrun reaches the next slot's header, and not
// the bitmap.
func (s *slots) odder(i uint64, b heap.Block, w slotWord, right bool) heap.Block {
	c, n := s.c, w.count()
	busy := n != 0
	if c.bitmap != nil {
		busy = c.bitmap[i>>3]>>(i&7)&1 != 0
	}
	switch {
	case right:
	case busy && n == 0 && w.marked() && w.index() == i && s.delayed < c.delayed:
		// A delayed free (Windows 8 and later; not seen in a dump of ours).
		s.delayed++
		busy, b.Trust = false, heap.Doubtful
	default:
		s.odd++
		s.put(s.contradiction(i, b.Addr, w, busy))
		b.Trust = heap.Doubtful
		if n == 0 || !w.marked() || c.bitmap != nil && w.index() != i {
			n = s.least() // nothing in the header can be believed
		}
	}
	if !busy {
		b.State = heap.Free
		s.free++
		return b
	}
	return s.busySlot(b, n)
}

func (s *slots) contradiction(i uint64, a memory.Addr, w slotWord, busy bool) diag.Problem {
	want := fmt.Sprintf("slot %d of %v", i, s.c.at)
	if s.c.bitmap != nil {
		want += ", " + busyWord(busy) + " in its bitmap"
	}
	p := s.problem(a, CodeLFHSlot, "", want, fmt.Sprintf("a header of slot %d, %s, UnusedBytes %#x", w.index(), busyWord(w.count() != 0), uint64(w>>56)))
	if s.c.bitmap == nil {
		p.Got = fmt.Sprintf("a header with UnusedBytes %#x", uint64(w>>56))
	}
	if k := s.h.LFHKey(); k.Known() {
		if got := s.h.slotKey(s.c, i, w); got != k.Value {
			p.Got += fmt.Sprintf(", encoded with %#x and not with the key %#x", got, k.Value)
		}
	}
	return p
}

func busyWord(busy bool) string {
	if busy {
		return "busy"
	}
	return "free"
}

// busySlot completes a busy slot with the size that was asked for. UnusedBytes
// 0xc2 is the mark of an extended header (two secondary sources).
func (s *slots) busySlot(b heap.Block, n uint64) heap.Block {
	b.State, b.Flags = heap.Busy, heap.FlagBusy
	if n == 2 || s.h.Header.Extended() {
		if unused, ok := s.extended(b, 2); ok {
			b.Unused, b.Header = unused, uint8(3*s.walker.c.unit)
			return b
		}
	}
	if n == slotUnused {
		n = s.escaped(b)
	}
	if n < 8 || n > b.Size {
		b.Trust, n = heap.Doubtful, s.least()
	}
	b.Unused = uint32(n)
	return b
}

// missing settles the slots from number i on whose headers the dump lacks, in
// one problem. The bitmap still tells busy from free; without it they are lost
// together. It returns how many they are.
func (s *slots) missing(i uint64, at memory.Addr) (n uint64, more bool) {
	c := s.c
	for n = 1; i+n < c.count; n++ {
		if _, ok := readSlot(s.h.mem, at.Add(n*c.stride+s.walker.c.skip)); ok {
			break
		}
	}
	s.unread += n
	p := s.problem(at, CodeMemoryMissing, "", fmt.Sprintf("the headers of %d slots", n), "bytes that the dump does not hold")
	p.Class = s.h.blame(at.Add(s.walker.c.skip), 8)
	if c.bitmap == nil {
		p.Lost = n * c.stride
		s.put(p)
		return n, s.yield(heap.Block{Addr: at, Size: p.Lost, Segment: s.index, State: heap.Lost})
	}
	s.put(p)
	for j := i; j < i+n; j++ {
		b := s.block
		b.Addr, b.Trust, b.State = at.Add((j-i)*c.stride), heap.Doubtful, heap.Free
		if c.bitmap[j>>3]>>(j&7)&1 != 0 {
			b.State, b.Flags, b.Unused = heap.Busy, heap.FlagBusy, uint32(s.least())
		} else {
			s.free++
		}
		if !s.yield(b) {
			return n, false
		}
	}
	return n, true
}

// inFlight is how many slots threads may be taking or giving back at the
// moment of the dump: they are free and not in Depth.
const inFlight = 8

// checkDepth compares the free slots with the subsegment's own count of them.
// Both are equal in every container that was seen (Windows 10). A slot whose
// freeing is delayed, or that a thread was just about to take, is free and not
// counted; how many these are is not known before Windows 8, where nothing is
// concluded from too few.
func (s *slots) checkDepth() {
	c := s.c
	slack := s.odd
	if c.bitmap == nil {
		slack += s.unread
	}
	tooMany := c.depth > s.free+slack
	tooFew := c.bitmap != nil && !c.doubt && c.depth+c.delayed+slack+inFlight < s.free
	if !tooMany && !tooFew {
		return
	}
	p := s.problem(c.sub, CodeLFHDepth, "AggregateExchg.Depth", fmt.Sprintf("%d, the free slots of %v", s.free, c.at), fmt.Sprint(c.depth))
	p.Object = "_HEAP_SUBSEGMENT"
	s.put(p)
}
