// Package heap holds what every kind of Windows heap has in common: the block,
// its state and where it came from, and the memory that a walker reads. It
// knows no layout of any heap.
package heap

import (
	"fmt"
	"iter"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Memory is what a walker needs of an address space. *memory.Space is one.
type Memory interface {
	// View returns the n bytes at a, or an error that says what is missing.
	// The bytes are shared and must not be written.
	View(a memory.Addr, n uint64) ([]byte, error)
	// Tail returns the saved bytes from a to the end of the run that holds
	// it, nil when a is not saved. It never allocates.
	Tail(a memory.Addr) []byte
	// Gap returns the bytes from a on that are missing for one reason, and
	// the reason; an empty range when a is saved.
	Gap(a memory.Addr) (memory.Range, memory.Reason)
}

// Kind is a kind of heap.
type Kind uint8

// The kinds of heap that a process can have.
const (
	Unknown Kind = iota // unreadable or of no known kind
	NT                  // the NT heap, Windows XP to 11
	Page                // full page heap (_DPH_HEAP_ROOT)
	Segment             // the segment heap of Windows 8.1 and later
	Wine                // Wine's own heap
)

var kindNames = [...]string{"unknown", "nt", "page", "segment", "wine"}

// String returns the kind's name as it stands in JSON: nt, page, segment, wine, unknown.
func (k Kind) String() string { return name(kindNames[:], uint8(k), "kind") }

// MarshalText makes the kind a word in JSON.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// State says what a block is to the program.
type State uint8

// The states of a block. Every byte of a segment is in a block of one of them.
const (
	Busy        State = iota // handed out to the program
	Free                     // on a free list, or free in a front end
	Internal                 // the heap's own: headers, sentinels, front-end containers
	Uncommitted              // reserved address space without memory
	Lost                     // damaged or missing bytes that no block could be made of
)

// States is the number of states, for arrays indexed by State.
const States = 5

var stateNames = [...]string{"busy", "free", "internal", "uncommitted", "lost"}

// String returns the state's name as it stands in JSON.
func (s State) String() string { return name(stateNames[:], uint8(s), "state") }

// MarshalText makes the state a word in JSON.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Origin says which part of the allocator handed a block out.
type Origin uint8

// The origins of a block.
const (
	Backend   Origin = iota // the segments of an NT heap
	LFH                     // a slot of the low-fragmentation heap
	Lookaside               // parked on a lookaside list (XP, 2003)
	Virtual                 // a large block on VirtualAllocdBlocks
	PageHeap                // full page heap
)

// Origins is the number of origins, for arrays indexed by Origin.
const Origins = 5

var originNames = [...]string{"backend", "lfh", "lookaside", "virtual", "pageheap"}

// String returns the origin's name as it stands in JSON.
func (o Origin) String() string { return name(originNames[:], uint8(o), "origin") }

// MarshalText makes the origin a word in JSON.
func (o Origin) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

func name(names []string, i uint8, what string) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%s %d", what, i)
}

// Flags are the flags of a block's decoded header, as Windows defines them.
type Flags uint8

// The bits of Flags (heap headers, Windows XP to 11; confirmed on dumps but
// for the settable ones).
const (
	FlagBusy         Flags = 0x01
	FlagExtra        Flags = 0x02 // a _HEAP_ENTRY_EXTRA is present
	FlagFill         Flags = 0x04 // fill pattern: tail and free checking
	FlagInternal     Flags = 0x08 // virtual block on XP; internal since Vista
	FlagLast         Flags = 0x10 // last entry of a committed run
	FlagUserSettable Flags = 0xe0 // HeapSetUserFlags
)

// Trust says how sure a block's facts are.
type Trust uint8

// The degrees of trust in a block.
const (
	Sound    Trust = iota // its header and its neighbours agree
	Repaired              // its header is damaged; its size is the neighbours' word
	Doubtful              // a part of its facts could not be checked
)

// String returns sound, repaired or doubtful.
func (t Trust) String() string {
	return name([]string{"sound", "repaired", "doubtful"}, uint8(t), "trust")
}

// Block is one block of a heap: an entry (header) and what follows it. It is
// a small value; walks make one for every block and keep none.
type Block struct {
	Addr    memory.Addr // the entry: for a virtual block its BusyBlock; for ranges without header their start
	Size    uint64      // bytes from the entry to the next block; for a virtual block its CommitSize
	Unused  uint32      // bytes of Size that the program did not ask for, header included; only when Busy
	Segment uint32      // index of the segment in the walk's order; NoSegment for a virtual block
	Header  uint8       // bytes from the entry to the user pointer
	State   State
	Origin  Origin
	Flags   Flags
	Trust   Trust
	Bucket  uint8 // of a slot of the low-fragmentation heap its subsegment's SizeIndex, NoBucket when damage hides it; else 0
}

// NoBucket is the Bucket of a slot whose bucket is not known.
const NoBucket = ^uint8(0)

// NoSegment is the Segment of a block that lies in no segment.
const NoSegment = ^uint32(0)

// User returns the user pointer. It means something only for a busy block.
func (b Block) User() memory.Addr { return b.Addr + memory.Addr(b.Header) }

// UserBytes returns how many bytes the program asked for; 0 unless busy.
func (b Block) UserBytes() uint64 {
	if b.State != Busy || uint64(b.Unused) > b.Size {
		return 0
	}
	return b.Size - uint64(b.Unused)
}

// End returns the address after the block. For a virtual block it is not
// meaningful, since Size counts from the node and Addr is its BusyBlock.
func (b Block) End() memory.Addr { return b.Addr + memory.Addr(b.Size) }

// Heap is a heap of any kind that can be walked.
type Heap interface {
	// Address returns the heap's handle.
	Address() memory.Addr
	// Kind returns what kind of heap it is.
	Kind() Kind
	// Blocks walks the heap. Problems go to the sink as they are met; none
	// ends the walk. The blocks of a segment cover it from end to end, in
	// order, each byte once.
	Blocks(diag.Sink) iter.Seq[Block]
}
