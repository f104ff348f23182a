package synth

import "slices"

// Set overwrites a field of the root.
func (b *BuiltPageHeap) Set(name string, v uint64) {
	b.Image.put(b.Arch, b.Root, b.root, name, v)
}

// FieldAddr is where a field of the root is.
func (b *BuiltPageHeap) FieldAddr(name string) uint64 { return b.Root + place(b.root, name).off }

// TableAddr is where a field of the tree's table is.
func (b *BuiltPageHeap) TableAddr(name string) uint64 {
	f, _ := pack(b.Arch, avlTable)
	return b.FieldAddr("BusyNodesTable") + place(f, name).off
}

// SetNode overwrites a field of a node.
func (b *BuiltPageHeap) SetNode(node uint64, name string, v uint64) {
	b.Image.put(b.Arch, node, b.node, name, v)
}

// NodeAddr is where a field of a node is.
func (b *BuiltPageHeap) NodeAddr(node uint64, name string) uint64 {
	return node + place(b.node, name).off
}

// chain links nodes through their first word and names both ends.
func (b *BuiltPageHeap) chain(list string, nodes []uint64) {
	for i, n := range nodes {
		next := uint64(0)
		if i+1 < len(nodes) {
			next = nodes[i+1]
		}
		b.Image.putPtr(b.Arch, n, next)
	}
	if len(nodes) > 0 {
		b.Set(list+"Head", nodes[0])
		b.Set(list+"Tail", nodes[len(nodes)-1])
	}
}

// lists threads every list and the tree.
func (b *BuiltPageHeap) lists() {
	var busy, freed []uint64
	blocks := slices.Clone(b.Blocks)
	slices.SortFunc(blocks, func(x, y PageBlock) int { return int(int64(x.User - y.User)) })
	for _, p := range blocks {
		if p.Freed {
			freed = append(freed, p.Node)
		} else {
			busy = append(busy, p.Node)
		}
	}
	b.chain("pVirtualStorageList", b.StorNodes)
	b.chain("pNodePoolList", b.PoolNodes)
	b.chain("pFreeAllocationList", freed)
	b.chain("pUnusedNodeList", b.free)
	b.Set("nBusyAllocations", uint64(len(busy)))
	b.Set("nFreeAllocations", uint64(len(freed)))
	if b.Old {
		b.chain("pBusyAllocationList", busy)
		b.chain("pAvailableAllocationList", b.Available)
		return
	}
	all := append([]uint64{b.FieldAddr("AvailableAllocationHead")}, b.Available...)
	for i, n := range all {
		next := all[(i+1)%len(all)]
		b.Image.putPtr(b.Arch, n, next)
		b.Image.putPtr(b.Arch, next+b.Arch.PtrSize(), n)
	}
	table, w := b.FieldAddr("BusyNodesTable"), b.Arch.PtrSize()
	b.Image.putPtr(b.Arch, table, table)
	top, depth := b.plant(busy, table)
	b.Image.putPtr(b.Arch, table+2*w, top)
	b.Image.PutU32(b.TableAddr("NumberGenericTableElements"), uint32(len(busy)))
	b.Image.PutU32(b.TableAddr("DepthOfTree"), uint32(depth))
}

// plant makes a balanced tree of sorted nodes and returns its root and depth.
func (b *BuiltPageHeap) plant(nodes []uint64, parent uint64) (uint64, int) {
	if len(nodes) == 0 {
		return 0, 0
	}
	mid, w := len(nodes)/2, b.Arch.PtrSize()
	n := nodes[mid]
	left, dl := b.plant(nodes[:mid], n)
	right, dr := b.plant(nodes[mid+1:], n)
	b.Image.putPtr(b.Arch, n, parent)
	b.Image.putPtr(b.Arch, n+w, left)
	b.Image.putPtr(b.Arch, n+2*w, right)
	b.Image.PutU8(n+3*w, uint8(int8(dr-dl)))
	return n, max(dl, dr) + 1
}

// counters writes the root's other fields.
func (b *BuiltPageHeap) counters() {
	b.Set("Signature", 0xffeeddcc)
	b.Set("HeapFlags", 2)
	b.Set("HeapCritSect", b.LockAt)
	b.Set("nVirtualStorageRanges", uint64(len(b.StorNodes)))
	var bytes uint64
	for _, s := range b.Storages {
		bytes += s[1]
	}
	b.Set("nVirtualStorageBytes", bytes)
	b.Set("nAvailableAllocations", uint64(len(b.Available)))
	b.Set("nUnusedNodes", uint64(len(b.free)))
	b.Set("nNodePools", uint64(len(b.Pools)))
	b.Set("nNodePoolBytes", uint64(len(b.Pools))*poolBytes)
	b.Set("ExtraFlags", 3)
	b.Set("NormalHeap", b.NormalHeap)
	b.Set("CreateStackTrace", b.Create)
	if b.Old {
		b.Set("pNextHeapRoot", b.Next)
		return
	}
	next := b.Next
	if next == 0 {
		next = b.FieldAddr("NextHeap")
	}
	b.Image.putPtr(b.Arch, b.FieldAddr("NextHeap"), next)
	b.Image.putPtr(b.Arch, b.FieldAddr("NextHeap")+b.Arch.PtrSize(), next)
}

// LightBlock is the content that light page heap gives a block of its normal
// heap, for Item.WithMade or WithContent: header, data, suffix of A0. user is
// the address of the content; heap is what the Heap field has.
func LightBlock(a Arch, heap, size, suffix, stack uint64, freed bool) func(user uint64) []byte {
	return func(uint64) []byte {
		m := NewImage(a)
		head := 8 * a.PtrSize()
		start, end, fill := uint32(0xabcdaaaa), uint32(0xdcbaaaaa), byte(0xe0)
		if freed {
			start, end, fill = 0xabcdaaa9, 0xdcbaaaa9, 0xf0
		}
		writeBlockInfo(m, a, head, heap, size, head+size+suffix, stack, start, end)
		if size > 0 {
			m.Fill(head, size, []byte{fill})
		}
		if suffix > 0 {
			m.Fill(head+size, suffix, []byte{0xa0})
		}
		return m.Read(0, int(head+size+suffix))
	}
}
