// Package specimen has healthy generated dumps of every family of Windows, and
// says where each field of their structures stands in the file: what the
// campaign and the fuzz targets damage. It is for tests.
package specimen

import (
	"fmt"
	"slices"

	"github.com/heapdump/heapdump/internal/synth"
)

// Place is a field that can be damaged, and where it is in the file.
type Place struct {
	Structure, Field string
	Off, Size        int    // in the file
	Addr             uint64 // in the process; 0 for the file's own structures
	Header           int    // of a field of a block's encoded header: where in the file the header is; else 0
	Key              [8]byte
	Sum              bool // byte 3 of the decoded header is the sum of the three before it
}

// Specimen is a healthy dump and what can be damaged in it.
type Specimen struct {
	Name    string
	Data    []byte
	Places  []Place
	Pages   []uint64 // addresses of the saved pages
	Arch    synth.Arch
	Heaps   []uint64 // addresses
	Block   uint64   // the user pointer of a busy block
	PEB     uint64
	TEB     uint64
	Image   uint64                               // the base of the executable's image
	Streams int                                  // bytes of the file before the memory: header, directory and streams
	build   func() (*synth.Built, []synth.Place) // anew: a dropped page cannot be put back
}

// PageBytes is the size of a page.
const PageBytes = 0x1000

// newSpecimen builds the dump and finds its places in the file.
func newSpecimen(name string, build func() (*synth.Built, []synth.Place)) *Specimen {
	s := &Specimen{Name: name, build: build}
	b, places := build()
	f := b.Redump().File()
	s.Data = f.Data
	for _, p := range f.Places() {
		s.Places = append(s.Places, Place{Structure: p.Structure, Field: p.Field, Off: int(p.Addr), Size: int(p.Size)})
	}
	for _, p := range places {
		if off := f.Offset(p.Addr); off >= 0 {
			s.Places = append(s.Places, Place{Structure: p.Structure, Field: p.Field, Off: off, Size: int(p.Size), Addr: p.Addr})
		}
	}
	for _, h := range append(slices.Clone(b.Heaps), b.Heaps32...) {
		s.encoded(f, h)
	}
	for _, r := range b.Image.Runs() {
		for at := uint64(0); at < uint64(len(r.Data)); at += PageBytes {
			s.Pages = append(s.Pages, r.Addr+at)
		}
	}
	s.Streams = len(s.Data)
	for _, r := range b.Image.Runs() {
		if off := f.Offset(r.Addr); off >= 0 {
			s.Streams = min(s.Streams, off)
		}
	}
	s.names(b)
	return s
}

// names notes the addresses that a command line can ask for.
func (s *Specimen) names(b *synth.Built) {
	s.Arch, s.PEB, s.TEB, s.Image = b.Process.Arch, b.Process.PEB, b.Process.TEBs[0], b.Process.ImageBase
	for _, h := range b.Heaps {
		s.Heaps = append(s.Heaps, h.Address)
		if busy := h.Only(synth.StateBusy); len(busy) > 0 && s.Block == 0 {
			s.Block = busy[len(busy)/2].User
		}
	}
}

// encoded notes of the fields of a heap's headers what they are encoded with.
func (s *Specimen) encoded(f *synth.File, h *synth.BuiltHeap) {
	headers := map[int]bool{}
	for i := range h.Blocks {
		if x := &h.Blocks[i]; x.State != synth.StateUncommitted && x.Origin != synth.OriginLFH {
			headers[f.Offset(h.HeaderAddr(x.Entry))] = true
		}
	}
	for i := range s.Places {
		p := &s.Places[i]
		for back := range 8 {
			if at := p.Off - back; p.Size <= 2 && at > 0 && headers[at] {
				p.Header, p.Key, p.Sum = at, h.KeyBytes(), h.Family != synth.XP
			}
		}
	}
}

// Without is the file with those pages not saved.
func (s *Specimen) Without(pages []uint64) []byte {
	b, _ := s.build()
	for _, a := range pages {
		b.Image.Drop(a)
	}
	return b.Redump().Bytes()
}

