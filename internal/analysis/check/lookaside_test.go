package check_test

import (
	"context"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/check"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// TestParkedTwice: a block on its lookaside list twice was freed twice; one
// that is there once was not.
func TestParkedTwice(t *testing.T) {
	for _, times := range []int{1, 2} {
		p := synth.NewProcess(synth.XP, synth.X86)
		p.AddHeap(&synth.Heap{Address: 0x250000, Flags: synth.FlagGrowable, Segments: []synth.Segment{{Items: []synth.Item{
			synth.Busy(0x48), synth.Busy(0x28), synth.Free(0x200), synth.Busy(0x38),
		}}}})
		p.Prepare = func(b *synth.Built) {
			x := victim(b.Heaps[0])
			list := []uint64{x.User, x.User}[:times]
			b.Heaps[0].Lookaside(0x950000, map[int][]uint64{int(x.Bytes / 8): list})
			if times == 2 {
				b.Image.PutPtr(x.User, x.User)
			}
		}
		tg, err := target.Parse("test.dmp", p.Build().Dump.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		r, err := check.Take(context.Background(), tg, tg.Heaps, nil)
		if err != nil || len(r.Findings) != times-1 {
			t.Fatalf("%d times: %v, %+v", times, err, r)
		}
		for _, f := range r.Findings {
			if f.Code != ntheap.CodeFreeList || f.Story != "double free" || f.Evidence == "" {
				t.Errorf("%+v", f)
			}
		}
	}
}
