package check_test

import (
	"context"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/analysis/check"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
)

// TestWildLink: a link to where no process of that width has memory is damage,
// whatever the dump saved; one to memory that the dump lacks is not.
func TestWildLink(t *testing.T) {
	for _, c := range []struct {
		arch    synth.Arch
		to      uint64
		missing bool // the dump lists the target's memory, and lacks it
		corrupt bool
	}{
		{synth.X86, 0xffff0010, false, true},
		{synth.X86, 0xfffffff8, false, true},
		{synth.X86, 0xdeadbee0, false, false}, // a large process could have memory there, and no region says
		{synth.X64, 0x7fff_ffff_0010, false, true},
		{synth.X64, 0xdeadbeefcafe, false, true},
		{synth.X86, 0x7a120000, true, false},
		{synth.X64, 0x7a120000, true, false},
	} {
		r := checked(t, c.arch, func(b *synth.Built, h *synth.BuiltHeap) {
			for _, x := range h.Blocks {
				if x.State == synth.StateFree {
					b.Image.PutPtr(x.Entry+h.Arch.Unit(), c.to)
					break
				}
			}
			if c.missing {
				b.Image.Reserve(c.to, 0x1000, synth.MemPrivate, synth.PageReadWrite)
				b.Image.Commit(c.to, 0x1000, synth.PageReadWrite)
				b.Image.Drop(c.to)
			}
		})
		lists := 0
		for _, f := range r.Findings {
			if f.Code == "free-list" {
				lists++
			}
		}
		for _, p := range r.NotChecked {
			if p.Class == diag.Corrupt {
				t.Error(p)
			}
		}
		if (lists > 0) != c.corrupt || !c.corrupt && len(r.NotChecked) == 0 {
			t.Errorf("%v, a link to %#x: findings %v, not checked %v", c.arch, c.to, r.Findings, r.NotChecked)
		}
	}
}

// TestReactOS: what contradicts Windows in a heap that Windows did not make is
// heapdump's lack, in a census as in a check.
func TestReactOS(t *testing.T) {
	for _, signature := range []uint64{0x0eefeeff, 0x1eefeeff} {
		p := synth.NewProcess(synth.Win7, synth.X64)
		p.AddHeap(&synth.Heap{Address: 0x250000, Flags: synth.FlagGrowable, Segments: []synth.Segment{{Items: []synth.Item{
			synth.Busy(0x48), synth.Busy(0x28), synth.Free(0x200), synth.Busy(0x38),
		}}}})
		p.Prepare = func(b *synth.Built) { b.Heaps[0].Set("Signature", signature) }
		tg, err := target.Parse("test.dmp", p.Build().Dump.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		want, n := diag.Corrupt, 1
		if signature == 0x0eefeeff {
			want, n = diag.Unsupported, 0
		}
		cs, err := census.Take(context.Background(), tg, tg.Heaps, nil)
		if err != nil || len(cs.Heaps) != 1 || len(cs.Heaps[0].Problems) != 1 || cs.Heaps[0].Problems[0].Class != want {
			t.Fatalf("%#x: %v, %+v", signature, err, cs)
		}
		r, err := check.Take(context.Background(), tg, tg.Heaps, nil)
		if err != nil || len(r.Findings) != n || len(r.NotChecked) != 1-n {
			t.Errorf("%#x: %v, %+v", signature, err, r)
		}
	}
}
