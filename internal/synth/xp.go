package synth

// xpRanges is how many uncommitted ranges the _HEAP has room for, from its
// end on.
const xpRanges = 8

// xpRangeSize is sizeof(_HEAP_UNCOMMMTTED_RANGE).
func xpRangeSize(a Arch) uint64 {
	if a == X86 {
		return 0x10
	}
	return 0x20
}

// xpRangesNeeded is the room the script's ranges need: one for each item and
// one for the end of each segment.
func (b *BuiltHeap) xpRangesNeeded() uint64 {
	n := len(b.Segments)
	for i := range b.Segments {
		for _, it := range b.Segments[i].Items {
			if it.Kind == ItemUncommitted {
				n++
			}
		}
	}
	return uint64(max(n, xpRanges))
}

func (b *BuiltHeap) xpRangesOffset() uint64 {
	return alignUp(sizeofHeap(XP, b.Arch), b.Arch.PtrSize())
}

func (b *BuiltHeap) xpLockOffset() uint64 {
	return b.xpRangesOffset() + b.xpRangesNeeded()*xpRangeSize(b.Arch)
}

// xpHeapBlock is the size of the first block of the heap: 0x640 on x86.
func (b *BuiltHeap) xpHeapBlock() uint64 {
	return alignUp(b.xpLockOffset()+sizeofLock(b.Arch)+0x20, 0x40)
}

// xpSegments writes every XP _HEAP_SEGMENT and _HEAP.Segments.
func (b *BuiltHeap) xpSegments() {
	p := b.Arch.PtrSize()
	for i := range b.Segs {
		s := &b.Segs[i]
		largest := uint64(0)
		for _, r := range s.UCRs {
			largest = max(largest, r.Size)
		}
		flags := uint64(0)
		if f := b.Segments[i].Flags; f != nil {
			flags = uint64(*f)
		}
		b.SetSegment(i, "Signature", 0xffeeffee)
		b.SetSegment(i, "Flags", flags)
		b.SetSegment(i, "Heap", b.Address)
		b.SetSegment(i, "LargestUnCommittedRange", largest)
		b.SetSegment(i, "BaseAddress", s.Base)
		b.SetSegment(i, "NumberOfPages", (s.End-s.Base)/pageSize)
		b.SetSegment(i, "FirstEntry", s.First)
		b.SetSegment(i, "LastValidEntry", s.End)
		b.SetSegment(i, "NumberOfUnCommittedPages", s.uncommitted/pageSize)
		b.SetSegment(i, "NumberOfUnCommittedRanges", uint64(len(s.UCRs)))
		b.SetSegment(i, "AllocatorBackTraceIndex", uint64(b.Segments[i].BackTrace))
		b.SetSegment(i, "LastEntryInSegment", s.lastCommitted)
		b.ptr(b.FieldAddr("Segments")+uint64(i)*p, s.Header)
	}
	b.Set("LastSegmentIndex", uint64(len(b.Segs)-1))
}

// xpFinish writes the uncommitted ranges and the 128 free lists.
func (b *BuiltHeap) xpFinish() {
	b.xpUncommitted()
	p, u := b.Arch.PtrSize(), b.Arch.Unit()
	var lists [128][]uint64
	for _, f := range b.freeBlocks() {
		i := f.Bytes / u
		if i >= 128 {
			i = 0
		}
		lists[i] = append(lists[i], f.Entry+u)
	}
	var inUse [16]byte
	for i, nodes := range lists {
		b.ring(b.FieldAddr("FreeLists")+uint64(i)*2*p, nodes)
		if len(nodes) > 0 {
			inUse[i/8] |= 1 << (i % 8)
		}
	}
	b.Image.Write(b.FieldAddr("FreeListsInUse"), inUse[:])
	b.Set("NonDedicatedListLength", uint64(len(lists[0])))
}

// xpUncommitted writes the singly linked ranges of every segment, and chains
// the unused ones.
func (b *BuiltHeap) xpUncommitted() {
	p, size := b.Arch.PtrSize(), xpRangeSize(b.Arch)
	at := b.Address + b.xpRangesOffset()
	end := b.Address + b.xpLockOffset()
	for i := range b.Segs {
		link := b.SegmentFieldAddr(i, "UnCommittedRanges")
		for k := range b.Segs[i].UCRs {
			r := &b.Segs[i].UCRs[k]
			r.Descriptor = at
			b.ptr(link, at)
			b.ptr(at+p, r.Addr)
			b.ptr(at+2*p, r.Size)
			link = at
			at += size
		}
	}
	link := b.FieldAddr("UnusedUnCommittedRanges")
	for ; at < end; at += size {
		b.ptr(link, at)
		link = at
	}
}
