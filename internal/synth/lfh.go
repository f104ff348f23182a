package synth

import "math/bits"

// OriginLFH is a slot of the low-fragmentation heap.
const OriginLFH Origin = OriginVirtual + 1

// LFH is the script of a heap's low-fragmentation heap. Its
// containers are items of the heap's segments; Install does the rest when the
// process is built. _LFH_HEAP and its zones stand in a region of their own,
// which from Windows 8 on counts as the heap's. Of XP's and 2003's there are
// the containers and subsegments alone, which public symbols know: no
// _LFH_HEAP, and in a slot's header only UnusedBytes means something.
type LFH struct {
	Family       Family
	Arch         Arch
	Address      uint64 // of _LFH_HEAP; page aligned
	Key          uint64 // RtlpLFHKey; 32 bits of it count, on x64 before Windows 8 forty
	PlainOffsets bool   // Windows 8.0: the offsets are not encoded
	FreePointer  bool   // Windows 8.0: zones as before 8.1
	Containers   []*Container

	Heap  *BuiltHeap // once built
	zones []uint64
}

// Container is a UserBlocks and its _HEAP_SUBSEGMENT.
type Container struct {
	Units     uint64 // of a slot
	SizeIndex uint8
	Affinity  uint8
	Slots     []Slot
	Spare     uint64 // bytes behind the last slot
	Cached    bool   // kept for later use: no subsegment, its first pointer leads to Next
	Next      *Container
	InFlight  uint16 // free slots that Depth does not count

	UserBlocks, SubSegment uint64 // once built
	lfh                    *LFH
}

// Slot is one slot: free, or busy with so many user bytes.
type Slot struct {
	Busy    bool
	Size    uint64
	Stack   uint64 // not 0: an extended header with this stack trace
	Content []byte
}

// NewLFH is a low-fragmentation heap without containers.
func NewLFH(f Family, a Arch, addr, key uint64) *LFH {
	l := &LFH{Family: f, Arch: a, Address: addr, Key: key & 0xffffffff}
	if f <= Win7 && a != X86 {
		l.Key = key & (1<<40 - 1)
	}
	return l
}

// new says whether the containers have a bitmap: Windows 8 and later.
func (l *LFH) new() bool { return l.Family >= Win8 }

// lfhSizes are the places that differ by family and architecture.
type lfhSizes struct {
	lfh, zones, heap, uncommitted, limit, buckets, local uint64 // _LFH_HEAP
	sub, exchange, blockSize                             uint64 // _HEAP_SUBSEGMENT; what follows BlockSize is alike
	head, sizeIndex, signature, offsets, bitmap, bits    uint64 // _HEAP_USERDATA_HEADER
}

func (l *LFH) sizes() lfhSizes {
	switch x86 := l.Arch == X86; {
	case l.new() && x86:
		buckets := uint64(0x1bc)
		if l.Family == Win8 {
			buckets = 0x1b8
		}
		return lfhSizes{0x7e8, 0x4, 0xc, 0x14, 0x18, buckets, 0x7d0, 0x28, 0x10, 0x14, 0x20, 0x8, 0xc, 0x10, 0x14, 0x1c}
	case l.new():
		buckets := uint64(0x2a4)
		if l.Family == Win8 {
			buckets = 0x2a0
		}
		return lfhSizes{0xcf0, 0x8, 0x18, 0x28, 0x30, buckets, 0xcc0, 0x40, 0x20, 0x24, 0x38, 0x10, 0x14, 0x18, 0x20, 0x30}
	case x86:
		return lfhSizes{lfh: 0x3728, zones: 0x18, heap: 0x24, buckets: 0x110, local: 0x310, sub: 0x20, exchange: 0x8, blockSize: 0x10, head: 0x10, sizeIndex: 0x8, signature: 0xc}
	}
	return lfhSizes{lfh: 0x6420, zones: 0x28, heap: 0x40, buckets: 0x1f0, local: 0x3f0, sub: 0x30, exchange: 0x10, blockSize: 0x18, head: 0x20, sizeIndex: 0x10, signature: 0x18}
}

