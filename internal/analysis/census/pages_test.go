package census_test

import (
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
)

// TestPageHeap: the account of a page heap closes, with its guard pages
// committed and without.
func TestPageHeap(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		for _, reserved := range []bool{false, true} {
			p := randomProcess(synth.Win7, a, 1, 1)
			p.Prepare = func(b *synth.Built) {
				(&synth.FullPageHeap{Address: 0x900000, Arch: a, NormalHeap: 0x4000000, GuardReserve: reserved, Allocs: []synth.PageAlloc{
					{Size: 10}, {Size: 5000}, {Size: 4096, Freed: true}, {Size: 0x200000}, {Size: 1},
				}}).Build(b.Image)
			}
			c := take(t, parse(t, p.Build().Dump.Bytes()))
			if len(c.Heaps) != 2 || c.Heaps[1].Target.Page == nil {
				t.Fatalf("%v: %d heaps", a, len(c.Heaps))
			}
			h := &c.Heaps[1]
			law(t, h)
			if !h.Walked || h.BusyBlocks != 4 || h.BusyUser != 10+5000+0x200000+1 || h.Unaccounted != 0 || h.Lost != 0 || len(h.Problems) != 0 {
				t.Errorf("%v: %+v", a, h)
			}
		}
	}
}
