package synth

// Lookaside gives an XP heap a lookaside front end: 128 lists at addr.
// parked maps a list's number to the user addresses parked on it, first to be
// handed out first. The blocks must be busy ones; they stay busy.
func (b *BuiltHeap) Lookaside(addr uint64, parked map[int][]uint64) {
	size := uint64(0x30)
	if b.Arch != X86 {
		size = 0x40
	}
	b.Image.Reserve(addr, 128*size, MemPrivate, PageReadWrite)
	b.Image.Commit(addr, 128*size, PageReadWrite)
	for i := range uint64(128) {
		b.slist(addr+i*size, parked[int(i)])
		b.Image.PutU16(addr+i*size+b.Arch.Unit(), 4)     // Depth
		b.Image.PutU16(addr+i*size+b.Arch.Unit()+2, 256) // MaximumDepth
	}
	b.Set("FrontEndHeap", addr)
	b.Set("FrontEndHeapType", 1)
}

// slist writes an SLIST_HEADER and the chain behind it. On x64 the header
// packs depth, sequence and the address over 16 into one word.
func (b *BuiltHeap) slist(head uint64, nodes []uint64) {
	first := uint64(0)
	if len(nodes) > 0 {
		first = nodes[0]
	}
	n := uint64(len(nodes))
	if b.Arch == X86 {
		b.Image.PutU32(head, uint32(first))
		b.Image.PutU32(head+4, uint32(n)|uint32(n)<<16)
	} else {
		b.Image.PutU64(head, n|n<<16|first>>4<<25)
		b.Image.PutU64(head+8, first>>43<<61)
	}
	for i, at := range nodes {
		next := uint64(0)
		if i+1 < len(nodes) {
			next = nodes[i+1]
		}
		b.ptr(at, next)
	}
}
