package ntheap_test

import (
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// large builds a heap with three virtual blocks.
func large(family synth.Family, arch synth.Arch, base uint64) *synth.Heap {
	h := &synth.Heap{Address: base, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(40)}}}}
	for i := range uint64(3) {
		h.Virtual = append(h.Virtual, synth.Virtual{Address: base + 0x1000000 + i*0x200000, Size: 0x100000, FirstPage: true})
	}
	return h
}

// A size that a damaged node claims counts no more than the address space
// behind it can hold: up to what has no storage, and to the next block.
func TestVirtualSizesFitTheirSpace(t *testing.T) {
	eachFamily(t, func(t *testing.T, family synth.Family, arch synth.Arch) {
		for name, size := range map[string]uint64{"into free address space": 1 << 24, "over the next block": 0x300000, "absurd": 1 << 30} {
			p := synth.NewProcess(family, arch)
			p.AddHeap(large(family, arch, 0x4000000))
			built := p.Build()
			h := built.Heaps[0]
			sound := open(t, space(t, built.Dump), 0x4000000, ntheap.Options{})
			healthy(t, sound)
			h.SetVirtual(0, "CommitSize", size)
			h.SetVirtual(0, "ReserveSize", size)
			w := open(t, space(t, built.Redump()), 0x4000000, ntheap.Options{})
			if got, want := w.heap.Virtuals[0].CommitSize, sound.heap.Virtuals[0].CommitSize; got != want {
				t.Errorf("%s: commit %#x, want the region's %#x", name, got, want)
			}
			told := 0
			for _, x := range w.all() {
				if x.Code == ntheap.CodeVirtualHeader && x.Class == diag.Corrupt {
					told++
				}
			}
			if told == 0 {
				t.Errorf("%s: nothing said: %v", name, w.all())
			}
		}
	})
}

// Two heaps cannot own one block: the second stops at the first's.
func TestVirtualBlocksHaveOneHeap(t *testing.T) {
	p := synth.NewProcess(synth.Win10v1809, synth.X64)
	p.AddHeap(large(synth.Win10v1809, synth.X64, 0x4000000))
	p.AddHeap(&synth.Heap{Address: 0x8000000, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(40)}}}})
	built := p.Build()
	node := built.Heaps[0].Virtuals[0].Node
	built.Heaps[1].Set("VirtualAllocdBlocks", node)
	built.Heaps[1].Set("VirtualAllocdBlocks.Blink", node)
	m := space(t, built.Redump())
	taken := map[memory.Addr]bool{}
	first := open(t, m, 0x4000000, ntheap.Options{Virtuals: taken})
	healthy(t, first)
	second := open(t, m, 0x8000000, ntheap.Options{Virtuals: taken})
	if len(first.heap.Virtuals) != 3 || len(taken) != 3 || len(second.heap.Virtuals) != 0 {
		t.Errorf("%d and %d blocks, %d nodes", len(first.heap.Virtuals), len(second.heap.Virtuals), len(taken))
	}
	if len(second.problems) != 1 || second.problems[0].Code != ntheap.CodeVirtualList {
		t.Errorf("%v", second.problems)
	}
}
