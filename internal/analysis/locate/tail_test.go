package locate_test

import (
	"context"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/locate"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// TestTailOfData: on x64 the last bytes of a block's data lie in the first 8 of
// the next entry, and are its own; the byte behind them is the entry's, also
// when the block asked for less.
func TestTailOfData(t *testing.T) {
	p := synth.NewProcess(synth.Win10v1809, synth.X64)
	p.AddHeap(&synth.Heap{Address: 0x1d0000, Segments: []synth.Segment{{Items: []synth.Item{
		synth.Busy(24), synth.Busy(40), synth.Free(0x100), synth.Busy(20), synth.Busy(30)}}}})
	b := p.Build()
	tg, err := target.Parse("test.dmp", b.Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	busy := b.Heaps[0].Only(synth.StateBusy)
	free := b.Heaps[0].Only(synth.StateFree)[0]
	tests := []struct {
		at   uint64
		want uint64 // entry of the block
	}{
		{busy[0].User + 15, busy[0].Entry},
		{busy[0].User + 16, busy[0].Entry}, // the next entry's first byte
		{busy[0].User + 23, busy[0].Entry},
		{busy[0].User + 24, busy[1].Entry}, // what the next entry encodes
		{busy[1].User + 39, busy[1].Entry},
		{busy[1].User + 40, free.Entry},
		{busy[2].User + 19, busy[2].Entry},
		{busy[2].User + 20, busy[3].Entry}, // not asked for: the next entry's
		{free.Entry + 7, busy[1].Entry},
		{free.Entry + 8, free.Entry},
	}
	var addrs []memory.Addr
	for _, tt := range tests {
		x, err := locate.At(context.Background(), tg, memory.Addr(tt.at))
		if err != nil {
			t.Fatal(err)
		}
		if x.Block == nil || uint64(x.Block.Addr) != tt.want {
			t.Errorf("%#x is %s, in %+v; want the block at %#x", tt.at, x.Says, x.Block, tt.want)
			continue
		}
		if x.Next == nil || x.Next.Addr != x.Block.End() || x.Previous == nil || x.Previous.End() != x.Block.Addr {
			t.Errorf("%#x: neighbours %+v, %+v of %+v", tt.at, x.Previous, x.Next, x.Block)
		}
		addrs = append(addrs, memory.Addr(tt.at))
	}
	for i := range addrs {
		all, err := locate.Many(context.Background(), tg, addrs[i:i+1])
		if err != nil || all[0].Block == nil || uint64(all[0].Block.Addr) != tests[i].want {
			t.Errorf("%v among many: %+v, want the block at %#x", addrs[i], all[0].Block, tests[i].want)
		}
	}
}
