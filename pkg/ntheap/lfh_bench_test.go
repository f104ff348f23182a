package ntheap_test

import (
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// slotHeap is a heap of some hundred thousand slots.
func slotHeap(tb testing.TB) *ntheap.Heap {
	p := synth.NewProcess(synth.Win10v1809, synth.X64)
	l := synth.NewLFH(synth.Win10v1809, synth.X64, 0x7000000, 0x5a17c3d2)
	s := &synth.Heap{Address: 0x10000000}
	for i := range uint64(16) {
		seg := synth.Segment{Address: 0x10000000 + i*0x100000}
		for range 15 {
			seg.Items = append(seg.Items, l.Add(&synth.Container{Units: 4, SizeIndex: 3, Slots: lfhSlots(synth.X64, 1000, 4)}))
		}
		s.Segments = append(s.Segments, seg)
	}
	l.Install(p, p.AddHeap(s))
	h, err := ntheap.Open(space(tb, p.Build().Dump), 0x10000000, ntheap.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

func countSlots(h *ntheap.Heap) (n int) {
	for b := range h.Blocks(nil) {
		if b.Origin == heap.LFH {
			n++
		}
	}
	return n
}

func BenchmarkLFHWalk(b *testing.B) {
	h := slotHeap(b)
	for _, keyed := range []bool{false, true} {
		name := "plain"
		if keyed {
			name = "keyed"
			h.SetLFHKey(ntheap.RecoverLFHKey(h))
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n += countSlots(h)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/slot")
		})
	}
}

// A walk allocates for the heap and not for its slots.
func TestSlotsDoNotAllocate(t *testing.T) {
	h := slotHeap(t)
	if n := countSlots(h); n != 240000 {
		t.Fatalf("%d slots", n)
	}
	if n := testing.AllocsPerRun(1, func() { countSlots(h) }); n > 300 {
		t.Errorf("%v allocations for 240 containers of 1000 slots", n)
	}
}
