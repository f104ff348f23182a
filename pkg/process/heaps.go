package process

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// maxHeaps bounds the PEB's list: MaximumNumberOfHeaps is a multiple of 16
// that doubles, and no process has more than some thousand.
const maxHeaps = 1 << 16

// finder merges the heaps that several searches find.
type finder struct {
	Source
	sink diag.Sink
	refs []*HeapRef
	at   map[memory.Addr]*HeapRef

	nodes map[memory.Addr]bool // descriptors and list heads that were visited
}

// Heaps returns the heaps of the process: those of each PEB in its order, and
// behind them, by address, those that ntdll's descriptors, the memory that
// CSRSS shares, or a scan for signatures lead to. found is what [Scan] found.
func Heaps(s Source, pebs []PEB, found Structures, sink diag.Sink) []HeapRef {
	f := &finder{Source: s, sink: sink, at: map[memory.Addr]*HeapRef{}, nodes: map[memory.Addr]bool{}}
	for _, p := range pebs {
		f.fromPEB(p)
	}
	listed := len(f.refs)
	for _, a := range found.Heaps {
		kind, bits := ntheap.Identify(s.Space, a)
		f.add(HeapRef{Address: a, Bits: bits, Kind: kind, Found: 1 << ByScan, Index: -1})
	}
	for i := 0; i < len(f.refs); i++ {
		f.fromDescriptors(*f.refs[i])
	}
	for _, p := range pebs {
		f.fromShared(p)
	}
	slices.SortFunc(f.refs[listed:], func(a, b *HeapRef) int { return cmp.Compare(a.Address, b.Address) })
	out := make([]HeapRef, len(f.refs))
	for i, r := range f.refs {
		r.Foreign = f.foreign(*r, pebs)
		out[i] = *r
	}
	return out
}

// add merges r into what is known; it reports whether the heap is new.
func (f *finder) add(r HeapRef) bool {
	if old := f.at[r.Address]; old != nil {
		old.Found |= r.Found
		old.Default = old.Default || r.Default
		return false
	}
	f.at[r.Address] = &r
	f.refs = append(f.refs, &r)
	return true
}

func (f *finder) fromPEB(p PEB) {
	before := len(f.refs)
	for _, field := range [...]string{"NumberOfHeaps", "ProcessHeaps"} {
		if !p.Knows(field) {
			f.put(CodePEBHeapsMissing, diag.Incomplete, p, field, "", fmt.Sprintf("the dump holds the first %d bytes of the PEB only", p.Bytes))
			f.defaultHeap(p, 0)
			return
		}
	}
	ptr := uint64(p.Bits) / 8
	n, absurd := f.number(p)
	list := pebList{PEB: p, absurd: absurd, seen: map[memory.Addr]bool{}}
	for i := range n {
		entry := p.ProcessHeaps.Add(i * ptr)
		at, err := f.Space.Pointer(entry, p.Bits)
		if err != nil {
			if !absurd || i == 0 {
				f.put(CodePEBHeapsMissing, diag.Incomplete, p, "ProcessHeaps", fmt.Sprintf("a list of %d", p.NumberOfHeaps),
					fmt.Sprintf("%d: entry %d at %v is missing (%v)", i, i, entry, f.Space.Why(entry)))
			}
			break
		}
		f.listed(list, int(i), at)
	}
	f.defaultHeap(p, len(f.refs)-before)
}

// number returns how many entries of a PEB's list are worth reading, and
// whether its count cannot be right: a process has one heap at least, and no
// more than the list has room for. Wine keeps no list at all and no maximum.
func (f *finder) number(p PEB) (n uint64, absurd bool) {
	n = uint64(p.NumberOfHeaps)
	room := p.MaximumNumberOfHeaps
	switch { // MaximumNumberOfHeaps is known where ProcessHeaps, behind it, is
	case p.NumberOfHeaps > room:
		f.put(CodePEBHeaps, diag.Corrupt, p, "NumberOfHeaps", fmt.Sprintf("at most MaximumNumberOfHeaps, %d", room), fmt.Sprint(n))
		return min(n, maxHeaps, max(uint64(room), 16)), true
	case n > maxHeaps:
		f.put(CodePEBHeaps, diag.Corrupt, p, "NumberOfHeaps", fmt.Sprintf("at most %d", maxHeaps), fmt.Sprint(n))
		return maxHeaps, true
	case n == 0 && room != 0 && p.ProcessHeap != 0:
		f.put(CodePEBHeaps, diag.Corrupt, p, "NumberOfHeaps", "at least 1, the process heap", "0")
		return min(uint64(room), maxHeaps), true
	}
	return n, false
}

