package ntheap

import (
	"encoding/binary"

	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Entry is one decoded _HEAP_ENTRY. Sizes are in units of the heap's
// granularity, as Windows keeps them.
type Entry struct {
	Raw           uint64 // the eight bytes as they stand in memory
	Size          uint16
	Flags         heap.Flags
	SmallTagIndex uint8 // since Vista the xor of the three bytes before it
	PreviousSize  uint16
	SegmentOffset uint8 // index of the segment (XP: SegmentIndex)
	UnusedBytes   uint8
	Encoded       bool // the heap's key was applied
	ChecksumOK    bool // true too where headers carry no checksum
}

// word is a decoded entry header in the order of Vista and later:
//
//	bits  0-15  Size, units
//	bits 16-23  Flags
//	bits 24-31  SmallTagIndex (checksum)
//	bits 32-47  PreviousSize, units
//	bits 48-55  SegmentOffset
//	bits 56-63  UnusedBytes
type word uint64

func (w word) size() uint64      { return uint64(w & 0xffff) }
func (w word) flags() heap.Flags { return heap.Flags(w >> 16) }
func (w word) tag() uint8        { return uint8(w >> 24) }
func (w word) prev() uint64      { return uint64(w >> 32 & 0xffff) }
func (w word) segment() uint8    { return uint8(w >> 48) }
func (w word) unused() uint8     { return uint8(w >> 56) }
func (w word) busy() bool        { return w&(1<<16) != 0 }

// checksum is what SmallTagIndex has to be: Size's bytes xor Flags.
func (w word) checksum() uint8 { return uint8(w) ^ uint8(w>>8) ^ uint8(w>>16) }

// withSize returns w with another Size.
func (w word) withSize(units uint64) word { return w&^0xffff | word(units&0xffff) }

// withFlags returns w with other Flags.
func (w word) withFlags(f heap.Flags) word { return w&^(0xff<<16) | word(f)<<16 }

// codec turns the bytes of one heap's entries into words. On x64 the header
// proper is the second half of the sixteen bytes; the first half is the last
// usable word of the block before.
type codec struct {
	key     uint64
	unit    uint64 // bytes
	shift   uint   // log2 of unit
	skip    uint64 // bytes from the entry to the header word
	encoded bool
	old     bool // XP and 2003: another order, and no checksum
}

func newCodec(h *Header, old bool) codec {
	c := codec{key: h.Key, unit: h.Unit, shift: 3, encoded: h.Encoded, old: old}
	if h.Bits == 64 {
		c.shift, c.skip = 4, 8
	}
	if !c.encoded {
		c.key = 0
	}
	return c
}

// decode reads the entry at the start of b, which holds at least a unit.
func (c *codec) decode(b []byte) word {
	w := binary.LittleEndian.Uint64(b[c.skip:c.skip+8]) ^ c.key
	if c.old {
		return reorder(w)
	}
	return word(w)
}

// reorder brings the XP order (Size, PreviousSize, SmallTagIndex, Flags,
// UnusedBytes, SegmentIndex) into that of Vista.
func reorder(w uint64) word {
	return word(w&0xffff | w>>40&0xff<<16 | w>>32&0xff<<24 | w>>16&0xffff<<32 | w>>56<<48 | w>>48&0xff<<56)
}

// bytes returns the block's size in bytes.
func (c *codec) bytes(w word) uint64 { return w.size() << c.shift }

// sound reports whether a header on its own could be true: it has a size, and
// its checksum is right where there is one.
func (c *codec) sound(w word) bool {
	return w&0xffff != 0 && (!c.encoded || w.tag() == w.checksum())
}

// plausible asks more than sound: that a busy entry's UnusedBytes could be.
// Plain headers have no checksum, so that this is all they can show. A free
// entry's is 0 on Windows; other allocators of this layout leave it as it was.
func (c *codec) plausible(w word) bool {
	if !c.sound(w) {
		return false
	}
	if !w.busy() {
		return true
	}
	u := w.unused()
	return u == unusedInternal || u == unusedSentinel || u >= 8 && (uint64(u) <= c.bytes(w) || c.old)
}

// Values of UnusedBytes that are no count (Vista and later; confirmed on
// dumps of Windows 7 and 10, but for the extended header).
const (
	unusedInternal = 1    // the allocator's own block
	unusedSentinel = 3    // end of a committed run
	unusedVirtual  = 4    // BusyBlock of a virtual block
	unusedExtended = 5    // no header: the end of an extended one
	unusedEscape   = 0x3f // the count stands in the block's last word
)

// block makes the Block of a sound entry at a. ok is false when a busy
// entry's UnusedBytes make no sense.
func (k *walker) block(a memory.Addr, w word) (b heap.Block, ok bool) {
	size := k.c.bytes(w)
	b = heap.Block{Addr: a, Size: size, Segment: k.index, Header: uint8(k.c.unit), Flags: w.flags()}
	switch {
	case a == k.seg.Start || a == k.seg.Address:
		b.State = heap.Internal // the _HEAP and _HEAP_SEGMENT themselves
	case !w.busy():
		b.State = heap.Free
	case w.size() == 1 && w.flags()&heap.FlagLast != 0 && b.End() == k.limit:
		b.State = heap.Internal // an end marker without room for user data
	case k.c.old:
		return k.busyOld(b, w)
	case w.unused() == unusedInternal, w.unused() == unusedSentinel, w.flags()&heap.FlagInternal != 0:
		b.State = heap.Internal
	default:
		return k.busy(b, w)
	}
	return b, true
}

// busyOld completes a busy block of XP or 2003, whose UnusedBytes is a plain
// count that includes the header.
func (k *walker) busyOld(b heap.Block, w word) (heap.Block, bool) {
	b.Unused = uint32(w.unused())
	return b, uint64(b.Unused) >= k.c.unit/2 && uint64(b.Unused) <= b.Size
}

// busy completes a busy block of Vista and later.
func (k *walker) busy(b heap.Block, w word) (heap.Block, bool) {
	if k.h.Header.Extended() {
		if n, ok := k.extended(b, 2); ok {
			b.Unused, b.Header = n, uint8(3*k.c.unit)
			return b, true
		}
	}
	u := uint64(w.unused())
	if u == unusedEscape {
		u = k.escaped(b)
	}
	if u >= 8 && u <= b.Size {
		b.Unused = uint32(u)
		return b, true
	}
	for off := uint64(1); off <= 8; off++ {
		if n, ok := k.extended(b, off); ok {
			b.Unused, b.Header, b.Trust = n, uint8((off+1)*k.c.unit), heap.Doubtful
			return b, true
		}
	}
	return b, false
}

// escaped reads the count that does not fit into UnusedBytes: a dword before
// the block's end on x86, on x64 the qword behind it, which is the unused
// first half of the next entry. A value that could not be such a count means
// that 0x3f is the count (seen where other allocators write this layout).
func (k *walker) escaped(b heap.Block) uint64 {
	at, n := b.End()-4, uint64(4)
	if k.c.unit == 16 {
		at, n = b.End(), 8
	}
	raw, err := k.h.mem.View(at, n)
	if err != nil {
		return unusedEscape
	}
	v := uint64(binary.LittleEndian.Uint32(raw))
	if n == 8 {
		v = binary.LittleEndian.Uint64(raw)
	}
	if v >= unusedEscape && v <= b.Size {
		return v
	}
	return unusedEscape
}

// extended looks for an extended header off units behind the entry, as stack
// traces (+ust) put between entry and user data: {…, UnusedBytesLength u16,
// EntryOffset u8 = off, signature u8 = 5} in the last four bytes of that unit
// (two secondary sources; never seen in a dump of ours).
func (k *walker) extended(b heap.Block, off uint64) (unused uint32, ok bool) {
	head := (off + 1) * k.c.unit
	if head > b.Size {
		return 0, false
	}
	raw, err := k.h.mem.View(b.Addr.Add(head-4), 4)
	if err != nil || raw[3] != unusedExtended || uint64(raw[2]) != off {
		return 0, false
	}
	n := uint64(binary.LittleEndian.Uint16(raw))
	return uint32(n), n >= head-(k.c.unit-8) && n <= b.Size
}
