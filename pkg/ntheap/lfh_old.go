package ntheap

import (
	"encoding/binary"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// The low-fragmentation heap of Windows XP and 2003 has the containers and
// subsegments of Vista's (public symbols), but nothing public says how the
// header of a slot tells busy from free there, and no dump of it was at hand.
// So its containers are shown whole, as blocks of the heap's own: they are none
// of the program's, and the slots in them are not told apart.

// oldFrontEnd reports whether the heap has such a front end.
func (h *Heap) oldFrontEnd() bool { return h.set.Old() && h.Header.FrontEndHeapType == 2 }

// checkOldFrontEnd says what is not shown of it.
func (h *Heap) checkOldFrontEnd() {
	if h.oldFrontEnd() {
		h.put(diag.Unsupported, CodeLFHWhole, h.Header.FrontEndHeap, "_LFH_HEAP", "", "",
			"its slots are not told apart on Windows XP and 2003: containers stand as internal blocks, and the program's blocks in them are not counted")
	}
}

// oldContainer reports whether a busy block of the back end is a UserBlocks: it
// has the signature of one, and either names this heap (HeapHandle) or has a
// subsegment that points back at it. Of _HEAP_USERDATA_HEADER and
// _HEAP_SUBSEGMENT the places are those of the public symbols of 2003.
func (h *Heap) oldContainer(k *walker, b heap.Block) bool {
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
