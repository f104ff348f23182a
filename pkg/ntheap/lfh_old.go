package ntheap

import (
	"encoding/binary"
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// The low-fragmentation heap of Windows XP and 2003 has the containers and
// subsegments of Vista's (public symbols), but nothing public says how the
// header of a slot tells busy from free there, and no dump of it was at hand.
// So the header is not asked. A subsegment's AggregateExchg has Depth, the
// number of free slots, and FreeEntryOffset (public symbols), which on Vista
// and 7 is the first free slot's distance from the UserBlocks in units; the
// first two bytes of each free slot's user data are the next one's (secondary
// sources). That it is so here too is taken from each container by itself: its
// slots are told apart only where subsegment and UserBlocks name each other
// and the chain comes to exactly Depth different slots of the container. The
// others are busy. A container where anything of that fails is shown whole, as
// a block of the heap's own. Slots are doubtful in any case.

// oldFrontEnd reports whether the heap has such a front end.
func (h *Heap) oldFrontEnd() bool { return h.set.Old() && h.Header.FrontEndHeapType == 2 }

// oldSlots finds out which slots of the container at c.at are busy. One that
// the heap keeps for later use has no slots, and nothing is said of it.
func (h *Heap) oldSlots(k *walker, c container) (container, *diag.Problem, bool) {
	l := &h.set.UserData
	head, err := h.bytes(k, c.at, uint64(l.Size))
	if err != nil {
		return c, nil, false
	}
	if c.sub = fields(head).addr(l.SubSegment); c.sub == 0 || h.isUserBlocks(c.sub) {
		return c, nil, false
	}
	why, _ := h.readSubSegment(&c)
	switch {
	case why != "":
	case !h.fits(&c):
		why = fmt.Sprintf("%d slots of %d bytes do not fit into %d", c.count, c.stride, c.room)
	default:
		why = h.followFree(k, &c)
	}
	if why != "" {
		return c, &diag.Problem{Code: CodeLFHWhole, Class: diag.Unsupported, At: diag.At(c.at), Heap: h.Header.Address, Object: "_HEAP_USERDATA_HEADER",
			Want: "a chain of free slots that proves which ones are busy; the container is shown whole", Got: why}, false
	}
	c.doubt = true
	return c, nil, true
}

// followFree follows the chain of free slots and makes the container's bitmap
// of it; otherwise it says what is wrong with it.
func (h *Heap) followFree(k *walker, c *container) (why string) {
	if c.depth > c.count {
		return fmt.Sprintf("%d of %d slots are said to be free", c.depth, c.count)
	}
	if c.depth < 2 && c.room-c.first-c.count*c.stride >= c.stride {
		return "a chain of free slots too short to prove their size, and room for more slots than there are"
	}
	next := h.set.SubSegment.AggregateExchg
	next.Off, next.Size = next.Off+2, 2
	sub, ok := structure(h.mem, c.sub, h.set.SubSegment.Size)
	if !ok {
		return "a subsegment that is not in the dump"
	}
	busy := make([]byte, (c.count+7)/8)
	for i := range c.count {
		busy[i>>3] |= 1 << (i & 7)
	}
	at := sub.num(next) * h.codec.unit
	for n := range c.depth {
		i := (at - c.first) / c.stride
		switch {
		case at < c.first || (at-c.first)%c.stride != 0 || i >= c.count:
			return fmt.Sprintf("free slot %d of %d would be at UserBlocks+%#x, where no slot starts", n+1, c.depth, at)
		case busy[i>>3]>>(i&7)&1 == 0:
			return fmt.Sprintf("slot %d is on the chain of free slots twice", i)
		}
		busy[i>>3] &^= 1 << (i & 7)
		link, err := h.bytes(k, c.at.Add(at+h.codec.unit), 2)
		if err != nil {
			return fmt.Sprintf("free slot %d is not in the dump", i)
		}
		at = uint64(binary.LittleEndian.Uint16(link)) * h.codec.unit
	}
	c.bitmap = busy
	return ""
}

// unusedAt is where an entry's and a slot's UnusedBytes is in its last eight
// bytes (public symbols).
const unusedAt = 6

// walkOld hands out the slots of such a container. What a busy one's
// UnusedBytes says is believed as far as it can be.
func (s *slots) walkOld() bool {
	c := s.c
	for i := range c.count {
		b := s.block
		b.Addr, b.State = c.at.Add(c.first+i*c.stride), heap.Free
		if c.bitmap[i>>3]>>(i&7)&1 != 0 {
			b.State, b.Flags, b.Unused = heap.Busy, heap.FlagBusy, uint32(s.least())
			raw, err := s.h.bytes(s.walker, b.Addr.Add(s.walker.c.skip+unusedAt), 1)
			if err == nil && raw[0] >= 8 && uint64(raw[0]) <= c.stride {
				b.Unused = uint32(raw[0])
			}
		} else {
			s.free++
		}
		if !s.yield(b) {
			return false
		}
	}
	return true
}

// isOldContainer reports whether a busy block of the back end is a UserBlocks: it
// has the signature of one, and either names this heap (HeapHandle) or has a
// subsegment that points back at it. Of _HEAP_USERDATA_HEADER and
// _HEAP_SUBSEGMENT the places are those of the public symbols of 2003.
func (h *Heap) isOldContainer(k *walker, b heap.Block) bool {
	ptr := uint64(h.Header.Bits) / 8
	at := b.Addr.Add(h.codec.unit)
	if b.Size < h.codec.unit+4*ptr {
		return false
	}
	raw, err := h.bytes(k, at, 4*ptr)
	if err != nil || binary.LittleEndian.Uint32(raw[3*ptr:]) != userBlocksSignature {
		return false
	}
	read := func(off uint64) memory.Addr {
		if ptr == 4 {
			return memory.Addr(binary.LittleEndian.Uint32(raw[off:]))
		}
		return memory.Addr(binary.LittleEndian.Uint64(raw[off:]))
	}
	if read(ptr) == h.Header.Address {
		return true
	}
	back, ok := h.pointer(read(0).Add(ptr)) // SubSegment's UserBlocks
	return ok && back == at
}