// LFH is the front end that the container was added to.
func (c *Container) LFH() *LFH { return c.lfh }

// first is the offset of the first slot's header in the UserBlocks.
func (c *Container) first() uint64 {
	s, p := c.lfh.sizes(), c.lfh.Arch.PtrSize()
	if !c.lfh.new() {
		return s.head
	}
	words := (uint64(len(c.Slots)) + 8*p - 1) / (8 * p)
	return alignUp(s.bits+p*words, c.lfh.Arch.Unit())
}

// stride is the bytes of a slot.
func (c *Container) stride() uint64 { return c.Units * c.lfh.Arch.Unit() }

// Slot is the address of slot i's header.
func (c *Container) Slot(i int) uint64 { return c.UserBlocks + c.first() + uint64(i)*c.stride() }

// Add adds a container; the result is its back-end block.
func (l *LFH) Add(c *Container) Item {
	c.lfh = l
	l.Containers = append(l.Containers, c)
	size := l.Arch.Unit() + c.first() + uint64(len(c.Slots))*c.stride() + c.Spare
	if l.Family == XP {
		return Busy(size - l.Arch.Unit()).WithMade(func(user uint64) []byte { c.UserBlocks = user; return nil })
	}
	return Internal(size).WithMade(func(user uint64) []byte { c.UserBlocks = user; return nil })
}

const zoneBytes = 0x400

// Install makes l the front end of h, one of the process's heaps: now what
// the heap's header says, and when the process is built all structures and
// the truth about the slots.
func (l *LFH) Install(p *Process, h *Heap) {
	h.FrontEndHeap, h.FrontEndHeapType = l.Address, 2
	per := int((zoneBytes - 2*l.Arch.Unit()) / l.sizes().sub)
	at := alignUp(l.Address+l.sizes().lfh, 0x10)
	for range (len(l.Containers) + per - 1) / per {
		l.zones = append(l.zones, at)
		at += zoneBytes
	}
	committed := alignUp(at-l.Address, pageSize)
	if l.new() {
		h.ExtraReserved, h.ExtraCommitted = committed+0x10000, committed
	}
	before := p.Prepare
	p.Prepare = func(b *Built) {
		for _, x := range append(append([]*BuiltHeap{}, b.Heaps...), b.Heaps32...) {
			if x.Heap == h {
				l.Heap = x
				x.Image.Reserve(l.Address, committed+0x10000, MemPrivate, PageReadWrite)
				x.Image.Commit(l.Address, committed, PageReadWrite)
				l.write(committed, per)
			}
		}
		if before != nil {
			before(b)
		}
	}
}

// write writes everything, once the containers have their addresses.
func (l *LFH) write(committed uint64, per int) {
	for i, c := range l.Containers {
		c.SubSegment = l.zones[i/per] + 2*l.Arch.Unit() + uint64(i%per)*l.sizes().sub
	}
	if l.Family != XP {
		l.writeHead(committed, per)
	}
	for _, c := range l.Containers {
		c.write()
	}
	l.truth()
}

// writeHead writes _LFH_HEAP and its zones.
func (l *LFH) writeHead(committed uint64, per int) {
	b, s, p := l.Heap, l.sizes(), l.Arch.PtrSize()
	b.ptr(l.Address+s.heap, b.Address)
	if l.new() {
		b.ptr(l.Address+s.uncommitted, l.Address+committed)
		b.ptr(l.Address+s.limit, l.Address+committed+0x10000)
	}
	for i := range uint64(128) {
		b.Image.PutU16(l.Address+s.buckets+4*i, uint16(i+1))
		b.Image.PutU8(l.Address+s.buckets+4*i+2, uint8(i))
	}
	b.ring(l.Address+s.zones, l.zones)
	for i, z := range l.zones {
		n := min(per, len(l.Containers)-i*per)
		if l.new() && !l.FreePointer {
			b.Image.PutU32(z+2*p, uint32(n))
			continue
		}
		b.ptr(z+2*p, z+2*l.Arch.Unit()+uint64(n)*s.sub)
		b.ptr(z+3*p, z+zoneBytes)
	}
	for _, c := range l.Containers {
		b.Image.PutU16(l.Address+s.buckets+4*uint64(c.SizeIndex), uint16(c.Units))
		if c.Affinity != 0 {
			b.Image.PutU8(l.Address+s.buckets+4*uint64(c.SizeIndex)+3, 1)
		}
	}
}

