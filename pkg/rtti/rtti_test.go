package rtti_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/peimage"
	"github.com/heapdump/heapdump/pkg/rtti"
)

const base = 0x10000000

// flat is a memory of one run.
type flat struct {
	at memory.Addr
	b  []byte
}

func (f flat) View(a memory.Addr, n uint64) ([]byte, error) {
	off := a.Sub(f.at)
	if a < f.at || off > uint64(len(f.b)) || n > uint64(len(f.b))-off {
		return nil, &memory.MissingError{Want: a.Span(n), At: a}
	}
	return f.b[off : off+n], nil
}

// image has code at 0x1000, constants at 0x2000 with a class, data at 0x3000.
func image(a synth.Arch, c synth.RTTIClass) (b []byte, vtable uint32) {
	p := &synth.PE{Arch: a, Base: base, Sections: []synth.PESection{
		{Name: ".text", RVA: 0x1000, Size: 0x1000, Flags: synth.SecCode},
		{Name: ".rdata", RVA: 0x2000, Size: 0x1000, Flags: synth.SecRData},
		{Name: ".data", RVA: 0x3000, Size: 0x1000, Flags: synth.SecData},
	}}
	data, vtable := synth.RTTI(a, base, 0x2000, base+0x2f00, c, []uint32{0x1010, 0x1020, 0x1030})
	b = make([]byte, 0x4000)
	copy(b, p.Headers())
	copy(b[0x2000:], data)
	copy(b[0x3000:], data[vtable-0x2000:]) // a table that the program can write
	return b, vtable
}

func open(t testing.TB, b []byte) (flat, *peimage.Image) {
	t.Helper()
	m := flat{base, b}
	i, err := peimage.Open(m, base, 0)
	if err != nil {
		t.Fatal(err)
	}
	return m, i
}

func class() synth.RTTIClass {
	return synth.RTTIClass{Mangled: ".?AVC@ns@@", Offset: 8, Bases: []synth.RTTIBase{
		{Mangled: ".?AUB@@", Offset: 16}, {Mangled: ".?AV?$T@H@@", Virtual: true}}}
}

func TestRead(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		b, vtable := image(a, class())
		m, i := open(t, b)
		c, ok := rtti.Read(m, i, base+memory.Addr(vtable))
		want := []rtti.Base{{Name: "B", Offset: 16}, {Name: "T<int>", Virtual: true}}
		if !ok || c.Name != "ns::C" || c.Mangled != ".?AVC@ns@@" || c.Offset != 8 || !slices.Equal(c.Bases, want) {
			t.Errorf("%v: %v %+v", a, ok, c)
		}
		for _, off := range []memory.Addr{0, 4, 8, 0x1000, 0x2000, 0x2001, 0x3000, 0x5000, memory.Addr(vtable) + 4, memory.Addr(vtable) + 8, memory.Addr(vtable) - 8} {
			if c, ok := rtti.Read(m, i, base+off); ok {
				t.Errorf("%v: a class at %#x: %+v", a, uint64(off), c)
			}
		}
		if !rtti.Table(m, i, base+memory.Addr(vtable)) || rtti.Table(m, i, base+memory.Addr(vtable)+memory.Addr(a.PtrSize())) || rtti.Table(m, i, base+0x3000) {
			t.Errorf("%v: tables of functions", a)
		}
	}
}

// TestDamage: one damage a row, after which there is no class; and what may
// differ.
func TestDamage(t *testing.T) {
	at := func(b []byte, what string) int { return bytes.Index(b, []byte(what)) }
	tests := []struct {
		name   string
		change func(b []byte, vtable int)
		ok     bool
	}{
		{"healthy", func([]byte, int) {}, true},
		{"the function is no code", func(b []byte, v int) { binary.LittleEndian.PutUint64(b[v:], base+0x2000) }, false},
		{"the locator is elsewhere", func(b []byte, v int) { binary.LittleEndian.PutUint64(b[v-8:], base+0x3000) }, false},
		{"its signature", func(b []byte, v int) { b[v-8-24]++ }, false},
		{"its own RVA", func(b []byte, v int) { b[v-8-4] ^= 8 }, false},
		{"the hierarchy's signature", func(b []byte, v int) { b[v-8-24-16] = 9 }, false},
		{"the hierarchy's count", func(b []byte, v int) { binary.LittleEndian.PutUint32(b[v-8-24-8:], 257) }, false},
		{"no bases, not itself", func(b []byte, v int) { binary.LittleEndian.PutUint32(b[v-8-24-8:], 0) }, false},
		{"the array beyond the image", func(b []byte, v int) { binary.LittleEndian.PutUint32(b[v-8-24-4:], 0x3ffc) }, false},
		{"a name of no class", func(b []byte, _ int) { b[at(b, ".?AVC@ns")+3] = 'X' }, false},
		{"a name that is no text", func(b []byte, _ int) { b[at(b, ".?AVC@ns")+4] = 0xff }, false},
		{"type_info's table of one base", func(b []byte, _ int) { b[at(b, ".?AUB")-16]++ }, false},
		{"type_info's cache of the name", func(b []byte, _ int) { b[at(b, ".?AVC@ns")-8]++ }, true},
	}
	for _, tt := range tests {
		b, vtable := image(synth.X64, class())
		tt.change(b, int(vtable))
		m, i := open(t, b)
		if c, ok := rtti.Read(m, i, base+memory.Addr(vtable)); ok != tt.ok {
			t.Errorf("%s: %v %+v", tt.name, ok, c)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		b, vtable := image(a, class())
		f.Add(b, vtable)
	}
	f.Fuzz(func(t *testing.T, b []byte, at uint32) {
		m := flat{base, b}
		i, err := peimage.Open(m, base, 0)
		if err != nil {
			return
		}
		rtti.Table(m, i, base+memory.Addr(at))
		if c, ok := rtti.Read(m, i, base+memory.Addr(at)); ok && (c.Name == "" || len(c.Bases) > 255) {
			t.Fatalf("%+v", c)
		}
	})
}
