package report

// Pictures are what a page shows of one dump beside its tables: trees and maps
// of bounded size, whose sums close. Formats other than HTML leave them out.
type Pictures struct {
	Space  *Tree     // the address space, down to owners; nil when there is none
	Stacks *Tree     // the bytes in use by the stacks of their allocation, or by what stands for one
	Maps   []HeapMap // what the pages of each heap hold, the largest heap first
	Notes  []string  // sentences: what is left out, and why
}

// Tree is a tree of bytes.
type Tree struct {
	Title string
	Notes []string // sentences under the picture
	Root  TreeNode
}

// TreeNode is a part of a tree. Its bytes are the sum of its children's when
// it has any.
type TreeNode struct {
	Name     string // in words; what the dump says is escaped by the renderer
	Kind     string // what the node stands for: usage, heap, segment, bucket, owner, frame, …
	Class    string // one of NodeClasses
	Bytes    uint64 // committed bytes; of a tree of stacks the bytes that were asked for
	Reserved uint64 // address space, Bytes included; of a tree of stacks as Bytes
	Blocks   int    // blocks in use, 0 where none are counted
	Evidence string // what the name rests on; empty where nothing need be said
	Rest     bool   // the remainder: smaller parts that have no node of their own
	Children []TreeNode
}

// MapClasses are what the bytes of a heap's pages hold, in the order of
// MapRun.Bytes: key and words.
var MapClasses = [...][2]string{
	{"busy", "in use"}, {"lfh", "in use, low-fragmentation heap"}, {"free", "free"}, {"lfhfree", "free, low-fragmentation heap"},
	{"meta", "the heap's own structures"}, {"uncommitted", "reserved, without memory"}, {"lost", "damaged, or not in the dump"},
}

// HeapMap is what the pages of a heap hold.
type HeapMap struct {
	Heap  uint64 // address
	Name  string // "heap 0x…", with its role where that is known
	Cell  uint64 // bytes of address space of a cell: a page, or a power of two of them
	Parts []MapPart
	Sums  [len(MapClasses)]uint64 // of all parts, those left out included
	Notes []string                // sentences
}

// MapPart is a stretch of a heap's address space.
type MapPart struct {
	Start, Bytes uint64
	Kind         string // segment, large block, range of a page heap
	Runs         []MapRun
}

// MapRun is cells beside each other that hold the same. All but the last cell
// of a part have Cell bytes.
type MapRun struct {
	Cells int
	Bytes [len(MapClasses)]uint64 // of one cell
}
