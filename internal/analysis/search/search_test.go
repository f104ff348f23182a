package search_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/search"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

var everywhere = []memory.Range{{End: ^memory.Addr(0)}}

// scene is memory of runs, some of which touch in the process and none in the
// file.
func scene(runs ...memory.Run) *target.Target {
	var apart []memory.Run
	for _, r := range runs {
		apart = append(apart, memory.Run{Start: r.Start, Bytes: bytes.Clone(r.Bytes)})
	}
	return &target.Target{Space: memory.NewSpace(memory.Contents{Runs: apart})}
}

func take(t *testing.T, tg *target.Target, patterns []search.Pattern, ranges []memory.Range, limit int) *search.Result {
	t.Helper()
	r, err := search.Take(context.Background(), tg, patterns, ranges, limit, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// slow is the reference: every address of every range, one after the other.
func slow(s *memory.Space, patterns []search.Pattern, ranges []memory.Range) []search.Hit {
	var out []search.Hit
	for _, r := range ranges {
		for run := range s.Runs(r) {
			for i := range run.Bytes {
				a := run.Start.Add(uint64(i))
				for n, p := range patterns {
					if h, ok := at(s, p, a); ok {
						h.Pattern = n
						out = append(out, h)
					}
				}
			}
		}
	}
	return out
}

func at(s *memory.Space, p search.Pattern, a memory.Addr) (search.Hit, bool) {
	if p.Width != 0 {
		b, err := s.View(a, p.Width)
		if err != nil || uint64(a)%p.Width != 0 {
			return search.Hit{}, false
		}
		v := uint64(binary.LittleEndian.Uint32(b))
		if p.Width == 8 {
			v = binary.LittleEndian.Uint64(b)
		}
		return search.Hit{Address: a, Value: v}, p.First <= v && v <= p.Last
	}
	b, err := s.View(a, uint64(len(p.Bytes)))
	if err != nil {
		return search.Hit{}, false
	}
	if p.Fold {
		return search.Hit{Address: a}, bytes.Equal(bytes.ToLower(b), bytes.ToLower(p.Bytes))
	}
	return search.Hit{Address: a}, bytes.Equal(b, p.Bytes)
}

// TestAgainstTheReference searches random memory whose few letters repeat, in
// runs of which many touch.
func TestAgainstTheReference(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		var runs []memory.Run
		for a := memory.Addr(0x10000 + r.Uint64N(8)); len(runs) < 12; {
			b := make([]byte, 1+r.IntN(40))
			for i := range b {
				b[i] = "abAB\x00"[r.IntN(5)]
			}
			runs = append(runs, memory.Run{Start: a, Bytes: b})
			a = a.Add(uint64(len(b)))
			if r.IntN(3) == 0 {
				a = a.Add(1 + r.Uint64N(9))
			}
		}
		tg := scene(runs...)
		patterns := []search.Pattern{
			{Match: search.Bytes, Bytes: []byte("ab")},
			{Match: search.ASCII, Bytes: []byte("aBa"), Fold: true},
			{Match: search.UTF16, Bytes: []byte("a\x00b\x00")},
			{Match: search.Pointer, First: 0x41000000, Last: 0x61ffffff, Width: 4},
			{Match: search.Number, First: 0x4100000000000000, Last: 0x6200000000000000, Width: 8},
			{Match: search.Bytes, Bytes: bytes.Repeat([]byte("a"), 1+r.IntN(4))},
		}
		ranges := everywhere
		if seed%3 == 1 {
			ranges = []memory.Range{{Start: 0x10010, End: 0x10033}, {Start: 0x10080, End: 0x100a1}}
		}
		want := slow(tg.Space, patterns, ranges)
		got := take(t, tg, patterns, ranges, 0)
		if got.Total != len(want) || !reflect.DeepEqual(got.Hits, want) {
			t.Fatalf("seed %d: %d hits %v\nwant %d %v", seed, got.Total, got.Hits, len(want), want)
		}
		if limited := take(t, tg, patterns, ranges, 3); limited.Total != len(want) || !reflect.DeepEqual(limited.Hits, want[:min(3, len(want))]) {
			t.Fatalf("seed %d: limited to %v, want the first three of %v", seed, limited.Hits, want)
		}
	}
}

// TestChunks: a match over the border of two pieces of work is found once, and
// the answer is the same on one processor and on several.
func TestChunks(t *testing.T) {
	const chunk = 4 << 20
	b := make([]byte, 3*chunk+100)
	var want []search.Hit
	for _, off := range []int{0, chunk - 3, chunk + 7, 2*chunk - 1, 2 * chunk, len(b) - 6} {
		copy(b[off:], "needle")
	}
	for off := range b {
		if bytes.HasPrefix(b[off:], []byte("needle")) {
			want = append(want, search.Hit{Address: memory.Addr(0x7000003 + off)})
		}
	}
	if len(want) != 5 { // the fifth was written over the fourth
		t.Fatal(want)
	}
	tg := scene(memory.Run{Start: 0x7000003, Bytes: b})
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, n := range []int{1, 4} {
		runtime.GOMAXPROCS(n)
		for range 5 {
			got := take(t, tg, []search.Pattern{{Match: search.Bytes, Bytes: []byte("needle")}}, everywhere, 0)
			if !reflect.DeepEqual(got.Hits, want) || got.Searched != uint64(len(b)) {
				t.Fatalf("%d processors: %v of %d bytes, want %v", n, got.Hits, got.Searched, want)
			}
		}
	}
}

// TestManyHits: hits beyond the limit are counted and take no memory.
func TestManyHits(t *testing.T) {
	tg := scene(memory.Run{Start: 0x1000, Bytes: make([]byte, 9<<20)})
	got := take(t, tg, []search.Pattern{{Match: search.Bytes, Bytes: []byte{0}}}, everywhere, 5)
	if got.Total != 9<<20 || len(got.Hits) != 5 || got.Hits[4].Address != 0x1004 {
		t.Errorf("%d hits, kept %v", got.Total, got.Hits)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := search.Take(ctx, scene(memory.Run{Start: 0x1000, Bytes: make([]byte, 10)}), []search.Pattern{{Match: search.Bytes, Bytes: []byte{0}}}, everywhere, 0, nil)
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestMatchWords(t *testing.T) {
	if got := fmt.Sprint(search.Bytes, search.ASCII, search.UTF16, search.Pointer, search.Number); got != "bytes ascii utf16 pointer number" {
		t.Error(got)
	}
}
