package minidump

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Regions returns the regions of MemoryInfoList in its order; false when the
// dump has no such list. Empty regions are left out, those that wrap are cut,
// and each of these and each overlap is a problem.
func (f *File) Regions(sink diag.Sink) ([]memory.Region, bool) {
	p, ok := f.open(MemoryInfoListStream, sink)
	if !ok {
		return nil, false
	}
	if _, ok := p.header(16); !ok {
		return nil, false
	}
	if size, count := p.u32(4), p.u64(8); size >= 44 {
		p.fewer(uint64(p.u32(0)), uint64(size), count)
	} else if count == 0 { // no writer's empty list
		p.report(CodeStreamEntrySize, 0, "SizeOfEntry", "entries of at least 44 bytes", fmt.Sprint(size), 0)
	}
	t := p.headed(16, 44, p.u64(8))
	out := make([]memory.Region, 0, t.n)
	top := memory.Addr(0)
	for i := range t.n {
		e := t.entry(i)
		le := binary.LittleEndian
		base, size := memory.Addr(le.Uint64(e)), le.Uint64(e[24:])
		r := memory.Region{
			Range:             base.Span(size),
			AllocationBase:    memory.Addr(le.Uint64(e[8:])),
			AllocationProtect: memory.Protect(le.Uint32(e[16:])),
			State:             memory.State(le.Uint32(e[32:])),
			Protect:           memory.Protect(le.Uint32(e[36:])),
			Type:              memory.Type(le.Uint32(e[40:])),
		}
		bad := func(want string) {
			sink.Put(finding{CodeRegionInvalid, t.at(i), "MINIDUMP_MEMORY_INFO", "RegionSize", want, fmt.Sprintf("%#x at %v", size, base), 0}.problem())
		}
		switch {
		case size == 0:
			bad("a size above 0")
			continue
		case r.Size() < size:
			bad("a region below the top of the address space")
		case base < top:
			bad(fmt.Sprintf("a region at or above %v, the end of the one before", top))
		}
		top = max(top, r.End)
		out = append(out, r)
	}
	return out, true
}

// implied returns the regions that saved bytes imply when the dump has no list
// of regions: whole pages, committed, a module's where one lies.
func (f *File) implied(runs []memory.Run) []memory.Region {
	modules := f.Modules(nil)
	slices.SortFunc(modules, func(a, b Module) int { return cmp.Compare(a.Start, b.Start) })
	var out []memory.Region
	at, m := memory.Addr(0), 0
	for _, run := range runs {
		r := run.Range()
		r.Start = max(at, r.Start.Align(memory.PageSize))
		if end := (r.End + memory.PageSize - 1).Align(memory.PageSize); end > r.End {
			r.End = end
		}
		for at = r.Start; at < r.End; {
			for m < len(modules) && modules[m].End <= at {
				m++
			}
			region := memory.Region{Range: memory.Range{Start: at, End: r.End}, State: memory.MemCommit}
			switch {
			case m < len(modules) && modules[m].Start <= at:
				region.End = min(r.End, modules[m].End)
				region.Type, region.AllocationBase = memory.MemImage, modules[m].Start
			case m < len(modules):
				region.End = min(r.End, modules[m].Start)
			}
			out = append(out, region)
			at = region.End
		}
	}
	return out
}
