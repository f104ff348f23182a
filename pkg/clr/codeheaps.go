package clr

import (
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/peimage"
)

// Globals finds the table of the places of the runtime's variables that it
// keeps for debuggers: offsets from the image's base, of 32 bits each. .NET 7
// and later export it as g_dacTable; before, and in the .NET Framework, it is
// a resource, behind 24 bytes of a head. The first is that of the runtime's
// ranges of code.
func Globals(m peimage.Memory, i *peimage.Image) (memory.Addr, bool) {
	const rawData, head = 10, 24 // RT_RCDATA
	if r, ok := i.Resource(m, rawData, "COREXTERNALDATAACCESSRESOURCE"); ok && r.Size() > head+4 {
		return r.Start.Add(head), true
	}
	for _, e := range i.Exports(m).List {
		if e.Name == "g_dacTable" {
			return i.Start.Add(uint64(e.RVA)), true
		}
	}
	return 0, false
}

// CodeHeap is address space that the runtime compiles into.
type CodeHeap struct {
	memory.Range
	Section memory.Addr // the RangeSection that says so
}

// How far lists and maps are followed.
const (
	maxSections  = 1 << 16
	maxMapPages  = 1 << 12
	mapEntries   = 256
	codeHeapFlag = 2
)

// CodeHeaps returns the ranges that the runtime's table of variables leads to
// and that are code heaps: a list of RangeSections up to .NET 7, a map of them
// after that. Each has to agree with its code manager, whose functions are in
// the runtime's image, and with its first HeapList, which lies within it.
func (r *Runtime) CodeHeaps(globals memory.Addr) []CodeHeap {
	rva, err := r.Space.U32(globals)
	if err != nil || uint64(rva) >= r.Image.Size() {
		return nil
	}
	at := r.Image.Start.Add(uint64(rva))
	if out := r.list(at); len(out) > 0 {
		return out
	}
	return r.rangeMap(at)
}

// field reads a word of a structure, 0 where the dump lacks it.
func (r *Runtime) field(at memory.Addr, i uint64) memory.Addr {
	v, err := r.Space.Pointer(at.Add(i*r.word()), r.Bits)
	if err != nil {
		return 0
	}
	return v
}

// form is where a RangeSection has what, in words.
type form struct{ flags, manager, heaps uint64 }

var (
	listed = form{flags: 5, manager: 2, heaps: 6} // low, high, manager, next, last used, flags, heaps
	mapped = form{flags: 2, manager: 3, heaps: 5} // low, high, flags, manager, image, heaps
)

// section returns the code heap that a RangeSection describes.
func (r *Runtime) section(at memory.Addr, f form) (CodeHeap, bool) {
	h := CodeHeap{memory.Range{Start: r.field(at, 0), End: r.field(at, 1)}, at}
	flags, err := r.Space.U32(at.Add(f.flags * r.word()))
	if at == 0 || err != nil || flags&codeHeapFlag == 0 || h.Start == 0 || h.Empty() {
		return h, false
	}
	heaps := r.field(at, f.heaps)
	start, end := r.field(heaps, 2), r.field(heaps, 3)
	return h, heaps != 0 && r.managed(at, f) && h.Contains(start) && start <= end && end <= h.End
}

// managed reports whether a RangeSection's code manager is an object of the
// runtime.
func (r *Runtime) managed(at memory.Addr, f form) bool {
	m := r.field(at, f.manager)
	return m != 0 && r.Image.Contains(r.field(m, 0))
}

// list follows the list of RangeSections whose first a variable points to.
func (r *Runtime) list(variable memory.Addr) []CodeHeap {
	var out []CodeHeap
	seen := map[memory.Addr]bool{}
	for at := r.field(variable, 0); at != 0 && !seen[at] && len(seen) < maxSections; at = r.field(at, 3) {
		seen[at] = true
		if !r.managed(at, listed) {
			break // no RangeSection
		}
		if h, ok := r.section(at, listed); ok {
			out = append(out, h)
		}
	}
	return out
}

// page is one of a map's arrays of pointers, and how many levels are below it.
type page struct {
	at    memory.Addr
	below int
}

// rangeMap goes over the map that a variable is: arrays of 256 pointers, five
// levels of them on x64 and two on x86, the last of which point to lists of
// fragments {next, begin, end, RangeSection}. The lowest bit of a pointer is a
// mark.
func (r *Runtime) rangeMap(variable memory.Addr) []CodeHeap {
	var out []CodeHeap
	seen, fragments := map[memory.Addr]bool{}, 0
	levels := 5
	if r.Bits == 32 {
		levels = 2
	}
	todo := []page{{variable, levels - 1}}
	for n := 0; len(todo) > 0 && n < maxMapPages; n++ {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for i := range uint64(mapEntries) {
			to := r.field(p.at, i) &^ 1
			if to == 0 {
				continue
			}
			if p.below > 0 {
				if len(todo) < maxMapPages {
					todo = append(todo, page{to, p.below - 1})
				}
				continue
			}
			for ; to != 0 && fragments < maxSections; to = r.field(to, 0) &^ 1 {
				fragments++
				s := r.field(to, 3)
				if seen[s] {
					continue
				}
				seen[s] = true
				if h, ok := r.section(s, mapped); ok && r.field(to, 1) >= h.Start && r.field(to, 2) <= h.End {
					out = append(out, h)
				}
			}
		}
	}
	return out
}
