package peimage_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/peimage"
)

// exporting is an image of two pages: headers, then its export table at
// 0x1100 and code from 0x1800 on.
func exporting(a synth.Arch, x *synth.PEExports) ([]byte, *synth.PE) {
	table := x.Bytes(0x1100)
	p := &synth.PE{Arch: a, Base: base, DLL: true, Sections: []synth.PESection{
		{Name: ".text", RVA: 0x1000, Size: 0x1000, Flags: synth.SecCode},
	}}
	p.Directories[0] = [2]uint32{0x1100, uint32(len(table))}
	b := make([]byte, 0x2000)
	copy(b, p.Headers())
	copy(b[0x1100:], table)
	return b, p
}

func sample() *synth.PEExports {
	return &synth.PEExports{DLL: "a.dll", Base: 7, List: []synth.PEExport{
		{Name: "ZwOpen", Ordinal: 0, RVA: 0x1900},
		{Name: "NtOpen", Ordinal: 0, RVA: 0x1900},
		{Name: "Alloc", Ordinal: 1, Forward: "NTDLL.RtlAllocateHeap"},
		{Ordinal: 3, RVA: 0x1800},
		{Name: "?f@C@@QAEXXZ", Ordinal: 4, RVA: 0x1a00},
		{Name: "ByNumber", Ordinal: 5, Forward: "ntdll.#8"},
	}}
}

// TestExports: names, two names of one function, forwarders, a function
// without a name, and an ordinal that is not in use (2), each once.
func TestExports(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		b, _ := exporting(a, sample())
		i, err := peimage.Open(flat{base, b}, base, 0)
		if err != nil {
			t.Fatal(err)
		}
		x := i.Exports(flat{base, b})
		if x.Partial || x.Name != "a.dll" {
			t.Errorf("%v: partial %v, name %q", a, x.Partial, x.Name)
		}
		var forwards []peimage.Export
		var here []peimage.Export
		for _, e := range x.List {
			if e.Forward != "" {
				e.RVA = 0
				forwards = append(forwards, e)
			} else {
				here = append(here, e)
			}
		}
		want := []peimage.Export{
			{Ordinal: 10, RVA: 0x1800},
			{Name: "NtOpen", Ordinal: 7, RVA: 0x1900},
			{Name: "ZwOpen", Ordinal: 7, RVA: 0x1900},
			{Name: "?f@C@@QAEXXZ", Ordinal: 11, RVA: 0x1a00},
		}
		if !slices.Equal(here, want) {
			t.Errorf("%v: %+v", a, here)
		}
		want = []peimage.Export{
			{Name: "Alloc", Forward: "NTDLL.RtlAllocateHeap", Ordinal: 8},
			{Name: "ByNumber", Forward: "ntdll.#8", Ordinal: 12},
		}
		if !slices.Equal(forwards, want) {
			t.Errorf("%v: %+v", a, forwards)
		}
	}
}

// holes is a memory that lacks a range.
type holes struct {
	flat
	gap memory.Range
}

func (h holes) View(a memory.Addr, n uint64) ([]byte, error) {
	if r := a.Span(n); r.Overlaps(h.gap) {
		return nil, &memory.MissingError{Want: r, At: h.gap.Start}
	}
	return h.flat.View(a, n)
}

// TestExportsDamage is one damage a row, and what is left: how many exports,
// how many of them with names, and whether the table says that it is partial.
func TestExportsDamage(t *testing.T) {
	const table = 0x1100
	put := func(at int, v uint32) func(b []byte) {
		return func(b []byte) { binary.LittleEndian.PutUint32(b[at:], v) }
	}
	tests := []struct {
		name        string
		change      func(b []byte)
		gap         memory.Range
		list, named int
		partial     bool
	}{
		{"healthy", func([]byte) {}, memory.Range{}, 6, 5, false},
		{"4 G functions", put(table+20, ^uint32(0)), memory.Range{}, 0, 0, true},
		{"4 G names", put(table+24, ^uint32(0)), memory.Range{}, 5, 0, true},
		{"functions beyond the image", put(table+28, 0x9000), memory.Range{}, 0, 0, true},
		{"functions cut by the image", put(table+28, 0x1ffc), memory.Range{}, 0, 0, true},
		{"names beyond the image", put(table+32, 0xfffffff0), memory.Range{}, 5, 0, true},
		{"a function beyond the image", put(table+40+4*3, 0x3000), memory.Range{}, 5, 5, true},
		{"an ordinal beyond the functions", func(b []byte) { b[table+40+4*6+4*5] = 6 }, memory.Range{}, 6, 4, true},
		{"a name that is no text", func(b []byte) { b[0x1100+nameAt(b, "NtOpen")] = 0x80 }, memory.Range{}, 6, 4, true},
		{"no directory in memory", func([]byte) {}, memory.Range{Start: base + table, End: base + table + 8}, 0, 0, true},
		{"names missing, and a forwarder's target", func([]byte) {}, memory.Range{Start: base + 0x1180, End: base + 0x2000}, 5, 0, true},
		{"a function that wraps round", put(table+40+4*3, 0xfffffff0), memory.Range{}, 5, 5, true},
	}
	for _, tt := range tests {
		b, _ := exporting(synth.X86, sample())
		tt.change(b)
		i, err := peimage.Open(flat{base, b}, base, 0)
		if err != nil {
			t.Fatal(err)
		}
		x := i.Exports(holes{flat{base, b}, tt.gap})
		named := 0
		for _, e := range x.List {
			if e.Name != "" {
				named++
			}
		}
		if x.Partial != tt.partial {
			t.Errorf("%s: partial %v", tt.name, x.Partial)
		}
		if len(x.List) != tt.list || named != tt.named {
			t.Errorf("%s: %d exports, %d with names, want %d and %d: %+v", tt.name, len(x.List), named, tt.list, tt.named, x.List)
		}
	}
}

// nameAt is where a name stands in the table.
func nameAt(b []byte, name string) int {
	for i := 0x1100; i+len(name) < len(b); i++ {
		if string(b[i:i+len(name)]) == name {
			return i - 0x1100
		}
	}
	return -1
}

func FuzzExports(f *testing.F) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		b, _ := exporting(a, sample())
		f.Add(b, uint16(0))
		f.Add(b, uint16(0x1200))
	}
	f.Fuzz(func(t *testing.T, b []byte, gap uint16) {
		m := holes{flat: flat{base, b}}
		if gap != 0 {
			m.gap = memory.Range{Start: base + memory.Addr(gap), End: base + memory.Addr(gap) + 16}
		}
		i, err := peimage.Open(m, base, 0)
		if err != nil {
			return
		}
		named := i.ExportNames(m)
		for n := range named.Len() {
			if named.Below(named.At(n)) != n || named.Name(n) == "" {
				t.Fatalf("export %d at %#x is %q, and is found at %d", n, named.At(n), named.Name(n), named.Below(named.At(n)))
			}
		}
		x := i.Exports(m)
		if len(x.List) > 2<<16 {
			t.Fatalf("%d exports", len(x.List))
		}
		for n, e := range x.List {
			if uint64(e.RVA) >= i.Size() || n > 0 && e.RVA < x.List[n-1].RVA {
				t.Fatalf("export %d is %+v", n, e)
			}
		}
	})
}
