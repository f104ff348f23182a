package pick_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/heapdump/heapdump/internal/pick"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

func hexAddr(s string) (memory.Addr, error) {
	n, err := strconv.ParseUint(s, 0, 64)
	return memory.Addr(n), err
}

func TestParseSize(t *testing.T) {
	for in, want := range map[string]uint64{
		"0": 0, "64": 64, "1,024": 1024, "0x28": 0x28, "0X1F": 0x1f, "4KiB": 4096, "4k": 4096, "4 KiB": 4096, "2MiB": 2 << 20, "3g": 3 << 30,
		"1TiB": 1 << 40, "17b": 17, "0xb": 0xb, "0x1kib": 1024, "0x1b": 0x1b, "4KB": 4000, "16kb": 16000, "2GB": 2e9,
		"10.5MiB": 11010048, "1.5GiB": 3 << 29, "0.1KiB": 102, "1.25kb": 1250, "17179869183.999GiB": 18446744073708477874, "18446744073709551615": math.MaxUint64,
	} {
		if got, err := pick.ParseSize(in); err != nil || got != want {
			t.Errorf("%q = %d, %v; want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "x", "-1", "+1", "1.5", "18446744073709551616", "99999999TiB", "0x", "KiB", "1.5b", ".5KiB", "1.KiB", "1.5.5KiB", "1.-5KiB", "0x1.8KiB", "1e3KiB", "1_0KiB", "17179869183.9999999999GiB", "18446744073709551615.5KB"} {
		if got, err := pick.ParseSize(in); err == nil {
			t.Errorf("%q = %d, want an error", in, got)
		}
	}
}

func TestParseSizes(t *testing.T) {
	for in, want := range map[string]pick.Sizes{
		"64": {64, 64}, "64..128": {64, 128}, "64..": {64, math.MaxUint64}, "..128": {0, 128}, "1KiB..1MiB": {1 << 10, 1 << 20},
	} {
		if got, err := pick.ParseSizes(in); err != nil || got != want {
			t.Errorf("%q = %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "..", "9..3", "a..b", "1...2"} {
		if got, err := pick.ParseSizes(in); err == nil {
			t.Errorf("%q = %v, want an error", in, got)
		}
	}
}

func TestMatch(t *testing.T) {
	busy := heap.Block{Addr: 0x1000, Size: 0x100, Unused: 0x10, Header: 0x10, State: heap.Busy}
	free := heap.Block{Addr: 0x1100, Size: 0x200, State: heap.Free}
	slot := heap.Block{Addr: 0x2000, Size: 0x40, Unused: 0x10, State: heap.Busy, Origin: heap.LFH}
	for _, c := range []struct {
		states, origins, sizes, ranges []string
		want                           string
	}{
		{want: "busy free slot"},
		{states: []string{"busy"}, want: "busy slot"},
		{states: []string{"FREE", "lost"}, want: "free"},
		{origins: []string{"lfh"}, want: "slot"},
		{sizes: []string{"0xf0"}, want: "busy"}, // user bytes of a busy block
		{sizes: []string{"0x100"}, want: ""},
		{sizes: []string{"0x30", "0x200.."}, want: "free slot"},
		{ranges: []string{"0x1000..0x1001"}, want: "busy"},
		{ranges: []string{"0x10ff..0x1100"}, want: "busy"},
		{ranges: []string{"0x1100..0x1101"}, want: "free"},
		{ranges: []string{"..0x1000"}, want: ""},
		{ranges: []string{"0x1fff.."}, want: "slot"},
		{states: []string{"busy"}, ranges: []string{"0x1050.."}, sizes: []string{"..0x30"}, want: "slot"},
	} {
		f, err := pick.New(c.states, c.origins, c.sizes, c.ranges, hexAddr)
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		got := ""
		for name, b := range map[string]heap.Block{"busy": busy} {
			got += with(f.Match(&b), name, got)
		}
		got += with(f.Match(&free), "free", got)
		got += with(f.Match(&slot), "slot", got)
		if got != c.want {
			t.Errorf("%+v: matches %q, want %q", c, got, c.want)
		}
	}
}

func with(yes bool, name, before string) string {
	switch {
	case !yes:
		return ""
	case before == "":
		return name
	}
	return " " + name
}

// TestSorter compares the sorter, with and without a limit, with a sort of all.
func TestSorter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var all []pick.Found
	for i := range 500 {
		all = append(all, pick.Found{Heap: uint32(i % 3), Block: heap.Block{Addr: memory.Addr(r.Uint64N(1 << 40)), Size: r.Uint64N(40) + 20, Unused: r.Uint32N(20)}})
	}
	for _, key := range []string{"addr", "-addr", "size", "-size", "user_size", "-user_size"} {
		o, err := pick.ParseOrder(key)
		if err != nil {
			t.Fatal(err)
		}
		want := slices.Clone(all)
		slices.SortFunc(want, func(a, b pick.Found) int { return o.Compare(&a, &b) })
		for _, limit := range []int{0, 1, 7, 499, 500, 900} {
			s := pick.NewSorter(o, limit)
			for _, f := range all {
				if err := s.Add(f); err != nil {
					t.Fatal(err)
				}
			}
			first := want
			if limit > 0 {
				first = want[:min(limit, len(want))]
			}
			if got := s.Sorted(); !slices.Equal(got, first) {
				t.Errorf("--sort %s --limit %d: not the first of the whole order", key, limit)
			}
		}
	}
}

func ExampleParseSizes() {
	s, _ := pick.ParseSizes("64..4KiB")
	fmt.Println(s.Min, s.Max)
	// Output: 64 4096
}
