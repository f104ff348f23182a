package ntheap

import "github.com/heapdump/heapdump/pkg/diag"

// The problem codes of the NT heap. They are stable: scripts match them.
const (
	// CodeHeaderField: a field of _HEAP contradicts the heap's other facts.
	CodeHeaderField diag.Code = "heap-header"
	// CodeSegmentField: a field of _HEAP_SEGMENT contradicts the others.
	CodeSegmentField diag.Code = "segment-header"
	// CodeSegmentList: the list of segments is broken or loops.
	CodeSegmentList diag.Code = "segment-list"
	// CodeSegmentUnlisted: a segment names this heap but is not on its list.
	CodeSegmentUnlisted diag.Code = "segment-unlisted"
	// CodeUCRList: a segment's list of uncommitted ranges is broken or loops.
	CodeUCRList diag.Code = "ucr-list"
	// CodeUCRRange: an uncommitted range is unaligned, overlaps, or leaves its segment.
	CodeUCRRange diag.Code = "ucr-range"
	// CodeUCRUnlisted: memory of a segment is reserved, and no uncommitted range says so.
	CodeUCRUnlisted diag.Code = "ucr-unlisted"
	// CodeUCRCount: a segment's count of uncommitted pages or ranges is not what its list holds.
	CodeUCRCount diag.Code = "ucr-count"
	// CodeEntryChecksum: an entry's checksum is wrong; its neighbours say how large it is.
	CodeEntryChecksum diag.Code = "entry-checksum"
	// CodeEntrySize: an entry's Size is wrong; its neighbours say how large it is.
	CodeEntrySize diag.Code = "entry-size"
	// CodeEntryPrevious: an entry's PreviousSize is not the size of the block before.
	CodeEntryPrevious diag.Code = "entry-previous-size"
	// CodeEntryUnused: a busy entry's UnusedBytes cannot be.
	CodeEntryUnused diag.Code = "entry-unused-bytes"
	// CodeEntryOverwritten: an entry is destroyed as a whole.
	CodeEntryOverwritten diag.Code = "entry-overwritten"
	// CodeMemoryMissing: entries lie in memory that the dump does not hold.
	CodeMemoryMissing diag.Code = "memory-missing"
	// CodeVirtualList: VirtualAllocdBlocks is broken or loops.
	CodeVirtualList diag.Code = "virtual-list"
	// CodeVirtualHeader: a virtual block's header contradicts itself.
	CodeVirtualHeader diag.Code = "virtual-header"
	// CodeFreeList: a free list is broken, loops, or leads to a block that is not free.
	CodeFreeList diag.Code = "free-list"
	// CodeFreeCount: the free blocks are not those on the free lists.
	CodeFreeCount diag.Code = "free-count"
	// CodeTotalFree: TotalFreeSize is not the sum of the free blocks.
	CodeTotalFree diag.Code = "total-free-size"
	// CodeCounter: one of _HEAP_COUNTERS is not what the walk found.
	CodeCounter diag.Code = "heap-counter"
	// CodeLFHContainer: a UserBlocks container and its subsegment contradict each other.
	CodeLFHContainer diag.Code = "lfh-container"
	// CodeLFHSlot: a slot's header and its container's bitmap contradict each other.
	CodeLFHSlot diag.Code = "lfh-slot"
	// CodeLFHDepth: a subsegment counts more free slots than its container has.
	CodeLFHDepth diag.Code = "lfh-depth"
	// CodeLFHWhole: a container of XP's or 2003's whose slots are not told apart.
	// What that rests on is not confirmed, so it is not called damage.
	CodeLFHWhole diag.Code = "lfh-whole"
)

// Codes lists every code of this package with its meaning in a few words.
func Codes() map[diag.Code]string {
	return map[diag.Code]string{
		CodeHeaderField:      "a field of _HEAP contradicts the heap's other facts",
		CodeSegmentField:     "a field of _HEAP_SEGMENT contradicts the others",
		CodeSegmentList:      "the list of segments is broken or loops",
		CodeSegmentUnlisted:  "a segment names this heap but is not on its list",
		CodeUCRList:          "a segment's list of uncommitted ranges is broken or loops",
		CodeUCRRange:         "an uncommitted range is unaligned, overlaps, or leaves its segment",
		CodeUCRUnlisted:      "memory of a segment is reserved, and no uncommitted range says so",
		CodeUCRCount:         "a segment's count of uncommitted pages or ranges is not what its list holds",
		CodeEntryChecksum:    "an entry's checksum is wrong",
		CodeEntrySize:        "an entry's Size is wrong",
		CodeEntryPrevious:    "an entry's PreviousSize is not the size of the block before",
		CodeEntryUnused:      "a busy entry's UnusedBytes cannot be",
		CodeEntryOverwritten: "an entry is destroyed",
		CodeMemoryMissing:    "entries lie in memory that the dump does not hold",
		CodeVirtualList:      "the list of virtual blocks is broken or loops",
		CodeVirtualHeader:    "a virtual block's header contradicts itself",
		CodeFreeList:         "a free list is broken, loops, or leads to a block that is not free",
		CodeFreeCount:        "the free blocks are not those on the free lists",
		CodeTotalFree:        "TotalFreeSize is not the sum of the free blocks",
		CodeCounter:          "one of _HEAP_COUNTERS is not what the walk found",
		CodeLFHContainer:     "a UserBlocks container and its subsegment contradict each other",
		CodeLFHSlot:          "a slot's header and its container's bitmap contradict each other",
		CodeLFHDepth:         "a subsegment counts more free slots than its container has",
		CodeLFHWhole:         "containers of the low-fragmentation heap whose slots are not told apart",
	}
}
