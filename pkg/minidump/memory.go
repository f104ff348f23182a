package minidump

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
)

// saved is one range of memory that a list says the file has.
type saved struct {
	start memory.Addr
	size  uint64 // as the list says
	off   uint64 // file offset of the bytes
}

// ranges is a list of them, in its order.
type ranges struct {
	table                      // of the list's entries
	name  string               // of the list
	read  func(e []byte) saved // what the next entry says
}

// Memory returns the process's memory: what MemoryList and Memory64List have
// together (where they differ, Memory64List is taken and the difference is a
// problem), and the regions of MemoryInfoList. When the dump has no
// MemoryInfoList the regions are those that the saved ranges imply: committed,
// of type MEM_IMAGE where a module lies and of unknown type elsewhere, with
// unknown protection; then RegionsKnown is false.
func (f *File) Memory(sink diag.Sink) *memory.Space {
	var c memory.Contents
	shared := 2*f.Size() + memory.PageSize
	total := uint64(0)
	for _, list := range [...]ranges{f.memoryList(sink), f.memory64List(sink)} {
		f.runs(list, &c, &shared, sink)
	}
	for _, r := range c.Runs {
		total += uint64(len(r.Bytes))
	}
	c.Regions, c.RegionsKnown = f.Regions(sink)
	space := memory.NewSpace(c)
	if !c.RegionsKnown {
		space = space.WithRegions(f.implied(space.AllRuns()))
	}
	f.compare(c.Runs, total, space, sink)
	return space
}

// runs adds the runs of a list to the contents: cut at the top of the address
// space and at the end of the file. What the file has not got is one problem
// for all of the list, since a file that is cut short cuts every range after.
// The runs of a dump cannot be much more than its file; shared counts down to
// keep ranges that use the same bytes again and again from blowing it up.
func (f *File) runs(list ranges, c *memory.Contents, shared *uint64, sink diag.Sink) {
	var first saved
	cuts, at, lost := 0, 0, uint64(0)
	c.Runs = slices.Grow(c.Runs, list.n)
	for i := range list.n {
		s := list.read(list.entry(i))
		put := func(code diag.Code, field, want, got string, lost uint64) {
			sink.Put(finding{code, list.at(i), list.name, field, want, got, lost}.problem())
		}
		whole := s.start.Span(s.size)
		if whole.Size() < s.size {
			put(CodeMemoryRangeWraps, "StartOfMemoryRange", "a range below the top of the address space",
				fmt.Sprintf("%d bytes at %v", s.size, s.start), 0)
		}
		bytes := f.from(s.off)
		n := min(whole.Size(), uint64(len(bytes)))
		if cut := (memory.Range{Start: s.start.Add(n), End: whole.End}); !cut.Empty() {
			c.Cut = append(c.Cut, cut)
			if cuts++; cuts == 1 {
				first, at = s, i
			}
			lost += min(cut.Size(), ^uint64(0)-lost)
		}
		if n > *shared {
			put(CodeMemoryShared, "DataSize", "ranges that together are no greater than the file", fmt.Sprintf("%d bytes more", n), n)
			continue
		}
		*shared -= n
		if n > 0 {
			c.Runs = append(c.Runs, memory.Run{Start: s.start, Bytes: bytes[:n]})
		}
	}
	if cuts > 0 {
		sink.Put(finding{CodeMemoryRangeCut, list.at(at), list.name, "DataSize",
			fmt.Sprintf("%d ranges within the %d bytes of the file", list.n, len(f.data)),
			fmt.Sprintf("%d that go on beyond its end, the first the %d bytes of %v at file offset %#x", cuts, first.size, first.start, first.off),
			lost}.problem())
	}
}

// memoryList reads the ranges of MemoryList.
func (f *File) memoryList(sink diag.Sink) ranges {
	p, ok := f.open(MemoryListStream, sink)
	if !ok {
		return ranges{}
	}
	return ranges{p.counted(16), p.name, func(e []byte) saved {
		l := loc(e[8:])
		return saved{memory.Addr(binary.LittleEndian.Uint64(e)), l.size, l.off}
	}}
}

// memory64List reads the ranges of Memory64List, whose bytes lie one after the
// other from BaseRva on. An offset that overflows is beyond every file, and so
// are those after it.
func (f *File) memory64List(sink diag.Sink) ranges {
	p, ok := f.open(Memory64ListStream, sink)
	if !ok {
		return ranges{}
	}
	if _, ok := p.header(16); !ok {
		return ranges{}
	}
	off := p.u64(8)
	p.fewer(16, 16, p.u64(0))
	return ranges{p.table(16, 16, 16, p.u64(0)), p.name, func(e []byte) saved {
		s := saved{memory.Addr(binary.LittleEndian.Uint64(e)), binary.LittleEndian.Uint64(e[8:]), off}
		if off += s.size; off < s.size {
			off = ^uint64(0)
		}
		return s
	}}
}

// compare reports runs whose bytes are not those that the space gives for
// their addresses, which happens where lists overlap and differ. It compares
// no more bytes than the file has. total is how many bytes the runs have; they
// are the space's own where none overlap.
func (f *File) compare(runs []memory.Run, total uint64, space *memory.Space, sink diag.Sink) {
	kept := uint64(0)
	for _, r := range space.AllRuns() {
		kept += uint64(len(r.Bytes))
	}
	if total == kept {
		return
	}
	budget := f.Size()
	for _, r := range runs {
		for part := range space.Runs(r.Range()) {
			mine := r.Bytes[part.Start-r.Start:][:len(part.Bytes)]
			if &mine[0] == &part.Bytes[0] {
				continue
			}
			if uint64(len(mine)) > budget {
				return
			}
			budget -= uint64(len(mine))
			if i := differ(mine, part.Bytes); i >= 0 {
				at := part.Start.Add(uint64(i))
				sink.Put(inMemory(CodeMemoryOverlap, at, "MINIDUMP_MEMORY_DESCRIPTOR", "",
					fmt.Sprintf("%#02x, as another range has it", part.Bytes[i]), fmt.Sprintf("%#02x in the range at %v", mine[i], r.Start), 0))
				break
			}
		}
	}
}

// differ returns the first index where two equally long slices differ, or -1.
func differ(a, b []byte) int {
	if bytes.Equal(a, b) {
		return -1
	}
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}
