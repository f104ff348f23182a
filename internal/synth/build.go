package synth

// firstOffset is where Windows has the first entry of segment 0: behind the
// _HEAP, its lock and the list lookup.
func (b *BuiltHeap) firstOffset() uint64 {
	a, u := b.Arch, b.Arch.Unit()
	if b.Family == XP {
		return b.xpHeapBlock() + alignUp(sizeofSegment(XP, a), u)
	}
	end := b.lookupOffset() + lookupSize(b.Family, a)
	if b.NoLookup {
		end = b.lookupOffset()
	}
	return alignUp(end, u)
}

// lockOffset is where the critical section is.
func (b *BuiltHeap) lockOffset() uint64 {
	if b.Family == XP {
		return b.xpLockOffset()
	}
	return sizeofHeap(b.Family, b.Arch)
}

// lookupOffset is where the _HEAP_LIST_LOOKUP is.
func (b *BuiltHeap) lookupOffset() uint64 {
	return alignUp(b.lockOffset()+sizeofLock(b.Arch), b.Arch.Unit())
}

func sizeofLock(a Arch) uint64 {
	if a == X86 {
		return 0x18
	}
	return 0x28
}

// Build lays the heap out and writes it into the image.
func (h *Heap) Build(img *Image) *BuiltHeap {
	b := &BuiltHeap{Heap: h, Image: img, fields: heapFields(h.Family, h.Arch)}
	b.defaults()
	b.layout()
	b.reserve()
	b.writeSegments()
	b.writeBlocks()
	b.writeHeap()
	if h.Family == XP {
		b.xpFinish()
		b.writeVirtual()
		b.writeLock()
		b.writeTags()
		return b
	}
	b.writeUCRs()
	b.writeFreeLists()
	b.writeVirtual()
	b.writeCounters()
	b.writeLock()
	b.writeTags()
	return b
}

// defaults fills in what the script leaves to Windows.
func (b *BuiltHeap) defaults() {
	h := b.Heap
	if h.Flags == 0 && !h.NoFlags {
		h.Flags = FlagGrowable
	}
	if h.Key == 0 {
		h.Key = (h.Address>>4 ^ 0x5bd1e995) * 0x9e3779b97f4a7c15
	}
	h.Key |= 0x10 << 16 // raw headers carry flag 10
	x86 := h.Arch == X86
	pick := func(v *uint64, on32, on64 uint64) {
		if *v == 0 && x86 {
			*v = on32
		} else if *v == 0 {
			*v = on64
		}
	}
	pick(&h.SegmentReserve, 0x100000, 0x100000)
	pick(&h.SegmentCommit, 0x2000, 0x2000)
	pick(&h.DeCommitFreeBlock, 0x200, 0x100)
	pick(&h.DeCommitTotal, 0x2000, 0x1000)
	pick(&h.VirtualThreshold, 0xfe00, 0xff00)
	pick(&h.MaxAllocation, 0x7ffdefff, 0x7fffffeffff)
	pick(&h.PointerKey, 0x17c06e63, 0x3a91c0ffee77)
	pick(&h.CommitRoutine, h.PointerKey, h.PointerKey)
	if len(h.Segments) == 0 {
		h.Segments = []Segment{{}}
	}
	h.Segments[0].Address = h.Address
}

// layout makes the blocks of all segments, then of the large list.
func (b *BuiltHeap) layout() {
	u := b.Arch.Unit()
	for i := range b.Segments {
		s := &b.Segments[i]
		p := &plan{b: b, seg: i, base: s.Address, at: s.Address}
		bs := BuiltSegment{Header: s.Address, Base: s.Address}
		first := s.FirstEntry
		switch {
		case i == 0 && first == 0:
			first = b.firstOffset()
		case first == 0:
			first = alignUp(sizeofSegment(b.Family, b.Arch), u)
		}
		if i == 0 && b.Family == XP {
			bs.Header = s.Address + b.xpHeapBlock()
			p.put(Block{Bytes: b.xpHeapBlock(), State: StateInternal, Flags: 1})
			p.put(Block{Bytes: first - b.xpHeapBlock(), State: StateInternal, Flags: 1})
		} else {
			un := uint8(1)
			if b.Family == XP {
				un = 0
			}
			p.put(Block{Bytes: first, State: StateInternal, Flags: 1, Unused: un})
		}
		for k := range s.Items {
			p.item(&s.Items[k])
		}
		p.end(s)
		bs.First, bs.End, bs.UCRs = s.Address+first, p.at, p.ucrs
		for _, r := range p.ucrs {
			bs.uncommitted += r.Size
		}
		for k := range p.blocks {
			if p.blocks[k].State != StateUncommitted {
				bs.lastCommitted = p.blocks[k].Entry
			}
		}
		b.Segs = append(b.Segs, bs)
		b.Blocks = append(b.Blocks, p.blocks...)
	}
	for i := range b.Virtual {
		b.Blocks = append(b.Blocks, b.layoutVirtual(&b.Virtual[i]))
	}
}

// reserve tells the image what is reserved and committed.
func (b *BuiltHeap) reserve() {
	typ, prot := MemPrivate, PageReadWrite
	if b.Mapped {
		typ = MemMapped
	}
	for i, s := range b.Segs {
		size := s.End - s.Base
		if i == 0 && b.ReserveWhole {
			size = max(size, b.SegmentReserve)
		}
		b.Image.Reserve(s.Base, size, typ, prot)
		b.Image.Commit(s.Base, s.End-s.Base, prot)
		for _, r := range s.UCRs {
			for a := r.Addr; a < r.Addr+r.Size && !b.Mapped; a += pageSize {
				b.Image.Decommit(a)
			}
		}
	}
	for i, v := range b.Virtuals {
		base := b.Virtual[i].AllocBase
		if base == 0 {
			base = v.Node
		}
		b.Image.Reserve(base, v.Node+v.Reserve-base, MemPrivate, prot)
		b.Image.Commit(v.Node, v.Commit, prot)
		if b.Virtual[i].FirstPage {
			b.Image.DropRange(v.Node+pageSize, v.Commit-pageSize)
		}
	}
}

// layoutVirtual makes a large block.
func (b *BuiltHeap) layoutVirtual(v *Virtual) Block {
	u := b.Arch.Unit()
	head := 4 * u // the node, with its entry header
	ext := uint64(0)
	if v.Stack != 0 {
		ext = 2 * u
	}
	commit := v.Commit
	if commit == 0 {
		commit = alignUp(head+ext+v.Size, pageSize)
	}
	b.Virtuals = append(b.Virtuals, BuiltVirtual{v.Address, commit, max(v.Reserve, commit)})
	flags, unused := v.Flags, uint8(4)
	if flags == 0 {
		flags = 0x03
	}
	if b.Family == XP {
		unused = uint8(u)
		flags = v.Flags | 0x0b
	}
	return Block{
		Entry: v.Address + 3*u, User: v.Address + head + ext, Bytes: commit, Size: v.Size,
		Origin: OriginVirtual, Flags: flags, Unused: unused, Stack: v.Stack,
	}
}
