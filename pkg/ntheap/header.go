package ntheap

import "github.com/heapdump/heapdump/pkg/memory"

// Header is what a _HEAP says of itself. Fields that the heap's family does
// not have are zero; Has tells the optional ones apart.
type Header struct {
	Address memory.Addr // of the _HEAP: the handle that the program holds
	Layout  string      // family of builds whose layout fits, for example win7-x64
	Bits    int         // 32 or 64
	Unit    uint64      // granularity in bytes, 8 or 16

	Signature                  uint32 // 0xeeffeeff on a sound heap
	Flags                      Flags
	ForceFlags                 Flags
	CompatibilityFlags         uint32
	EncodeFlagMask             uint32
	Key                        uint64 // _HEAP.Encoding: what entry headers are xored with; 0 when they are plain
	Encoded                    bool   // entry headers are encoded with Key
	Interceptor                uint32 // not 0: something, stack traces mostly, puts extended headers before user data
	VirtualMemoryThreshold     uint64 // units; larger requests become virtual blocks
	SegmentReserve             uint64 // bytes
	SegmentCommit              uint64 // bytes
	DeCommitFreeBlockThreshold uint64 // units
	DeCommitTotalFreeThreshold uint64 // units
	TotalFreeSize              uint64 // units, all free lists together
	MaximumAllocationSize      uint64 // bytes
	ProcessHeapsListIndex      uint16 // place in the PEB's array, from 1; 0 since Windows 11 24H2
	NextAvailableTagIndex      uint16
	MaximumTagIndex            uint16
	TagEntries                 memory.Addr
	PseudoTagEntries           memory.Addr
	UCRList                    memory.Addr // address of the list head (XP: of UnusedUnCommittedRanges)
	VirtualAllocdBlocks        memory.Addr // address of the list head
	FreeLists                  memory.Addr // address of the list head (XP: of the array of 128)
	LockVariable               memory.Addr // 0 when the heap has no lock
	AllocatorBackTraceIndex    uint16
	FrontEndHeap               memory.Addr
	FrontEndHeapType           uint8 // 0 none, 1 lookaside, 2 LFH
	UserContext                memory.Addr

	Counters Counters
	Lock     Lock
	FrontEnd FrontEnd
}

// Extended reports whether blocks may carry extended headers (stack traces).
func (h *Header) Extended() bool { return h.Flags&CaptureStacks != 0 || h.Interceptor != 0 }

// Counters is _HEAP_COUNTERS (Vista and later), in bytes and numbers.
type Counters struct {
	Known                    bool // the family has counters
	TotalMemoryReserved      uint64
	TotalMemoryCommitted     uint64
	TotalMemoryLargeUCR      uint64
	TotalSizeInVirtualBlocks uint64
	TotalSegments            uint32
	TotalUCRs                uint32
}

// Lock is the heap's critical section, as far as the dump holds it.
type Lock struct {
	Known           bool // the critical section could be read
	Owned           bool // somebody was inside: the heap may be in mid-update
	OwningThread    uint64
	RecursionCount  uint32
	ContentionKnown bool // its debug information could be read too
	ContentionCount uint32
}

// FrontEnd is the low-fragmentation heap's own region, which Windows counts as
// the heap's but which lies outside its segments (Windows 8 and later).
type FrontEnd struct {
	Known     bool
	Reserved  memory.Range // the whole region
	Committed uint64       // bytes of it that have memory
}

// Segment is one _HEAP_SEGMENT and the address range that it describes.
type Segment struct {
	memory.Range                                    // Base to LastValidEntry
	Index                               int         // order in the heap's list; 0 is the heap itself
	Address                             memory.Addr // of the _HEAP_SEGMENT structure
	Flags                               uint32
	FirstEntry                          memory.Addr
	Pages                               uint32 // NumberOfPages
	UnCommittedPages, UnCommittedRanges uint32 // as the structure says
	LargestUnCommitted                  uint64 // XP only
	UCRs                                []UCR  // as found, sorted by address; those of size zero are only counted
	EmptyUCRs                           int    // uncommitted ranges of size zero

	derived  []UCR // of UCRs: in no list, but without memory in the process
	broken   bool  // the list of ranges could not be followed to its end
	partial  bool  // because the dump lacks a part of it
	unplaced int   // descriptors whose range is not known
}

// Uncommitted returns the bytes of the segment that have no memory.
func (s Segment) Uncommitted() uint64 {
	var n uint64
	for _, u := range s.UCRs {
		n += u.Size()
	}
	return n
}

// UCR is an uncommitted range of a segment.
type UCR struct {
	memory.Range
	Descriptor memory.Addr // 0 when derived from the dump's memory map
}

// Virtual is one node of VirtualAllocdBlocks: an allocation that has memory of
// its own outside the segments.
type Virtual struct {
	Node        memory.Addr // _HEAP_VIRTUAL_ALLOC_ENTRY
	CommitSize  uint64      // bytes
	ReserveSize uint64      // bytes
}
