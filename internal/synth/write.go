package synth

// FieldAddr is where a field of the heap's _HEAP is. List heads have their
// second link as Name.Blink, the counters are Counters.Name.
func (b *BuiltHeap) FieldAddr(name string) uint64 {
	return b.Address + place(b.fields, name).off
}

// SegmentFieldAddr is where a field of segment i's _HEAP_SEGMENT is.
func (b *BuiltHeap) SegmentFieldAddr(i int, name string) uint64 {
	return b.Segs[i].Header + place(segmentFields(b.Family, b.Arch), name).off
}

// UCRFieldAddr is where a field of the k-th range's _HEAP_UCR_DESCRIPTOR in
// segment i is. Vista and later.
func (b *BuiltHeap) UCRFieldAddr(i, k int, name string) uint64 {
	return b.Segs[i].UCRs[k].Descriptor + place(ucrFields(b.Arch), name).off
}

// VirtualFieldAddr is where a field of the i-th large block's
// _HEAP_VIRTUAL_ALLOC_ENTRY is.
func (b *BuiltHeap) VirtualFieldAddr(i int, name string) uint64 {
	return b.Virtuals[i].Node + place(virtualFields(b.Arch), name).off
}

// FreeLinks is where Flink and Blink of a free block are.
func (b *BuiltHeap) FreeLinks(entry uint64) (flink, blink uint64) {
	u := b.Arch.Unit()
	return entry + u, entry + u + b.Arch.PtrSize()
}

// LockAddr is the heap's critical section.
func (b *BuiltHeap) LockAddr() uint64 { return b.lock }

// LookupAddr is the heap's _HEAP_LIST_LOOKUP, 0 if it has none.
func (b *BuiltHeap) LookupAddr() uint64 { return b.lookup }

func place(f fields, name string) fieldAt {
	p, ok := f[name]
	if !ok {
		panic("synth: no field " + name)
	}
	return p
}

// Set overwrites a field of _HEAP.
func (b *BuiltHeap) Set(name string, v uint64) { b.set(b.Address, b.fields, name, v) }

// Get reads a field of _HEAP.
func (b *BuiltHeap) Get(name string) uint64 {
	p := place(b.fields, name)
	return b.read(b.Address+p.off, p.size)
}

// Has says whether the family's _HEAP has the field.
func (b *BuiltHeap) Has(name string) bool { _, ok := b.fields[name]; return ok }

// SetSegment overwrites a field of segment i.
func (b *BuiltHeap) SetSegment(i int, name string, v uint64) {
	b.set(b.Segs[i].Header, segmentFields(b.Family, b.Arch), name, v)
}

// GetSegment reads a field of segment i.
func (b *BuiltHeap) GetSegment(i int, name string) uint64 {
	p := place(segmentFields(b.Family, b.Arch), name)
	return b.read(b.Segs[i].Header+p.off, p.size)
}

// SetUCR overwrites a field of the k-th uncommitted range of segment i.
func (b *BuiltHeap) SetUCR(i, k int, name string, v uint64) {
	b.set(b.Segs[i].UCRs[k].Descriptor, ucrFields(b.Arch), name, v)
}

// SetVirtual overwrites a field of the i-th large block.
func (b *BuiltHeap) SetVirtual(i int, name string, v uint64) {
	b.set(b.Virtuals[i].Node, virtualFields(b.Arch), name, v)
}

func (b *BuiltHeap) set(base uint64, f fields, name string, v uint64) {
	p := place(f, name)
	switch p.size {
	case 1:
		b.Image.PutU8(base+p.off, uint8(v))
	case 2:
		b.Image.PutU16(base+p.off, uint16(v))
	case 4:
		b.Image.PutU32(base+p.off, uint32(v))
	default:
		b.Image.PutU64(base+p.off, v)
	}
}

func (b *BuiltHeap) read(addr, size uint64) uint64 {
	v := uint64(0)
	for i, c := range b.Image.Read(addr, int(min(size, 8))) {
		v |= uint64(c) << (8 * i)
	}
	return v
}

// ptr writes a pointer of the heap's width, which in a WOW64 image is not
// the image's.
func (b *BuiltHeap) ptr(addr, v uint64) { b.Image.putPtr(b.Arch, addr, v) }

// ring writes a list through its head and nodes, both links of each.
func (b *BuiltHeap) ring(head uint64, nodes []uint64) {
	all := append([]uint64{head}, nodes...)
	p := b.Arch.PtrSize()
	for i, n := range all {
		next := all[(i+1)%len(all)]
		b.ptr(n, next)
		b.ptr(next+p, n)
	}
}

