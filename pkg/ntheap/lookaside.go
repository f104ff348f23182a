package ntheap

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// The front end of XP and 2003 that is not the LFH: an array of lists, one for
// each size in units, of blocks that the program gave back. The back end still
// has them busy.
const (
	lookasideLists = 128
	maxParked      = 1 << 12 // in one list; Windows keeps to 256
)

// parking is the blocks on the lookaside lists, read when first asked for.
type parking struct {
	once   sync.Once
	blocks []parked // by address
	twice  []parked // on a list a second time, within its depth: one for each such list
	short  []shortList
}

// shortList is a list that could not be followed as far as it counts.
type shortList struct {
	head       memory.Addr
	index      uint64
	got, depth uint64
	missing    bool // the head itself is not in the dump
}

type parked struct {
	user  memory.Addr
	units uint64 // the list's size
}

// isParked reports whether a busy block of the back end is on the lookaside
// list of its size.
func (h *Heap) isParked(b heap.Block) bool {
	h.parking.once.Do(h.readLookaside)
	all := h.parking.blocks
	if len(all) == 0 {
		return false
	}
	i, ok := slices.BinarySearchFunc(all, b.User(), func(p parked, a memory.Addr) int { return cmp.Compare(p.user, a) })
	return ok && all[i].units == b.Size>>h.codec.shift
}

func (h *Heap) readLookaside() {
	if !h.set.Old() || h.Header.FrontEndHeapType != 1 {
		return
	}
	stride := uint64(0x30) // _HEAP_LOOKASIDE
	if h.Header.Bits == 64 {
		stride = 0x40
	}
	for i := range uint64(lookasideLists) {
		head := h.Header.FrontEndHeap.Add(i * stride)
		at, depth, ok := h.slist(head)
		if !ok {
			h.parking.short = append(h.parking.short, shortList{head: head, index: i, missing: true})
			continue
		}
		start := len(h.parking.blocks)
		for n := range min(depth, maxParked) {
			next, ok := h.pointer(at)
			if ok && h.inList(start, at) {
				h.parking.twice = append(h.parking.twice, parked{at, i})
				break
			}
			if at == 0 || !ok { // what a broken list leads to is left busy
				h.parking.short = append(h.parking.short, shortList{head: head, index: i, got: n, depth: depth})
				break
			}
			h.parking.blocks = append(h.parking.blocks, parked{at, i})
			at = next
		}
	}
	slices.SortFunc(h.parking.blocks, func(a, b parked) int { return cmp.Compare(a.user, b.user) })
	h.parking.blocks = slices.CompactFunc(h.parking.blocks, func(a, b parked) bool { return a.user == b.user })
}

// lookaside reports blocks that stand on a lookaside list twice, within as many
// as it counts: each was given back a second time while it was parked. Only a
// block that the back end has, busy and of the list's size, is one.
func (c checker) lookaside() {
	c.h.parking.once.Do(c.h.readLookaside)
	c.unfollowed()
	for _, p := range c.h.parking.twice {
		at := p.user.Add(-c.h.codec.unit)
		raw, err := c.h.mem.View(at, c.h.codec.unit)
		if err != nil {
			continue
		}
		w := c.h.codec.decode(raw)
		if w.size() == p.units && w.flags()&heap.FlagBusy != 0 {
			c.put(diag.Corrupt, CodeFreeList, at, "_HEAP_LOOKASIDE", "ListHead", fmt.Sprintf("each block once on the list of %d bytes", p.units<<c.h.codec.shift),
				fmt.Sprintf("the block at %v twice", at))
		}
	}
}

// unfollowed reports lists that could not be followed: blocks that the program
// gave back count as busy for it.
func (c checker) unfollowed() {
	l := c.h.parking.short
	if len(l) == 0 {
		return
	}
	first, class, at := l[0], diag.Corrupt, c.h.field(c.h.set.Heap.FrontEndHeap.Off)
	got := fmt.Sprintf("%d blocks of %d on the list at %v", first.got, first.depth, first.head)
	if first.missing {
		class, got = c.h.blame(first.head, uint64(2*c.h.set.Ptr())), fmt.Sprintf("memory at %v that the dump does not hold", first.head)
	}
	if len(l) > 1 {
		got += fmt.Sprintf(", and %d more lists alike", len(l)-1)
	}
	c.put(class, CodeFreeList, at, "_HEAP_LOOKASIDE", "ListHead", "lists that lead to as many blocks as they count", got)
}

// inList finds a loop of any length before it has filled the list much.
func (h *Heap) inList(start int, a memory.Addr) bool {
	list := h.parking.blocks[start:]
	return slices.ContainsFunc(list[max(len(list)-256, 0):], func(p parked) bool { return p.user == a })
}

// slist reads an SLIST_HEADER: where it leads and how many there are. On x64
// the first word has depth (16 bits), sequence (9) and the address over 16,
// and the second the top bits of the address; or, with its lowest bit set, the
// address itself.
func (h *Heap) slist(a memory.Addr) (first memory.Addr, depth uint64, ok bool) {
	raw, ok := structure(h.mem, a, uint16(2*h.set.Ptr()))
	if !ok {
		return 0, 0, false
	}
	w := binary.LittleEndian.Uint64(raw)
	if h.Header.Bits == 32 {
		return memory.Addr(uint32(w)), w >> 32 & 0xffff, true
	}
	region := binary.LittleEndian.Uint64(raw[8:])
	if region&1 != 0 {
		return memory.Addr(region &^ 0xf), w & 0xffff, true
	}
	return memory.Addr(w>>25<<4 | region>>61<<43), w & 0xffff, true
}
