package synth

// FullPageHeap is the script of a full page heap: its handle, its root one
// page on, node pools, and an allocation of its own pages for each of Allocs.
type FullPageHeap struct {
	Address uint64 // the handle
	Arch    Arch
	Old     bool // the form of XP and 2003: lists instead of a tree

	Allocs []PageAlloc
	// Storage is the size of one reservation; 0 is 1 MiB. More are made as
	// they are needed, Gap behind each other.
	Storage, Gap uint64
	NormalHeap   uint64
	Create       uint64 // CreateStackTrace
	Lock         uint64 // thread id that holds the heap's lock
	GuardReserve bool   // guard pages are reserved, not committed without access
	Next         uint64 // list of page heaps: what NextHeap's links are; 0 is itself
}

// PageAlloc is one allocation of a full page heap.
type PageAlloc struct {
	Size    uint64
	Align   uint64 // 0 is the pointer size, as the heaps at hand have it
	Stack   uint64
	Freed   bool
	Content []byte
	// Backwards puts the guard page before the data, which then begin with a
	// page and have no header.
	Backwards bool
}

// PageBlock is where an allocation is.
type PageBlock struct {
	Node, User, Size     uint64
	Virtual, VirtualSize uint64
	Access               uint64
	Freed                bool
}

// BuiltPageHeap is a page heap in an image, and the truth about it.
type BuiltPageHeap struct {
	*FullPageHeap
	Image     *Image
	Root      uint64
	LockAt    uint64
	Blocks    []PageBlock // in order of Allocs
	Storages  [][2]uint64 // base and size
	Pools     [][2]uint64
	PoolNodes []uint64
	Available []uint64 // nodes
	StorNodes []uint64

	root, node       fields
	nodeSize, rootSz uint64
	free             []uint64 // nodes not handed out
	at, end          uint64   // room in the last storage
}

var pageRootNew = []member{
	{"Signature", mU32}, {"HeapFlags", mU32}, {"HeapCritSect", mPtr}, {"nRemoteLockAcquired", mU32},
	{"pVirtualStorageListHead", mPtr}, {"pVirtualStorageListTail", mPtr}, {"nVirtualStorageRanges", mU32}, {"nVirtualStorageBytes", mPtr},
	{"BusyNodesTable", mTable}, {"NodeToAllocate", mPtr}, {"nBusyAllocations", mU32}, {"nBusyAllocationBytesCommitted", mPtr},
	{"pFreeAllocationListHead", mPtr}, {"pFreeAllocationListTail", mPtr}, {"nFreeAllocations", mU32}, {"nFreeAllocationBytesCommitted", mPtr},
	{"AvailableAllocationHead", mPair}, {"nAvailableAllocations", mU32}, {"nAvailableAllocationBytesCommitted", mPtr},
	{"pUnusedNodeListHead", mPtr}, {"pUnusedNodeListTail", mPtr}, {"nUnusedNodes", mU32}, {"nBusyAllocationBytesAccessible", mPtr},
	{"pNodePoolListHead", mPtr}, {"pNodePoolListTail", mPtr}, {"nNodePools", mU32}, {"nNodePoolBytes", mPtr},
	{"NextHeap", mPair}, {"ExtraFlags", mU32}, {"Seed", mU32}, {"NormalHeap", mPtr}, {"CreateStackTrace", mPtr}, {"FirstThread", mPtr},
}

var pageRootOld = []member{
	{"Signature", mU32}, {"HeapFlags", mU32}, {"HeapCritSect", mPtr}, {"nRemoteLockAcquired", mU32},
	{"pVirtualStorageListHead", mPtr}, {"pVirtualStorageListTail", mPtr}, {"nVirtualStorageRanges", mU32}, {"nVirtualStorageBytes", mPtr},
	{"pBusyAllocationListHead", mPtr}, {"pBusyAllocationListTail", mPtr}, {"nBusyAllocations", mU32}, {"nBusyAllocationBytesCommitted", mPtr},
	{"pFreeAllocationListHead", mPtr}, {"pFreeAllocationListTail", mPtr}, {"nFreeAllocations", mU32}, {"nFreeAllocationBytesCommitted", mPtr},
	{"pAvailableAllocationListHead", mPtr}, {"pAvailableAllocationListTail", mPtr}, {"nAvailableAllocations", mU32}, {"nAvailableAllocationBytesCommitted", mPtr},
	{"pUnusedNodeListHead", mPtr}, {"pUnusedNodeListTail", mPtr}, {"nUnusedNodes", mU32}, {"nBusyAllocationBytesAccessible", mPtr},
	{"pNodePoolListHead", mPtr}, {"pNodePoolListTail", mPtr}, {"nNodePools", mU32}, {"nNodePoolBytes", mPtr},
	{"pNextHeapRoot", mPtr}, {"pPrevHeapRoot", mPtr}, {"nUnProtectionReferenceCount", mU32}, {"InsideAllocateNode", mU32},
	{"ExtraFlags", mU32}, {"Seed", mU32}, {"NormalHeap", mPtr}, {"CreateStackTrace", mPtr}, {"FirstThread", mPtr},
}

