package synth

import (
	"bytes"
	"slices"
)

// writeBlocks writes headers and contents of every block of the segments.
func (b *BuiltHeap) writeBlocks() {
	for i := range b.Blocks {
		bl := &b.Blocks[i]
		if bl.State == StateUncommitted || bl.Origin == OriginVirtual {
			continue
		}
		b.putHeader(bl)
		switch {
		case bl.State == StateFree && bl.Flags&4 != 0:
			links := 2 * b.Arch.PtrSize()
			at := bl.Entry + b.Arch.Unit() + links
			b.Image.Fill(at, bl.End()-at, []byte{0xee, 0xfe, 0xee, 0xfe})
		case bl.State == StateBusy:
			b.writeBusy(bl)
		}
		if bl.item != nil && bl.item.Content != nil {
			b.Image.Write(bl.User, bl.item.Content)
		}
		if bl.item != nil && bl.item.Make != nil {
			b.Image.Write(bl.User, bl.item.Make(bl.User))
		}
	}
}

// writeBusy writes what a busy block has beside its header and content: the
// extended header, the tail fill, the extra, and the unused count that did
// not fit.
func (b *BuiltHeap) writeBusy(bl *Block) {
	u := b.Arch.Unit()
	if bl.Stack != 0 {
		b.extended(bl.Entry+u, bl.Stack, bl.Bytes-bl.Size)
	}
	if b.flags()&FlagTailChecking != 0 {
		b.Image.Write(bl.User+bl.Size, bytes.Repeat([]byte{0xab}, int(u)))
	}
	if bl.Flags&2 != 0 {
		x := bl.End() - u // _HEAP_ENTRY_EXTRA
		b.Image.PutU16(x, bl.item.Trace)
		b.Image.PutU16(x+2, bl.item.TagIndex)
		b.ptr(x+b.Arch.PtrSize(), bl.item.UserData)
	}
	if bl.Unused == 0x3f && b.Family != XP {
		if b.Arch == X86 {
			b.Image.PutU32(bl.End()-4, uint32(bl.Bytes-bl.Size-b.extBytes(bl)))
		} else {
			b.Image.PutU64(bl.End(), bl.Bytes-bl.Size-b.extBytes(bl))
		}
	}
}

func (b *BuiltHeap) extBytes(bl *Block) uint64 {
	if bl.Stack == 0 {
		return 0
	}
	return 2 * b.Arch.Unit()
}

// extended writes the header a stack trace needs between the entry and the
// user's bytes: the trace, and an entry with signature 5 that leads back.
func (b *BuiltHeap) extended(at, ust, unused uint64) {
	u := b.Arch.Unit()
	b.ptr(at, ust)
	back := headerAt(b.Arch, at+u)
	b.Image.PutU16(back, 1) // FunctionIndex
	b.Image.PutU16(back+4, uint16(unused))
	b.Image.PutU8(back+6, 2)
	b.Image.PutU8(back+7, 5)
}

// freeBlocks is the free blocks in the order of the free list: by size, then
// by address.
func (b *BuiltHeap) freeBlocks() []*Block {
	var free []*Block
	for i := range b.Blocks {
		if b.Blocks[i].State == StateFree {
			free = append(free, &b.Blocks[i])
		}
	}
	slices.SortStableFunc(free, func(x, y *Block) int {
		switch {
		case x.Bytes != y.Bytes && x.Bytes < y.Bytes:
			return -1
		case x.Bytes != y.Bytes:
			return 1
		case x.Entry < y.Entry:
			return -1
		}
		return 1
	})
	return free
}

// writeFreeLists threads the one free list of Vista and later, and makes the
// lookup that points into it.
func (b *BuiltHeap) writeFreeLists() {
	free := b.freeBlocks()
	var nodes []uint64
	for _, f := range free {
		nodes = append(nodes, f.Entry+b.Arch.Unit())
	}
	b.ring(b.FieldAddr("FreeLists"), nodes)
	if b.NoLookup {
		return
	}
	b.lookup = b.Address + b.lookupOffset()
	b.Set("BlocksIndex", b.lookup)
	b.writeLookup(free)
}

const lookupArray = 0x80

// lookupStride is the pointers per hint: Vista and 7 keep a second one.
func lookupStride(f Family) uint64 {
	if f <= Win7 {
		return 2
	}
	return 1
}

// lookupSize is the _HEAP_LIST_LOOKUP with its bitmap and its hints.
func lookupSize(f Family, a Arch) uint64 {
	head := uint64(0x24)
	if a != X86 {
		head = 0x38
	}
	return head + lookupArray/8 + lookupArray*lookupStride(f)*a.PtrSize()
}

