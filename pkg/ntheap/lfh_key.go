package ntheap

import (
	"slices"

	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// LFHKey is ntdll's RtlpLFHKey: a random number of the process that all
// low-fragmentation heaps of one ntdll mix into the headers of their slots and
// containers. It is not stored with the heaps and follows from them.
type LFHKey struct {
	Value   uint64 // as much of it as the headers show: 32 bits, on x64 before Windows 8 forty
	For     int    // votes for Value
	Against int    // votes for anything else
}

// Known reports whether the vote was clear.
func (k LFHKey) Known() bool { return k.For >= 2 && k.For > 3*k.Against }

// votesOfOne is how many slots of a container vote.
const votesOfOne = 4

// RecoverLFHKey finds the key by the vote of every container of the heaps,
// which have to be of one ntdll: all 32-bit or all 64-bit heaps of a process.
// A container votes by its EncodedOffsets (Windows 8.1 and later), whose
// meaning its subsegment tells, and by the headers of some of its slots.
func RecoverLFHKey(heaps ...*Heap) LFHKey {
	var votes []uint64
	for _, h := range heaps {
		n := len(votes)
		h.mutual(func(c *container) { votes = h.vote(c, votes) })
		if len(votes) == n && h.Header.FrontEndHeapType == 2 && !h.set.Old() {
			for i := range h.Segments { // its zones could not be followed
				h.walkContainers(i, func(k *walker, b heap.Block) {
					if c, _, ok := h.container(k, b); ok && !c.doubt {
						votes = h.vote(&c, votes)
					}
				})
			}
		}
	}
	return count(votes)
}

// vote adds what one container says.
func (h *Heap) vote(c *container, votes []uint64) []uint64 {
	if c.offsets != 0 && c.offsets != c.plain() { // Windows 8.0 does not encode them
		votes = append(votes, uint64(c.offsets^c.plain()^uint32(c.at)^uint32(h.Header.FrontEndHeap)))
	}
	n := min(c.count, votesOfOne)
	for s := range n {
		i := s * (c.count - 1) / max(n-1, 1)
		if w, ok := h.slotWord(c, i); ok && w.marked() {
			votes = append(votes, h.slotKey(c, i, w))
		}
	}
	return votes
}

func count(votes []uint64) LFHKey {
	slices.Sort(votes)
	k := LFHKey{}
	for i := 0; i < len(votes); {
		j := i
		for j < len(votes) && votes[j] == votes[i] {
			j++
		}
		if j-i > k.For {
			k.Value, k.For = votes[i], j-i
		}
		i = j
	}
	k.Against = len(votes) - k.For
	return k
}

// SetLFHKey gives the heap the key of its ntdll. Walks then compare every
// slot's header with it, and expand containers that have lost their
// subsegment. It has to be called before the heap is walked. A key whose vote
// was not clear changes nothing.
func (h *Heap) SetLFHKey(k LFHKey) { h.lfhKey = k }

// LFHKey returns the key that was set.
func (h *Heap) LFHKey() LFHKey { return h.lfhKey }

// decodeOffsets decodes EncodedOffsets: BlockStride in the upper half,
// FirstAllocationOffset in the lower (two builds, x86 and x64).
func (h *Heap) decodeOffsets(c *container) uint32 {
	return c.offsets ^ uint32(c.at) ^ uint32(h.Header.FrontEndHeap) ^ uint32(h.lfhKey.Value)
}

// slotCode is what the first bytes of slot i's header are, but for the key.
// Since Windows 8 they lead to the UserBlocks (confirmed on x86 and x64),
// before that to the subsegment (secondary sources: two for x86, one for x64).
func (h *Heap) slotCode(c *container, i uint64) uint64 {
	off := c.first + i*c.stride
	hdr, at := uint64(c.at)+off, uint64(h.Header.Address)
	x64 := h.Header.Bits == 64
	switch {
	case h.set.UserData.BitmapData.Has() && x64:
		return uint64(uint32(off<<12 ^ at ^ hdr>>4))
	case h.set.UserData.BitmapData.Has():
		return uint64(uint32(off<<13 ^ at ^ hdr>>3))
	case x64:
		return (uint64(c.sub)>>4 ^ (hdr^at)>>4) & h.codeMask()
	}
	return uint64(uint32(uint64(c.sub) ^ hdr>>3 ^ at))
}

// codeMask is the bits of a slot's header that the key is mixed into.
func (h *Heap) codeMask() uint64 {
	if h.Header.Bits == 64 && !h.set.UserData.BitmapData.Has() {
		return 1<<40 - 1
	}
	return 1<<32 - 1
}

func (h *Heap) slotKey(c *container, i uint64, w slotWord) uint64 {
	return uint64(w)&h.codeMask() ^ h.slotCode(c, i)
}

// slotWord reads the header of slot i.
func (h *Heap) slotWord(c *container, i uint64) (slotWord, bool) {
	at := c.at + memory.Addr(c.first+i*c.stride+h.codec.skip)
	return readSlot(h.mem, at)
}
