package refs

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/peimage"
	"github.com/heapdump/heapdump/pkg/stackdb"
)

// Area is a stretch of memory that is looked through for roots, or left out.
type Area struct {
	memory.Range
	Kind   Kind
	Name   string      // module!section, "thread 1a2c", "region"
	Base   memory.Addr // where offsets in it are counted from
	Thread uint32      // of a stack, TEB or register
	Value  uint64      // of a register: what it holds
	width  width
	skip   bool           // no root: a heap's own, code, or below a stack pointer
	exact  bool           // memory of unknown kind: interior pointers do not count
	names  *symbols.Table // of the modules; nil but in a module
}

// areas says what every saved byte of the process is to reachability. Where
// two claims meet, the earlier counts.
func areas(t *target.Target, x *Index) (memory, registers []Area) {
	l := &layer{}
	outside := widthOf(t.File.Arch().Bits())
	if x.wow || twoPEBs(t) {
		outside = mixed
	}
	l.claim(lostAreas(x)) // before the heaps, which they are in
	l.claim(heapAreas(t))
	l.claim(traceAreas(t))
	threads, registers := threadAreas(t, outside)
	l.claim(threads)
	l.claim(moduleAreas(t, outside))
	l.claim(otherAreas(t, outside))
	return slices.DeleteFunc(l.out, func(a Area) bool { return a.skip }), registers
}

func twoPEBs(t *target.Target) bool {
	return len(t.PEBs) > 1 && t.PEBs[0].Bits != t.PEBs[1].Bits
}

// layer collects claims.
type layer struct {
	out     []Area
	covered []memory.Range // sorted, apart
}

// claim adds areas, but for what earlier claims cover. Among themselves the
// one that starts first counts.
func (l *layer) claim(areas []Area) {
	slices.SortStableFunc(areas, func(a, b Area) int { return cmp.Compare(a.Start, b.Start) })
	var fresh []memory.Range
	k, end := 0, memory.Addr(0)
	for _, a := range areas {
		at := max(a.Start, end)
		end = max(end, a.End)
		for k < len(l.covered) && l.covered[k].End <= at {
			k++
		}
		for j := k; at < a.End; j++ {
			stop := a.End
			if j < len(l.covered) {
				stop = min(stop, l.covered[j].Start)
			}
			if at < stop {
				piece := a
				piece.Range = memory.Range{Start: at, End: stop}
				l.out = append(l.out, piece)
				fresh = append(fresh, piece.Range)
			}
			if j >= len(l.covered) {
				break
			}
			at = max(at, l.covered[j].End)
		}
	}
	l.covered = joined(append(l.covered, fresh...))
}

// joined sorts ranges and joins those that touch.
func joined(in []memory.Range) []memory.Range {
	slices.SortFunc(in, func(a, b memory.Range) int { return cmp.Compare(a.Start, b.Start) })
	out := in[:0]
	for _, r := range in {
		if n := len(out); n > 0 && r.Start <= out[n-1].End {
			out[n-1].End = max(out[n-1].End, r.End)
		} else if !r.Empty() {
			out = append(out, r)
		}
	}
	return out
}

func lostAreas(x *Index) []Area {
	var out []Area
	for _, r := range x.Lost {
		out = append(out, Area{Range: r, Kind: lost, Name: "damaged part of a heap", Base: r.Start, width: mixed})
	}
	return out
}

// heapAreas are the reservations of the heaps that were walked, and those of
// other processes. Heaps that cannot be walked are not among them: their
// blocks may hold references.
func heapAreas(t *target.Target) []Area {
	var out []Area
	add := func(r memory.Range) { out = append(out, Area{Range: r, skip: true}) }
	for _, h := range t.Heaps {
		switch {
		case h.Foreign:
			add(reservation(t.Space, h.Address))
		case h.Page != nil:
			add(reservation(t.Space, h.Address))
			add(reservation(t.Space, h.Page.Root.Address))
			for _, r := range h.Page.Ranges {
				add(r)
			}
		case h.NT != nil:
			for _, s := range h.NT.Segments {
				add(s.Range)
			}
			for _, v := range h.NT.Virtuals {
				add(v.Node.Span(v.ReserveSize))
			}
			add(h.NT.Header.FrontEnd.Reserved)
		}
	}
	return out
}

// firstVista is the build since which an entry of a stack trace database has
// its count in 11 bits.
const firstVista = 6000

// traceAreas are the stack trace databases (gflags +ust): code addresses and
// links among their own entries, no reference of the program's. In WOW64
// there may be one of each pointer size.
func traceAreas(t *target.Target) []Area {
	var out []Area
	for _, bits := range [...]int{32, 64} {
		if bits > t.File.Arch().Bits() {
			continue
		}
		r := stackdb.Reader{Memory: t.Space, Bits: bits, Old: t.Build() > 0 && t.Build() < firstVista}
		d, err := stackdb.Locate(t.Space, r, stackdb.Query{})
		if err != nil {
			continue
		}
		at := memory.Range{Start: d.CommitBase, End: d.EntryIndexArray}
		if d.Region.Contains(d.Address) {
			at.Start = min(at.Start, d.Address)
		}
		if !d.Region.Empty() {
			at = at.Intersect(d.Region)
		}
		out = append(out, Area{Range: at, skip: true})
	}
	return out
}

