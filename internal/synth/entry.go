package synth

// Entry is a decoded _HEAP_ENTRY.
type Entry struct {
	Size          uint16 // units; unused bytes in a large block
	Flags         uint8
	SmallTagIndex uint8 // the checksum, Vista and later
	PreviousSize  uint16
	SegmentOffset uint8
	UnusedBytes   uint8
}

// Sum is what SmallTagIndex has to be for the checksum to be right.
func (e Entry) Sum() uint8 { return uint8(e.Size) ^ uint8(e.Size>>8) ^ e.Flags }

// pack is the header's eight bytes before encoding.
func (e Entry) pack(f Family) [8]byte {
	if f == XP {
		return [8]byte{
			byte(e.Size), byte(e.Size >> 8), byte(e.PreviousSize), byte(e.PreviousSize >> 8),
			e.SmallTagIndex, e.Flags, e.UnusedBytes, e.SegmentOffset,
		}
	}
	return [8]byte{
		byte(e.Size), byte(e.Size >> 8), e.Flags, e.SmallTagIndex,
		byte(e.PreviousSize), byte(e.PreviousSize >> 8), e.SegmentOffset, e.UnusedBytes,
	}
}

// unpack is the inverse of pack.
func unpack(f Family, b []byte) Entry {
	if f == XP {
		return Entry{
			Size: uint16(b[0]) | uint16(b[1])<<8, PreviousSize: uint16(b[2]) | uint16(b[3])<<8,
			SmallTagIndex: b[4], Flags: b[5], UnusedBytes: b[6], SegmentOffset: b[7],
		}
	}
	return Entry{
		Size: uint16(b[0]) | uint16(b[1])<<8, Flags: b[2], SmallTagIndex: b[3],
		PreviousSize: uint16(b[4]) | uint16(b[5])<<8, SegmentOffset: b[6], UnusedBytes: b[7],
	}
}

// headerAt is where the eight bytes of an entry's header are.
func headerAt(a Arch, entry uint64) uint64 {
	if a == X86 {
		return entry
	}
	return entry + 8
}

// HeaderAddr is where the eight bytes of an entry's header are.
func (h *Heap) HeaderAddr(entry uint64) uint64 { return headerAt(h.Arch, entry) }

// KeyBytes is the key the headers are XORed with, zero when they are plain.
func (h *Heap) KeyBytes() [8]byte {
	var k [8]byte
	if h.Plain || h.Family == XP {
		return k
	}
	for i := range k {
		k[i] = byte(h.Key >> (8 * i))
	}
	return k
}

// ReadEntry is the decoded header of the entry at an address.
func (b *BuiltHeap) ReadEntry(entry uint64) Entry {
	raw := b.Image.Read(headerAt(b.Arch, entry), 8)
	for i, k := range b.KeyBytes() {
		raw[i] ^= k
	}
	return unpack(b.Family, raw)
}

// WriteEntry encodes and writes a header as it is, right checksum or not.
func (b *BuiltHeap) WriteEntry(entry uint64, e Entry) {
	raw := e.pack(b.Family)
	for i, k := range b.KeyBytes() {
		raw[i] ^= k
	}
	b.Image.Write(headerAt(b.Arch, entry), raw[:])
}

// EditEntry changes the decoded header of an entry. The checksum is made
// right again if fix is set and left as edit leaves it otherwise.
func (b *BuiltHeap) EditEntry(entry uint64, fix bool, edit func(*Entry)) {
	e := b.ReadEntry(entry)
	edit(&e)
	if fix && b.Family != XP {
		e.SmallTagIndex = e.Sum()
	}
	b.WriteEntry(entry, e)
}

// putHeader writes the header of a block.
func (b *BuiltHeap) putHeader(bl *Block) {
	e := Entry{
		Size: uint16(bl.Bytes / b.Arch.Unit()), Flags: bl.Flags, PreviousSize: bl.prev,
		SegmentOffset: uint8(bl.seg), UnusedBytes: bl.Unused,
	}
	if b.Family == XP {
		e.SmallTagIndex = uint8(b.Key) ^ uint8(bl.Entry>>3)
	} else {
		e.SmallTagIndex = e.Sum()
	}
	b.WriteEntry(bl.Entry, e)
}