// write writes the container, its slots and its subsegment.
func (c *Container) write() {
	l, b := c.lfh, c.lfh.Heap
	s, p, n := l.sizes(), l.Arch.PtrSize(), uint64(len(c.Slots))
	b.ptr(c.UserBlocks, c.SubSegment)
	if l.Family == XP {
		b.ptr(c.UserBlocks+p, b.Address)
	}
	room := c.first() + n*c.stride() + c.Spare
	b.Image.PutU8(c.UserBlocks+s.sizeIndex, uint8(bits.Len64(room-1))) // the log2 of its size
	b.Image.PutU32(c.UserBlocks+s.signature, 0xf0e0d0c0)
	free := 0
	for i := range c.Slots {
		c.writeSlot(i)
		if !c.Slots[i].Busy {
			free++
		}
	}
	if l.new() {
		plain := uint32(c.first()) | uint32(c.stride())<<16
		if !l.PlainOffsets {
			plain ^= uint32(c.UserBlocks) ^ uint32(l.Address) ^ uint32(l.Key)
		}
		b.Image.PutU32(c.UserBlocks+s.offsets, plain)
		b.Image.PutU32(c.UserBlocks+s.bitmap, uint32(n))
		b.ptr(c.UserBlocks+s.bitmap+p, c.UserBlocks+s.bits)
		for i := range c.Slots {
			if at := c.BitAddr(i); c.Slots[i].Busy {
				b.Image.PutU8(at, b.Image.Read(at, 1)[0]|1<<(i%8))
			}
		}
	}
	if c.Cached {
		next := uint64(0)
		if c.Next != nil {
			next = c.Next.UserBlocks
		}
		b.ptr(c.UserBlocks, next)
		return
	}
	at := c.SubSegment
	b.ptr(at, l.Address+s.local)
	b.ptr(at+p, c.UserBlocks)
	b.Image.PutU16(at+s.exchange, uint16(free)-c.InFlight)
	b.Image.PutU16(at+s.exchange+2, uint16(n/2)) // Hint, or FreeEntryOffset
	if l.Family == XP {
		c.chain()
	}
	b.Image.PutU16(at+s.blockSize, uint16(c.Units))
	b.Image.PutU16(at+s.blockSize+4, uint16(n))
	b.Image.PutU8(at+s.blockSize+6, c.SizeIndex)
	b.Image.PutU8(at+s.blockSize+7, c.Affinity)
}

// BitAddr is the byte of the bitmap that has slot i's bit, i%8 of it.
func (c *Container) BitAddr(i int) uint64 { return c.UserBlocks + c.lfh.sizes().bits + uint64(i)/8 }

// FieldAddr is where a field of the container is: SubSegment, SizeIndex,
// Signature, EncodedOffsets, SizeOfBitMap, or of its subsegment: UserBlocks,
// DelayFreeList, Depth, BlockSize, BlockCount.
func (c *Container) FieldAddr(name string) uint64 {
	s, p := c.lfh.sizes(), c.lfh.Arch.PtrSize()
	switch name {
	case "SubSegment":
		return c.UserBlocks
	case "SizeIndex":
		return c.UserBlocks + s.sizeIndex
	case "Signature":
		return c.UserBlocks + s.signature
	case "EncodedOffsets":
		return c.UserBlocks + s.offsets
	case "SizeOfBitMap":
		return c.UserBlocks + s.bitmap
	case "UserBlocks":
		return c.SubSegment + p
	case "DelayFreeList":
		return c.SubSegment + 2*p
	case "Depth":
		return c.SubSegment + s.exchange
	case "BlockSize":
		return c.SubSegment + s.blockSize
	case "BlockCount":
		return c.SubSegment + s.blockSize + 4
	}
	panic("synth: no field " + name)
}