// reservation returns the regions that were reserved together with the one
// that has a; empty when the dump does not tell.
func reservation(s *memory.Space, a memory.Addr) memory.Range {
	r, ok := s.Region(a)
	if !ok {
		return memory.Range{}
	}
	out := r.Range
	if r.AllocationBase == 0 {
		return out
	}
	all := s.Regions()
	i, _ := slices.BinarySearchFunc(all, r.AllocationBase, func(x memory.Region, b memory.Addr) int { return cmp.Compare(x.Start, b) })
	for ; i < len(all) && (all[i].AllocationBase == r.AllocationBase || all[i].Start < r.AllocationBase); i++ {
		if all[i].AllocationBase == r.AllocationBase && all[i].State != memory.MemFree {
			out.Start, out.End = min(out.Start, all[i].Start), max(out.End, all[i].End)
		}
	}
	return out
}

// moduleAreas are the writable sections of the modules. Of an image without
// readable headers every writable region is one. The rest of an image, code,
// constants and resources, is no root.
func moduleAreas(t *target.Target, w width) []Area {
	var sections, writable, rest []Area
	names := symbols.Of(t)
	for _, m := range t.Modules() {
		name := stacks.Base(m.Name)
		rest = append(rest, Area{Range: m.Range, skip: true})
		width := w
		if m.Image != nil && w != mixed {
			width = widthOf(m.Image.Bits)
		}
		if m.Image != nil {
			for _, s := range m.Image.Sections {
				if rootSection(m.Image, s) {
					sections = append(sections, Area{Range: s.Range, Kind: Module, Name: name + "!" + s.Name, Base: s.Start, width: width, names: names})
				}
			}
		}
		writable = append(writable, writableRegions(t.Space, m.Range, name, width, m.Image == nil || m.Image.HeadersPartial)...)
	}
	l := &layer{}
	l.claim(sections)
	l.claim(writable)
	l.claim(rest)
	return l.out
}

// writableRegions are the regions of an image that the process can write to.
// blind takes, where the dump has no list of regions, all that is saved.
func writableRegions(s *memory.Space, image memory.Range, name string, w width, blind bool) []Area {
	var out []Area
	add := func(r memory.Range) {
		out = append(out, Area{Range: r.Intersect(image), Kind: Module, Name: name, Base: image.Start, width: w})
	}
	if !s.RegionsKnown() {
		if blind {
			add(image)
		}
		return out
	}
	all := s.Regions()
	i, _ := slices.BinarySearchFunc(all, image.Start, func(x memory.Region, b memory.Addr) int { return cmp.Compare(x.End, b+1) })
	for ; i < len(all) && all[i].Start < image.End; i++ {
		if all[i].State == memory.MemCommit && all[i].Protect.Writable() {
			add(all[i].Range)
		}
	}
	return out
}

// otherAreas are what is left: private memory, and mapped memory that the
// process can write to. Without a list of regions it is all that is saved,
// mapped files and constants among it, where numbers that fall into a large
// block are many: only pointers to first bytes count there.
func otherAreas(t *target.Target, w width) []Area {
	var out []Area
	s := t.Space
	if !s.RegionsKnown() {
		for _, r := range s.AllRuns() {
			out = append(out, unknownAreas(s, r.Range(), w)...)
		}
		return out
	}
	for _, r := range s.Regions() {
		if r.State != memory.MemCommit {
			continue
		}
		a := Area{Range: r.Range, Kind: Private, Name: "private memory", Base: r.AllocationBase, width: w}
		switch {
		case r.Type == memory.MemImage && r.Protect.Writable():
			a.Kind, a.Name = Module, fmt.Sprintf("image at %v", r.AllocationBase)
		case r.Type == memory.MemMapped && r.Protect.Writable():
			a.Kind, a.Name = Mapped, "mapped memory"
		case r.Type != memory.MemPrivate:
			continue
		}
		out = append(out, a)
	}
	return out
}

// unknownAreas are the roots in saved memory of unknown kind. A PE file in it
// is an image that no list has, or a file that was mapped to be read: at most
// its writable sections are roots.
func unknownAreas(s *memory.Space, r memory.Range, w width) []Area {
	image, err := peimage.Open(s, r.Start, r.Size())
	if err != nil {
		return []Area{{Range: r, Kind: Private, Name: "memory", Base: r.Start, width: w, exact: true}}
	}
	var out []Area
	for _, x := range image.Sections {
		if rootSection(image, x) {
			out = append(out, Area{Range: x.Range.Intersect(r), Kind: Module, Name: fmt.Sprintf("image at %v!%s", r.Start, x.Name), Base: x.Start, width: w, exact: true})
		}
	}
	return append(out, unlessEmpty(memory.Range{Start: image.End, End: r.End}, w)...)
}

// unlessEmpty is memory of unknown kind behind an image.
func unlessEmpty(r memory.Range, w width) []Area {
	if r.Empty() {
		return nil
	}
	return []Area{{Range: r, Kind: Private, Name: "memory", Base: r.Start, width: w, exact: true}}
}

// rootSection reports whether a section may hold pointers to blocks: what the
// program writes to, but neither resources nor what is thrown away.
func rootSection(i *peimage.Image, s peimage.Section) bool {
	return s.Writable() && s.Characteristics&peimage.Discardable == 0 && !s.Contains(i.Directory(peimage.DirResource).Start)
}