// pebList is what is known of a PEB's list while it is read.
type pebList struct {
	PEB
	absurd bool                 // its count cannot be right, so that entries that are no heaps are not worth a word
	seen   map[memory.Addr]bool // its entries so far
}

// defaultHeap adds the process heap, which is one of the listed heaps.
func (f *finder) defaultHeap(p PEB, listed int) {
	if p.ProcessHeap == 0 {
		return
	}
	kind, _ := ntheap.Identify(f.Space, p.ProcessHeap)
	if f.at[p.ProcessHeap] == nil && kind == heap.Unknown && f.unheard(p.ProcessHeap) && f.never(p.ProcessHeap) {
		f.put(CodePEBHeaps, diag.Corrupt, p, "ProcessHeap", "a heap", fmt.Sprintf("%v, where no heap is", p.ProcessHeap))
		return
	}
	if f.add(HeapRef{Address: p.ProcessHeap, Bits: p.Bits, Kind: kind, Found: 1 << ByPEBDefault, Index: -1, Default: true}) && listed > 0 {
		f.put(CodePEBHeaps, diag.Corrupt, p, "ProcessHeap", "one of ProcessHeaps", fmt.Sprintf("%v", p.ProcessHeap))
	}
}

// header is how much of a heap has to be there to say of what kind it is.
const header = 0x130

// why says why the header of a heap at a cannot be read; memory.Present when
// the dump has it.
func (f *finder) why(a memory.Addr) memory.Reason {
	var missing *memory.MissingError
	if _, err := f.Space.View(a, header); errors.As(err, &missing) {
		return missing.Why
	}
	return memory.Present
}

// unheard reports that Identify's Unknown for a is no fault of the dump: the
// process had no memory there, or the dump has it and it is no heap's, or no
// heap can stand at such an address.
func (f *finder) unheard(a memory.Addr) bool {
	switch f.why(a) {
	case memory.Free, memory.Reserved, memory.Present:
		return true
	}
	return a%memory.PageSize != 0
}

// never reports that a, where a heap is not recognised, cannot even be one
// whose header is destroyed: that would start a reservation in the dump.
func (f *finder) never(a memory.Addr) bool {
	if f.why(a) != memory.Present || a%granularity != 0 {
		return true
	}
	r, ok := f.Space.Region(a)
	return ok && f.Space.RegionsKnown() && (r.AllocationBase != a || r.Type == memory.MemImage)
}

// listed adds entry i of a PEB's list. A null, a repeated one, or one that
// leads to no heap is a problem; it stays on the list, as what it is, unless
// it can be nothing.
func (f *finder) listed(p pebList, i int, at memory.Addr) {
	field := fmt.Sprintf("ProcessHeaps[%d]", i)
	put := func(want, got string) {
		if !p.absurd {
			f.put(CodePEBHeaps, diag.Corrupt, p.PEB, field, want, got)
		}
	}
	if at == 0 || p.seen[at] {
		put("a heap of its own", fmt.Sprintf("%v", at))
		return
	}
	p.seen[at] = true
	kind, bits := ntheap.Identify(f.Space, at)
	if kind == heap.Unknown && (p.absurd || f.unheard(at)) {
		put("a heap", fmt.Sprintf("%v, where no heap is", at))
		if p.absurd || f.never(at) {
			return
		}
	}
	if kind != heap.NT || bits == 0 {
		bits = p.Bits
	}
	f.add(HeapRef{Address: at, Bits: bits, Kind: kind, Found: 1 << ByPEB, Index: i, Listed: true})
}

func (f *finder) put(code diag.Code, class diag.Class, p PEB, field, want, got string) {
	f.sink.Put(diag.Problem{Code: code, Class: class, At: diag.At(p.Address), Object: "_PEB", Field: field, Want: want, Got: got})
}