// Borders are the file offsets where a structure or a stream begins or ends,
// each once.
func (s *Specimen) Borders() []int {
	var out []int
	for _, p := range s.Places {
		out = append(out, p.Off, p.Off+p.Size)
	}
	slices.Sort(out)
	return slices.Compact(slices.DeleteFunc(out, func(n int) bool { return n >= len(s.Data) }))
}

// All are the healthy dumps of every family, and of page heap in both forms.
func All() []*Specimen {
	var out []*Specimen
	for _, f := range synth.Families() {
		for _, a := range []synth.Arch{synth.X86, synth.X64} {
			out = append(out, newSpecimen(fmt.Sprintf("%v-%v", f, a), func() (*synth.Built, []synth.Place) { return process(f, a) }))
		}
	}
	for _, old := range []bool{true, false} {
		for _, a := range []synth.Arch{synth.X86, synth.X64} {
			name := "pageheap-"
			if old {
				name = "pageheap-old-"
			}
			out = append(out, newSpecimen(name+a.String(), func() (*synth.Built, []synth.Place) { return pageHeap(a, old) }))
		}
	}
	return out
}

// Rich are dumps with something of every layer, some of it damaged: modules,
// threads, handles, an exception, a debug C runtime, two processors' heaps.
func Rich() []*Specimen {
	var out []*Specimen
	add := func(name string, make func() *synth.Process) {
		out = append(out, newSpecimen(name, func() (*synth.Built, []synth.Place) {
			p := make()
			b := p.Build()
			places := lead(p)
			for _, h := range append(slices.Clone(b.Heaps), b.Heaps32...) {
				places = append(places, h.Places()...)
			}
			return b, places
		}))
	}
	add("demo", synth.Demo)
	add("damaged", synth.Damaged)
	add("crashed", func() *synth.Process { return synth.Article001(3, 0x2c0000) })
	add("wow64", func() *synth.Process {
		p := synth.NewWOW64(synth.Win10v1809)
		p.AddHeap(&synth.Heap{Address: 0x4000000, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(100), synth.Free(0x200), synth.Busy(24)}}}})
		p.AddHeap32(&synth.Heap{Address: 0x14000000, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(40), synth.Free(0x100), synth.Busy(9)}}}})
		p.AddOther(0x700000, synth.SegmentHeap)
		p.AddOther32(0x730000, synth.Wine)
		return p
	})
	return out
}

const (
	firstAt, secondAt = 0x1d0000, 0x3d0000
	frontAt, traceAt  = 0x5d0000, 0x70000000
)

// process has a heap with the low-fragmentation heap (XP: a lookaside list),
// uncommitted ranges, two segments and large blocks, and one whose blocks have
// the stacks of their allocation.
func process(f synth.Family, a synth.Arch) (*synth.Built, []synth.Place) {
	p := synth.NewProcess(f, a)
	p.NtGlobalFlag = 0x1000
	p.Modules = []synth.Module{{Base: p.ImageBase, Size: 0x10000, Name: `C:\app\app.exe`}}
	front := synth.NewLFH(f, a, frontAt, 0x5a17c3d2e4f60b)
	items := []synth.Item{synth.Busy(100), synth.Free(0x200), synth.Busy(24), synth.Uncommitted(0x3000), synth.Busy(9), synth.Busy(48), synth.Free(0x80), synth.Busy(48)}
	if f != synth.XP {
		slots := make([]synth.Slot, 12)
		for i := range slots {
			if slots[i].Busy = i%3 != 2; slots[i].Busy {
				slots[i].Size = uint64(40 - i)
			}
		}
		units := 64/a.Unit() + 1
		items = append(items, front.Add(&synth.Container{Units: units, SizeIndex: uint8(units) - 1, Slots: slots}), synth.Busy(30).WithBlock(0x100))
	}
	h := p.AddHeap(&synth.Heap{Address: firstAt, Segments: []synth.Segment{{Items: items},
		{Address: firstAt + 0x100000, Items: []synth.Item{synth.Busy(40), synth.Free(0x100), synth.Busy(8), synth.Busy(200)}}},
		Virtual: []synth.Virtual{{Address: 0xb00000, Size: 0x1800}, {Address: 0xc00000, Size: 0x2000, Reserve: 0x8000}}})
	second := &synth.Heap{Address: secondAt, Segments: []synth.Segment{{Items: traced(f)}}}
	if f > synth.Vista {
		second.Flags = synth.FlagGrowable | synth.FlagStackTrace
		second.Interceptor = 1
	}
	p.AddHeap(second)
	var db *synth.BuiltTraceDB
	p.Prepare = func(b *synth.Built) {
		db = (&synth.TraceDB{Address: traceAt, Reserve: 0x4000, Family: f, Arch: a, Buckets: 7, Stacks: [][]uint64{
			{p.ImageBase + 0x1000, p.ImageBase + 0x1100}, {p.ImageBase + 0x2000}, {p.ImageBase + 0x3000, p.ImageBase + 0x3100, p.ImageBase + 0x3200}}}).Build(b.Image)
		if f == synth.XP {
			u := b.Heaps[0].Only(synth.StateBusy)
			b.Heaps[0].Lookaside(frontAt, map[int][]uint64{int(48/a.Unit() + 1): {u[3].User, u[4].User}})
		}
		if f > synth.Vista {
			point(b.Heaps[1], db)
		}
	}
	if f != synth.XP {
		front.Install(p, h)
	}
	b := p.Build()
	places := append(b.Heaps[0].Places(), b.Heaps[1].Places()...)
	places = append(append(places, lead(p)...), db.Places()...)
	if f != synth.XP {
		places = append(places, front.Places()...)
	}
	return b, places
}

