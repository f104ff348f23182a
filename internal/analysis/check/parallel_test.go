package check_test

import (
	"context"
	"reflect"
	"runtime"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/check"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
)

// TestParallelIsSerial checks heaps whose blocks were overrun in every segment,
// on one processor and on several: every overrun is found, once and in order.
func TestParallelIsSerial(t *testing.T) {
	p := synth.NewProcess(synth.Win7, synth.X64)
	for k := range uint64(2) {
		h := &synth.Heap{Address: 0x10000000 + k*0x10000000, Flags: synth.FlagGrowable | synth.FlagTailChecking | synth.FlagFreeChecking}
		for s := range uint64(6) {
			seg := synth.Segment{}
			if s > 0 {
				seg.Address = h.Address + s*0x100000
			}
			for i := range uint64(30) {
				seg.Items = append(seg.Items, synth.Busy(0x20+i), synth.Free(0x100))
			}
			h.Segments = append(h.Segments, seg)
		}
		p.AddHeap(h)
	}
	want := 0
	p.Prepare = func(b *synth.Built) {
		for _, h := range b.Heaps {
			for i, x := range h.Blocks {
				if x.State == synth.StateBusy && i%3 == 0 {
					b.Image.PutU8(x.User+x.Size, 0x55)
					want++
				}
			}
		}
	}
	tg, err := target.Parse("test.dmp", p.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	take := func() *check.Result {
		r, err := check.Take(context.Background(), tg, tg.Heaps, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	serial := take()
	if len(serial.Findings) != want || want < 100 {
		t.Fatalf("%d findings of %d", len(serial.Findings), want)
	}
	for _, f := range serial.Findings {
		if f.Code != "tail-fill" || f.Story == "" {
			t.Errorf("%v %q", f.Problem, f.Story)
		}
	}
	runtime.GOMAXPROCS(4)
	for range 20 {
		if r := take(); !reflect.DeepEqual(r, serial) {
			t.Fatal("several processors find other things than one")
		}
	}
}
