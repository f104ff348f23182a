package target_test

import (
	"testing"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// TestRealLFH: every slot of the x86 process heap is accounted for, the
// subsegments count as many free ones as there are, and the votes for the key
// are unanimous.
func TestRealLFH(t *testing.T) {
	tg := openReal(t, "real-win10-11082-wow64-full")
	var all []*ntheap.Heap
	for _, h := range tg.Heaps {
		if h.NT != nil && h.Bits == 32 {
			all = append(all, h.NT)
		}
	}
	// Nine containers: nine EncodedOffsets, and four slots of each.
	key := ntheap.RecoverLFHKey(all...)
	if key.For != 45 || key.Against != 0 || !key.Known() {
		t.Errorf("key %+v, want 45 votes to none", key)
	}
	h := all[0]
	h.SetLFHKey(key)
	want := []ntheap.Bucket{
		{SizeIndex: 2, BlockSize: 24, SubSegments: 7, Blocks: 266, Busy: 241, Free: 25, Unused: 600, Bytes: 6712},
		{SizeIndex: 3, BlockSize: 32, SubSegments: 1, Blocks: 31, Busy: 25, Free: 6, Unused: 192, Bytes: 1032},
		{SizeIndex: 4, BlockSize: 40, SubSegments: 1, Blocks: 24, Busy: 10, Free: 14, Unused: 560, Bytes: 1032},
	}
	containers := h.Containers()
	for i, b := range h.Buckets(containers) {
		if i >= len(want) || b != want[i] {
			t.Errorf("bucket %+v", b)
		}
	}
	for _, c := range containers {
		if c.Doubtful || c.Depth != c.Free || c.Busy+c.Free != c.Blocks {
			t.Errorf("%+v", c)
		}
	}
	slots := 0
	for b := range h.Blocks(func(p diag.Problem) { t.Errorf("%v", p) }) {
		if b.Origin != heap.LFH {
			continue
		}
		slots++
		if b.Trust != heap.Sound || b.State == heap.Busy && b.UserBytes() > b.Size-8 {
			t.Errorf("%+v", b)
		}
	}
	if slots != 321 {
		t.Errorf("%d slots, want 321", slots)
	}
}