// writeLookup makes the _HEAP_LIST_LOOKUP. Its last hint stands for all
// blocks too large for one of their own.
func (b *BuiltHeap) writeLookup(free []*Block) {
	p, at := b.Arch.PtrSize(), b.lookup
	head := lookupSize(b.Family, b.Arch) - lookupArray/8 - lookupArray*lookupStride(b.Family)*p
	bitmap := at + head
	hints := bitmap + lookupArray/8
	var bits [lookupArray / 8]byte
	outOfRange := uint32(0)
	for _, f := range free {
		i := f.Bytes / b.Arch.Unit()
		if i >= lookupArray-1 {
			i = lookupArray - 1
			outOfRange++
		}
		if bits[i/8]&(1<<(i%8)) == 0 {
			bits[i/8] |= 1 << (i % 8)
			b.ptr(hints+i*lookupStride(b.Family)*p, f.Entry+b.Arch.Unit())
		}
	}
	b.Image.PutU32(at+p, lookupArray)
	b.Image.PutU32(at+p+4, uint32(lookupStride(b.Family)-1))
	b.Image.PutU32(at+p+8, uint32(len(free)))
	b.Image.PutU32(at+p+12, outOfRange)
	b.ptr(at+alignUp(p+20, p), b.FieldAddr("FreeLists"))
	b.ptr(at+alignUp(p+20, p)+p, bitmap)
	b.ptr(at+alignUp(p+20, p)+2*p, hints)
	b.Image.Write(bitmap, bits[:])
}

// writeVirtual writes the nodes of the large blocks and their list.
func (b *BuiltHeap) writeVirtual() {
	u := b.Arch.Unit()
	var nodes []uint64
	for i := range b.Virtual {
		v, bv := &b.Virtual[i], b.Virtuals[i]
		nodes = append(nodes, bv.Node)
		b.SetVirtual(i, "CommitSize", bv.Commit)
		b.SetVirtual(i, "ReserveSize", bv.Reserve)
		b.Image.PutU16(bv.Node+2*b.Arch.PtrSize(), v.Trace)
		bl := &b.Blocks[len(b.Blocks)-len(b.Virtual)+i]
		unused := bl.Bytes - bl.Size
		if v.Stack != 0 {
			b.extended(bv.Node+4*u, v.Stack, unused)
			unused -= 2 * u
		}
		e := Entry{Size: uint16(unused), Flags: bl.Flags, UnusedBytes: bl.Unused}
		if b.Family != XP {
			e.SmallTagIndex = e.Sum()
		}
		b.WriteEntry(bl.Entry, e)
		if v.Content != nil {
			b.Image.Write(bl.User, v.Content)
		}
	}
	b.ring(b.FieldAddr("VirtualAllocdBlocks"), nodes)
}

// largeUCR is the size from which a range counts as large.
const largeUCR = 0x80000

// writeCounters writes _HEAP_COUNTERS.
func (b *BuiltHeap) writeCounters() {
	reserved, committed, ranges, large := b.ExtraReserved, b.ExtraCommitted, 0, uint64(0)
	for _, s := range b.Segs {
		reserved += s.End - s.Base
		committed += s.End - s.Base - s.uncommitted
		ranges += len(s.UCRs)
		for _, r := range s.UCRs {
			if r.Size >= largeUCR {
				large += r.Size
			}
		}
	}
	virtual := uint64(0)
	for _, v := range b.Virtuals {
		virtual += v.Commit
	}
	b.Set("Counters.TotalMemoryReserved", reserved)
	b.Set("Counters.TotalMemoryCommitted", committed)
	b.Set("Counters.TotalMemoryLargeUCR", large)
	b.Set("Counters.TotalSizeInVirtualBlocks", virtual)
	b.Set("Counters.TotalSegments", uint64(len(b.Segs)))
	b.Set("Counters.TotalUCRs", uint64(ranges))
}

// writeLock writes the critical section and its debug record.
func (b *BuiltHeap) writeLock() {
	l := b.Lock
	if l.None || b.Flags&FlagNoSerialize != 0 {
		return
	}
	p := b.Arch.PtrSize()
	b.lock = b.Address + b.lockOffset()
	b.Set("LockVariable", b.lock)
	count := ^uint32(0)
	if l.Owner != 0 {
		count-- // Vista and later: bit 0 clear is locked
	}
	b.Image.PutU32(b.lock+p, count)
	b.Image.PutU32(b.lock+p+4, l.Recursion)
	b.ptr(b.lock+p+8, l.Owner)
	b.ptr(b.lock+3*p+8, l.SpinCount)
	if l.Debug == 0 {
		if b.Family >= Win8 {
			b.ptr(b.lock, ^uint64(0))
		}
		return
	}
	b.ptr(b.lock, l.Debug)
	d := l.Debug
	b.ptr(d+p, b.lock)
	links := d + 2*p
	b.ptr(links, links)
	b.ptr(links+p, links)
	b.Image.PutU32(d+4*p+4, l.Contention)
	b.Image.PutU16(d+2, uint16(l.Trace))
	if b.Family != XP {
		b.Image.PutU16(d+4*p+12, uint16(l.Trace>>16))
	}
}
