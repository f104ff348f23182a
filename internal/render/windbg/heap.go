package windbg

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
)

// Heap is one heap as !heap -a shows it. Sizes that Windows keeps in units are
// in units here; Old means the layout of Windows XP and Server 2003.
type Heap struct {
	Bits, Index            int // Index in the process's list, from 1
	Address                uint64
	Old                    bool
	Flags, ForceFlags      uint32
	Unit                   uint64
	SegmentReserve         uint64
	SegmentCommit          uint64
	DeCommitBlock          uint64 // units
	DeCommitTotal          uint64 // units
	TotalFree              uint64 // units
	MaximumAllocation      uint64
	Lock                   uint64
	NextTag, MaximumTag    uint16
	TagEntries, PseudoTags uint64
	VirtualAllocdBlocks    uint64 // the list head
	UCRList                uint64 // the list head
	Virtuals               []VirtualEntry
	Segments               []Segment
	FreeLists              []FreeList
	Entries                func(segment int) iter.Seq[Entry] // nil: no entry lines
}

// VirtualEntry is a block on VirtualAllocdBlocks.
type VirtualEntry struct{ Node, Commit, Reserve uint64 }

// Segment is one segment of a heap.
type Segment struct {
	Address, Base, First, Last uint64
	Committed                  uint64 // bytes
	Flags, Pages, UnCommitted  uint32
	LargestUnCommitted         uint64
	Uncommitted                []Uncommitted
	UncommittedRanges          uint32
}

// Uncommitted is an uncommitted range.
type Uncommitted struct{ Address, Size uint64 }

// FreeList is one free list: its head, and the entries on it.
type FreeList struct {
	Index              int
	Head, Blink, Flink uint64
	Entries            []Entry
}

// Entry is one line of a heap's listing. Sizes are bytes.
type Entry struct {
	Address, Previous, Size, Used uint64
	Flags                         uint8 // decoded
	Encoded                       bool  // the header was encoded
	Sentinel                      bool  // ends a committed run: UnusedBytes is 3
	Uncommitted                   bool
	Lost                          bool
}

// WriteHeap prints !heap -a: the header, free lists, segments and entries.
func WriteHeap(w io.Writer, h Heap) error {
	b := bufio.NewWriterSize(w, 64<<10)
	p := &printer{w: b}
	p.line("Index   Address  Name      Debugging options enabled")
	p.line(fmt.Sprintf("%3d:   %08x ", h.Index, h.Address))
	for _, s := range h.Segments {
		p.line(fmt.Sprintf("    Segment at %s to %s (%08x bytes committed)", pointer(s.Base, h.Bits), pointer(s.Last, h.Bits), s.Committed))
	}
	writeFields(p, h)
	writeVirtuals(p, h)
	if h.Old {
		writeUsage(p, h)
	} else {
		p.line(fmt.Sprintf("    Uncommitted ranges:   %08x", h.UCRList))
		for _, s := range h.Segments {
			for _, u := range s.Uncommitted {
				p.line(fmt.Sprintf("            %08x: %08x  (%d bytes)", u.Address, u.Size, u.Size))
			}
		}
	}
	for _, l := range h.FreeLists {
		writeFreeList(p, h, l)
	}
	for i := range h.Segments {
		writeSegment(p, h, i)
	}
	return errors.Join(p.err, b.Flush())
}

func writeFields(p *printer, h Heap) {
	for _, f := range []struct{ label, value string }{
		{"Flags:", fmt.Sprintf("%08x", h.Flags)},
		{"ForceFlags:", fmt.Sprintf("%08x", h.ForceFlags)},
		{"Granularity:", fmt.Sprintf("%d bytes", h.Unit)},
		{"Segment Reserve:", fmt.Sprintf("%08x", h.SegmentReserve)},
		{"Segment Commit:", fmt.Sprintf("%08x", h.SegmentCommit)},
		{"DeCommit Block Thres:", fmt.Sprintf("%08x", h.DeCommitBlock)},
		{"DeCommit Total Thres:", fmt.Sprintf("%08x", h.DeCommitTotal)},
		{"Total Free Size:", fmt.Sprintf("%08x", h.TotalFree)},
		{"Max. Allocation Size:", pointer(h.MaximumAllocation, h.Bits)},
		{"Lock Variable at:", pointer(h.Lock, h.Bits)},
		{"Next TagIndex:", fmt.Sprintf("%04x", h.NextTag)},
		{"Maximum TagIndex:", fmt.Sprintf("%04x", h.MaximumTag)},
		{"Tag Entries:", fmt.Sprintf("%08x", h.TagEntries)},
		{"PsuedoTag Entries:", fmt.Sprintf("%08x", h.PseudoTags)},
		{"Virtual Alloc List:", fmt.Sprintf("%08x", h.VirtualAllocdBlocks)},
	} {
		p.line(fmt.Sprintf("    %-21s %s", f.label, f.value))
	}
}

// writeVirtuals prints the blocks of VirtualAllocdBlocks. No published listing
// shows them (with the usual symbols the debugger fails there), so the line is
// that of !heap -s.
func writeVirtuals(p *printer, h Heap) {
	for _, v := range h.Virtuals {
		p.line("        " + VirtualBlock{v.Node, v.Commit}.line(h.Bits))
	}
}

