package synth

import (
	"cmp"
	"slices"
	"strconv"
)

// Place is a field of a structure and where it stands in memory.
type Place struct {
	Structure, Field string
	Addr, Size       uint64
}

// Places returns every field of the heap's own structures that the builder
// knows: _HEAP, segments, entries, free links, uncommitted ranges, large
// blocks and the lock, in the order of their addresses. Fields can overlap:
// segment 0 is the beginning of _HEAP.
func (b *BuiltHeap) Places() []Place {
	out := placesOf("_HEAP", b.Address, b.fields, nil)
	for i := range b.Segs {
		out = placesOf("_HEAP_SEGMENT", b.Segs[i].Header, segmentFields(b.Family, b.Arch), out)
		for _, r := range b.Segs[i].UCRs {
			if r.Descriptor != 0 {
				out = placesOf("_HEAP_UCR_DESCRIPTOR", r.Descriptor, ucrFields(b.Arch), out)
			}
		}
	}
	for _, v := range b.Virtuals {
		out = placesOf("_HEAP_VIRTUAL_ALLOC_ENTRY", v.Node, virtualFields(b.Arch), out)
	}
	for i := range b.Blocks {
		if bl := &b.Blocks[i]; bl.State != StateUncommitted && bl.Origin != OriginLFH {
			out = append(out, b.entryPlaces(bl)...)
		}
	}
	if b.lock != 0 && !b.Lock.None {
		out = append(out, Place{"RTL_CRITICAL_SECTION", "", b.lock, sizeofLock(b.Arch)})
	}
	return sortedPlaces(out)
}

// entryPlaces are the fields of a block's _HEAP_ENTRY, and the links that
// follow it when it is free.
func (b *BuiltHeap) entryPlaces(bl *Block) []Place {
	at, name := headerAt(b.Arch, bl.Entry), "_HEAP_ENTRY"
	if bl.Origin == OriginVirtual {
		name = "_HEAP_VIRTUAL_ALLOC_ENTRY.BusyBlock"
	}
	out := []Place{{name, "Size", at, 2}, {name, "Flags", at + 2, 1}, {name, "SmallTagIndex", at + 3, 1},
		{name, "PreviousSize", at + 4, 2}, {name, "SegmentOffset", at + 6, 1}, {name, "UnusedBytes", at + 7, 1}}
	if b.Family == XP { // Size, PreviousSize, SmallTagIndex, Flags, UnusedBytes, SegmentIndex
		out = []Place{{name, "Size", at, 2}, {name, "PreviousSize", at + 2, 2}, {name, "SmallTagIndex", at + 4, 1},
			{name, "Flags", at + 5, 1}, {name, "UnusedBytes", at + 6, 1}, {name, "SegmentIndex", at + 7, 1}}
	}
	if bl.State == StateFree {
		flink, blink := b.FreeLinks(bl.Entry)
		p := b.Arch.PtrSize()
		out = append(out, Place{"_HEAP_FREE_ENTRY", "Flink", flink, p}, Place{"_HEAP_FREE_ENTRY", "Blink", blink, p})
	}
	return out
}

