package target_test

import (
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/process"
)

// TestPageHeaps: page heaps are found by scan and by their list, their normal
// heaps join the list, and all that no PEB names comes by address.
func TestPageHeaps(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		p := twoHeaps(synth.Win7, a)
		p.Prepare = func(b *synth.Built) {
			first := (&synth.FullPageHeap{Address: 0x9000000, Arch: a, NormalHeap: 0x3d0000, Allocs: []synth.PageAlloc{{Size: 10}, {Size: 20, Freed: true}}}).Build(b.Image)
			second := (&synth.FullPageHeap{Address: 0x8000000, Arch: a, NormalHeap: 0x1234000, Allocs: []synth.PageAlloc{{Size: 30}}}).Build(b.Image)
			ring := []uint64{first.FieldAddr("NextHeap"), second.FieldAddr("NextHeap")}
			for i, n := range ring {
				b.Image.PutPtr(n, ring[1-i])
				b.Image.PutPtr(n+a.PtrSize(), ring[1-i])
			}
		}
		tg := parse(t, p.Build().Dump)
		if len(tg.Heaps) != 4 || len(tg.Problems) != 0 {
			t.Fatalf("%v: %q, %v", a, rows(tg), tg.Problems)
		}
		for i, at := range []memory.Addr{0x1d0000, 0x3d0000, 0x8000000, 0x9000000} {
			h := tg.Heaps[i]
			page := i >= 2
			if h.Address != at || h.Position != i || (h.Page != nil) != page || (h.Kind == heap.Page) != page || h.Walkable() == nil || h.Bits != int(8*a.PtrSize()) {
				t.Errorf("%v: %d: %+v", a, i, h)
			}
			if page && !(h.Found.Has(process.ByScan) && h.Found.Has(process.BySibling)) {
				t.Errorf("%v: %v found by %v", a, at, h.Found.List())
			}
		}
		if tg.Heaps[1].NormalOf != 0x9000000 || tg.Heaps[0].NormalOf != 0 {
			t.Errorf("%v: normal of %v, %v", a, tg.Heaps[0].NormalOf, tg.Heaps[1].NormalOf)
		}
		if start, ok := tg.Heaps[2].SegmentStart(0); !ok || start != 0x8000000 {
			t.Errorf("%v: range at %v, %v", a, start, ok)
		}
		for _, h := range tg.Heaps {
			if _, ok := h.SegmentStart(heap.NoSegment); ok {
				t.Errorf("%v: a base of no segment", h.Address)
			}
		}
	}
}