// writeUsage prints the bitmap of the old layout: a bit for every one of the
// 128 lists that has an entry, the list of large blocks excepted.
func writeUsage(p *printer, h Heap) {
	p.line(fmt.Sprintf("    UCR FreeList:        %08x", h.UCRList))
	var usage [4]uint32
	for _, l := range h.FreeLists {
		if l.Index > 0 && l.Index < 128 && len(l.Entries) > 0 {
			usage[l.Index/32] |= 1 << (l.Index % 32)
		}
	}
	p.line(fmt.Sprintf("    FreeList Usage:      %08x %08x %08x %08x", usage[0], usage[1], usage[2], usage[3]))
}

func writeFreeList(p *printer, h Heap, l FreeList) {
	p.line(fmt.Sprintf("    FreeList[ %02x ] at %s: %s . %s  ", l.Index, pointer(l.Head, h.Bits), pointer(l.Blink, h.Bits), pointer(l.Flink, h.Bits)))
	for _, e := range l.Entries {
		p.line(fmt.Sprintf("        %s: %05x . %05x [%02x] - free", pointer(e.Address, h.Bits), e.Previous, e.Size, e.shown()))
	}
}

func writeSegment(p *printer, h Heap, i int) {
	s := h.Segments[i]
	p.line(fmt.Sprintf("\n    Segment%02d at %08x:", i, s.Address))
	for _, f := range []struct{ label, value string }{
		{"Flags:", fmt.Sprintf("%08x", s.Flags)},
		{"Base:", fmt.Sprintf("%08x", s.Base)},
		{"First Entry:", fmt.Sprintf("%08x", s.First)},
		{"Last Entry:", fmt.Sprintf("%08x", s.Last)},
		{"Total Pages:", fmt.Sprintf("%08x", s.Pages)},
		{"Total UnCommit:", fmt.Sprintf("%08x", s.UnCommitted)},
		{"Largest UnCommit:", fmt.Sprintf("%08x", s.LargestUnCommitted)},
	} {
		p.line(fmt.Sprintf("        %-17s%s", f.label, f.value))
	}
	p.line(fmt.Sprintf("        UnCommitted Ranges: (%d)", s.UncommittedRanges))
	if h.Old {
		for _, u := range s.Uncommitted {
			p.line(fmt.Sprintf("            %08x: %08x", u.Address, u.Size))
		}
	}
	if h.Entries == nil {
		return
	}
	p.line("")
	writeEntries(p, h.Bits, i, h.Address, h.Entries(i))
}

func writeEntries(p *printer, bits, segment int, heap uint64, entries iter.Seq[Entry]) {
	p.line(fmt.Sprintf("    Heap entries for Segment%02d in Heap %s", segment, pointer(heap, bits)))
	for e := range entries {
		if p.line("        " + e.Line(bits)); p.err != nil {
			return
		}
	}
}

// WriteEntries prints the listing of one segment.
func WriteEntries(w io.Writer, bits, segment int, heap uint64, entries iter.Seq[Entry]) error {
	b := bufio.NewWriterSize(w, 64<<10)
	p := &printer{w: b}
	writeEntries(p, bits, segment, heap, entries)
	return errors.Join(p.err, b.Flush())
}

// WriteVirtual prints a block outside the segments as !heap -s does.
func WriteVirtual(w io.Writer, bits int, v VirtualBlock) error {
	p := &printer{w: w}
	p.line(v.line(bits))
	return p.err
}

// WriteNotWalked says why a heap has no listing.
func WriteNotWalked(w io.Writer, bits int, heap uint64, kind, why string) error {
	p := &printer{w: w}
	p.line(fmt.Sprintf("Heap %s is a %s heap and was not walked: %s", pointer(heap, bits), kind, why))
	return p.err
}

// shown returns the flags as the debugger prints them: 0x100 for a header that
// was encoded, 0x10 for the sentinel at the end of a committed run.
func (e Entry) shown() uint32 {
	f := uint32(e.Flags)
	if e.Encoded {
		f |= 0x100
	}
	if e.Sentinel {
		f |= 0x10
	}
	return f
}

// Line formats an entry, without indentation or line break.
func (e Entry) Line(bits int) string {
	at := pointer(e.Address, bits)
	switch {
	case e.Uncommitted:
		return fmt.Sprintf("%s:      %08x      - uncommitted bytes.", at, e.Size)
	case e.Lost:
		return fmt.Sprintf("    unable to read heap entry at %s", at)
	}
	s := fmt.Sprintf("%s: %05x . %05x [%02x]", at, e.Previous, e.Size, e.shown())
	switch {
	case e.Flags&0x01 == 0 && e.Flags&0x04 != 0:
		return s + " free fill"
	case e.Flags&0x01 == 0:
		return s
	}
	s += fmt.Sprintf(" - busy (%x)", e.Used)
	if e.Flags&0x04 != 0 {
		s += ", tail fill"
	}
	if n := e.Flags >> 5; n != 0 {
		s += fmt.Sprintf(", user flags (%x)", n)
	}
	return s
}