// stackOf is what the extended blocks of the script point at until the
// database has its addresses.
const stackOf = 0x1

// traced is blocks with the stack of their allocation, by index up to Vista.
func traced(f synth.Family) []synth.Item {
	if f <= synth.Vista {
		return []synth.Item{synth.Busy(24).WithBlock(80).WithTrace(1), synth.Busy(24), synth.Busy(40).WithBlock(96).WithTrace(2)}
	}
	return []synth.Item{synth.Busy(24).WithStack(stackOf), synth.Busy(40).WithStack(stackOf), synth.Busy(72).WithStack(stackOf)}
}

// point puts the database's entries into the extended blocks.
func point(h *synth.BuiltHeap, db *synth.BuiltTraceDB) {
	n := 0
	for _, x := range h.Blocks {
		if x.State != synth.StateBusy || x.Stack != stackOf {
			continue
		}
		for at := x.Entry; at < x.User; at += h.Arch.PtrSize() {
			if h.Image.Ptr(at) == stackOf {
				h.Image.PutPtr(at, db.Entries[n%len(db.Entries)])
			}
		}
		n++
	}
}

// pageHeap is a process under full page heap, with the normal heap it has.
func pageHeap(a synth.Arch, old bool) (*synth.Built, []synth.Place) {
	f := synth.Win10v1809
	if old {
		f = synth.XP
	}
	p := synth.NewProcess(f, a)
	p.Modules = []synth.Module{{Base: p.ImageBase, Size: 0x10000, Name: `C:\app\app.exe`}}
	p.AddHeap(&synth.Heap{Address: secondAt, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(24), synth.Busy(40)}}}})
	var h *synth.BuiltPageHeap
	p.AddOther(0x9000000, func(m *synth.Image, a synth.Arch, addr uint64) {
		h = (&synth.FullPageHeap{Address: addr, Arch: a, Old: old, NormalHeap: secondAt, Storage: 0x20000, Allocs: []synth.PageAlloc{
			{Size: 8}, {Size: 20, Freed: true}, {Size: 300}, {Size: 0x1200}}}).Build(m)
	})
	b := p.Build()
	return b, append(append(b.Heaps[0].Places(), lead(p)...), h.Places()...)
}

// lead is what leads to the heaps: the PEB's fields and its array.
func lead(p *synth.Process) []synth.Place {
	w := p.Arch.PtrSize()
	return []synth.Place{{Structure: "_PEB", Field: "NumberOfHeaps", Addr: p.PEBFieldAddr("NumberOfHeaps"), Size: 4},
		{Structure: "_PEB", Field: "ProcessHeaps", Addr: p.PEBFieldAddr("ProcessHeaps"), Size: w},
		{Structure: "_PEB", Field: "ProcessHeaps[]", Addr: p.ProcessHeaps, Size: 2 * w}}
}
