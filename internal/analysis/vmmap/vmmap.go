// Package vmmap says what every region of a process's address space is for:
// images, stacks, TEBs, heaps and the rest, in the order in which debuggers
// classify. No heap is walked for it, and each byte is counted once.
package vmmap

import (
	"cmp"
	"slices"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Usage is what memory is for.
type Usage uint8

// The usages, in the order in which they claim memory: of two that claim the
// same page the first here has it. Free and Unknown are what nothing claims.
const (
	Image      Usage = iota // a module, from its headers to its end
	PEB                     // process environment block
	TEB                     // thread environment block
	Stack                   // the reservation of a thread's stack
	Heap                    // segments, virtual blocks and front ends of heaps
	PageHeap                // the reservations of full page heaps
	Other                   // what else Windows keeps: process parameters, activation contexts, …
	MappedFile              // any other view of a section, of a file or of none
	Unknown                 // in use, and nothing in the dump says for what
	Free                    // address space that nothing takes
	usages
)

var usageNames = [usages]string{"Image", "PEB", "TEB", "Stack", "Heap", "PageHeap", "Other", "MappedFile", "<unknown>", "Free"}

// String returns the name that debuggers print: "Heap", "<unknown>".
func (u Usage) String() string {
	if int(u) < len(usageNames) {
		return usageNames[u]
	}
	return "<unknown>"
}

// UsageNames returns the names of all usages.
func UsageNames() []string { return usageNames[:] }

// Owner is what memory belongs to, and what says so.
type Owner struct {
	memory.Range             // all that the owner claims; may reach beyond the dump's regions
	Usage        Usage       //
	Bits         int         // 32 or 64 where the owner has a width: stacks, TEBs, PEBs, heaps; else 0
	Kind         string      // which part: "segment", "virtual block", "64-bit stack", "process parameters", …
	Name         string      // of a module its path; else empty
	Heap         memory.Addr // the heap's handle; 0 when it is no heap's
	Thread       uint32      // the thread's ID, where HasThread
	HasThread    bool
	Evidence     string // what in the dump says so

	image bool // claims private memory only where the allocation begins at Start
}

// Piece is a region, or a part of one that is for something else than its
// neighbours.
type Piece struct {
	memory.Region        // cut to the piece
	Usage         Usage  //
	Owner         *Owner // nil when nothing claims the piece
}

// Bits returns the owner's width: 32 or 64 where it has one, else 0.
func (p *Piece) Bits() int {
	if p.Owner == nil {
		return 0
	}
	return p.Owner.Bits
}

// Part returns which part of a stack the piece is: "reserved", "guard" or
// "committed"; of anything else it is empty.
func (p *Piece) Part() string {
	switch {
	case p.Usage != Stack:
		return ""
	case p.State == memory.MemReserve:
		return "reserved"
	case p.Protect&memory.PageGuard != 0:
		return "guard"
	}
	return "committed"
}

// Map is the address space of a dump, piece by piece.
type Map struct {
	// Pieces are in address order and cover each region of the dump exactly.
	Pieces []Piece
	// Partial: the dump has no list of regions, so that the pieces are what
	// the saved memory shows; nothing is known to be free or reserved.
	Partial bool

	// Pools are the thread pools that were found.
	Pools []Pool

	owners []Owner // as they claim: by usage, then as found
	t      *target.Target
}

// Take classifies the address space of a dump.
func Take(t *target.Target) *Map {
	c := collect(t)
	m := &Map{t: t, Partial: !t.Space.RegionsKnown(), Pools: c.threadPools, owners: c.owners}
	regions := t.Space.Regions()
	m.Pieces = make([]Piece, 0, len(regions)+len(m.owners))
	split(regions, m.owners, func(p *Piece) { m.Pieces = append(m.Pieces, *p) })
	return m
}

// At returns the piece at an address, false where the dump describes none.
func (m *Map) At(a memory.Addr) (Piece, bool) {
	i, found := slices.BinarySearchFunc(m.Pieces, a, func(p Piece, a memory.Addr) int { return cmp.Compare(p.Start, a) })
	if !found {
		i--
	}
	if i < 0 || !m.Pieces[i].Contains(a) {
		return Piece{}, false
	}
	return m.Pieces[i], true
}

// Owners returns all that claims an address, the one that has it first: a
// heap's block may hold the process parameters, and a PEB lie on a page with
// something else. Where the dump describes no memory, what the dump's lists
// name all the same: a module whose code was not saved, a thread's TEB.
func (m *Map) Owners(a memory.Addr) []*Owner {
	p, ok := m.At(a)
	if ok && p.State == memory.MemFree {
		return nil
	}
	var out []*Owner
	if p.Owner != nil {
		out = append(out, p.Owner)
	}
	for i := range m.owners {
		if o := &m.owners[i]; o != p.Owner && o.Contains(a) && (!ok || o.may(&p.Region)) {
			out = append(out, o)
		}
	}
	return out
}

// Pick returns the pieces that want says yes to, in their order.
func (m *Map) Pick(want func(*Piece) bool) []Piece {
	var out []Piece
	for i := range m.Pieces {
		if want(&m.Pieces[i]) {
			out = append(out, m.Pieces[i])
		}
	}
	return out
}
