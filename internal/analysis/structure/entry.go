package structure

import (
	"fmt"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// isEntry reports whether a structure begins with an entry header.
func isEntry(name string) bool { return name == "_HEAP_ENTRY" || name == "_HEAP_FREE_ENTRY" }

// headed reports whether a structure is an entry header, or one of the two
// that Windows 10 names within it.
func headed(name string) bool {
	return isEntry(name) || name == "_HEAP_UNPACKED_ENTRY" || name == "_HEAP_EXTENDED_ENTRY"
}

// entryKey decodes the fields of one entry. A nil one decodes nothing.
type entryKey struct {
	entry  ntheap.Entry
	key    uint64
	header uint64 // offset of the header's word from the field that asked, see base
	unit   uint64
	base   uint64 // offset of the entry in the structure that was asked for
	large  bool   // it is a virtual block's, whose Size is the bytes not used
}

// heapAt returns the NT heap whose segment or virtual block holds an address.
func heapAt(t *target.Target, a memory.Addr) *target.Heap {
	for _, h := range t.Heaps {
		if h.NT == nil || h.Foreign {
			continue
		}
		if _, ok := h.NT.SegmentAt(a); ok {
			return h
		}
		for _, v := range h.NT.Virtuals {
			if v.Node.Span(v.ReserveSize).Contains(a) {
				return h
			}
		}
	}
	return nil
}

// entry finds how the entry header at an address is encoded; nil when it is
// not known to be encoded, with a note that says why.
func (x *reader) entry(at memory.Addr) *entryKey {
	h := x.Heap
	if h == nil {
		x.note(fmt.Sprintf("No NT heap holds %v: the entry is shown as it stands in memory, and encoded it may be.", at))
		return nil
	}
	e, err := h.NT.Entry(at)
	if err != nil {
		return nil
	}
	if i, ok := h.NT.SegmentAt(at); ok {
		if c, ok := h.NT.ContainerAt(i, at); ok && at >= c.UserBlocks {
			x.note(fmt.Sprintf("%v is in a container of the low-fragmentation heap, whose slots have headers of another encoding: shown as they stand. `heapdump find %v` says what they mean.", at, at))
			return nil
		}
	}
	unit := h.NT.Header.Unit
	k := &entryKey{entry: e, unit: unit, base: at.Sub(x.At)}
	off := x.busyBlock()
	for _, v := range h.NT.Virtuals {
		k.large = k.large || at == v.Node.Add(off)
	}
	if unit == 16 {
		k.header = 8
	}
	if !e.Encoded {
		return k
	}
	if !e.ChecksumOK {
		x.note(fmt.Sprintf("The entry at %v does not decode with the key of heap %v (its checksum is wrong): there is none, or it is damaged. It is shown as it stands.", at, h.Address))
		return nil
	}
	k.key = h.NT.Header.Key
	return k
}

// decode applies the key to a field of the entry's header. ok is false for
// fields outside of it and for entries that are not encoded.
func (k *entryKey) decode(f *Field) (uint64, bool) {
	if k == nil || !k.entry.Encoded || f.Off < k.base+k.header || f.Off+f.Size > k.base+k.unit {
		return 0, false
	}
	v := (k.entry.Raw ^ k.key) >> (8 * (f.Off - k.base - k.header))
	if f.Size < 8 {
		v &= 1<<(8*f.Size) - 1
	}
	return v, true
}

// busyBlock is the offset of the entry in the node of a virtual block.
func (x *reader) busyBlock() uint64 {
	if s, ok := x.Set.Find("_HEAP_VIRTUAL_ALLOC_ENTRY"); ok {
		for _, f := range s.Fields {
			if f.Name == "BusyBlock" {
				return f.Off
			}
		}
	}
	return 0
}
