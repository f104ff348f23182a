package synth

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"io"
	"slices"
)

// ends points the list head at the smallest and the largest free block, and
// makes the list lookup.
func (g *bigHeap) ends(order []int32) {
	g.h.Image.Write(g.h.lookup, make([]byte, lookupSize(Win10v1809, X64)))
	if len(order) == 0 {
		g.h.ring(g.h.FieldAddr("FreeLists"), nil)
		g.h.writeLookup(nil)
		return
	}
	g.h.Set("FreeLists", g.node(order[0]))
	g.h.Set("FreeLists.Blink", g.node(order[len(order)-1]))
	var firsts []*Block
	large, last := uint32(0), -1
	for _, i := range order {
		n := min(int(g.size[i]), lookupArray-1)
		if n == lookupArray-1 {
			large++
		}
		if n != last {
			firsts = append(firsts, &Block{Entry: g.at[i], Bytes: uint64(g.size[i]) * 16})
			last = n
		}
	}
	g.h.writeLookup(firsts)
	g.h.Image.PutU32(g.h.lookup+16, uint32(len(order)))
	g.h.Image.PutU32(g.h.lookup+20, large)
}

// header makes the small heap that was built into the head of the big one.
func (g *bigHeap) header() {
	h, units, size := g.h, uint64(0), uint64(0)
	for _, n := range g.size {
		units += uint64(n)
	}
	for _, s := range g.segs {
		size += s.size
	}
	first := &g.segs[0]
	h.Set("TotalFreeSize", units)
	h.Set("NumberOfPages", first.size/pageSize)
	h.Set("LastValidEntry", first.base+first.size)
	h.Set("SegmentListEntry", g.segNode(1))
	h.Set("SegmentListEntry.Blink", g.segNode(-1))
	h.Set("SegmentList", g.segNode(0))
	h.Set("SegmentList.Blink", g.segNode(len(g.segs)-1))
	h.Set("Counters.TotalSegments", uint64(len(g.segs)))
	if g.mean > 0 {
		size += g.frontEnd()
	}
	h.Set("Counters.TotalMemoryReserved", size)
	h.Set("Counters.TotalMemoryCommitted", size)
}

// segNode is the list entry of segment k; outside it is the head.
func (g *bigHeap) segNode(k int) uint64 {
	if k < 0 || k >= len(g.segs) {
		return g.h.FieldAddr("SegmentList")
	}
	return g.segs[k].base + 0x18
}

// fill makes the bytes of segment k.
func (g *bigHeap) fill(k int, sizes []uint16, data []byte, links *bigLinks) {
	s := &g.segs[k]
	le := binary.LittleEndian
	key := g.h.Key
	head := uint16(7)
	if k == 0 {
		head = uint16(g.first / 16)
		copy(data, g.h.Image.Read(s.base, int(g.first)))
	} else {
		g.segment(k, data)
	}
	entry := func(at uint64, size, prev uint16, flags, unused uint8) {
		sum := uint8(size) ^ uint8(size>>8) ^ flags
		le.PutUint64(data[at+8:], key^(uint64(size)|uint64(flags)<<16|uint64(sum)<<24|
			uint64(prev)<<32|uint64(uint8(k))<<48|uint64(unused)<<56))
	}
	entry(0, head, 0, 1, 1)
	prev, free, last, container := head, int32(s.free), s.base, s.container
	g.blocks(k, sizes, func(b bigBlock) {
		if b.count > 0 {
			entry(b.at, b.units, prev, 9, 1)
			g.fillSlots(container, s.base+b.at, &b, data[b.at:b.at+uint64(b.units)*16])
			container++
		} else if b.free {
			entry(b.at, b.units, prev, 0, 0)
			le.PutUint64(data[b.at+16:], g.node(g.next[free]))
			le.PutUint64(data[b.at+24:], g.node(g.prev[free]))
			free++
		} else {
			entry(b.at, b.units, prev, 1, b.unused)
			le.PutUint64(data[b.at+16:], last) // a pointer to another block
			links.put(b, data[b.at+16:])
			last = s.base + b.at + 16
		}
		prev = b.units
	})
	entry(s.size-0x40, 4, prev, 1, 3)
}

// segment writes the _HEAP_SEGMENT of a segment other than the first.
func (g *bigHeap) segment(k int, data []byte) {
	s, le := &g.segs[k], binary.LittleEndian
	le.PutUint32(data[0x10:], 0xffeeffee)
	le.PutUint32(data[0x14:], 2)
	le.PutUint64(data[0x18:], g.segNode(k+1))
	le.PutUint64(data[0x20:], g.segNode(k-1))
	le.PutUint64(data[0x28:], g.segs[0].base)
	le.PutUint64(data[0x30:], s.base)
	le.PutUint32(data[0x38:], uint32(s.size/pageSize))
	le.PutUint64(data[0x40:], s.base+0x70)
	le.PutUint64(data[0x48:], s.base+s.size)
	le.PutUint64(data[0x60:], s.base+0x60)
	le.PutUint64(data[0x68:], s.base+0x60)
}

