package ntheap_test

import (
	"math/rand/v2"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

const frontEndAt = damagedAt + 0x1800000

// lfhPatient is a heap with containers to be damaged.
type lfhPatient struct {
	*patient
	lfh   *synth.LFH
	c     *synth.Container // of 40 slots, 24 busy
	other *synth.Container // beside it
}

// lfhSlots are n slots of units, of which every fifth pair is free.
func lfhSlots(a synth.Arch, n int, units uint64) []synth.Slot {
	s := make([]synth.Slot, n)
	for i := range s {
		if s[i].Busy = i%5 < 3; s[i].Busy {
			s[i].Size = units*a.Unit() - 8 - uint64(i)%units
		}
	}
	return s
}

func newLFHPatient(family synth.Family, arch synth.Arch, plain bool) *lfhPatient {
	p := synth.NewProcess(family, arch)
	l := synth.NewLFH(family, arch, frontEndAt, 0x5a17c3d2e4f60b)
	l.PlainOffsets = plain
	p1 := &lfhPatient{lfh: l}
	p1.c = &synth.Container{Units: 8, SizeIndex: 7, Slots: lfhSlots(arch, 40, 8), Spare: 32}
	p1.other = &synth.Container{Units: 24, SizeIndex: 23, Affinity: 1, Slots: lfhSlots(arch, 33, 24)}
	big := &synth.Container{Units: 20, SizeIndex: 19, Slots: lfhSlots(arch, 150, 20)}
	h := p.AddHeap(&synth.Heap{Address: damagedAt, Segments: []synth.Segment{{Items: []synth.Item{
		synth.Busy(100), l.Add(p1.c), synth.Busy(24), l.Add(p1.other), synth.Free(0x200), synth.Busy(31), l.Add(big), synth.Busy(40), synth.Uncommitted(0x3000),
	}}, {Address: damagedAt + 0x100000, Items: []synth.Item{synth.Busy(64), synth.Internal(0x100), synth.Busy(9)}}}})
	l.Install(p, h)
	b := p.Build()
	p1.patient = &patient{BuiltHeap: b.Heaps[0], built: b, busy: b.Heaps[0].Only(synth.StateBusy), free: b.Heaps[0].Only(synth.StateFree),
		fx: effect{lost: map[uint64]bool{}, mended: map[uint64]bool{}}}
	return p1
}

func eachLFH(t *testing.T, f func(t *testing.T, family synth.Family, arch synth.Arch)) {
	eachFamily(t, func(t *testing.T, family synth.Family, arch synth.Arch) {
		if family != synth.XP {
			f(t, family, arch)
		}
	})
}

// agreeLFH is agree, with the origin and the key's votes.
func agreeLFH(t testing.TB, w walked, l *synth.LFH) {
	t.Helper()
	agree(t, w, l.Heap.Blocks)
	for i, x := range l.Heap.Blocks {
		if (w.blocks[i].Origin == heap.LFH) != (x.Origin == synth.OriginLFH) {
			t.Fatalf("block %d is of origin %v: %+v", i, w.blocks[i].Origin, x)
		}
		if w.blocks[i].Bucket != x.Bucket {
			t.Fatalf("block %d is of bucket %d: %+v", i, w.blocks[i].Bucket, x)
		}
	}
}

func TestLFHWalksAsWritten(t *testing.T) {
	eachLFH(t, func(t *testing.T, family synth.Family, arch synth.Arch) {
		for _, plain := range []bool{false, true} {
			if plain && family != synth.Win8 {
				continue
			}
			p := newLFHPatient(family, arch, plain)
			w := open(t, space(t, p.built.Dump), damagedAt, ntheap.Options{})
			healthy(t, w)
			agreeLFH(t, w, p.lfh)
		}
	})
}

func TestRandomLFHWalksAsWritten(t *testing.T) {
	eachLFH(t, func(t *testing.T, family synth.Family, arch synth.Arch) {
		for seed := range uint64(6) {
			rng := rand.New(rand.NewPCG(seed, 9))
			p := synth.NewProcess(family, arch)
			s := synth.RandomHeap(rng, family, arch, damagedAt)
			l := synth.RandomLFH(rng, s, frontEndAt)
			h := p.AddHeap(s)
			l.Install(p, h)
			m := space(t, p.Build().Dump)
			w := open(t, m, damagedAt, ntheap.Options{})
			healthy(t, w)
			agreeLFH(t, w, l)
			key := ntheap.RecoverLFHKey(w.heap)
			if key.Against != 0 || len(l.Containers) > 0 && (key.Value != l.Key || !key.Known()) {
				t.Errorf("key %+v of %d containers, want %#x", key, len(l.Containers), l.Key)
			}
			w2, err := ntheap.Open(m, memory.Addr(damagedAt), ntheap.Options{})
			if err != nil {
				t.Fatal(err)
			}
			w2.SetLFHKey(key)
			w.keyed(t, w2)
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
	})
}

// keyed walks the heap again, with the key: nothing changes.
func (w walked) keyed(t testing.TB, h *ntheap.Heap) {
	t.Helper()
	i := 0
	for b := range h.Blocks(func(p diag.Problem) { t.Errorf("with the key: %v", p) }) {
		if i >= len(w.blocks) || b != w.blocks[i] {
			t.Fatalf("with the key block %d is %+v", i, b)
		}
		i++
	}
}
