package clr_test

import (
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/clr"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/peimage"
)

func runtime(t testing.TB, c *synth.CLR, do func(m *synth.Image)) (*clr.Runtime, *peimage.Image) {
	t.Helper()
	m := synth.NewImage(c.Arch)
	c.Build(m)
	if do != nil {
		do(m)
	}
	d := synth.NewDump(c.Arch)
	m.Apply(d)
	tg, err := target.Parse("net", d.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	i, err := peimage.Open(tg.Space, memory.Addr(c.Image), 0)
	if err != nil {
		t.Fatal(err)
	}
	return clr.New(tg.Space, i.Range, i.Bits), i
}

func net(a synth.Arch) *synth.CLR {
	return &synth.CLR{Arch: a, Image: 0x62000000, Loader: 0x5000000, Classes: 0x5100000, GC: 0x5200000, GCOffset: 0x1000, Objects: 60, Code: 0x5300000, Sections: 0x5400000}
}

// TestTables: sizes and proof of each type's method table.
func TestTables(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		w := a.PtrSize()
		for _, relative := range []bool{false, true} {
			c := net(a)
			c.Relative = relative
			r, _ := runtime(t, c, nil)
			for i, want := range []clr.Table{{Base: 4 * w, Proved: true}, {Base: 5 * w, Proved: true}, {Base: 2*w + 6, Component: 2, Proved: true},
				{Base: 3 * w, Component: w, Proved: true}, {Base: 3 * w, Component: 1}} {
				got, ok := r.Table(memory.Addr(c.MT(i)))
				if !ok || got.Base != want.Base || got.Component != want.Component || got.Proved != want.Proved {
					t.Errorf("%v, relative %v, type %d: %+v", a, relative, i, got)
				}
			}
			for _, at := range []uint64{c.MT(0) + 1, 0, c.Loader + 0x900, 0x12345678} {
				if got, ok := r.Table(memory.Addr(at)); ok || got.Proved {
					t.Errorf("%#x: %+v", at, got)
				}
			}
		}
	}
}

// TestObjects: the chain ends behind the last object, and all types of it are
// known; a chain cut short in the middle of an object ends before it.
func TestObjects(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		c := net(a)
		r, _ := runtime(t, c, nil)
		w := a.PtrSize()
		size := uint64(0) // counted by hand from the sizes of types and elements
		for i := range uint64(60) {
			n := []uint64{4 * w, 5 * w, 2*w + 6 + 2*(i%7), 3*w + i%7*w, 3*w + i%7}[i%5]
			size += (n + w - 1) / w * w
		}
		in := memory.Range{Start: memory.Addr(c.GC + 0x1000), End: memory.Addr(c.GC + 0x4000)}
		got, ok := r.Objects(in)
		if !ok || got.Objects != 60 || got.Proved != 48 || len(got.Tables) != 4 || got.Size() != size {
			t.Errorf("%v: %+v, want %d bytes", a, got, size)
		}
		in.End = got.End - 1
		if cut, ok := r.Objects(in); !ok || cut.Objects != 59 {
			t.Errorf("%v: %d objects in a byte less", a, cut.Objects)
		}
		if _, ok := r.Heap(memory.Range{Start: memory.Addr(c.GC + 0x2800), End: memory.Addr(c.GC + 0x4000)}); ok {
			t.Errorf("%v: objects where there are none", a)
		}
	}
}

// TestCodeHeaps: list and map, by resource and by export, give the one code
// heap; what is read is bounded where every pointer of the map is the map's
// own.
func TestCodeHeaps(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		for _, form := range []struct{ asMap, export bool }{{false, false}, {false, true}, {true, false}, {true, true}} {
			c := net(a)
			c.Map, c.Export = form.asMap, form.export
			r, i := runtime(t, c, nil)
			g, ok := clr.Globals(r.Space, i)
			got := r.CodeHeaps(g)
			if !ok || len(got) != 1 || got[0].Range != memory.Addr(c.Code).Span(0x10000) || uint64(got[0].Section) != c.Sections+0x80 {
				t.Errorf("%v, %+v: %v, %+v", a, form, ok, got)
			}
		}
		c := net(a)
		c.Map = true
		r, i := runtime(t, c, func(m *synth.Image) {
			for n := range uint64(256) {
				m.PutPtr(c.Image+0x2800+n*a.PtrSize(), c.Image+0x2800)
			}
		})
		if g, _ := clr.Globals(r.Space, i); len(r.CodeHeaps(g)) != 0 {
			t.Errorf("%v: a map that is its own page has code heaps", a)
		}
	}
}

// TestFiller: free room between objects is filled with arrays of bytes, and a
// few objects among much of it prove nothing.
func TestFiller(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		for fillers, want := range map[int]bool{3: true, 4: true, 5: false, 40: false} {
			c := net(a)
			c.Objects = 0
			r, _ := runtime(t, c, func(m *synth.Image) {
				at := c.GC + 0x1000
				for i := range 4 + fillers {
					mt, size := c.MT(0), 4*a.PtrSize()
					if i >= 4 {
						mt, size = c.MT(4), 3*a.PtrSize()
					}
					m.PutPtr(at, mt)
					at += size
				}
			})
			if got, ok := r.Heap(memory.Addr(c.GC).Span(0x4000)); ok != want || got.Proved != 4 && ok {
				t.Errorf("%v, %d fillers: %v, %+v", a, fillers, ok, got)
			}
		}
	}
}

// TestFragments: a fragment of the map that reaches beyond its RangeSection.
func TestFragments(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		w := a.PtrSize()
		for field, to := range map[uint64]uint64{1: 0x5300000 - 0x1000, 2: 0x5300000 + 0x11000} {
			c := net(a)
			c.Map = true
			r, i := runtime(t, c, func(m *synth.Image) { m.PutPtr(c.Sections+0x1c0+field*w, to) })
			if g, ok := clr.Globals(r.Space, i); !ok || len(r.CodeHeaps(g)) != 0 {
				t.Errorf("%v: code heaps by a fragment whose word %d is %#x", a, field, to)
			}
		}
	}
}

// FuzzRuntime: no bytes of a runtime's structures make a panic or a loop.
func FuzzRuntime(f *testing.F) {
	f.Add(uint32(0x5000100), []byte{1, 2, 3, 4, 5, 6, 7, 8}, true, true)
	f.Add(uint32(0x5400080), []byte{0xff, 0xff, 0xff, 0xff}, false, false)
	f.Add(uint32(0x62003000), []byte{0, 0, 0, 0x80}, false, false)
	f.Fuzz(func(t *testing.T, at uint32, b []byte, x64, asMap bool) {
		a := synth.X86
		if x64 {
			a = synth.X64
		}
		c := net(a)
		c.Map = asMap
		r, i := runtime(t, c, func(m *synth.Image) {
			for n, v := range b[:min(len(b), 64)] {
				if m.Committed(uint64(at)+uint64(n)) && uint64(at)+uint64(n) >= c.Image+0x1000 || m.Committed(uint64(at)+uint64(n)) && uint64(at) < c.Image {
					m.PutU8(uint64(at)+uint64(n), v)
				}
			}
		})
		if g, ok := clr.Globals(r.Space, i); ok {
			for _, h := range r.CodeHeaps(g) {
				if h.Empty() {
					t.Errorf("empty code heap %v", h)
				}
			}
		}
		in := memory.Addr(c.GC).Span(0x4000)
		if chain, ok := r.Heap(in); ok && (chain.Start < in.Start || chain.End > in.End || chain.Proved < 4) {
			t.Errorf("%+v", chain)
		}
	})
}
