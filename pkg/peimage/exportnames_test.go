package peimage_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/peimage"
)

// names are the names of an image as "rva name".
func names(x peimage.ExportNames) (out []string) {
	for n := range x.Len() {
		out = append(out, fmt.Sprintf("%#x %s", x.At(n), x.Name(n)))
	}
	return out
}

// TestExportNames: each address once, by the first of its names, by its number
// without one; no forwarders.
func TestExportNames(t *testing.T) {
	want := []string{"0x1800 Ordinal10", "0x1900 NtOpen", "0x1a00 ?f@C@@QAEXXZ"}
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		b, _ := exporting(a, sample())
		i, err := peimage.Open(flat{base, b}, base, 0)
		if err != nil {
			t.Fatal(err)
		}
		if x := i.ExportNames(flat{base, b}); x.Partial || !slices.Equal(names(x), want) {
			t.Errorf("%v: partial %v, %q", a, x.Partial, names(x))
		}
	}
	// One name is not readable: the address keeps its other; with both gone it has a number.
	b, _ := exporting(synth.X86, sample())
	b[0x1100+nameAt(b, "NtOpen")] = 0x80
	i, _ := peimage.Open(flat{base, b}, base, 0)
	if x := i.ExportNames(flat{base, b}); !x.Partial || names(x)[1] != "0x1900 ZwOpen" {
		t.Errorf("partial %v, %q", x.Partial, names(x))
	}
	b[0x1100+nameAt(b, "ZwOpen")] = 0x80
	if x := i.ExportNames(flat{base, b}); !x.Partial || names(x)[1] != "0x1900 Ordinal7" {
		t.Errorf("partial %v, %q", x.Partial, names(x))
	}
}

// TestExportNamesOutside: names that do not stand in the directory, or whose
// directory is not whole in the dump, are read where they stand.
func TestExportNamesOutside(t *testing.T) {
	b, _ := exporting(synth.X64, sample())
	i, err := peimage.Open(flat{base, b}, base, 0)
	if err != nil {
		t.Fatal(err)
	}
	at := base + 0x1100 + memory.Addr(nameAt(b, "ntdll.#8"))
	x := i.ExportNames(holes{flat{base, b}, memory.Range{Start: at, End: at + 4}})
	if want := []string{"0x1800 Ordinal10", "0x1900 NtOpen", "0x1a00 ?f@C@@QAEXXZ"}; !x.Partial || !slices.Equal(names(x), want) {
		t.Errorf("partial %v, %q", x.Partial, names(x))
	}
}

// TestExportNamesSearch: a search finds what a look at every one finds, for
// addresses that are evenly apart, close together and far apart, and the names
// belong to the addresses.
func TestExportNamesSearch(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, span := range []int{300, 0x4000, 0x900000} {
		x := &synth.PEExports{DLL: "a.dll", Base: 1}
		byRVA := map[uint32]string{}
		for n := range 200 {
			rva := 0x10000 + uint32(r.IntN(span))
			if n%3 == 0 {
				rva = 0x10000 + uint32(n)
			}
			name := fmt.Sprintf("f%03d", n)
			x.List = append(x.List, synth.PEExport{Name: name, Ordinal: uint16(n), RVA: rva})
			if old, ok := byRVA[rva]; !ok || name < old {
				byRVA[rva] = name
			}
		}
		table := x.Bytes(0x1000)
		p := &synth.PE{Arch: synth.X64, Base: base, DLL: true, Sections: []synth.PESection{
			{Name: ".edata", RVA: 0x1000, Size: 0x8000, Flags: synth.SecRData}, {Name: ".text", RVA: 0x10000, Size: 0x900000, Flags: synth.SecCode}}}
		p.Directories[0] = [2]uint32{0x1000, uint32(len(table))}
		b := make([]byte, 0xa000)
		copy(b, p.Headers())
		copy(b[0x1000:], table)
		i, err := peimage.Open(flat{base, b}, base, 0)
		if err != nil {
			t.Fatal(err)
		}
		names := i.ExportNames(flat{base, b})
		if names.Partial || names.Len() != len(byRVA) {
			t.Fatalf("span %#x: partial %v, %d of %d", span, names.Partial, names.Len(), len(byRVA))
		}
		for n := range names.Len() {
			if names.Name(n) != byRVA[names.At(n)] {
				t.Errorf("%#x is %s, want %s", names.At(n), names.Name(n), byRVA[names.At(n)])
			}
		}
		for range 4000 {
			rva, want := 0xff00+uint32(r.IntN(span+0x200)), -1
			for n := range names.Len() {
				if names.At(n) <= rva {
					want = n
				}
			}
			if got := names.Below(rva); got != want {
				t.Fatalf("span %#x: %#x is behind %d, want %d", span, rva, got, want)
			}
		}
	}
}

// TestManyExports: the order of more exports than are sorted by comparing is
// that of the model, with those of one address by name.
func TestManyExports(t *testing.T) {
	x := &synth.PEExports{DLL: "a.dll", Base: 1}
	var want []string
	for n := range 1000 {
		rva := 0x10000 + uint32(n*7919%500)*0x101
		name := "n" + strings.Repeat("x", n%7) + fmt.Sprint(n)
		x.List = append(x.List, synth.PEExport{Name: name, Ordinal: uint16(n), RVA: rva})
		want = append(want, fmt.Sprintf("%08x %s", rva, name))
	}
	table := x.Bytes(0x1000)
	p := &synth.PE{Arch: synth.X86, Base: base, DLL: true, Sections: []synth.PESection{{Name: ".text", RVA: 0x1000, Size: 0x80000, Flags: synth.SecCode}}}
	p.Directories[0] = [2]uint32{0x1000, uint32(len(table))}
	b := make([]byte, 0x81000)
	copy(b, p.Headers())
	copy(b[0x1000:], table)
	i, err := peimage.Open(flat{base, b}, base, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range i.Exports(flat{base, b}).List {
		got = append(got, fmt.Sprintf("%08x %s", e.RVA, e.Name))
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d exports, want %d in order", len(got), len(want))
	}
}
