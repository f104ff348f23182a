package refs_test

import (
	"context"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
)

// TestRootNames: a variable is named by the export below it, when that is in
// its section and near; what is farther, or in another section, by its section.
func TestRootNames(t *testing.T) {
	const lib = 0x10000000
	for _, arch := range []synth.Arch{synth.X86, synth.X64} {
		x := &synth.PEExports{DLL: "lib.dll", Base: 1, List: []synth.PEExport{{Name: "Table", Ordinal: 0, RVA: 0x3010}, {Name: "Big", Ordinal: 1, RVA: 0x3400}}}
		rdata := x.Bytes(0x2000)
		pe := &synth.PE{Arch: arch, Base: lib, DLL: true, Sections: []synth.PESection{
			{Name: ".text", RVA: 0x1000, Size: 0x1000, Flags: synth.SecCode},
			{Name: ".rdata", RVA: 0x2000, Size: 0x1000, Flags: synth.SecRData, Data: rdata},
			{Name: ".data", RVA: 0x3000, Size: 0x1000, Flags: synth.SecData},
			{Name: ".more", RVA: 0x4000, Size: 0x1000, Flags: synth.SecData}}}
		pe.Directories[0] = [2]uint32{0x2000, uint32(len(rdata))}
		p := synth.NewProcess(synth.Win10v1809, arch)
		p.Modules = []synth.Module{{Base: lib, Size: 0x5000, Name: `C:\app\lib.dll`, PE: pe}}
		wants := []struct {
			at       uint64
			name, by string
		}{
			{0x3008, "lib.dll!.data+0x8", "section"}, // below the first
			{0x3010, "lib!Table", "export"},
			{0x3018, "lib!Table+0x8", "nearest export"},
			{0x3108, "lib!Table+0xf8", "nearest export"},
			{0x3110, "lib.dll!.data+0x110", "section"}, // too far from it
			{0x3408, "lib!Big+0x8", "nearest export"},
			{0x4000, "lib.dll!.more+0x0", "section"}, // another section
		}
		heap := &synth.Heap{Address: 0x3500000, Flags: synth.FlagGrowable, Segments: []synth.Segment{{Reserve: 0x100000}}}
		for range wants {
			heap.Segments[0].Items = append(heap.Segments[0].Items, synth.Busy(64))
		}
		p.AddHeap(heap)
		p.Prepare = func(b *synth.Built) {
			for i, u := range usersOf(b) {
				put(b, lib+wants[i].at, u)
			}
		}
		tg, err := target.Parse("roots", p.Build().Dump.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		r, err := refs.Take(context.Background(), tg, refs.Steps{})
		if err != nil {
			t.Fatal(err)
		}
		i := 0
		r.In(tg.Heaps, func(id refs.ID) {
			ways, err := r.Why(context.Background(), id, 1)
			if err != nil || len(ways) != 1 {
				t.Fatalf("%v %d: %d ways, %v", arch, i, len(ways), err)
			}
			if v := ways[0].Root; v.Name() != wants[i].name || v.NamedBy() != wants[i].by {
				t.Errorf("%v %#x: %q by %q, want %q by %q", arch, wants[i].at, v.Name(), v.NamedBy(), wants[i].name, wants[i].by)
			}
			text := wants[i].name // in a sentence only a doubtful name says how it was found
			if wants[i].by == "nearest export" {
				text += " (nearest export)"
			}
			if got := ways[0].Root.Text(); got != text {
				t.Errorf("%v %#x: %q, want %q", arch, wants[i].at, got, text)
			}
			i++
		})
		if i != len(wants) {
			t.Errorf("%v: %d blocks", arch, i)
		}
	}
}