// Places returns the fields of the front end that a reader needs: those of
// containers and subsegments, the bitmaps and the slots' headers.
func (l *LFH) Places() []Place {
	var out []Place
	s, p := l.sizes(), l.Arch.PtrSize()
	for _, c := range l.Containers {
		head := []Place{{"_HEAP_USERDATA_HEADER", "SubSegment", c.UserBlocks, p}, {"_HEAP_USERDATA_HEADER", "SizeIndex", c.UserBlocks + s.sizeIndex, 1},
			{"_HEAP_USERDATA_HEADER", "Signature", c.UserBlocks + s.signature, 4}}
		if l.new() {
			head = append(head, Place{"_HEAP_USERDATA_HEADER", "EncodedOffsets", c.UserBlocks + s.offsets, 4},
				Place{"_HEAP_USERDATA_HEADER", "BitmapSize", c.UserBlocks + s.bitmap, p},
				Place{"_HEAP_USERDATA_HEADER", "BitmapData", c.UserBlocks + s.bits, uint64(len(c.Slots)+7) / 8})
		}
		out = append(out, head...)
		if !c.Cached {
			at := c.SubSegment
			out = append(out, Place{"_HEAP_SUBSEGMENT", "UserBlocks", at + p, p}, Place{"_HEAP_SUBSEGMENT", "AggregateExchg", at + s.exchange, 4},
				Place{"_HEAP_SUBSEGMENT", "BlockSize", at + s.blockSize, 2}, Place{"_HEAP_SUBSEGMENT", "BlockCount", at + s.blockSize + 4, 2},
				Place{"_HEAP_SUBSEGMENT", "SizeIndex", at + s.blockSize + 6, 1}, Place{"_HEAP_SUBSEGMENT", "AffinityIndex", at + s.blockSize + 7, 1})
		}
		for i := range c.Slots {
			at := headerAt(l.Arch, c.Slot(i))
			out = append(out, Place{"_HEAP_ENTRY of a slot", "code", at, 7}, Place{"_HEAP_ENTRY of a slot", "UnusedBytes", at + 7, 1})
		}
	}
	return sortedPlaces(out)
}

// Places returns the fields of the page heap's root and of its nodes.
func (b *BuiltPageHeap) Places() []Place {
	out := placesOf("_DPH_HEAP_ROOT", b.Root, b.root, nil)
	for _, x := range b.Blocks {
		out = placesOf("_DPH_HEAP_BLOCK", x.Node, b.node, out)
		if x.Access != 0 && !x.Freed {
			n := 8 * b.Arch.PtrSize() // as long as the header is on x64, longer than on x86
			if x.User >= x.Virtual+n {
				out = append(out, Place{"_DPH_BLOCK_INFORMATION", "", x.User - n, n})
			}
		}
	}
	return sortedPlaces(out)
}

// Places returns the fields of the database's header, and its entries.
func (b *BuiltTraceDB) Places() []Place {
	out := placesOf("STACK_TRACE_DATABASE", b.Address, b.header, nil)
	for _, e := range b.Entries {
		out = append(out, Place{"RTL_STACK_TRACE_ENTRY", "", e, 4 * b.Arch.PtrSize()})
	}
	return sortedPlaces(out)
}

// Places returns the header's fields, the directory's, and the first bytes of
// each stream, all as file offsets.
func (f *File) Places() []Place {
	out := []Place{{"MINIDUMP_HEADER", "Signature", 0, 4}, {"MINIDUMP_HEADER", "Version", 4, 4}, {"MINIDUMP_HEADER", "NumberOfStreams", 8, 4},
		{"MINIDUMP_HEADER", "StreamDirectoryRva", 12, 4}, {"MINIDUMP_HEADER", "CheckSum", 16, 4}, {"MINIDUMP_HEADER", "TimeDateStamp", 20, 4}, {"MINIDUMP_HEADER", "Flags", 24, 8}}
	for _, s := range f.Streams {
		at := uint64(s.DirOff)
		out = append(out, Place{"MINIDUMP_DIRECTORY", "StreamType", at, 4}, Place{"MINIDUMP_DIRECTORY", "DataSize", at + 4, 4}, Place{"MINIDUMP_DIRECTORY", "Rva", at + 8, 4})
		out = append(out, Place{"stream " + strconv.FormatUint(uint64(s.Type), 10), "", uint64(s.Off), uint64(min(s.Len, 256))})
	}
	return sortedPlaces(out)
}

func placesOf(structure string, at uint64, f fields, out []Place) []Place {
	for name, p := range f {
		out = append(out, Place{structure, name, at + p.off, p.size})
	}
	return out
}

// sortedPlaces is in the order of addresses, whatever order a map had.
func sortedPlaces(p []Place) []Place {
	slices.SortFunc(p, func(x, y Place) int {
		return cmp.Or(cmp.Compare(x.Addr, y.Addr), cmp.Compare(x.Structure, y.Structure), cmp.Compare(x.Field, y.Field))
	})
	return p
}