// code is the eight bytes of slot i's header but for UnusedBytes.
func (c *Container) code(i int) (raw [8]byte) {
	l, hdr := c.lfh, c.Slot(i)
	h, shift := l.Heap.Address, 3
	if l.Arch != X86 {
		shift = 4
	}
	put := func(v uint64, n int) {
		for k := range n {
			raw[k] = byte(v >> (8 * k))
		}
	}
	switch {
	case l.new() && l.Arch == X86:
		put((hdr-c.UserBlocks)<<0xd^l.Key^h^hdr>>shift, 4)
	case l.new():
		put((hdr-c.UserBlocks)<<0xc^l.Key^h^hdr>>shift, 4)
	case l.Arch == X86:
		put(c.SubSegment^hdr>>3^h^l.Key, 4)
	default:
		put(c.SubSegment>>4^(hdr^h)>>4^l.Key, 5)
	}
	if l.new() {
		raw[5], raw[6] = byte(i), byte(i>>8)
	}
	return raw
}

func (c *Container) writeSlot(i int) {
	l, b, hdr, s := c.lfh, c.lfh.Heap, c.Slot(i), c.Slots[i]
	raw := c.code(i)
	if l.Family == XP {
		c.writeOldSlot(i, raw)
		return
	}
	raw[7] = 0x80
	unused := c.stride() - s.Size
	switch {
	case !s.Busy:
	case s.Stack != 0:
		raw[7] = 0xc2
		b.extended(hdr+l.Arch.Unit(), s.Stack, unused)
	case unused < 0x3f:
		raw[7] |= byte(unused)
	default:
		raw[7] = 0xbf
	}
	b.Image.Write(headerAt(l.Arch, hdr), raw[:])
	if s.Content != nil {
		b.Image.Write(c.user(i), s.Content)
	}
	if raw[7] == 0xbf && l.Arch == X86 {
		b.Image.PutU32(hdr+c.stride()-4, uint32(unused))
	} else if raw[7] == 0xbf {
		b.Image.PutU64(hdr+c.stride(), unused)
	}
}

func (c *Container) user(i int) uint64 {
	u := c.lfh.Arch.Unit()
	if c.Slots[i].Stack != 0 {
		return c.Slot(i) + 3*u
	}
	return c.Slot(i) + u
}

// truth puts head, slots and rest in the place of each container in use.
func (l *LFH) truth() {
	at := map[uint64]*Container{}
	for _, c := range l.Containers {
		if !c.Cached {
			at[c.UserBlocks-l.Arch.Unit()] = c
		}
	}
	var out []Block
	for _, bl := range l.Heap.Blocks {
		c := at[bl.Entry]
		if c == nil || bl.State != StateInternal && l.Family != XP {
			out = append(out, bl)
			continue
		}
		end := bl.End()
		bl.Bytes = c.Slot(0) - bl.Entry
		bl.State, bl.Size = StateInternal, 0
		out = append(out, bl)
		for i, s := range c.Slots {
			x := Block{Segment: bl.Segment, seg: bl.seg, Entry: c.Slot(i), User: c.user(i), Bytes: c.stride(), State: StateFree, Origin: OriginLFH, Bucket: c.SizeIndex}
			if s.Busy {
				x.State, x.Size, x.Stack, x.Flags = StateBusy, s.Size, s.Stack, 1
			}
			out = append(out, x)
		}
		if rest := c.Slot(len(c.Slots)); rest < end {
			out = append(out, Block{Segment: bl.Segment, seg: bl.seg, Entry: rest, Bytes: end - rest, State: StateInternal})
		}
	}
	l.Heap.Blocks = out
}
