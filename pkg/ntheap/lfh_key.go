package ntheap

import (
	"math"
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
	Offsets bool   // most votes of EncodedOffsets are among those for Value
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
	var v votes
	for _, h := range heaps {
		n := len(v.all)
		h.mutual(math.MaxInt-1, func(c *container) { v.of(h, c) })
		if len(v.all) == n && h.Header.FrontEndHeapType == 2 && !h.set.Old() {
			for i := range h.Segments { // its zones could not be followed
				h.walkContainers(i, func(k *walker, b heap.Block) {
					if c, _, ok := h.container(k, b); ok && !c.doubt {
						v.of(h, &c)
					}
				})
			}
		}
	}
	return v.count()
}

// sampled is how many containers of a heap SampleLFHKey asks.
const sampled = 64

// SampleLFHKey is RecoverLFHKey by the votes of a few containers of each heap,
// those whose subsegments the front end lists: it reads next to nothing.
func SampleLFHKey(heaps ...*Heap) LFHKey {
	var v votes
	for _, h := range heaps {
		h.mutual(sampled, func(c *container) { v.of(h, c) })
	}
	return v.count()
}

// votes are the keys that containers are for.
type votes struct {
	all     []uint64
	offsets []uint64 // those of EncodedOffsets
}

// of adds what one container says.
func (v *votes) of(h *Heap, c *container) {
	if c.offsets != 0 && c.offsets != c.plain() { // Windows 8.0 does not encode them
		k := uint64(c.offsets ^ c.plain() ^ uint32(c.at) ^ uint32(h.Header.FrontEndHeap))
		v.all, v.offsets = append(v.all, k), append(v.offsets, k)
	}
	n := min(c.count, votesOfOne)
	for s := range n {
		i := s * (c.count - 1) / max(n-1, 1)
		if w, ok := h.slotWord(c, i); ok && w.marked() {
			v.all = append(v.all, h.slotKey(c, i, w))
		}
	}
}

// count counts the votes.
func (v *votes) count() LFHKey {
	slices.Sort(v.all)
	k := LFHKey{}
	for i := 0; i < len(v.all); {
		j := i
		for j < len(v.all) && v.all[j] == v.all[i] {
			j++
		}
		if j-i > k.For {
			k.Value, k.For = v.all[i], j-i
		}
		i = j
	}
	k.Against = len(v.all) - k.For
	right := 0
	for _, o := range v.offsets {
		if o == k.Value {
			right++
		}
	}
	k.Offsets = right > len(v.offsets)-right
	return k
}

// SetLFHKey gives the heap the key of its ntdll. Walks then compare every
// slot's header with it, and expand containers that have lost their
// subsegment. It has to be called before the heap is walked. A key whose vote
// was not clear changes nothing.
func (h *Heap) SetLFHKey(k LFHKey) { h.lfhKey = func() LFHKey { return k } }

// AskLFHKey is SetLFHKey with a key that is asked for when the first container
// is met. ask is called for each container, by any goroutine, and must not
// walk the heap.
func (h *Heap) AskLFHKey(ask func() LFHKey) { h.lfhKey = ask }

// LFHKey returns the key that was set; the zero LFHKey when none was.
func (h *Heap) LFHKey() LFHKey {
	if h.lfhKey == nil {
		return LFHKey{}
	}
	return h.lfhKey()
}

// decodeOffsets decodes EncodedOffsets: BlockStride in the upper half,
// FirstAllocationOffset in the lower (two builds, x86 and x64).
func (h *Heap) decodeOffsets(c *container) uint32 {
	return c.offsets ^ uint32(c.at) ^ uint32(h.Header.FrontEndHeap) ^ uint32(h.LFHKey().Value)
}

// slotCode is what the first bytes of slot i's header are, but for the key.
// Since Windows 8 they lead to the UserBlocks (confirmed on x86 and x64),
// before that to the subsegment (secondary sources: two for x86, one for x64).
func (h *Heap) slotCode(c *container, i uint64) uint64 {
	if h.set.UserData.BitmapData.Has() {
		return h.numberedCode(c, i)
	}
	hdr, at := uint64(c.at)+c.first+i*c.stride, uint64(h.Header.Address)
	if h.Header.Bits == 64 {
		return (uint64(c.sub)>>4 ^ (hdr^at)>>4) & h.codeMask()
	}
	return uint64(uint32(uint64(c.sub) ^ hdr>>3 ^ at))
}

// numberedCode is slotCode since Windows 8.
func (h *Heap) numberedCode(c *container, i uint64) uint64 {
	off := c.first + i*c.stride
	hdr, at := uint64(c.at)+off, uint64(h.Header.Address)
	if h.Header.Bits == 64 {
		return uint64(uint32(off<<12 ^ at ^ hdr>>4))
	}
	return uint64(uint32(off<<13 ^ at ^ hdr>>3))
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
