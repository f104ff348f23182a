package vmmap

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/process"
)

// collector gathers what claims memory.
type collector struct {
	t           *target.Target
	src         process.Source
	allocations []memory.Range // sorted; empty where the dump does not list its regions
	tebs        []process.TEB
	owners      []Owner
	threadPools []Pool
}

// collect gathers all that claims memory, by usage.
func collect(t *target.Target) *collector {
	c := &collector{t: t, src: process.Source{Space: t.Space, Bits: t.File.Arch().Bits()}}
	if t.Space.RegionsKnown() {
		c.allocations = allocations(t.Space.Regions())
	}
	for _, th := range t.File.Threads(nil) {
		c.src.Threads = append(c.src.Threads, process.Thread{ID: th.ID, TEB: th.TEB})
	}
	for _, m := range t.File.Modules(nil) {
		c.add(Owner{Range: m.Range, Usage: Image, Kind: "module", Name: m.Name, image: true, Evidence: "the module list"})
	}
	c.blocks()
	for _, h := range t.Heaps {
		c.heap(h)
	}
	c.other()
	c.threadAreas()
	c.fibers()
	c.pools()
	c.databases()
	c.compiled()
	c.managed()
	c.recognise()
	c.closed()
	c.leftovers()
	slices.SortStableFunc(c.owners, func(a, b Owner) int { return int(a.Usage) - int(b.Usage) })
	return c
}

func (c *collector) add(o Owner) {
	if !o.Empty() {
		c.owners = append(c.owners, o)
	}
}

// blocks adds the PEBs, the TEBs and the stacks.
func (c *collector) blocks() {
	for _, p := range c.t.PEBs {
		c.add(Owner{Range: p.Address.Span(memory.PageSize), Usage: PEB, Bits: p.Bits, Kind: "process environment block", Evidence: "the " + p.Via})
	}
	stacked := map[uint32]bool{}
	c.tebs = process.TEBs(c.src)
	for _, teb := range c.tebs {
		why := "its own Self pointer"
		if !teb.Proved {
			why = "the thread list"
		}
		c.add(Owner{Range: teb.Address.Span(teb.Size()), Usage: TEB, Bits: teb.Bits, Kind: "thread environment block",
			Thread: teb.Thread, HasThread: true, Evidence: why})
		if r, why, ok := c.stack(teb); ok {
			stacked[teb.Thread] = true
			c.add(Owner{Range: r, Usage: Stack, Bits: teb.Bits, Kind: "stack", Thread: teb.Thread, HasThread: true, Evidence: why})
		}
	}
	for _, th := range c.t.File.Threads(nil) { // where the TEB says nothing that holds
		r := pages(th.Stack.Range)
		if stacked[th.ID] || r.Empty() || !c.one(r) {
			continue
		}
		if a, ok := c.allocation(r.End - 1); ok {
			r.Start = a.Start
		}
		c.add(Owner{Range: r, Usage: Stack, Bits: c.width(), Kind: "stack", Thread: th.ID, HasThread: true, Evidence: "the thread list's stack"})
	}
}

// width is that of a stack whose TEB is not there: 0 in WOW64, where it may be
// either of a thread's two.
func (c *collector) width() int {
	for _, m := range c.t.File.Modules(nil) {
		if strings.EqualFold(m.Name[strings.LastIndexAny(m.Name, `\/`)+1:], "wow64.dll") {
			return 0
		}
	}
	return c.src.Bits
}

// stack returns the range of a TEB's stack, from the start of its reservation
// to its base, and what says so. The bounds have to agree with the regions:
// both ends in one allocation, and the limit between them.
func (c *collector) stack(t process.TEB) (memory.Range, string, bool) {
	base := (t.StackBase + memory.PageSize - 1).Align(memory.PageSize) // that of WOW64's 64-bit stacks is not on a page
	if base == 0 || t.StackLimit >= base || t.StackLimit == 0 {
		return memory.Range{}, "", false
	}
	a, ok := c.allocation(base - 1)
	if !ok {
		r := memory.Range{Start: t.StackLimit, End: base}
		return r, "TEB.StackBase and StackLimit", c.t.Space.Saved(r) > 0 && r.Size() <= maxStack && c.one(r)
	}
	if !a.Contains(t.StackLimit) {
		return memory.Range{}, "", false
	}
	if t.DeallocationStack != 0 && (!a.Contains(t.DeallocationStack) || t.DeallocationStack > t.StackLimit) {
		return memory.Range{Start: a.Start, End: base}, "TEB.StackBase and StackLimit, and the allocation that they lie in", true
	}
	if t.DeallocationStack != 0 {
		return memory.Range{Start: t.DeallocationStack, End: base}, "TEB.StackBase and DeallocationStack", true
	}
	return memory.Range{Start: a.Start, End: base}, "TEB.StackBase and StackLimit, and the allocation that they lie in", true
}

// maxStack bounds what is taken for a stack where the dump does not list the
// regions; the linker's default is 1 MiB.
const maxStack = 1 << 30

// allocation returns the allocation that holds an address. False where the
// dump does not list the regions, and in free address space.
func (c *collector) allocation(a memory.Addr) (memory.Range, bool) {
	i, found := slices.BinarySearchFunc(c.allocations, a, func(r memory.Range, a memory.Addr) int { return cmp.Compare(r.Start, a) })
	if !found {
		i--
	}
	if i < 0 || !c.allocations[i].Contains(a) {
		return memory.Range{}, false
	}
	return c.allocations[i], true
}

