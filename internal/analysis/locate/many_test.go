package locate_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/locate"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// TestManyIsAt asks for many addresses at once and for each on its own.
func TestManyIsAt(t *testing.T) {
	for _, f := range []synth.Family{synth.XP, synth.Win7, synth.Win10v1809} {
		r := rand.New(rand.NewPCG(7, uint64(f)))
		p := synth.NewProcess(f, synth.X86)
		for i := range 3 {
			p.AddHeap(synth.RandomHeap(r, f, synth.X86, 0x4000000+uint64(i)*0x2000000))
		}
		b := p.Build()
		tg, err := target.Parse("test.dmp", b.Dump.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		addrs := []memory.Addr{0, 0x1000, memory.Addr(p.PEB), ^memory.Addr(0)}
		for _, h := range b.Heaps {
			for range 60 {
				x := h.Blocks[r.IntN(len(h.Blocks))]
				addrs = append(addrs, memory.Addr(x.Entry+r.Uint64N(x.Bytes+1)))
			}
			for _, v := range h.Virtuals {
				addrs = append(addrs, memory.Addr(v.Node), memory.Addr(v.Node+0x40), memory.Addr(v.Node+v.Reserve))
			}
		}
		slices.Sort(addrs)
		got, err := locate.Many(context.Background(), tg, addrs)
		if err != nil {
			t.Fatal(err)
		}
		inBlock := 0
		for i, a := range addrs {
			want, err := locate.At(context.Background(), tg, a)
			if err != nil {
				t.Fatal(err)
			}
			g := got[i]
			if g.Says != want.Says || g.Where != want.Where || g.Heap != want.Heap || g.Saved != want.Saved || (g.Block == nil) != (want.Block == nil) ||
				g.Block != nil && *g.Block != *want.Block || (g.Segment == nil) != (want.Segment == nil) || g.Segment != nil && *g.Segment != *want.Segment {
				t.Errorf("%v %v: %q %+v, alone %q %+v", f, a, g.Says, g.Block, want.Says, want.Block)
			}
			if g.Block != nil {
				inBlock++
			}
		}
		if inBlock < 150 {
			t.Errorf("%v: only %d addresses in blocks", f, inBlock)
		}
	}
}
