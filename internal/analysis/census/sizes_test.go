package census_test

import (
	"context"
	"errors"
	"reflect"
	"runtime"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/heap"
)

func busy(b *heap.Block) bool { return b.State == heap.Busy }

// TestSizesAgainstTheScript compares the sizes of random heaps with what was
// asked for when they were built.
func TestSizesAgainstTheScript(t *testing.T) {
	everyFamily(t, func(t *testing.T, f synth.Family, a synth.Arch) {
		b := randomProcess(f, a, 5, 3).Build()
		tg := parse(t, b.Dump.Bytes())
		got, err := census.TakeSizes(context.Background(), tg.Heaps, busy, nil)
		if err != nil {
			t.Fatal(err)
		}
		all := map[uint64]int{}
		for i, h := range b.Heaps {
			want := map[uint64]int{}
			users := uint64(0)
			for _, blk := range h.Blocks {
				if blk.State == synth.StateBusy {
					want[blk.Size]++
					users += blk.Size
				}
			}
			for size, n := range want {
				all[size] += n
			}
			last := -1
			for _, r := range got[i].Rows {
				if int(r.Size) <= last {
					t.Errorf("heap %d: size %d after %d", i, r.Size, last)
				}
				last = int(r.Size)
				if r.State != heap.Busy || r.Blocks != want[r.Size] || r.User != r.Size*uint64(r.Blocks) || r.Bytes < r.User {
					t.Errorf("heap %d: %+v, want %d blocks", i, r, want[r.Size])
				}
				delete(want, r.Size)
			}
			if len(want) != 0 || got[i].Busy.User != users || got[i].Lost != 0 || !got[i].Walked {
				t.Errorf("heap %d: %v are missing; %d bytes busy, want %d", i, want, got[i].Busy.User, users)
			}
		}
		rows, sum := census.MergeSizes(got)
		for _, r := range rows {
			if all[r.Size] != r.Blocks {
				t.Errorf("all heaps: size %d has %d blocks, want %d", r.Size, r.Blocks, all[r.Size])
			}
			sum.User -= r.User
		}
		if len(rows) != len(all) || sum.User != 0 {
			t.Errorf("%d sizes of %d; %d bytes too few", len(rows), len(all), sum.User)
		}
	})
}

// TestSizesKeep: the rows are of the blocks wanted, the shares' whole is not.
func TestSizesKeep(t *testing.T) {
	b := randomProcess(synth.Win7, synth.X64, 6, 1).Build()
	tg := parse(t, b.Dump.Bytes())
	all, err := census.TakeSizes(context.Background(), tg.Heaps, func(*heap.Block) bool { return true }, nil)
	if err != nil {
		t.Fatal(err)
	}
	free, err := census.TakeSizes(context.Background(), tg.Heaps, func(b *heap.Block) bool { return b.State == heap.Free }, nil)
	if err != nil {
		t.Fatal(err)
	}
	var want []census.SizeCount
	for _, r := range all[0].Rows {
		if r.State == heap.Free {
			want = append(want, r)
		}
	}
	if len(want) == 0 || !reflect.DeepEqual(free[0].Rows, want) {
		t.Errorf("free rows %v, want %v", free[0].Rows, want)
	}
	if free[0].Busy != all[0].Busy || free[0].Busy.Blocks == 0 {
		t.Errorf("busy %v beside free rows, %v beside all", free[0].Busy, all[0].Busy)
	}
	for _, r := range want {
		if r.Bytes != r.Size*uint64(r.Blocks) || r.User != 0 {
			t.Errorf("free row %+v", r)
		}
	}
}

// TestSizesLost: bytes without blocks are in no row, and counted.
func TestSizesLost(t *testing.T) {
	b := randomProcess(synth.Win7, synth.X64, 6, 1).Build()
	h := b.Heaps[0]
	for k, blk := range h.Blocks {
		if blk.State == synth.StateBusy && k > 10 {
			b.Image.Drop(blk.Entry)
			break
		}
	}
	tg := parse(t, b.Redump().Bytes())
	got, err := census.TakeSizes(context.Background(), tg.Heaps, busy, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := take(t, tg).Heaps[0].Lost; want == 0 || got[0].Lost != want {
		t.Errorf("%d bytes lost, the census has %d", got[0].Lost, want)
	}
}

// TestSizesParallelIsSerial counts on one processor and on several.
func TestSizesParallelIsSerial(t *testing.T) {
	tg := parse(t, randomProcess(synth.Win7, synth.X64, 9, 6).Build().Dump.Bytes())
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	serial, err := census.TakeSizes(context.Background(), tg.Heaps, busy, nil)
	if err != nil {
		t.Fatal(err)
	}
	runtime.GOMAXPROCS(4)
	for range 10 {
		got, err := census.TakeSizes(context.Background(), tg.Heaps, busy, nil)
		if err != nil || !reflect.DeepEqual(got, serial) {
			t.Fatal("the sizes depend on the order of the walks", err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := census.TakeSizes(ctx, tg.Heaps, busy, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
