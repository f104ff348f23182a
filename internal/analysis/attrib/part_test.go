package attrib_test

import (
	"context"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/attrib"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
)

// TestByPart: blocks of two segments, and a large one, are in three parts with
// the bytes that were asked for, named alike in another run.
func TestByPart(t *testing.T) {
	for _, base := range []uint64{0x1d0000, 0x5d0000} {
		p := synth.NewProcess(synth.Win7, synth.X64)
		p.AddHeap(&synth.Heap{Address: base, Segments: []synth.Segment{
			{Items: []synth.Item{synth.Busy(24), synth.Busy(100)}}, {Address: base + 0x1000000, Items: []synth.Item{synth.Busy(300)}}},
			Virtual: []synth.Virtual{{Address: base + 0x2000000, Size: 0x100000}}})
		tg, err := target.Parse("x.dmp", p.Build().Dump.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		r, err := attrib.Take(context.Background(), tg, tg.Own(), attrib.Options{By: []attrib.By{attrib.Part}})
		if err != nil {
			t.Fatal(err)
		}
		want := []struct {
			same   string
			kind   attrib.PartKind
			blocks int
			bytes  uint64
		}{{"large blocks", attrib.LargePart, 1, 0x100000}, {"segment 1", attrib.SegmentPart, 1, 300}, {"segment 0", attrib.SegmentPart, 2, 124}}
		if len(r.Groups) != len(want) {
			t.Fatalf("%d groups", len(r.Groups))
		}
		for i, w := range want {
			g := &r.Groups[i]
			if k := g.Keys[0]; k.Same != w.same || k.Part.Kind != w.kind || g.Blocks != w.blocks || g.Bytes != w.bytes || !k.Known {
				t.Errorf("%+v: %d blocks, %d bytes, want %+v", k, g.Blocks, g.Bytes, w)
			}
		}
	}
}
