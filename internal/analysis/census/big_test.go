package census_test

import (
	"bytes"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/heap"
)

// TestStreamedSlots counts the dumps that measurements are made on: nothing is
// wrong with them, and each slot is what its recipe says.
func TestStreamedSlots(t *testing.T) {
	for _, o := range []synth.BigOptions{
		{Bytes: 12 << 20, Blocks: 30_000, Heaps: 2, Seed: 3, LFH: true},
		{Bytes: 3 << 20, Blocks: 70_000, Seed: 4, LFH: true},
	} {
		var w bytes.Buffer
		want, err := synth.WriteBig(&w, o)
		if err != nil {
			t.Fatal(err)
		}
		c := take(t, parse(t, w.Bytes()))
		var got synth.Truth
		slots := 0
		for i := range c.Heaps {
			h := &c.Heaps[i]
			for _, p := range h.Problems {
				t.Error(p)
			}
			got = got.Plus(truthOf(h))
			slots += h.Counts[heap.Busy][heap.LFH].Blocks + h.Counts[heap.Free][heap.LFH].Blocks
		}
		got.Segments, got.Reserved = want.Segments, want.Reserved
		if got != want || slots < want.Blocks*9/10 {
			t.Errorf("%d slots\ngot  %+v\nwant %+v", slots, got, want)
		}
	}
}

func truthOf(h *census.Heap) synth.Truth {
	busy, free, internal := h.Sum(heap.Busy), h.Sum(heap.Free), h.Sum(heap.Internal)
	return synth.Truth{Blocks: busy.Blocks + free.Blocks + internal.Blocks, Busy: busy.Blocks, Free: free.Blocks, Internal: internal.Blocks,
		BusyUser: busy.User, BusyBytes: busy.Bytes, FreeBytes: free.Bytes, IntlBytes: internal.Bytes, Uncommitted: h.Sum(heap.Uncommitted).Bytes}
}
