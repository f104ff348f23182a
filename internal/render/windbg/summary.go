// Package windbg prints in the exact layout of the WinDbg extensions' !heap:
// for eyes that know it and for scripts that read it. It knows no dump: it
// takes values. Layouts are those of published output; where that leaves a
// choice a comment says which was taken.
package windbg

import (
	"fmt"
	"io"
	"strconv"
)

// Row is one heap of !heap -s.
type Row struct {
	Bits                int // 32 or 64: the width of addresses
	Heap                uint64
	Flags               uint32
	Reserved, Committed uint64 // bytes
	Virtual, Free       uint64 // bytes
	ListLength          int    // free blocks
	UncommittedRanges   int
	VirtualCount        int
	VirtualBlocks       []VirtualBlock
	Lock                string // contention in hex, or why there is none
	FrontEnd            uint8  // 0 none, 1 lookaside, 2 LFH
	Unknown             string // why the row has no numbers; printed in their place
}

// VirtualBlock is one node of VirtualAllocdBlocks.
type VirtualBlock struct {
	Start, Size uint64 // Size in bytes as committed
}

func (v VirtualBlock) line(bits int) string {
	return fmt.Sprintf("Virtual block: %s - %s (size %s)", pointer(v.Start, bits), pointer(v.Start+v.Size, bits), pointer(v.Size, bits))
}

// Summary is what !heap -s prints.
type Summary struct {
	Bits         int
	NtGlobalFlag uint32
	LFHKey       *uint64 // nil: not known, no line
	Segment      []Listed
	Rows         []Row
}

// Listed is a line of !heap.
type Listed struct {
	Heap uint64
	Kind string // "NT Heap", "Segment Heap"
}

// The limits under which fragmentation lines are left out of a table of
// heaps. The debugger's own are not known (published rows leave an interval);
// these agree with every published row.
const (
	minExternalPercent = 10
	aboveCommit        = 1 << 20 // bytes; a published row of exactly 1 MiB has no line
	minVirtualPercent  = 10
	minUncommitted     = 100
)

const (
	rule32 = 77 // dashes under and over the table
	rule64 = 85
)

func dashes(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = '-'
	}
	return string(b)
}

func pointer(n uint64, bits int) string {
	if bits == 64 {
		return fmt.Sprintf("%016x", n)
	}
	return fmt.Sprintf("%08x", n)
}

// Contention formats the lock column: hexadecimal, as the debugger has it.
func Contention(n uint32) string { return strconv.FormatUint(uint64(n), 16) }

// RowLine formats the row of one heap, without the line break.
func (r Row) RowLine() string {
	fast := ""
	switch r.FrontEnd {
	case 1:
		fast = "L  "
	case 2:
		fast = "LFH"
	}
	return fmt.Sprintf("%s %08x %7d %6d %6d %6d %5d %5d %4d %6s   %-3s", pointer(r.Heap, r.Bits), r.Flags,
		r.Reserved>>10, r.Committed>>10, r.Virtual>>10, r.Free>>10, r.ListLength, r.UncommittedRanges,
		r.VirtualCount, r.Lock, fast)
}

// External returns the external fragmentation in whole percent: free bytes of
// the committed ones, rounded down.
func (r Row) External() (percent uint64, ok bool) {
	if r.Committed == 0 {
		return 0, false
	}
	return r.Free * 100 / r.Committed, true
}

// VirtualPercent returns the virtual address fragmentation in whole percent.
func (r Row) VirtualPercent() (percent uint64, ok bool) {
	if r.Virtual == 0 || r.Virtual < r.Committed {
		return 0, false
	}
	return (r.Virtual - r.Committed) * 100 / r.Virtual, true
}

// WriteSummary prints !heap -s.
func WriteSummary(w io.Writer, s Summary) error {
	p := &printer{w: w}
	if len(s.Segment) > 0 {
		writeList(p, s.Segment)
		p.line("")
	}
	if len(s.Rows) == 0 {
		p.line("No heaps to display.")
		return p.err
	}
	if len(s.Segment) > 0 {
		stars := ""
		for range 120 {
			stars += "*"
		}
		p.line("\n\n" + stars)
		p.line(fmt.Sprintf("%46s%s", "", "NT HEAP STATS BELOW"))
		p.line(stars)
	}
	writeGlobalFlag(p, s.NtGlobalFlag)
	if s.LFHKey != nil {
		p.line("LFH Key                   : 0x" + pointer(*s.LFHKey, s.Bits))
	}
	indent, n := "", rule32
	if s.Bits == 64 {
		indent, n = "        ", rule64
	}
	p.line(indent + "  Heap     Flags   Reserv  Commit  Virt   Free  List   UCR  Virt  Lock  Fast ")
	p.line(indent + "                    (k)     (k)    (k)     (k) length      blocks cont. heap ")
	p.line(dashes(n))
	for _, r := range s.Rows {
		writeRow(p, r)
	}
	p.line(dashes(n))
	return p.err
}

func writeRow(p *printer, r Row) {
	for _, v := range r.VirtualBlocks {
		p.line(v.line(r.Bits))
	}
	if r.Unknown != "" {
		p.line(fmt.Sprintf("%s %s", pointer(r.Heap, r.Bits), r.Unknown))
		return
	}
	p.line(r.RowLine())
	if x, ok := r.External(); ok && x >= minExternalPercent && r.Committed > aboveCommit {
		p.line(fmt.Sprintf("    External fragmentation  %d %% (%d free blocks)", x, r.ListLength))
	}
	if x, ok := r.VirtualPercent(); ok && x >= minVirtualPercent && r.UncommittedRanges >= minUncommitted {
		p.line(fmt.Sprintf("    Virtual address fragmentation  %d %% (%d uncommited ranges)", x, r.UncommittedRanges))
	}
}

// writeGlobalFlag prints the lines for the NtGlobalFlag bits that published
// output shows.
func writeGlobalFlag(p *printer, f uint32) {
	names := []struct {
		bit  uint32
		name string
	}{{0x10, "tail checking"}, {0x20, "free checking"}, {0x40, "validate parameters"}, {0x1000, "stack back traces"}}
	first := true
	for _, n := range names {
		if f&n.bit == 0 {
			continue
		}
		if first {
			p.line("NtGlobalFlag enables following debugging aids for new heaps:")
		}
		first = false
		p.line("    " + n.name)
	}
}

// WriteList prints !heap as new debuggers do: a line a heap, with its kind.
func WriteList(w io.Writer, heaps []Listed) error {
	p := &printer{w: w}
	if len(heaps) == 0 {
		p.line("No heaps to display.")
		return p.err
	}
	writeList(p, heaps)
	return p.err
}

func writeList(p *printer, heaps []Listed) {
	p.line("        Heap Address      NT/Segment Heap\n")
	for _, h := range heaps {
		p.line(fmt.Sprintf("%20x %20s", h.Heap, h.Kind))
	}
}

// printer keeps the first error of many writes.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(s string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, s+"\n")
	}
}