// writeSegments writes every _HEAP_SEGMENT.
func (b *BuiltHeap) writeSegments() {
	if b.Family == XP {
		b.xpSegments()
		return
	}
	var nodes []uint64
	for i := range b.Segs {
		s := &b.Segs[i]
		flags := uint64(0)
		switch {
		case b.Segments[i].Flags != nil:
			flags = uint64(*b.Segments[i].Flags)
		case b.Mapped:
			flags = 1
		case b.Family >= Win10v1607:
			flags = 2
		}
		b.SetSegment(i, "SegmentSignature", 0xffeeffee)
		b.SetSegment(i, "SegmentFlags", flags)
		b.SetSegment(i, "Heap", b.Address)
		b.SetSegment(i, "BaseAddress", s.Base)
		b.SetSegment(i, "NumberOfPages", (s.End-s.Base)/pageSize)
		b.SetSegment(i, "FirstEntry", s.First)
		b.SetSegment(i, "LastValidEntry", s.End)
		b.SetSegment(i, "NumberOfUnCommittedPages", s.uncommitted/pageSize)
		b.SetSegment(i, "NumberOfUnCommittedRanges", uint64(len(s.UCRs)))
		b.SetSegment(i, "SegmentAllocatorBackTraceIndex", uint64(b.Segments[i].BackTrace))
		nodes = append(nodes, b.SegmentFieldAddr(i, "SegmentListEntry"))
	}
	b.ring(b.FieldAddr("SegmentList"), nodes)
}

// writeUCRs writes the descriptors and threads both of their lists.
func (b *BuiltHeap) writeUCRs() {
	var all []uint64
	for i := range b.Segs {
		var own []uint64
		for k, r := range b.Segs[i].UCRs {
			b.SetUCR(i, k, "Address", r.Addr)
			b.SetUCR(i, k, "Size", r.Size)
			own = append(own, b.UCRFieldAddr(i, k, "SegmentEntry"))
			all = append(all, b.UCRFieldAddr(i, k, "ListEntry"))
		}
		b.ring(b.SegmentFieldAddr(i, "UCRSegmentList"), own)
	}
	b.ring(b.FieldAddr("UCRList"), all)
}

// writeHeap writes the fields of _HEAP that are the same for all families.
func (b *BuiltHeap) writeHeap() {
	b.Set("Signature", 0xeeffeeff)
	b.Set("Flags", uint64(b.Flags))
	b.Set("ForceFlags", uint64(b.ForceFlags))
	b.Set("VirtualMemoryThreshold", b.VirtualThreshold)
	b.Set("SegmentReserve", b.SegmentReserve)
	b.Set("SegmentCommit", b.SegmentCommit)
	b.Set("DeCommitFreeBlockThreshold", b.DeCommitFreeBlock)
	b.Set("DeCommitTotalFreeThreshold", b.DeCommitTotal)
	b.Set("MaximumAllocationSize", b.MaxAllocation)
	b.Set("ProcessHeapsListIndex", uint64(b.ListIndex))
	b.Set("HeaderValidateLength", sizeofHeap(b.Family, b.Arch))
	b.Set("AlignRound", 2*b.Arch.Unit()-1)
	b.Set("AlignMask", ^(b.Arch.Unit() - 1))
	b.Set("NextAvailableTagIndex", uint64(b.NextAvailableTagIndex))
	b.Set("MaximumTagIndex", uint64(b.MaximumIndex))
	b.Set("AllocatorBackTraceIndex", uint64(b.AllocatorBackTraceIndex))
	b.Set("FrontEndHeap", b.FrontEndHeap)
	b.Set("FrontEndHeapType", uint64(b.FrontEndHeapType))
	free := uint64(0)
	for i := range b.Blocks {
		if b.Blocks[i].State == StateFree {
			free += b.Blocks[i].Bytes / b.Arch.Unit()
		}
	}
	b.Set("TotalFreeSize", free)
	if b.Family != XP {
		b.writeHeapNew()
	}
}

// writeHeapNew writes what Vista brought and what came after it.
func (b *BuiltHeap) writeHeapNew() {
	b.Set("CompatibilityFlags", uint64(b.Compat))
	b.Set("Interceptor", uint64(b.Interceptor))
	key := b.KeyBytes()
	if b.PlainKept {
		b.Plain = false
		key = b.KeyBytes()
		b.Plain = true
	}
	b.Image.Write(headerAt(b.Arch, b.FieldAddr("Encoding")), key[:])
	if !b.Plain {
		b.Set("EncodeFlagMask", 0x100000)
	}
	if b.Has("PointerKey") {
		b.Set("PointerKey", b.PointerKey)
		b.Set("CommitRoutine", b.CommitRoutine)
	}
	if b.Has("FrontEndHeapUsageData") {
		b.Set("FrontEndHeapUsageData", b.FrontEndUsage)
		b.Set("RequestedFrontEndHeapType", uint64(b.FrontEndHeapType))
	}
	if b.Has("UserContext") {
		b.Set("UserContext", b.UserContext)
	}
}
