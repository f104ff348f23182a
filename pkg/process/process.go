// Package process finds what a process's own structures say of it: the PEBs
// (two under WOW64), the TEBs that lead to them, and the list of heaps. It
// knows where heaps are and of what kind, not what is in them.
package process

import (
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// PEB is what one process environment block says of heaps. Offsets are the
// same from Windows XP to 11 24H2 (public symbols).
type PEB struct {
	Address                        memory.Addr
	Bits                           int
	Via                            string // how it was found, for example "TEB 0x7ffde000"
	ImageBaseAddress               memory.Addr
	Ldr, ProcessParameters         memory.Addr
	ProcessHeap                    memory.Addr
	ReadOnlySharedMemoryBase       memory.Addr
	NtGlobalFlag                   uint32
	HeapSegmentReserve             uint64 // bytes
	HeapSegmentCommit              uint64 // bytes
	HeapDeCommitTotalFreeThreshold uint64 // bytes
	HeapDeCommitFreeBlockThreshold uint64 // bytes
	NumberOfHeaps                  uint32
	MaximumNumberOfHeaps           uint32
	ProcessHeaps                   memory.Addr // the array of heap addresses
	OSMajorVersion, OSMinorVersion uint32
	OSBuildNumber                  uint16
	Bytes                          uint64 // how many of its first bytes the dump holds; fields beyond are not known, see Knows
	ImagePath, CommandLine         string // from ProcessParameters; empty when the dump lacks them
}

// Way is a way in which a heap was found.
type Way uint8

// The ways of finding a heap, the strongest first. A HeapRef's Found holds a
// bit (1<<Way) for each that led to it.
const (
	ByPEB        Way = iota // PEB.ProcessHeaps
	ByPEBDefault            // PEB.ProcessHeap
	ByDescriptor            // ntdll's list of heap descriptors (Windows 11 24H2)
	ByScan                  // its signature in committed memory
	ByShared                // PEB.ReadOnlySharedMemoryBase: another process's heap
	BySibling               // the list that links the page heaps of a process
	ByPageHeap              // a page heap's NormalHeap
)

var wayNames = [...]string{"peb", "peb-process-heap", "descriptor", "scan", "shared-memory", "sibling", "page-heap"}

// String returns the way's name as it stands in JSON.
func (w Way) String() string { return wayNames[w] }

// Ways is a set of ways.
type Ways uint8

// Has reports whether w is in the set.
func (s Ways) Has(w Way) bool { return s&(1<<w) != 0 }

// List returns the names of the ways in the set, the strongest first.
func (s Ways) List() []string {
	var out []string
	for w := range wayNames {
		if s.Has(Way(w)) {
			out = append(out, wayNames[w])
		}
	}
	return out
}

// HeapRef is one heap of the process: where it is and how that is known.
type HeapRef struct {
	Address memory.Addr
	Bits    int // 32 or 64; of the PEB that lists it, else of its layout
	Kind    heap.Kind
	Found   Ways
	Index   int  // place in its PEB's array, from 0; -1 when in none
	Listed  bool // in a PEB's array
	Default bool // the process heap (PEB.ProcessHeap)
	Foreign bool // belongs to another process (CSRSS): shown, never counted
}
