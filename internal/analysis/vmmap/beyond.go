package vmmap

import (
	"fmt"

	"github.com/heapdump/heapdump/pkg/memory"
)

// Where address space ends that a program can have.
const (
	nullEnd      = 0x10000            // nothing is allocated below it (lpMinimumApplicationAddress)
	kernelStart  = 0xffff800000000000 // of 64-bit Windows: the upper half of what the processor takes
	canonicalEnd = 0x800000000000     // of the lower half
	eightTiB     = 0x80000000000      // of a program, up to Windows 8
	twoGiB       = 0x80000000         // of a 32-bit program without large addresses
)

// firstLarge is the first build that gives a 64-bit program 128 TiB: Windows
// 8.1 (Microsoft's page on memory limits). Before it was 8 TiB.
const firstLarge = 9600

// Beyond says what an address is that no program can have memory at, by its
// number alone: in the null page, beyond user address space, or none that the
// processor takes. Empty for any other.
func (m *Map) Beyond(a memory.Addr) string {
	if a < nullEnd {
		if a == 0 {
			return "the null pointer"
		}
		return fmt.Sprintf("the null page: %d bytes behind a null pointer; Windows gives no program memory below 0x10000", uint64(a))
	}
	if m.t.File.Arch().Bits() == 32 {
		switch {
		case a > 0xffffffff:
			return "no address of 32 bits, and the dump is of a 32-bit process"
		case a >= twoGiB:
			return "above 2 GiB: the kernel's, unless the program was linked for large addresses"
		}
		return ""
	}
	switch {
	case a >= kernelStart:
		return "the kernel's half of address space, which a dump of a process does not have"
	case a >= canonicalEnd:
		return "no address: the processor takes none between 0x800000000000 and 0xffff7fffffffffff (not canonical)"
	case a >= canonicalEnd-nullEnd:
		return "the last 64 KiB of user address space, which Windows gives no program"
	case a >= eightTiB-nullEnd && m.t.Build() > 0 && m.t.Build() < firstLarge:
		return "beyond the 8 TiB of address space that this Windows gives a program"
	}
	return ""
}

// ClosedKind is the kind of address space that Windows keeps from a WOW64
// program.
const ClosedKind = "address space above that of the 32-bit program"

// closed adds the reservations with which Windows keeps the address space
// above a WOW64 program's from it: they have no memory, begin no lower than
// 64 KiB below 2 GiB and end above 4 GiB, but for a module or two between
// them (seen on Windows 10). A 64-bit program may reserve as much for itself,
// and there it says nothing.
func (c *collector) closed() {
	wow := c.width() == 0
	for _, p := range c.t.PEBs {
		wow = wow || c.src.Bits == 64 && p.Bits == 32
	}
	if !wow {
		return
	}
	for _, a := range c.allocations {
		r, ok := c.t.Space.Region(a.Start)
		if ok && r.Range == a && r.State == memory.MemReserve && r.Type == memory.MemPrivate && a.Start >= twoGiB-nullEnd && a.End > 1<<32 {
			c.add(Owner{Range: a, Usage: Unknown, Kind: ClosedKind,
				Evidence: "the process is WOW64, and this is reserved whole, without memory, up to above 4 GiB"})
		}
	}
}

// unsaved adds a heap of which the dump has not even the header: a PEB leads
// to it, and then its allocation is its first segment; where the dump lists no
// allocations, it is the one page that every heap's header takes.
func (c *collector) unsaved(o Owner) {
	if _, err := c.t.Space.View(o.Heap, 16); err == nil {
		return // it is there, and no heap of a known kind
	}
	a, ok := c.allocation(o.Heap)
	if !ok && !c.t.Space.RegionsKnown() {
		a, ok = o.Heap.Span(memory.PageSize), true
	}
	if !ok || a.Start != o.Heap {
		return
	}
	o.Range, o.Kind = a, "memory (not walked: its header is not in the dump)"
	c.add(o)
}