var pageNodeNew = []member{
	{"TableLinks", mLinks}, {"pUserAllocation", mPtr}, {"pVirtualBlock", mPtr}, {"nVirtualBlockSize", mPtr}, {"nVirtualAccessSize", mPtr},
	{"nUserRequestedSize", mPtr}, {"nUserActualSize", mPtr}, {"UserValue", mPtr}, {"UserFlags", mU32}, {"StackTrace", mPtr},
	{"AdjacencyEntry", mPair}, {"pVirtualRegion", mPtr},
}

var pageNodeOld = []member{
	{"pNextAlloc", mPtr}, {"pVirtualBlock", mPtr}, {"nVirtualBlockSize", mPtr}, {"nVirtualAccessSize", mPtr}, {"pUserAllocation", mPtr},
	{"nUserRequestedSize", mPtr}, {"nUserActualSize", mPtr}, {"UserValue", mPtr}, {"UserFlags", mU32}, {"StackTrace", mPtr},
}

// poolBytes is what one node pool takes.
const poolBytes = 4 * pageSize

// Build lays the heap out and writes it into the image.
func (h *FullPageHeap) Build(m *Image) *BuiltPageHeap {
	b := &BuiltPageHeap{FullPageHeap: h, Image: m, Root: h.Address + pageSize}
	root, node := pageRootNew, pageNodeNew
	if h.Old {
		root, node = pageRootOld, pageNodeOld
	}
	b.root, b.rootSz = pack(h.Arch, root)
	b.node, b.nodeSize = pack(h.Arch, node)
	if h.Storage == 0 {
		h.Storage = 0x100000
	}
	b.handle()
	for i := range h.Allocs {
		b.alloc(&h.Allocs[i])
	}
	b.leave()
	b.lists()
	b.counters()
	return b
}

// handle makes the first reservation with the heap's own pages: a page that
// imitates a _HEAP, the first pool with the root, and the lock.
func (b *BuiltPageHeap) handle() {
	m, h := b.Image, b.Address
	m.Reserve(h, b.Storage, MemPrivate, PageNoAccess)
	b.Storages = append(b.Storages, [2]uint64{h, b.Storage})
	m.Fill(h, pageSize, []byte{0xee})
	m.Commit(h, pageSize, PageReadOnly)
	flags, force := uint64(0x70), uint64(0x74)
	switch {
	case b.Old && b.Arch == X86:
		flags, force = 0xc, 0x10
	case b.Old:
		flags, force = 0x14, 0x18
	case b.Arch == X86:
		flags, force = 0x40, 0x44
	}
	m.PutU32(h+flags, 0x01000002)
	m.PutU32(h+force, 0x01000000)
	m.Commit(b.Root, poolBytes, PageReadWrite)
	b.pool(b.Root, b.Root+b.rootSz)
	b.LockAt = b.Root + poolBytes
	m.Commit(b.LockAt, pageSize, PageReadWrite)
	m.PutU32(b.LockAt+b.Arch.PtrSize(), 0xffffffff)
	if b.Lock != 0 {
		m.PutU32(b.LockAt+b.Arch.PtrSize(), 0xfffffffe)
		m.putPtr(b.Arch, b.LockAt+b.Arch.PtrSize()+8, b.Lock)
	}
	b.at, b.end = b.LockAt+pageSize, h+b.Storage
	b.StorNodes = append(b.StorNodes, b.take())
	b.SetNode(b.StorNodes[0], "pVirtualBlock", h)
	b.SetNode(b.StorNodes[0], "nVirtualBlockSize", b.Storage)
}

// pool adds the nodes of a pool, the first of which describes it.
func (b *BuiltPageHeap) pool(base, first uint64) {
	b.Pools = append(b.Pools, [2]uint64{base, poolBytes})
	for n := first; n+b.nodeSize <= base+poolBytes; n += b.nodeSize {
		b.free = append(b.free, n)
	}
	n := b.take()
	b.PoolNodes = append(b.PoolNodes, n)
	b.SetNode(n, "pVirtualBlock", base)
	b.SetNode(n, "nVirtualBlockSize", poolBytes)
}

