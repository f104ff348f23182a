package ntheap_test

import (
	"bytes"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

func set(field string, v uint64) func(*patient) { return func(p *patient) { p.Set(field, v) } }

func setSegment(i int, field string, v uint64) func(*patient) {
	return func(p *patient) { p.SetSegment(i, field, v) }
}

// bend adds to a field of segment i.
func bend(i int, field string, by uint64) func(*patient) {
	return func(p *patient) { p.SetSegment(i, field, p.GetSegment(i, field)+by) }
}

func (p *patient) ptr(at uint64) uint64 {
	if p.Arch == synth.X86 {
		return uint64(p.Image.U32(at))
	}
	return p.Image.U64(at)
}

func (p *patient) put(at, v uint64) { p.Image.PutPtr(at, v) }

// unlink takes a node out of the list that it is on.
func (p *patient) unlink(node uint64) {
	flink, blink := p.ptr(node), p.ptr(node+p.Arch.PtrSize())
	p.put(blink, flink)
	p.put(flink+p.Arch.PtrSize(), blink)
}

// link puts a node behind another into the list that that one is on.
func (p *patient) link(node, behind uint64) {
	next := p.ptr(behind)
	p.put(node, next)
	p.put(node+p.Arch.PtrSize(), behind)
	p.put(next+p.Arch.PtrSize(), node)
	p.put(behind, node)
}

// smash overwrites an entry's header with what an overrun leaves.
func (p *patient) smash(entry uint64) {
	p.Image.Write(entry, bytes.Repeat([]byte{'A'}, int(p.Arch.Unit())))
}

func (p *patient) edit(entry uint64, fix bool, f func(*synth.Entry)) { p.EditEntry(entry, fix, f) }

// wild is an address where the process has nothing.
const wild = 0x41410040

// headerDamages are those of the heap's structures.
var headerDamages = []damage{
	{name: "Signature", code: ntheap.CodeHeaderField, do: set("Signature", 0)},
	{name: "FrontEndHeapType", code: ntheap.CodeHeaderField, do: set("FrontEndHeapType", 7)},
	{name: "Encoding", code: ntheap.CodeHeaderField, in: vista, do: func(p *patient) {
		at := p.FieldAddr("Encoding") + p.Arch.Unit() - 8
		p.Image.PutU32(at, p.Image.U32(at)^0x1234)
	}},
	{name: "EncodeFlagMask", code: ntheap.CodeHeaderField, in: vista, do: set("EncodeFlagMask", 0)},
	{name: "signature", code: ntheap.CodeSegmentField, in: vista, do: setSegment(1, "SegmentSignature", 0)},
	{name: "signature", code: ntheap.CodeSegmentField, in: xp, do: setSegment(1, "Signature", 0)},
	{name: "NumberOfPages", code: ntheap.CodeSegmentField, do: bend(1, "NumberOfPages", 3)},
	{name: "NumberOfPages absurd", code: ntheap.CodeSegmentField, do: setSegment(1, "NumberOfPages", 0xffffffff)},
	{name: "NumberOfPages less", code: ntheap.CodeSegmentField, do: bend(1, "NumberOfPages", ^uint64(3))},
	{name: "LastValidEntry", code: ntheap.CodeSegmentField, do: bend(1, "LastValidEntry", 0x3000)},
	{name: "LastValidEntry less", code: ntheap.CodeSegmentField, do: bend(1, "LastValidEntry", ^uint64(0x2fff))},
	{name: "BaseAddress of the heap", code: ntheap.CodeSegmentField, do: bend(0, "BaseAddress", 0x1000)},
	{name: "BaseAddress", code: ntheap.CodeSegmentField, do: bend(1, "BaseAddress", 0x1000)},
	{name: "FirstEntry", code: ntheap.CodeSegmentField, do: setSegment(1, "FirstEntry", wild)},
	{name: "Flink of the head", code: ntheap.CodeSegmentList, in: vista, do: set("SegmentList", wild)},
	{name: "Blink of the head", code: ntheap.CodeSegmentList, in: vista, do: set("SegmentList.Blink", wild)},
	{name: "Flink", code: ntheap.CodeSegmentList, in: vista, do: setSegment(1, "SegmentListEntry", wild)},
	{name: "Blink", code: ntheap.CodeSegmentList, in: vista, do: setSegment(1, "SegmentListEntry.Blink", wild)},
	{name: "loop", code: ntheap.CodeSegmentList, in: vista, do: func(p *patient) {
		p.SetSegment(1, "SegmentListEntry", p.SegmentFieldAddr(0, "SegmentListEntry"))
	}},
	{name: "one left out", code: ntheap.CodeSegmentUnlisted, in: vista, do: func(p *patient) {
		p.unlink(p.SegmentFieldAddr(1, "SegmentListEntry"))
		p.fx.options.Segments = []memory.Addr{addr(p.Segs[1].Header)}
	}},
	{name: "one left out", code: ntheap.CodeSegmentUnlisted, in: xp, do: func(p *patient) {
		p.put(p.FieldAddr("Segments")+p.Arch.PtrSize(), 0)
		p.fx.options.Segments = []memory.Addr{addr(p.Segs[1].Header)}
	}},
	{name: "bogus pointer", code: ntheap.CodeSegmentList, in: xp, do: func(p *patient) {
		p.put(p.FieldAddr("Segments")+40*p.Arch.PtrSize(), wild)
	}},
	{name: "Flink of the head", code: ntheap.CodeUCRList, in: vista, do: setSegment(0, "UCRSegmentList", wild)},
	{name: "Blink of the head", code: ntheap.CodeUCRList, in: vista, do: setSegment(0, "UCRSegmentList.Blink", wild)},
	{name: "Flink", code: ntheap.CodeUCRList, in: vista, do: func(p *patient) { p.SetUCR(0, 0, "SegmentEntry", wild) }},
	{name: "Blink", code: ntheap.CodeUCRList, in: vista, do: func(p *patient) { p.SetUCR(0, 1, "SegmentEntry.Blink", wild) }},
	{name: "loop", code: ntheap.CodeUCRList, in: vista, do: func(p *patient) {
		p.SetUCR(0, 1, "SegmentEntry", p.UCRFieldAddr(0, 0, "SegmentEntry"))
	}},
	{name: "descriptor overwritten", code: ntheap.CodeUCRList, in: vista, do: func(p *patient) {
		p.Image.Fill(p.Segs[0].UCRs[0].Descriptor, 6*p.Arch.PtrSize(), []byte("ABCD"))
	}},
	{name: "Next", code: ntheap.CodeUCRList, in: xp, do: func(p *patient) { p.put(p.Segs[0].UCRs[0].Descriptor, wild) }},
	{name: "loop", code: ntheap.CodeUCRList, in: xp, do: func(p *patient) {
		p.put(p.Segs[0].UCRs[1].Descriptor, p.Segs[0].UCRs[0].Descriptor)
	}},
	{name: "Address", code: ntheap.CodeUCRRange, in: vista, do: func(p *patient) { p.SetUCR(0, 0, "Address", wild) }},
	{name: "Address elsewhere", code: ntheap.CodeUCRRange, in: vista, do: func(p *patient) { p.SetUCR(0, 0, "Address", damagedAt+0x1000) }},
	{name: "Size", code: ntheap.CodeUCRRange, in: vista, do: func(p *patient) { p.SetUCR(0, 0, "Size", 0x3001) }},
	{name: "Size less", code: ntheap.CodeUCRRange, in: vista, do: func(p *patient) { p.SetUCR(0, 0, "Size", 0x1000) }},
	{name: "Size more", code: ntheap.CodeUCRRange, in: vista, do: func(p *patient) { p.SetUCR(0, 0, "Size", 0x4000) }},
	{name: "Address", code: ntheap.CodeUCRRange, in: xp, do: func(p *patient) { p.put(p.Segs[0].UCRs[0].Descriptor+p.Arch.PtrSize(), wild) }},
	{name: "left out", code: ntheap.CodeUCRUnlisted, in: vista, do: func(p *patient) {
		p.unlink(p.UCRFieldAddr(0, 0, "SegmentEntry"))
	}},
	{name: "left out", code: ntheap.CodeUCRUnlisted, in: xp, do: func(p *patient) {
		p.SetSegment(0, "UnCommittedRanges", p.Segs[0].UCRs[1].Descriptor)
	}},
	{name: "left out and not counted", code: ntheap.CodeUCRUnlisted, in: vista, do: func(p *patient) {
		p.unlink(p.UCRFieldAddr(0, 0, "SegmentEntry"))
		p.SetSegment(0, "NumberOfUnCommittedRanges", 1)
		p.SetSegment(0, "NumberOfUnCommittedPages", p.Segs[0].UCRs[1].Size/0x1000)
		p.Set("Counters.TotalUCRs", p.Get("Counters.TotalUCRs")-1)
		p.Set("Counters.TotalMemoryCommitted", p.Get("Counters.TotalMemoryCommitted")+p.Segs[0].UCRs[0].Size)
	}},
	{name: "pages", code: ntheap.CodeUCRCount, do: bend(0, "NumberOfUnCommittedPages", 1)},
	{name: "ranges", code: ntheap.CodeUCRCount, do: bend(1, "NumberOfUnCommittedRanges", 1)},
	{name: "SmallTagIndex", code: ntheap.CodeEntryChecksum, in: vista, do: func(p *patient) {
		p.edit(p.busy[2].Entry, false, func(e *synth.Entry) { e.SmallTagIndex ^= 0x5a })
		p.fx.mended[p.busy[2].Entry] = true
	}},
	{name: "Flags of a free block", code: ntheap.CodeEntryChecksum, in: vista, do: func(p *patient) {
		p.edit(p.free[1].Entry, false, func(e *synth.Entry) { e.Flags ^= 1 })
		p.fx.mended[p.free[1].Entry] = true
	}},
	{name: "Size and checksum right", code: ntheap.CodeEntrySize, in: plainToo, do: func(p *patient) {
		p.edit(p.busy[2].Entry, true, func(e *synth.Entry) { e.Size += 4 })
		p.fx.mended[p.busy[2].Entry] = true
	}},
}

// entryDamages are those of the walk.
var entryDamages = []damage{
	{name: "Size", code: ntheap.CodeEntrySize, in: plainToo, do: func(p *patient) {
		p.edit(p.busy[2].Entry, false, func(e *synth.Entry) { e.Size += 4 })
		p.fx.mended[p.busy[2].Entry] = true
	}},
	{name: "Size absurd", code: ntheap.CodeEntrySize, in: plainToo, do: func(p *patient) {
		p.edit(p.busy[2].Entry, false, func(e *synth.Entry) { e.Size = 0xfff0 })
		p.fx.mended[p.busy[2].Entry] = true
	}},
	{name: "Size zero", code: ntheap.CodeEntrySize, in: plainToo, do: func(p *patient) {
		p.edit(p.free[2].Entry, false, func(e *synth.Entry) { e.Size = 0 })
		p.fx.mended[p.free[2].Entry] = true
	}},
	{name: "PreviousSize", code: ntheap.CodeEntryPrevious, in: plainToo, do: func(p *patient) {
		p.edit(p.busy[3].Entry, true, func(e *synth.Entry) { e.PreviousSize += 2 })
	}},
	{name: "PreviousSize of a free block", code: ntheap.CodeEntryPrevious, in: plainToo, do: func(p *patient) {
		p.edit(p.free[2].Entry, true, func(e *synth.Entry) { e.PreviousSize = 0 })
	}},
	{name: "UnusedBytes 2", code: ntheap.CodeEntryUnused, do: func(p *patient) {
		p.edit(p.busy[3].Entry, true, func(e *synth.Entry) { e.UnusedBytes = 2 })
		p.fx.lost[p.busy[3].Entry] = true
	}},
	{name: "UnusedBytes more than the block", code: ntheap.CodeEntryUnused, do: func(p *patient) {
		p.edit(p.busy[1].Entry, true, func(e *synth.Entry) { e.UnusedBytes = 0xc0 })
		p.fx.lost[p.busy[1].Entry] = true
	}},
	{name: "busy", code: ntheap.CodeEntryOverwritten, in: plainToo, do: func(p *patient) {
		p.smash(p.busy[2].Entry)
		p.fx.lost[p.busy[2].Entry] = true
	}},
	{name: "free, its links intact", code: ntheap.CodeEntryOverwritten, in: plainToo, do: func(p *patient) {
		p.smash(p.free[1].Entry)
		p.fx.mended[p.free[1].Entry] = true
	}},
	{name: "free with its links", code: ntheap.CodeEntryOverwritten, in: plainToo,
		also: map[diag.Code]string{ntheap.CodeFreeList: "two structures are overwritten, not one"},
		do: func(p *patient) {
			p.Image.Fill(p.free[1].Entry, 2*p.Arch.Unit(), []byte{'A'})
			p.fx.mended[p.free[1].Entry] = true
		}},
	{name: "one behind an uncommitted range", code: ntheap.CodeEntryOverwritten, in: plainToo, do: func(p *patient) {
		e := p.busy[7].Entry
		p.smash(e)
		p.fx.lost[e] = true
	}},
	{name: "Flink", code: ntheap.CodeFreeList, do: func(p *patient) { a, _ := p.FreeLinks(p.free[1].Entry); p.put(a, wild) }},
	{name: "Blink", code: ntheap.CodeFreeList, do: func(p *patient) { _, a := p.FreeLinks(p.free[1].Entry); p.put(a, wild) }},
	{name: "loop", code: ntheap.CodeFreeList, in: vista, do: func(p *patient) {
		a, _ := p.FreeLinks(p.free[1].Entry)
		p.put(a, a)
	}},
	{name: "a busy block on it", code: ntheap.CodeFreeList, in: plainToo, do: func(p *patient) {
		a, _ := p.FreeLinks(p.free[1].Entry)
		p.link(p.busy[5].User, a)
	}},
	{name: "a free block in user data instead of one", code: ntheap.CodeFreeCount, in: plainToo, do: func(p *patient) {
		fake := p.busy[5].Entry + 8*p.Arch.Unit()
		e := synth.Entry{Size: uint16(p.free[1].Bytes / p.Arch.Unit())}
		e.SmallTagIndex = e.Sum()
		p.WriteEntry(fake, e)
		a, _ := p.FreeLinks(p.free[1].Entry)
		before := p.ptr(a + p.Arch.PtrSize())
		p.unlink(a)
		p.link(fake+p.Arch.Unit(), before)
	}},
	{name: "one left out", code: ntheap.CodeFreeCount, do: func(p *patient) { a, _ := p.FreeLinks(p.free[1].Entry); p.unlink(a) }},
	{name: "off by one", code: ntheap.CodeTotalFree, do: func(p *patient) { p.Set("TotalFreeSize", p.Get("TotalFreeSize")+1) }},
	{name: "segments", code: ntheap.CodeCounter, in: vista, do: set("Counters.TotalSegments", 9)},
	{name: "ranges", code: ntheap.CodeCounter, in: vista, do: set("Counters.TotalUCRs", 9)},
	{name: "reserved", code: ntheap.CodeCounter, in: vista, do: func(p *patient) {
		p.Set("Counters.TotalMemoryReserved", p.Get("Counters.TotalMemoryReserved")+0x1000)
	}},
	{name: "committed", code: ntheap.CodeCounter, in: vista, do: set("Counters.TotalMemoryCommitted", 0x1000)},
	{name: "virtual", code: ntheap.CodeCounter, in: vista, do: set("Counters.TotalSizeInVirtualBlocks", 0x1000)},
	{name: "Flink of the head", code: ntheap.CodeVirtualList, do: set("VirtualAllocdBlocks", wild)},
	{name: "Flink", code: ntheap.CodeVirtualList, do: func(p *patient) { p.SetVirtual(1, "Entry", wild) }},
	{name: "Blink", code: ntheap.CodeVirtualList, do: func(p *patient) { p.SetVirtual(1, "Entry.Blink", wild) }},
	{name: "loop", code: ntheap.CodeVirtualList, do: func(p *patient) { p.SetVirtual(2, "Entry", p.Virtuals[0].Node) }},
	{name: "BusyBlock", code: ntheap.CodeVirtualHeader, do: func(p *patient) {
		p.smash(p.VirtualFieldAddr(1, "BusyBlock"))
		p.fx.lost[p.VirtualFieldAddr(1, "BusyBlock")] = true
	}},
	{name: "unused bytes that leave no room for the header", code: ntheap.CodeVirtualHeader, in: plainToo, do: func(p *patient) {
		p.edit(p.VirtualFieldAddr(1, "BusyBlock"), true, func(e *synth.Entry) { e.Size = 2 })
		p.fx.lost[p.VirtualFieldAddr(1, "BusyBlock")] = true
	}},
	{name: "ReserveSize", code: ntheap.CodeVirtualHeader, do: func(p *patient) { p.SetVirtual(1, "ReserveSize", 1) }},
	{name: "ReserveSize of no whole pages", code: ntheap.CodeVirtualHeader, do: func(p *patient) { p.SetVirtual(1, "ReserveSize", p.Virtuals[1].Reserve+0x80) }},
	{name: "CommitSize of no whole pages", code: ntheap.CodeVirtualHeader, do: func(p *patient) { p.SetVirtual(1, "CommitSize", p.Virtuals[1].Commit-0x100) }},
	{name: "CommitSize", code: ntheap.CodeVirtualHeader, do: func(p *patient) { p.SetVirtual(1, "CommitSize", 1) }},
	{name: "a page", code: ntheap.CodeMemoryMissing, class: diag.Incomplete, in: plainToo,
		also: map[diag.Code]string{
			ntheap.CodeFreeCount: "the dump lacks a free block: incomplete, not corrupt",
			ntheap.CodeTotalFree: "likewise", ntheap.CodeFreeList: "likewise", ntheap.CodeUCRList: "likewise, a descriptor",
		},
		do: func(p *patient) {
			p.fx.page = p.busy[7].Entry &^ 0xfff
			p.Image.Drop(p.fx.page)
		}},
}
