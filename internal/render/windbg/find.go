package windbg

import (
	"fmt"
	"io"
	"strings"
)

// Found is the answer of !heap -x. Sizes are bytes.
type Found struct {
	Bits                       int
	Entry, User, Heap, Segment uint64
	Size, Unused               uint64
	Previous                   *uint64 // nil where a front end keeps none
	Flags                      uint8
	LFH, Internal, Virtual     bool
	Free                       bool
}

// Rules under the heading; the one of x86 is as much shorter as its four
// addresses are.
const (
	foundRule64 = 109
	foundRule32 = foundRule64 - 4*8
)

// WriteFound prints !heap -x, the heading alone when nothing was found.
func WriteFound(w io.Writer, bits int, found *Found) error {
	p := &printer{w: w}
	gap, n := "", foundRule32
	if bits == 64 {
		gap, n = "        ", foundRule64
	}
	p.line("Entry     " + gap + "User      " + gap + "Heap      " + gap + "Segment   " + gap + "    Size  PrevSize  Unused    Flags")
	p.line(dashes(n))
	if found != nil {
		p.line(found.line())
	}
	p.line("")
	return p.err
}

func (f Found) line() string {
	previous := "    -   "
	if f.Previous != nil {
		previous = fmt.Sprintf("%8x", *f.Previous)
	}
	return fmt.Sprintf("%s  %s  %s  %s  %8x  %s  %8x  %s ", pointer(f.Entry, f.Bits), pointer(f.User, f.Bits),
		pointer(f.Heap, f.Bits), pointer(f.Segment, f.Bits), f.Size, previous, f.Unused, f.words())
}

func (f Found) words() string {
	var words []string
	add := func(on bool, word string) {
		if on {
			words = append(words, word)
		}
	}
	add(!f.Free, "busy")
	add(f.Free, "free")
	add(f.Flags&0x02 != 0, "extra")
	add(f.Flags&0x04 != 0, "fill")
	add(f.Flags&0xe0 != 0, "user_flag")
	add(f.Internal, "internal")
	add(f.Virtual, "virtual")
	s := strings.Join(words, " ")
	if f.LFH {
		return "LFH;" + s
	}
	return s
}

// PageBlock is what !heap -p -a prints of an address on the pages of a full
// page heap's allocation.
type PageBlock struct {
	Bits                int
	Address, Root, Node uint64
	Kind                string // busy, freed or available
	User, UserBytes     uint64
	Pages, PagesBytes   uint64
	Stack               []string // its lines, without indentation
}

// WritePageBlock writes the form of !heap -p -a for full page heap: a freed
// allocation has no user address, as published (available room is in no
// listing, and written alike).
func WritePageBlock(w io.Writer, b PageBlock) error {
	p := &printer{w: w}
	p.line("    address " + pointer(b.Address, b.Bits) + " found in")
	p.line(fmt.Sprintf("    _DPH_HEAP_ROOT @ %x", b.Root))
	if b.Kind == "busy" {
		p.line("    in busy allocation (  DPH_HEAP_BLOCK:         UserAddr         UserSize -         VirtAddr         VirtSize)")
		p.line(fmt.Sprintf("%40x:%17x%17x -%17x%17x", b.Node, b.User, b.UserBytes, b.Pages, b.PagesBytes))
	} else {
		word := "free-ed"
		if b.Kind != "freed" {
			word = b.Kind
		}
		head := "    in " + word + " allocation (  DPH_HEAP_BLOCK"
		p.line(head + ":         VirtAddr         VirtSize)")
		p.line(fmt.Sprintf("%*x:%17x%17x", len(head), b.Node, b.Pages, b.PagesBytes))
	}
	for _, s := range b.Stack {
		p.line("    " + s)
	}
	p.line("")
	return p.err
}

// Frame is a line of a stack in the form of !heap -p -a for page heaps, which
// pads the address: module!symbol and the offset from it, or the module and the
// offset in it.
func Frame(bits int, at uint64, module, symbol string, offset uint64) string {
	if module == "" {
		return pointer(at, bits)
	}
	return pointer(at, bits) + " " + placeName(module, symbol) + "+0x" + pointer(offset, bits)
}
