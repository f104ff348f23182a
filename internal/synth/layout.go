package synth

import "fmt"

// maxUnits is the largest block Windows makes in a segment.
const maxUnits = 0xfe00

// plan lays the items of one segment out, one block behind the other.
type plan struct {
	b      *BuiltHeap
	seg    int
	base   uint64
	at     uint64
	prev   uint16
	blocks []Block
	ucrs   []UCR
}

// sentinelSize is the block before an uncommitted range: on Vista and later
// it holds the range's descriptor, on XP there is none.
func (b *BuiltHeap) sentinelSize() uint64 {
	if b.Family == XP {
		return 0
	}
	return b.Arch.Unit() + sizeofUCR(b.Arch)
}

// put appends a block of so many bytes and moves on.
func (p *plan) put(bl Block) {
	u := p.b.Arch.Unit()
	if bl.Bytes%u != 0 || bl.Bytes/u > 0xffff || bl.Bytes == 0 {
		panic(fmt.Sprintf("synth: a block of %#x bytes at %#x", bl.Bytes, p.at))
	}
	bl.Segment, bl.seg, bl.Entry, bl.prev = p.base, p.seg, p.at, p.prev
	if bl.User == 0 {
		bl.User = p.at + u
	}
	if bl.item != nil && bl.item.Prev != nil {
		bl.prev = *bl.item.Prev
	}
	p.blocks = append(p.blocks, bl)
	p.at += bl.Bytes
	p.prev = uint16(bl.Bytes / u)
}

// item places one item of the script.
func (p *plan) item(it *Item) {
	switch it.Kind {
	case ItemBusy:
		p.put(p.b.busy(it, p.at))
	case ItemFree:
		p.put(p.b.free(it, it.Size))
	case ItemInternal:
		p.put(Block{Bytes: alignUp(it.Size, p.b.Arch.Unit()), State: StateInternal,
			Flags: 1 | it.Flags, Unused: p.b.internalUnused(it), item: it})
	case ItemUncommitted:
		p.pad(p.b.sentinelSize())
		p.sentinel()
		p.uncommitted(alignUp(it.Size, pageSize))
	}
}

func (b *BuiltHeap) internalUnused(it *Item) uint8 {
	if it.Unused != 0 {
		return it.Unused
	}
	return uint8(b.Arch.Unit())
}

// free is a free block.
func (b *BuiltHeap) free(it *Item, bytes uint64) Block {
	bl := Block{Bytes: bytes, State: StateFree, item: it}
	if b.flags()&FlagFreeChecking != 0 {
		bl.Flags = 4
	}
	if it != nil {
		bl.Flags |= it.Flags
	}
	return bl
}

// pad makes the cursor stand so that, with so many bytes more, a page ends.
func (p *plan) pad(more uint64) {
	u := p.b.Arch.Unit()
	gap := alignUp(p.at+more, pageSize) - (p.at + more)
	if gap == 0 {
		return
	}
	if n := len(p.blocks); n > 0 {
		if l := &p.blocks[n-1]; l.State == StateFree && (l.Bytes+gap)/u <= maxUnits {
			l.Bytes += gap
			p.at += gap
			p.prev = uint16(l.Bytes / u)
			return
		}
	}
	if gap < 2*u { // no room for the links
		gap += pageSize
	}
	p.put(p.b.free(nil, gap))
}

// sentinel places the last block of a committed run.
func (p *plan) sentinel() {
	n := p.b.sentinelSize()
	if n == 0 {
		if l := len(p.blocks); l > 0 {
			p.blocks[l-1].Flags |= 0x10 // XP: last entry
		}
		return
	}
	f := p.b.SentinelFlags
	if f == 0 {
		f = 0x01
	}
	p.put(Block{Bytes: n, State: StateInternal, Flags: f, Unused: 3})
}

// uncommitted places a range behind the sentinel that describes it.
func (p *plan) uncommitted(n uint64) {
	d := uint64(0)
	if p.b.Family != XP {
		d = p.at - sizeofUCR(p.b.Arch)
	}
	p.ucrs = append(p.ucrs, UCR{Descriptor: d, Addr: p.at, Size: n, Segment: p.seg})
	if n > 0 {
		p.blocks = append(p.blocks, Block{Segment: p.base, seg: p.seg, Entry: p.at, User: p.at,
			Bytes: n, State: StateUncommitted})
		p.prev = 0
	}
	p.at += n
}

// end fills the segment to its end.
func (p *plan) end(s *Segment) {
	n := len(p.blocks)
	if n > 0 && p.blocks[n-1].State == StateUncommitted {
		if l := &p.blocks[n-1]; p.base+s.Reserve > p.at {
			grow := p.base + s.Reserve - p.at
			l.Bytes += grow
			p.ucrs[len(p.ucrs)-1].Size += grow
			p.at += grow
		}
		return
	}
	tail := p.b.sentinelSize()
	if s.NoEndSentinel {
		tail = 0
	}
	if p.base+s.Reserve > alignUp(p.at+p.b.sentinelSize(), pageSize) {
		p.pad(p.b.sentinelSize())
		p.sentinel()
		if rest := int64(p.base + s.Reserve - p.at); rest > 0 {
			p.uncommitted(uint64(rest))
			return
		}
	} else {
		p.pad(tail)
		if tail > 0 || p.b.Family == XP {
			p.sentinel()
		}
	}
	if s.ZeroUCR && !s.NoEndSentinel && p.b.Family != XP {
		p.uncommitted(0)
	}
}

// busy is a busy block for an allocation.
func (b *BuiltHeap) busy(it *Item, at uint64) Block {
	u := b.Arch.Unit()
	ext, tail := uint64(0), uint64(0)
	if it.Stack != 0 {
		ext = 2 * u
	}
	flags := 1 | it.Flags
	if b.flags()&FlagTailChecking != 0 {
		flags |= 6
		tail = u + u // the fill and the extra
	} else if flags&2 != 0 {
		tail = u
	}
	need := it.Size + ext + u + tail
	if tail == 0 && b.Arch != X86 && b.Family != XP {
		need -= 8 // the next header's first eight bytes are this block's
	}
	bytes := max(alignUp(need, u), 2*u, alignUp(it.Block, u))
	bl := Block{Bytes: bytes, Size: it.Size, User: at + u + ext, State: StateBusy, Flags: flags, Stack: it.Stack, item: it}
	if unused := bytes - it.Size - ext; unused < 0x3f || b.Family == XP {
		if unused > 0xff {
			panic("synth: UnusedBytes does not fit an XP header")
		}
		bl.Unused = uint8(unused)
	} else {
		bl.Unused = 0x3f
	}
	return bl
}

// flags is _HEAP.Flags and ForceFlags together.
func (h *Heap) flags() uint32 { return h.Flags | h.ForceFlags }