func (b *BuiltPageHeap) take() uint64 {
	n := b.free[0]
	b.free = b.free[1:]
	return n
}

// room returns the address of so many bytes of pages.
func (b *BuiltPageHeap) room(bytes uint64) uint64 {
	if b.at+bytes > b.end {
		b.leave()
		last := b.Storages[len(b.Storages)-1]
		base, size := alignUp(last[0]+last[1]+b.Gap, 0x10000), max(b.Storage, alignUp(bytes, 0x10000))
		b.Image.Reserve(base, size, MemPrivate, PageNoAccess)
		b.Storages = append(b.Storages, [2]uint64{base, size})
		n := b.take()
		b.StorNodes = append(b.StorNodes, n)
		b.SetNode(n, "pVirtualBlock", base)
		b.SetNode(n, "nVirtualBlockSize", size)
		b.at, b.end = base, base+size
	}
	a := b.at
	b.at += bytes
	return a
}

// leave makes what is left of the last storage available.
func (b *BuiltPageHeap) leave() {
	if b.at == b.end {
		return
	}
	n := b.take()
	b.Available = append(b.Available, n)
	b.SetNode(n, "pVirtualBlock", b.at)
	b.SetNode(n, "nVirtualBlockSize", b.end-b.at)
	b.at = b.end
}

func (b *BuiltPageHeap) alloc(a *PageAlloc) {
	if len(b.free) < 8 {
		base := b.room(poolBytes)
		b.Image.Commit(base, poolBytes, PageReadWrite)
		b.pool(base, base)
	}
	head, m := 8*b.Arch.PtrSize(), b.Image
	align := a.Align
	if align == 0 {
		align = b.Arch.PtrSize()
	}
	actual := alignUp(a.Size, align)
	if a.Backwards {
		head = 0
	}
	access := alignUp(actual+head, pageSize)
	p := PageBlock{Node: b.take(), Size: a.Size, VirtualSize: access + pageSize, Access: access, Freed: a.Freed}
	p.Virtual = b.room(p.VirtualSize)
	p.User = p.Virtual + access - actual
	if a.Backwards {
		p.User = p.Virtual + pageSize
	}
	for _, f := range []struct {
		name string
		v    uint64
	}{{"pUserAllocation", p.User}, {"pVirtualBlock", p.Virtual}, {"nVirtualBlockSize", p.VirtualSize}, {"nVirtualAccessSize", access},
		{"nUserRequestedSize", a.Size}, {"nUserActualSize", actual}, {"StackTrace", a.Stack}} {
		b.SetNode(p.Node, f.name, f.v)
	}
	b.Blocks = append(b.Blocks, p)
	if a.Freed {
		b.shut(p.Virtual, p.VirtualSize)
		return
	}
	if a.Backwards {
		b.shut(p.Virtual, pageSize)
		m.Commit(p.User, access, PageReadWrite)
		m.Fill(p.User+a.Size, actual-a.Size, []byte{0xd0})
		m.Write(p.User, a.Content)
		return
	}
	m.Commit(p.Virtual, access, PageReadWrite)
	b.header(p, a.Stack, 0xabcdbbbb, 0xdcbabbbb)
	if a.Size > 0 {
		m.Fill(p.User, a.Size, []byte{0xc0})
	}
	m.Write(p.User, a.Content)
	if actual > a.Size {
		m.Fill(p.User+a.Size, actual-a.Size, []byte{0xd0})
	}
	if !b.GuardReserve {
		b.shut(p.Virtual+access, pageSize)
	}
}

// shut makes pages that are committed and cannot be accessed, which no dump
// has.
func (b *BuiltPageHeap) shut(base, size uint64) {
	b.Image.Commit(base, size, PageNoAccess)
	b.Image.DropRange(base, size)
}

// header writes the _DPH_BLOCK_INFORMATION below the user pointer: stamp,
// heap, sizes, free queue, stack, stamp.
func (b *BuiltPageHeap) header(p PageBlock, stack uint64, start, end uint32) {
	writeBlockInfo(b.Image, b.Arch, p.User, b.Root, p.Size, p.Access, stack, start, end)
}

func writeBlockInfo(m *Image, a Arch, user, heap, requested, actual, stack uint64, start, end uint32) {
	w := a.PtrSize()
	at := user - 8*w
	m.PutU32(at, start)
	m.putPtr(a, at+w, heap)
	m.putPtr(a, at+2*w, requested)
	m.putPtr(a, at+3*w, actual)
	m.putPtr(a, at+6*w, stack)
	m.PutU32(user-4, end)
}
