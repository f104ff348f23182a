package progress_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/heapdump/heapdump/internal/progress"
)

func count(n int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

func TestWatchPassesAllOn(t *testing.T) {
	var ticks []uint64
	n := 0
	for v := range progress.Watch(context.Background(), func(n uint64) { ticks = append(ticks, n) }, count(2*progress.Every+1)) {
		if v != n {
			t.Fatalf("value %d at place %d", v, n)
		}
		n++
	}
	if n != 2*progress.Every+1 || !slices.Equal(ticks, []uint64{progress.Every, 2 * progress.Every}) {
		t.Errorf("%d values, ticks %v", n, ticks)
	}
}

func TestWatchStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	n := 0
	for v := range progress.Watch(ctx, nil, count(1<<30)) {
		if n++; v == 10 {
			cancel()
		}
	}
	if n != progress.Every {
		t.Errorf("stopped after %d values, want %d", n, progress.Every)
	}
	for range progress.Watch(ctx, nil, count(1)) {
		t.Error("a value after the end")
	}
	for v := range progress.Watch(context.Background(), nil, count(1<<30)) {
		if v == 3 {
			break
		}
	}
}

// TestMeter: nothing is shown of what is over soon; what is shown is taken
// away; a nil meter shows nothing.
func TestMeter(t *testing.T) {
	var none *progress.Meter
	none.Set(1, 2)
	none.Done()

	now := time.Unix(0, 0)
	var b bytes.Buffer
	m := progress.NewMeter(&b, "walking", func() time.Time { return now })
	m.Set(1, 10)
	m.Done()
	if b.Len() != 0 {
		t.Errorf("shown too early: %q", b.String())
	}
	now = now.Add(time.Second)
	m.Set(5, 10)
	m.Set(6, 10) // too soon after the last
	m.Done()
	if got, want := b.String(), "\r\x1b[Kwalking: 50 %, 50 % a second, 1s left\r\x1b[K"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func ExampleWatch() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	sum := 0
	for v := range progress.Watch(ctx, nil, slices.Values([]int{1, 2, 3})) {
		sum += v
	}
	fmt.Println(sum, ctx.Err())
	// Output: 6 <nil>
}

// TestMeterPace: the rate is that of the step under way, and the time left is
// by it; there is none of what has no total, or has just begun.
func TestMeterPace(t *testing.T) {
	now := time.Unix(0, 0)
	var b bytes.Buffer
	m := progress.NewMeter(&b, "w", func() time.Time { return now })
	for _, x := range []struct {
		after       time.Duration
		done, total uint64
		want        string
	}{
		{10 * time.Second, 0, 0, "0 blocks"},
		{10 * time.Second, 4000, 0, "4000 blocks, 200 a second"},
		{time.Second, 100, 1000, "10 %"}, // another step begins
		{4 * time.Second, 200, 1000, "20 %, 5 % a second, 16s left"},
		{4 * time.Second, 900, 1000, "90 %, 11 % a second, 1s left"},
		{time.Second, 1000, 1000, "100 %"},
		{time.Second, 10, 1000, "1 %"}, // and another of the same size
		{200 * time.Second, 20, 1000, "2 %, 0.01 % a second, 2h43m20s left"},
	} {
		b.Reset()
		now = now.Add(x.after)
		if m.Set(x.done, x.total); b.String() != "\r\x1b[Kw: "+x.want {
			t.Errorf("%d of %d: %q, want %q", x.done, x.total, b.String(), x.want)
		}
	}
}