// one reports whether a range lies in memory of one kind, as far as the dump
// says: not in an image.
func (c *collector) one(r memory.Range) bool {
	first, ok := c.t.Space.Region(r.Start)
	last, ok2 := c.t.Space.Region(r.End - 1)
	return ok && ok2 && first.Type != memory.MemImage && last.Type != memory.MemImage && first.AllocationBase == last.AllocationBase
}

// heap adds what a heap has. Of one that was not walked it is the allocation
// that holds its handle, no more.
func (c *collector) heap(h *target.Heap) {
	o := Owner{Usage: Heap, Bits: h.Bits, Heap: h.Address}
	put := func(r memory.Range, kind, evidence string) {
		o.Range, o.Kind, o.Evidence = r, kind, evidence
		c.add(o)
	}
	switch {
	case h.Foreign:
		if a, ok := c.allocation(h.Address); ok {
			o.Usage, o.Bits = Other, 0
			put(a, "heap of another process (CSRSS)", "its header")
		}
	case h.NT != nil:
		for _, s := range h.NT.Segments {
			put(s.Range, "segment", "the heap's list of segments")
			if a, ok := c.allocation(s.Start); ok && a.Start == s.Start && a.End == s.End+memory.PageSize && c.reserved(s.End) {
				put(memory.Range{Start: s.End, End: a.End}, "page behind a segment", "the segment's allocation, of which it is the last")
			}
		}
		for _, v := range h.NT.Virtuals {
			put(v.Node.Span(max(v.ReserveSize, v.CommitSize)), "virtual block", "the heap's VirtualAllocdBlocks")
		}
		if f := h.NT.Header.FrontEnd; f.Known {
			put(f.Reserved, "front end", "the heap's FrontEndHeap")
		}
	case h.Page != nil:
		o.Usage = PageHeap
		for _, r := range h.Page.Ranges {
			put(r, "page heap", "the page heap's root")
		}
		put(memory.Range{Start: h.Address, End: h.Page.Root.Address.Add(memory.PageSize)}, "page heap's handle and root", "the page heap's root")
	case h.Kind == heap.Unknown:
		switch {
		case h.Found.Has(process.ByPEBDefault):
			o.Evidence = "PEB.ProcessHeap"
		case h.Found.Has(process.ByPEB):
			o.Evidence = "PEB.ProcessHeaps"
		default:
			return
		}
		c.unsaved(o)
	default:
		if a, ok := c.allocation(h.Address); ok && h.Address != 0 {
			put(a, fmt.Sprintf("%s heap, not walked", h.Kind), "its signature")
		}
	}
}

// reserved reports whether an address is set aside without memory.
func (c *collector) reserved(a memory.Addr) bool {
	r, ok := c.t.Space.Region(a)
	return ok && c.t.Space.RegionsKnown() && r.State == memory.MemReserve
}

// other adds what else Windows keeps.
func (c *collector) other() {
	r, ok := c.t.Space.Region(process.SharedUserData)
	if ok && r.State != memory.MemFree && r.Start <= process.SharedUserData || !ok && !c.t.Space.RegionsKnown() {
		c.add(Owner{Range: process.SharedUserData.Span(memory.PageSize), Usage: Other, Kind: "data shared with the kernel (KUSER_SHARED_DATA)",
			Evidence: "its address, the same in every process"})
	}
	type place struct {
		memory.Range
		name string
	}
	known := map[place]bool{}
	for _, p := range c.t.PEBs {
		for _, a := range process.Areas(c.src, p) {
			r, ok := c.area(a)
			if !ok || known[place{r, a.Name}] {
				continue
			}
			known[place{r, a.Name}] = true
			c.add(Owner{Range: r, Usage: Other, Kind: a.Name, Evidence: fmt.Sprintf("%s of the %d-bit PEB", a.Field, p.Bits)})
		}
	}
}

// area returns the range of an area: within one allocation, and all of it
// where the area's size is not known.
func (c *collector) area(a process.Area) (memory.Range, bool) {
	whole, ok := c.allocation(a.Address)
	switch {
	case ok && a.Size == 0:
		return whole, true
	case ok:
		return a.Address.Span(a.Size).Intersect(whole), true
	}
	return a.Address.Span(a.Size), a.Size > 0 && !c.t.Space.RegionsKnown()
}

// leftovers adds what is left of allocations that have something known in
// them: its usage stays unknown, but not what it was allocated with.
func (c *collector) leftovers() {
	add := func(a memory.Addr, kind string) {
		if r, ok := c.allocation(a); ok {
			c.add(Owner{Range: r, Usage: Unknown, Kind: kind, Evidence: "its allocation base"})
		}
	}
	done := map[memory.Addr]bool{}
	for _, o := range slices.Clone(c.owners) {
		a, ok := c.allocation(o.Start)
		switch {
		case !ok || done[a.Start]:
			continue
		case o.Usage == TEB || o.Usage == PEB:
			add(o.Start, "rest of an allocation of TEBs and PEBs")
		case o.Usage == Other && o.Start == process.SharedUserData:
			add(o.Start, "rest of the allocation of KUSER_SHARED_DATA")
		default:
			continue
		}
		done[a.Start] = true
	}
}
