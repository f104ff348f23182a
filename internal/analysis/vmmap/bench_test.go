package vmmap_test

import (
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/vmmap"
	"github.com/heapdump/heapdump/internal/synth"
)

// BenchmarkTake classifies and sums up 20,000 regions.
func BenchmarkTake(b *testing.B) {
	p := process(synth.Win10v1809, synth.X64)
	d := p.Build().Dump
	d.Regions = slices.DeleteFunc(d.Regions, func(r synth.Region) bool { return r.State == synth.MemFree })
	at := uint64(0x200000000000)
	for i := range 20_000 {
		d.AddRegion(synth.Region{Base: at, AllocBase: at, Size: 0x10000, AllocProtect: synth.PageReadWrite, State: synth.MemCommit,
			Protect: synth.PageReadWrite, Type: synth.MemPrivate})
		at += 0x10000 + uint64(i%3)*0x10000
	}
	tg := open(b, d)
	b.ResetTimer()
	for range b.N {
		if s := vmmap.Sum(vmmap.Take(tg).Pieces); s.Regions < 20_000 {
			b.Fatal(s.Regions)
		}
	}
}
