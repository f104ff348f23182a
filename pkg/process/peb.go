package process

import (
	"encoding/binary"
	"unicode/utf16"

	"github.com/heapdump/heapdump/pkg/memory"
)

// pebBytes is how much of a PEB is read: up to OSBuildNumber on x64.
const pebBytes = 0x124

// place is where a field of the PEB stands, and how wide it is.
type place struct{ off32, off64, n32, n64 int }

// pebFields places the PEB's fields by their Windows names.
var pebFields = map[string]place{
	"ImageBaseAddress": {0x8, 0x10, 4, 8}, "Ldr": {0xc, 0x18, 4, 8}, "ProcessParameters": {0x10, 0x20, 4, 8},
	"ProcessHeap": {0x18, 0x30, 4, 8}, "ReadOnlySharedMemoryBase": {0x4c, 0x88, 4, 8}, "NtGlobalFlag": {0x68, 0xbc, 4, 4},
	"HeapSegmentReserve": {0x78, 0xc8, 4, 8}, "HeapSegmentCommit": {0x7c, 0xd0, 4, 8},
	"HeapDeCommitTotalFreeThreshold": {0x80, 0xd8, 4, 8}, "HeapDeCommitFreeBlockThreshold": {0x84, 0xe0, 4, 8},
	"NumberOfHeaps": {0x88, 0xe8, 4, 4}, "MaximumNumberOfHeaps": {0x8c, 0xec, 4, 4}, "ProcessHeaps": {0x90, 0xf0, 4, 8},
	"OSMajorVersion": {0xa4, 0x118, 4, 4}, "OSMinorVersion": {0xa8, 0x11c, 4, 4}, "OSBuildNumber": {0xac, 0x120, 2, 2},
}

// of returns the offset and the width of the field in a PEB of so many bits.
func (f place) of(bits int) (off, n int) {
	if bits == 64 {
		return f.off64, f.n64
	}
	return f.off32, f.n32
}

// Partial reports whether the dump lacks a part of the PEB, so that fields of
// it are not known.
func (p PEB) Partial() bool {
	return !p.Knows("OSBuildNumber")
}

// Knows reports whether the dump holds the field of the given Windows name.
// What it does not hold is 0 in p and means nothing.
func (p PEB) Knows(field string) bool {
	f, ok := pebFields[field]
	off, n := f.of(p.Bits)
	return ok && uint64(off+n) <= p.Bytes
}

// readPEB reads as much of the PEB at a as the dump holds, which has to reach
// its ProcessHeap at least.
func (s Source) readPEB(a memory.Addr, bits int) (PEB, bool) {
	raw := s.prefix(a, pebBytes)
	p := PEB{Address: a, Bits: bits, Bytes: uint64(len(raw))}
	get := func(name string) uint64 {
		off, n := pebFields[name].of(bits)
		if !p.Knows(name) {
			return 0
		}
		switch n {
		case 2:
			return uint64(binary.LittleEndian.Uint16(raw[off:]))
		case 4:
			return uint64(binary.LittleEndian.Uint32(raw[off:]))
		}
		return binary.LittleEndian.Uint64(raw[off:])
	}
	ptr := func(name string) memory.Addr { return memory.Addr(get(name)) }
	u32 := func(name string) uint32 { return uint32(get(name)) }
	p.ImageBaseAddress, p.Ldr, p.ProcessParameters = ptr("ImageBaseAddress"), ptr("Ldr"), ptr("ProcessParameters")
	p.ProcessHeap, p.ReadOnlySharedMemoryBase = ptr("ProcessHeap"), ptr("ReadOnlySharedMemoryBase")
	p.NtGlobalFlag = u32("NtGlobalFlag")
	p.HeapSegmentReserve, p.HeapSegmentCommit = get("HeapSegmentReserve"), get("HeapSegmentCommit")
	p.HeapDeCommitTotalFreeThreshold = get("HeapDeCommitTotalFreeThreshold")
	p.HeapDeCommitFreeBlockThreshold = get("HeapDeCommitFreeBlockThreshold")
	p.NumberOfHeaps, p.MaximumNumberOfHeaps, p.ProcessHeaps = u32("NumberOfHeaps"), u32("MaximumNumberOfHeaps"), ptr("ProcessHeaps")
	p.OSMajorVersion, p.OSMinorVersion, p.OSBuildNumber = u32("OSMajorVersion"), u32("OSMinorVersion"), uint16(get("OSBuildNumber"))
	p.ImagePath, p.CommandLine = s.parameters(p.ProcessParameters, bits)
	return p, p.Knows("ProcessHeap")
}

// prefix returns up to n bytes at a, as many as are there without a gap.
func (s Source) prefix(a memory.Addr, n uint64) []byte {
	if b, err := s.Space.View(a, n); err == nil {
		return b
	}
	var b []byte
	for run := range s.Space.Runs(a.Span(n)) {
		if run.Start != a.Add(uint64(len(b))) {
			break
		}
		b = append(b, run.Bytes...)
	}
	return b
}

// parameters reads ImagePathName and CommandLine of the process parameters
// (offsets alike from XP to 11; public symbols).
func (s Source) parameters(a memory.Addr, bits int) (image, command string) {
	if a == 0 {
		return "", ""
	}
	if bits == 32 {
		return s.unicodeString(a+0x38, bits), s.unicodeString(a+0x40, bits)
	}
	return s.unicodeString(a+0x60, bits), s.unicodeString(a+0x70, bits)
}

// unicodeString reads the text of a UNICODE_STRING {Length u16 in bytes,
// MaximumLength u16, Buffer}; empty when a part of it is not in the dump.
func (s Source) unicodeString(a memory.Addr, bits int) string {
	n, err := s.Space.U16(a)
	if err != nil {
		return ""
	}
	buf, err := s.Space.Pointer(a.Add(uint64(bits)/8), bits)
	if err != nil {
		return ""
	}
	b, err := s.Space.View(buf, uint64(n)&^1)
	if err != nil {
		return ""
	}
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u))
}
