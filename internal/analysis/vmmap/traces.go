package vmmap

import (
	"encoding/binary"
	"fmt"

	"github.com/heapdump/heapdump/pkg/memory"
)

// A trace database (_RTL_TRACE_DATABASE) is where page heap and application
// verifier keep the stacks of allocations: one structure that leads to
// segments, each of which names it. The fields are those of public symbols of
// x64; those of x86 follow from the same structure by the rules of C. The
// marks are from one secondary source, so that they count only where the
// pointers between the two agree as well.
const (
	traceDatabase = 0xabcdcccc
	traceSegment  = 0xabcdbbbb
	maxSegments   = 1 << 12
)

// traces adds the trace database whose structure begins an allocation, with
// its segments.
func (c *collector) traces(a memory.Range) {
	word := uint64(c.src.Bits) / 8
	list := a.Start.Add(2 * word) // behind {u32 Magic, Flags, Tag}
	if word == 4 {
		list = a.Start.Add(12)
	}
	at, err := c.t.Space.Pointer(list, c.src.Bits)
	if err != nil {
		return
	}
	n := 0
	for ; at != 0 && n < maxSegments; n++ {
		next, ok := c.traceSegment(a.Start, at, word)
		if !ok {
			break
		}
		at = next
	}
	if n > 0 {
		c.add(Owner{Range: a, Usage: Other, Kind: "trace database of page heap or verifier",
			Evidence: fmt.Sprintf("its _RTL_TRACE_DATABASE, and %d segments that name it", n)})
	}
}

// traceSegment adds a segment that lies in an allocation of its own: {u32
// Magic; Database, NextSegment, TotalSize, SegmentStart, SegmentEnd,
// SegmentFree}, each a word.
func (c *collector) traceSegment(db, at memory.Addr, word uint64) (next memory.Addr, ok bool) {
	b, err := c.t.Space.View(at, 7*word)
	if err != nil || binary.LittleEndian.Uint32(b) != traceSegment {
		return 0, false
	}
	field := func(i uint64) memory.Addr {
		if word == 4 {
			return memory.Addr(binary.LittleEndian.Uint32(b[i*4:]))
		}
		return memory.Addr(binary.LittleEndian.Uint64(b[i*8:]))
	}
	start, end, free := field(4), field(5), field(6)
	whole, in := c.allocation(at)
	if field(1) != db || !in || !whole.Contains(start) || end <= start || end > whole.End || free < start || free > end {
		return 0, false
	}
	if !whole.Contains(db) {
		c.add(Owner{Range: memory.Range{Start: whole.Start, End: end}, Usage: Other, Kind: "traces of page heap or verifier",
			Evidence: fmt.Sprintf("its _RTL_TRACE_SEGMENT at %v, which names the database %v that leads to it", at, db)})
	}
	return field(2), true
}
