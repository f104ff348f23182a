package ntheap_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// layoutOf is the layout that a family of synth has to be recognised as. Where
// two families differ in nothing that the heap shows, either is right.
var layoutOf = map[synth.Family][]string{
	synth.XP: {"xp", "2003"}, synth.Vista: {"vista", "win7"}, synth.Win7: {"win7", "vista"}, synth.Win8: {"win8"},
	synth.Win10v1607: {"win10-14393"}, synth.Win10v1809: {"win10-17763"}, synth.Win11v24H2: {"win11-24h2", "win10-17763"},
}

func eachFamily(t *testing.T, f func(t *testing.T, family synth.Family, arch synth.Arch)) {
	for _, family := range synth.Families() {
		for _, arch := range []synth.Arch{synth.X86, synth.X64} {
			t.Run(fmt.Sprintf("%v-%v", family, arch), func(t *testing.T) { f(t, family, arch) })
		}
	}
}

func TestRandomScriptsWalkAsWritten(t *testing.T) {
	eachFamily(t, func(t *testing.T, family synth.Family, arch synth.Arch) {
		for seed := range uint64(25) {
			rng := rand.New(rand.NewPCG(seed, 1))
			p := synth.NewProcess(family, arch)
			p.AddHeap(synth.RandomHeap(rng, family, arch, 0x4000000))
			built := p.Build()
			w := open(t, space(t, built.Dump), 0x4000000, ntheap.Options{})
			healthy(t, w)
			agree(t, w, built.Heaps[0].Blocks)
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
	})
}

func TestLayoutIsChosenByTheMemory(t *testing.T) {
	eachFamily(t, func(t *testing.T, family synth.Family, arch synth.Arch) {
		p := synth.NewProcess(family, arch)
		h := &synth.Heap{Address: 0x4000000, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(40), synth.Free(0x100), synth.Busy(9)}}}}
		p.AddHeap(h)
		m := space(t, p.Build().Dump)
		for _, build := range []int{0, 2600, 7601, 19045, 1} {
			w := open(t, m, 0x4000000, ntheap.Options{Build: build})
			ok := false
			for _, name := range layoutOf[family] {
				ok = ok || len(w.heap.Header.Layout) > len(name) && w.heap.Header.Layout[:len(name)] == name
			}
			if !ok {
				t.Errorf("build %d: layout %s, want one of %v", build, w.heap.Header.Layout, layoutOf[family])
			}
		}
	})
}

// A page that the dump lacks may cost the blocks whose bytes touch it and
// nothing else.
func TestAPageLessLosesOnlyWhatTouchesIt(t *testing.T) {
	eachFamily(t, func(t *testing.T, family synth.Family, arch synth.Arch) {
		rng := rand.New(rand.NewPCG(7, 7))
		for range 2 {
			p := synth.NewProcess(family, arch)
			p.AddHeap(synth.RandomHeap(rng, family, arch, 0x4000000))
			whole := p.Build()
			m := space(t, whole.Dump)
			for _, seg := range whole.Heaps[0].Segs {
				for page := seg.Base + 0x2000; page < seg.End; page += 0x1000 {
					if !whole.Image.Committed(page) {
						continue
					}
					w := open(t, without(m, memory.Addr(page)), 0x4000000, ntheap.Options{})
					compareDropped(t, w, whole.Heaps[0].Blocks, page)
					if t.Failed() {
						t.Fatalf("page %#x", page)
					}
				}
			}
		}
	})
}

// without returns the space as a dump without one page would have it.
func without(s *memory.Space, page memory.Addr) *memory.Space {
	c := memory.Contents{Regions: s.Regions(), RegionsKnown: s.RegionsKnown()}
	for r := range s.Runs(memory.Range{Start: 0, End: page}) {
		c.Runs = append(c.Runs, r)
	}
	for r := range s.Runs(memory.Range{Start: page + memory.PageSize, End: ^memory.Addr(0)}) {
		c.Runs = append(c.Runs, r)
	}
	return memory.NewSpace(c)
}

func compareDropped(t *testing.T, w walked, want []synth.Block, page uint64) {
	t.Helper()
	got := map[uint64]uint64{}
	for _, b := range w.blocks {
		got[uint64(b.Addr)] = b.Size
	}
	for _, x := range want {
		if x.Entry < page+0x1000 && x.Entry+x.Bytes > page || x.Entry+x.Bytes == page {
			continue
		}
		if got[x.Entry] != x.Bytes {
			t.Errorf("block %#x of %#x bytes does not touch page %#x, and the walk has it with %#x bytes", x.Entry, x.Bytes, page, got[x.Entry])
		}
	}
}
