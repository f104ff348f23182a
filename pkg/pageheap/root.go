package pageheap

import (
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// rootSignature is _DPH_HEAP_ROOT.Signature (two secondary sources, and a
// generated dump).
const rootSignature = 0xffeeddcc

// Root is what a _DPH_HEAP_ROOT says of itself. Counters of bytes are those
// of the target, not checked against anything.
type Root struct {
	Address memory.Addr // of the _DPH_HEAP_ROOT, one page behind the handle
	Handle  memory.Addr // what the program holds: a page that imitates a _HEAP
	Form    string      // vista-x64, vista-x86, xp-x86, 2003-x64
	Bits    int         // 32 or 64

	HeapFlags  uint32 // HEAP_* flags of the creation
	ExtraFlags uint32 // page heap's own: 1 full, 2 stack traces, 0x10 guard page before the data (from memory, not checked)
	Seed       uint32
	NormalHeap memory.Addr // the NT heap that light allocations come from; in no PEB list (one secondary source)

	StorageRanges                      uint32 // nVirtualStorageRanges
	StorageBytes                       uint64
	Busy, Freed, Available, NodePools  uint32 // numbers as the root has them
	BusyBytes, FreedBytes              uint64 // committed, as the root has them
	AvailableBytes, NodePoolBytes      uint64
	BusyAccessible                     uint64
	TreeElements, TreeDepth            uint32      // of BusyNodesTable; Vista and later
	CreateStackTrace                   memory.Addr // of the heap's creation, as Node.StackTrace; 0 without
	LockAddress                        memory.Addr
	LockKnown, Owned                   bool   // the critical section could be read; somebody was inside
	OwningThread                       uint64 // its thread id, when owned
	storage, busy, freed, available    memory.Addr
	storageTail, freedTail, busyTail   memory.Addr
	availableTail, pools, poolsTail    memory.Addr
	treeParent, nextLink, previousLink memory.Addr
}

// readRoot decodes the root at a. ok is false when a byte of it is missing.
func readRoot(m heap.Memory, a memory.Addr, f *form) (r Root, ok bool) {
	l := &f.root
	b := view(m, a, l.size)
	if b == nil {
		return r, false
	}
	num := func(off uint64) uint64 { return b.word(off, f.ptr) }
	ptr := func(off uint64) memory.Addr { return b.addr(off, f.ptr) }
	r = Root{Address: a, Handle: a - memory.PageSize, Form: f.name, Bits: f.bits,
		HeapFlags: b.u32(l.flags), ExtraFlags: b.u32(l.extraFlags), Seed: b.u32(l.seed), NormalHeap: ptr(l.normalHeap),
		StorageRanges: b.u32(l.storageRanges), StorageBytes: num(l.storageBytes),
		Busy: b.u32(l.nBusy), BusyBytes: num(l.busyBytes), Freed: b.u32(l.nFreed), FreedBytes: num(l.freedBytes),
		Available: b.u32(l.nAvailable), AvailableBytes: num(l.availableBytes), BusyAccessible: num(l.accessible),
		NodePools: b.u32(l.nPools), NodePoolBytes: num(l.poolBytes), LockAddress: ptr(l.lock), CreateStackTrace: ptr(l.create),
		storage: ptr(l.storage), storageTail: ptr(l.storageTail), freed: ptr(l.freed), freedTail: ptr(l.freedTail),
		available: ptr(l.available), pools: ptr(l.pools), poolsTail: ptr(l.poolsTail),
		nextLink: ptr(l.next), previousLink: ptr(l.next + f.ptr)}
	if f.old {
		r.busy, r.busyTail, r.availableTail = ptr(l.busy), ptr(l.busyTail), ptr(l.availableTail)
	} else {
		r.treeParent, r.busy = ptr(l.busy), ptr(l.busy+f.avl.right)
		r.TreeElements, r.TreeDepth = b.u32(l.busy+f.avl.elements), b.u32(l.busy+f.avl.depth)
	}
	r.readLock(m, f)
	return r, true
}

// readLock reads the RTL_CRITICAL_SECTION (public symbols).
func (r *Root) readLock(m heap.Memory, f *form) {
	b := view(m, r.LockAddress, 3*f.ptr+8)
	if r.LockAddress == 0 || b == nil {
		return
	}
	owner := b.word(f.ptr+8, f.ptr)
	r.LockKnown, r.Owned, r.OwningThread = true, owner != 0, owner
}

// score says how well the memory at a fits the form: a point or more for each
// fact that would be a chance elsewhere.
func score(m heap.Memory, a memory.Addr, f *form) int {
	r, ok := readRoot(m, a, f)
	if !ok {
		return -1
	}
	n := 0
	add := func(points int, fact bool) {
		if fact {
			n += points
		}
	}
	describes := func(at memory.Addr, a memory.Addr) bool {
		b := view(m, at, f.node.size)
		if at == 0 || b == nil {
			return false
		}
		v := b.addr(f.node.block, f.ptr).Span(b.word(f.node.blockSize, f.ptr))
		return uint64(v.Start)%memory.PageSize == 0 && v.Size() != 0 && v.Size()%memory.PageSize == 0 && v.Contains(a)
	}
	if !f.old {
		table := a.Add(f.root.busy)
		add(4, r.treeParent == table)
		add(2, r.TreeElements == r.Busy)
		head := a.Add(f.root.available)
		b := view(m, r.available, f.ptr*2)
		add(3, r.available == head || b != nil && b.addr(f.ptr, f.ptr) == head)
		if b := view(m, r.busy, f.node.size); r.busy != 0 && b != nil {
			add(2, b.addr(0, f.ptr) == table)
		}
	} else {
		add(2, (r.busy == 0) == (r.Busy == 0) && (r.busyTail == 0) == (r.Busy == 0))
		if b := view(m, r.busy, f.node.size); r.busy != 0 && b != nil {
			u := b.addr(f.node.user, f.ptr)
			add(3, b.addr(f.node.block, f.ptr).Span(b.word(f.node.blockSize, f.ptr)).Contains(u) && u != 0)
		}
	}
	add(2, describes(r.pools, a) || describes(r.poolsTail, a))
	add(2, describes(r.storageTail, a) || describes(r.storage, a))
	add(1, r.StorageRanges > 0 && r.StorageBytes%memory.PageSize == 0 && r.StorageBytes != 0)
	add(1, r.NormalHeap != 0 && uint64(r.NormalHeap)%0x1000 == 0)
	add(1, r.LockKnown)
	return n
}

// choose returns the form that the root at a fits best; bits 0 is either.
// Forms that fit alike are tried newest first.
func choose(m heap.Memory, a memory.Addr, bits int) (*form, int) {
	all := forms()
	var top *form
	most := -1
	for i := range all {
		if bits != 0 && all[i].bits != bits {
			continue
		}
		if n := score(m, a, &all[i]); n > most {
			top, most = &all[i], n
		}
	}
	return top, most
}
