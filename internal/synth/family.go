package synth

import "fmt"

// Family is a generation of Windows whose heaps are laid out alike.
type Family uint8

// The families, oldest first. XP is XP SP2 and later and Server 2003; on x64
// it is Server 2003 and XP x64.
const (
	XP         Family = iota + 1
	Vista             // 6000 to 6002
	Win7              // 7600, 7601
	Win8              // 9200 to 10586: 8, 8.1, 10 1507 and 1511
	Win10v1607        // 11082 (a preview) and 14393 to 17134
	Win10v1809        // 17763 to 19045, 22000
	Win11v24H2        // 26100 and later
)

// Families is all of them, for tests that range over them.
func Families() []Family {
	return []Family{XP, Vista, Win7, Win8, Win10v1607, Win10v1809, Win11v24H2}
}

// String names the family for test names.
func (f Family) String() string {
	switch f {
	case XP:
		return "xp"
	case Vista:
		return "vista"
	case Win7:
		return "win7"
	case Win8:
		return "win8"
	case Win10v1607:
		return "win10v1607"
	case Win10v1809:
		return "win10v1809"
	case Win11v24H2:
		return "win11v24h2"
	}
	return fmt.Sprintf("family(%d)", uint8(f))
}

// OS is a version of the family that a PEB would name.
func (f Family) OS(a Arch) (major, minor, build uint32) {
	switch f {
	case XP:
		if a == X86 {
			return 5, 1, 2600
		}
		return 5, 2, 3790
	case Vista:
		return 6, 0, 6002
	case Win7:
		return 6, 1, 7601
	case Win8:
		return 6, 3, 9600
	case Win10v1607:
		return 10, 0, 14393
	case Win11v24H2:
		return 10, 0, 26100
	}
	return 10, 0, 19041
}

// fieldAt is where a field is in its structure and how wide it is.
type fieldAt struct{ off, size uint64 }

// fields is a structure: places by name.
type fields map[string]fieldAt

// entryFields are added to by name, offset and width.
func (f fields) set(name string, off, size uint64) { f[name] = fieldAt{off, size} }

// sizeofHeap is sizeof(_HEAP).
func sizeofHeap(f Family, a Arch) uint64 {
	x86 := map[Family]uint64{XP: 0x588, Vista: 0x130, Win7: 0x138, Win8: 0x248, Win10v1607: 0x248}
	x64 := map[Family]uint64{XP: 0xae8, Vista: 0x1f8, Win7: 0x208, Win8: 0x298, Win10v1607: 0x2a0}
	if a == X86 {
		if n, ok := x86[f]; ok {
			return n
		}
		return 0x258
	}
	if n, ok := x64[f]; ok {
		return n
	}
	return 0x2c0
}

// sizeofSegment is sizeof(_HEAP_SEGMENT).
func sizeofSegment(f Family, a Arch) uint64 {
	switch {
	case f == XP && a == X86:
		return 0x3c
	case f == XP:
		return 0x68
	case a == X86:
		return 0x40
	}
	return 0x70
}

// heapFields is _HEAP of a family.
func heapFields(f Family, a Arch) fields {
	switch {
	case f == XP && a == X86:
		return xpHeap32()
	case f == XP:
		return xpHeap64()
	case a == X86:
		return heap32(f)
	}
	return heap64(f)
}

// segmentFields is _HEAP_SEGMENT of a family.
func segmentFields(f Family, a Arch) fields {
	switch {
	case f == XP && a == X86:
		return fields{
			"Signature": {8, 4}, "Flags": {0xc, 4}, "Heap": {0x10, 4},
			"LargestUnCommittedRange": {0x14, 4}, "BaseAddress": {0x18, 4},
			"NumberOfPages": {0x1c, 4}, "FirstEntry": {0x20, 4}, "LastValidEntry": {0x24, 4},
			"NumberOfUnCommittedPages": {0x28, 4}, "NumberOfUnCommittedRanges": {0x2c, 4},
			"UnCommittedRanges": {0x30, 4}, "AllocatorBackTraceIndex": {0x34, 2},
			"LastEntryInSegment": {0x38, 4},
		}
	case f == XP:
		return fields{
			"Signature": {0x10, 4}, "Flags": {0x14, 4}, "Heap": {0x18, 8},
			"LargestUnCommittedRange": {0x20, 8}, "BaseAddress": {0x28, 8},
			"NumberOfPages": {0x30, 4}, "FirstEntry": {0x38, 8}, "LastValidEntry": {0x40, 8},
			"NumberOfUnCommittedPages": {0x48, 4}, "NumberOfUnCommittedRanges": {0x4c, 4},
			"UnCommittedRanges": {0x50, 8}, "AllocatorBackTraceIndex": {0x58, 2},
			"LastEntryInSegment": {0x60, 8},
		}
	case a == X86:
		return fields{
			"SegmentSignature": {8, 4}, "SegmentFlags": {0xc, 4},
			"SegmentListEntry": {0x10, 4}, "SegmentListEntry.Blink": {0x14, 4},
			"Heap": {0x18, 4}, "BaseAddress": {0x1c, 4}, "NumberOfPages": {0x20, 4},
			"FirstEntry": {0x24, 4}, "LastValidEntry": {0x28, 4},
			"NumberOfUnCommittedPages": {0x2c, 4}, "NumberOfUnCommittedRanges": {0x30, 4},
			"SegmentAllocatorBackTraceIndex": {0x34, 2},
			"UCRSegmentList":                 {0x38, 4}, "UCRSegmentList.Blink": {0x3c, 4},
		}
	}
	return fields{
		"SegmentSignature": {0x10, 4}, "SegmentFlags": {0x14, 4},
		"SegmentListEntry": {0x18, 8}, "SegmentListEntry.Blink": {0x20, 8},
		"Heap": {0x28, 8}, "BaseAddress": {0x30, 8}, "NumberOfPages": {0x38, 4},
		"FirstEntry": {0x40, 8}, "LastValidEntry": {0x48, 8},
		"NumberOfUnCommittedPages": {0x50, 4}, "NumberOfUnCommittedRanges": {0x54, 4},
		"SegmentAllocatorBackTraceIndex": {0x58, 2},
		"UCRSegmentList":                 {0x60, 8}, "UCRSegmentList.Blink": {0x68, 8},
	}
}

// ucrFields is _HEAP_UCR_DESCRIPTOR.
func ucrFields(a Arch) fields {
	p := a.PtrSize()
	return fields{
		"ListEntry": {0, p}, "ListEntry.Blink": {p, p},
		"SegmentEntry": {2 * p, p}, "SegmentEntry.Blink": {3 * p, p},
		"Address": {4 * p, p}, "Size": {5 * p, p},
	}
}

// sizeofUCR is sizeof(_HEAP_UCR_DESCRIPTOR).
func sizeofUCR(a Arch) uint64 { return 6 * a.PtrSize() }

// virtualFields is _HEAP_VIRTUAL_ALLOC_ENTRY.
func virtualFields(a Arch) fields {
	p := a.PtrSize()
	return fields{
		"Entry": {0, p}, "Entry.Blink": {p, p}, "ExtraStuff": {2 * p, 2 * p},
		"CommitSize": {4 * p, p}, "ReserveSize": {5 * p, p}, "BusyBlock": {6 * p, 2 * p},
	}
}
