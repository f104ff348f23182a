package ntheap_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

func tagged(family synth.Family, arch synth.Arch) *synth.Process {
	p := synth.NewProcess(family, arch)
	p.AddHeap(&synth.Heap{
		Address: 0x4000000, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(40)}}},
		Tags: &synth.TagTable{
			Address: 0x5000000,
			Tags:    []synth.Tag{{}, {Allocs: 7, Frees: 3, Size: 0x20, Index: 1, Name: "NTDLL!LDR Database"}, {Index: 2, Name: "BASEDLL!TMP"}},
			Pseudo:  make([]synth.PseudoTag, 0x81),
		},
	})
	return p
}

// A tag counts what was allocated under its name, a pseudo tag what was of its
// size in units; the last pseudo tag counts all that is larger.
func TestTags(t *testing.T) {
	eachFamily(t, func(t *testing.T, family synth.Family, arch synth.Arch) {
		p := tagged(family, arch)
		p.Heaps[0].Tags.Pseudo[6] = synth.PseudoTag{Allocs: 10, Frees: 1, Size: 54}
		p.Heaps[0].Tags.Pseudo[0x80] = synth.PseudoTag{Allocs: 2, Size: 0x1000}
		w := open(t, space(t, p.Build().Dump), 0x4000000, ntheap.Options{})
		unit := arch.Unit()
		want := []ntheap.Tag{
			{Index: 1, Name: "NTDLL!LDR Database", Allocs: 7, Frees: 3, Bytes: 0x20 * unit},
			{Index: 2, Name: "BASEDLL!TMP"},
			{Index: 6, Units: 6, Pseudo: true, Allocs: 10, Frees: 1, Bytes: 54 * unit},
			{Index: 0x80, Pseudo: true, Allocs: 2, Bytes: 0x1000 * unit},
		}
		if d := cmp.Diff(want, w.heap.Tags()); d != "" {
			t.Error(d)
		}
	})
}

// Tables that the dump lacks, and absurd counts, leave tags out; they invent
// none.
func TestTagsMissing(t *testing.T) {
	p := tagged(synth.Win7, synth.X86)
	built := p.Build()
	built.Heaps[0].Set("NextAvailableTagIndex", 0xffff)
	built.Heaps[0].Set("MaximumTagIndex", 0xffff)
	built.Image.Drop(0x5000000)
	w := open(t, space(t, built.Redump()), 0x4000000, ntheap.Options{})
	if tags := w.heap.Tags(); len(tags) != 0 {
		t.Errorf("tags out of nothing: %+v", tags)
	}
}