// bigHead writes the file up to the heaps' bytes: streams, and the process's
// memory below them. It returns what lies above them and comes behind them in
// the file, which has its ranges in the order of their addresses, as Windows
// writes them.
func bigHead(w *bufio.Writer, b *Built, heaps []*bigHeap, o BigOptions) ([]MemRange, error) {
	d := b.Dump
	ours := func(addr uint64) bool {
		return slices.ContainsFunc(heaps, func(g *bigHeap) bool { return g.segs[0].base == addr })
	}
	small := slices.DeleteFunc(d.Memory, func(m MemRange) bool { return ours(m.Addr) })
	d.Memory = nil
	d.Regions = slices.DeleteFunc(d.Regions, func(r Region) bool { return r.State == MemFree || ours(r.AllocBase) })
	slices.SortFunc(small, func(x, y MemRange) int { return cmp.Compare(x.Addr, y.Addr) })
	below, above := small, []MemRange(nil)
	if i := slices.IndexFunc(small, func(m MemRange) bool { return m.Addr >= bigBase }); i >= 0 {
		below, above = small[:i], small[i:]
	}
	var list buf
	list.zero(16)
	put := func(ranges []MemRange) {
		for _, m := range ranges {
			list.u64(m.Addr)
			list.u64(uint64(len(m.Data)))
		}
	}
	put(below)
	n := uint64(len(small))
	for _, r := range slices.Concat(bigRegions(heaps, o, len(small)), bigHoles(o)) {
		d.AddRegion(r)
		list.u64(r.Base)
		list.u64(r.Size)
		n++
	}
	put(above)
	slices.SortFunc(d.Regions, func(x, y Region) int { return cmp.Compare(x.Base, y.Base) })
	put64(list.b, 0, n)
	d.AddStream(StreamMemory64List, list.b)
	f := d.File()
	s, _ := f.Stream(StreamMemory64List)
	f.Poke64(s.Off+8, uint64(len(f.Data)))
	if _, err := w.Write(f.Data); err != nil {
		return nil, err
	}
	for _, m := range below {
		if _, err := w.Write(m.Data); err != nil {
			return nil, err
		}
	}
	return above, nil
}

// bigRegions are those of the heaps' segments, each a range of the dump.
func bigRegions(heaps []*bigHeap, o BigOptions, small int) (out []Region) {
	step := bigStep(heaps, o, small)
	for _, g := range heaps {
		for _, s := range g.segs {
			for at := uint64(0); at < s.size; at += step {
				protect := PageReadWrite
				if at/step%2 == 1 { // what makes each range a region of its own
					protect = PageExecuteReadWrite
				}
				out = append(out, Region{Base: s.base + at, AllocBase: s.base, Size: min(step, s.size-at), AllocProtect: PageReadWrite,
					State: MemCommit, Protect: protect, Type: MemPrivate})
			}
		}
	}
	return out
}

// bigHoles are the regions of zeros.
func bigHoles(o BigOptions) (out []Region) {
	for at := uint64(0); at < o.Zeros; at += bigZeros {
		out = append(out, Region{Base: bigHole + at, AllocBase: bigHole + at, Size: min(bigZeros, o.Zeros-at), AllocProtect: PageReadWrite,
			State: MemCommit, Protect: PageReadWrite, Type: MemPrivate})
	}
	return out
}

// Zeros stand above the heaps, in allocations of so many bytes.
const (
	bigHole  = bigBase + bigMaxHeaps<<36
	bigZeros = 1 << 30
)

// writeZeros writes n bytes that are zero, or leaves them out where w can.
func writeZeros(w io.Writer, n uint64) error {
	if s, ok := w.(io.Seeker); ok && n > 0 {
		_, err := s.Seek(int64(n), io.SeekCurrent)
		return err
	}
	zeros := make([]byte, 1<<16)
	for ; n > 0; n -= min(n, uint64(len(zeros))) {
		if _, err := w.Write(zeros[:min(n, uint64(len(zeros)))]); err != nil {
			return err
		}
	}
	return nil
}

// bigStep is how long a saved range is for there to be o.Ranges of them.
func bigStep(heaps []*bigHeap, o BigOptions, small int) uint64 {
	if o.Ranges <= small {
		return bigSegment
	}
	total := uint64(0)
	for _, g := range heaps {
		for _, s := range g.segs {
			total += s.size
		}
	}
	return max(alignUp(total/uint64(o.Ranges-small), pageSize), pageSize)
}
