// Package census counts the blocks of every heap: by state and origin, with
// an accounting in which each reserved byte of a heap stands exactly once.
package census

import (
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
)

// Count is a number of blocks and their bytes.
type Count struct {
	Blocks int
	Bytes  uint64 // block bytes
	User   uint64 // bytes that the program asked for; busy blocks only
}

// Heap is the census of one heap. For a heap that was not walked only Target
// is set.
type Heap struct {
	Target *target.Heap
	Walked bool

	Counts [heap.States][heap.Origins]Count

	// The accounting: Reserved = Committed + Uncommitted, and
	// Committed = BusyUser + Overhead + Free + Internal + Lost + Unaccounted.
	// All in bytes; segments, virtual blocks and the front end's own region,
	// or the ranges of a page heap. What stands with SegmentReserved and below
	// only an NT heap has.
	Reserved, Committed, Uncommitted               uint64
	BusyUser, Overhead, Free, Internal, Lost       uint64
	Unaccounted                                    int64 // 0 on a healthy heap
	SegmentReserved, SegmentCommitted              uint64
	VirtualReserved, VirtualCommitted, VirtualUser uint64
	FrontEndReserved, FrontEndCommitted            uint64

	Segments, UncommittedRanges, VirtualBlocks int
	BusyBlocks, FreeBlocks                     int
	LargestFree                                uint64  // bytes of the largest free block
	DebuggerVirt                               uint64  // bytes in the column "Virt" of !heap -s
	External                                   Percent // free bytes of committed ones
	VirtualAddress                             Percent // uncommitted of reserved address space

	Problems []diag.Problem
	Dropped  int // problems found beyond those kept
}

// Percent is a share in percent; not Known when its denominator is zero.
type Percent struct {
	Value float64
	Known bool
}

// Memory is the process's memory by state, type and protection, in bytes,
// from MemoryInfoList; without that stream only Saved is known.
type Memory struct {
	Known                      bool
	Saved                      uint64  // bytes that the dump holds
	States, Types, Protections []Share // by bytes, the largest first
}

// Share is one row of a breakdown of the address space.
type Share struct {
	Name    string // MEM_COMMIT, MEM_PRIVATE, PAGE_READWRITE …
	Regions int
	Bytes   uint64
}

// Census is the count over a whole dump.
type Census struct {
	Heaps  []Heap
	Memory Memory
}
