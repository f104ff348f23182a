package pageheap

// Field offsets of the structures of page heap. Vista and later, x86 and x64,
// and XP x86 are those of public symbols; they are the same from Vista to
// Windows 11 24H2. The x64 form of XP and 2003 is the x86 one with pointers
// and sizes of eight bytes, aligned: inferred, seen nowhere.

// rootLayout places the fields of _DPH_HEAP_ROOT.
type rootLayout struct {
	size uint64
	flags, lock,
	storage, storageTail, storageRanges, storageBytes,
	busy, // BusyNodesTable; XP: pBusyAllocationListHead
	busyTail, // XP
	nBusy, busyBytes,
	freed, freedTail, nFreed, freedBytes,
	available, availableTail, nAvailable, availableBytes, // a list head; XP: pointers to first and last
	unused, unusedTail, nUnused, accessible,
	pools, poolsTail, nPools, poolBytes,
	next, extraFlags, seed, normalHeap, create uint64
}

// nodeLayout places the fields of _DPH_HEAP_BLOCK.
type nodeLayout struct {
	size                                                                   uint64
	user, block, blockSize, access, requested, actual, value, flags, trace uint64
}

// avlLayout places the fields of _RTL_AVL_TABLE and _RTL_BALANCED_LINKS, which
// begins both the table and each node.
type avlLayout struct{ left, right, balance, elements, depth uint64 }

// infoLayout places the fields of _DPH_BLOCK_INFORMATION, the header right
// below the user's data in full and light page heap. Public symbols have the
// x64 EndStamp in the last four bytes; the page heap of a reimplementation
// that dumps were made with has it four bytes lower, before its padding.
type infoLayout struct {
	size, heap, requested, actual, trace, end uint64
	endToo                                    uint64 // the other place of EndStamp; equal to end on x86
}

// form is one shape of page heap.
type form struct {
	name string
	bits int
	ptr  uint64
	old  bool // XP and 2003: lists where Vista has a tree
	root rootLayout
	node nodeLayout
	avl  avlLayout
	info infoLayout
}

var (
	info32 = infoLayout{size: 0x20, heap: 4, requested: 8, actual: 0xc, trace: 0x18, end: 0x1c, endToo: 0x1c}
	info64 = infoLayout{size: 0x40, heap: 8, requested: 0x10, actual: 0x18, trace: 0x30, end: 0x3c, endToo: 0x38}
)

// forms returns every shape of page heap.
func forms() []form { return []form{newX64, newX86, oldX86, oldX64} }

var newX64 = form{name: "vista-x64", bits: 64, ptr: 8, info: info64,
	root: rootLayout{size: 0x168, flags: 4, lock: 8, storage: 0x18, storageTail: 0x20, storageRanges: 0x28, storageBytes: 0x30,
		busy: 0x38, nBusy: 0xa8, busyBytes: 0xb0, freed: 0xb8, freedTail: 0xc0, nFreed: 0xc8, freedBytes: 0xd0,
		available: 0xd8, nAvailable: 0xe8, availableBytes: 0xf0, unused: 0xf8, unusedTail: 0x100, nUnused: 0x108, accessible: 0x110,
		pools: 0x118, poolsTail: 0x120, nPools: 0x128, poolBytes: 0x130, next: 0x138, extraFlags: 0x148, seed: 0x14c, normalHeap: 0x150, create: 0x158},
	node: nodeLayout{size: 0x80, user: 0x20, block: 0x28, blockSize: 0x30, access: 0x38, requested: 0x40, actual: 0x48,
		value: 0x50, flags: 0x58, trace: 0x60},
	avl: avlLayout{left: 8, right: 0x10, balance: 0x18, elements: 0x2c, depth: 0x30}}

var newX86 = form{name: "vista-x86", bits: 32, ptr: 4, info: info32,
	root: rootLayout{size: 0xc0, flags: 4, lock: 8, storage: 0x10, storageTail: 0x14, storageRanges: 0x18, storageBytes: 0x1c,
		busy: 0x20, nBusy: 0x5c, busyBytes: 0x60, freed: 0x64, freedTail: 0x68, nFreed: 0x6c, freedBytes: 0x70,
		available: 0x74, nAvailable: 0x7c, availableBytes: 0x80, unused: 0x84, unusedTail: 0x88, nUnused: 0x8c, accessible: 0x90,
		pools: 0x94, poolsTail: 0x98, nPools: 0x9c, poolBytes: 0xa0, next: 0xa4, extraFlags: 0xac, seed: 0xb0, normalHeap: 0xb4, create: 0xb8},
	node: nodeLayout{size: 0x40, user: 0x10, block: 0x14, blockSize: 0x18, access: 0x1c, requested: 0x20, actual: 0x24,
		value: 0x28, flags: 0x2c, trace: 0x30},
	avl: avlLayout{left: 4, right: 8, balance: 0xc, elements: 0x18, depth: 0x1c}}

var oldX86 = form{name: "xp-x86", bits: 32, ptr: 4, old: true, info: info32,
	root: rootLayout{size: 0x94, flags: 4, lock: 8, storage: 0x10, storageTail: 0x14, storageRanges: 0x18, storageBytes: 0x1c,
		busy: 0x20, busyTail: 0x24, nBusy: 0x28, busyBytes: 0x2c, freed: 0x30, freedTail: 0x34, nFreed: 0x38, freedBytes: 0x3c,
		available: 0x40, availableTail: 0x44, nAvailable: 0x48, availableBytes: 0x4c,
		unused: 0x50, unusedTail: 0x54, nUnused: 0x58, accessible: 0x5c,
		pools: 0x60, poolsTail: 0x64, nPools: 0x68, poolBytes: 0x6c, next: 0x70, extraFlags: 0x80, seed: 0x84, normalHeap: 0x88, create: 0x8c},
	node: nodeLayout{size: 0x28, block: 4, blockSize: 8, access: 0xc, user: 0x10, requested: 0x14, actual: 0x18,
		value: 0x1c, flags: 0x20, trace: 0x24}}

var oldX64 = form{name: "2003-x64", bits: 64, ptr: 8, old: true, info: info64,
	root: rootLayout{size: 0x110, flags: 4, lock: 8, storage: 0x18, storageTail: 0x20, storageRanges: 0x28, storageBytes: 0x30,
		busy: 0x38, busyTail: 0x40, nBusy: 0x48, busyBytes: 0x50, freed: 0x58, freedTail: 0x60, nFreed: 0x68, freedBytes: 0x70,
		available: 0x78, availableTail: 0x80, nAvailable: 0x88, availableBytes: 0x90,
		unused: 0x98, unusedTail: 0xa0, nUnused: 0xa8, accessible: 0xb0,
		pools: 0xb8, poolsTail: 0xc0, nPools: 0xc8, poolBytes: 0xd0, next: 0xd8, extraFlags: 0xf0, seed: 0xf4, normalHeap: 0xf8, create: 0x100},
	node: nodeLayout{size: 0x50, block: 8, blockSize: 0x10, access: 0x18, user: 0x20, requested: 0x28, actual: 0x30,
		value: 0x38, flags: 0x40, trace: 0x48}}
