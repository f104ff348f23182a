package pick

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// FuzzFlags: sizes, intervals, ranges, orders and names of any text are read
// or refused; what is read means the same when it is written out and read again.
func FuzzFlags(f *testing.F) {
	for _, s := range []string{"", "4096", "0x1000", "4KiB", "4 k", "..", "1..2", "2..1", "..1MiB", "18446744073709551615", "18446744073709551616", "16777216T", "1,000", "0x", "-1", "+1", "0x1..0x2", "busy", "free", "lfh",
		"size", "-size", "heap32", "MEM_COMMIT", "PAGE_READWRITE", "1_000", "٣"} {
		f.Add(s)
	}
	addr := func(s string) (memory.Addr, error) {
		n, err := strconv.ParseUint(strings.TrimPrefix(s, "0x"), 16, 64)
		return memory.Addr(n), err
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseSize(s); err == nil {
			for _, again := range []string{strconv.FormatUint(n, 10), fmt.Sprintf("%#x", n), fmt.Sprintf("%d B", n)} {
				if m, err := ParseSize(again); err != nil || m != n {
					t.Fatalf("%q is %d, and %q is %d, %v", s, n, again, m, err)
				}
			}
		}
		if z, err := ParseSizes(s); err == nil {
			if again, err := ParseSizes(fmt.Sprintf("%d..%d", z.Min, z.Max)); z.Min > z.Max || err != nil || again != z {
				t.Fatalf("%q is %+v, and again %+v, %v", s, z, again, err)
			}
		}
		if r, err := ParseRange(s, addr); err == nil {
			if again, err := ParseRange(fmt.Sprintf("%#x..%#x", uint64(r.Start), uint64(r.End)), addr); r.Empty() || err != nil || again != r {
				t.Fatalf("%q is %v, and again %v, %v", s, r, again, err)
			}
		}
		if _, err := ParseOrder(s); err != nil && err.Error() == "" {
			t.Fatal("an error without a word")
		}
		filters(t, s, addr)
		spaces(t, s)
	})
}

// filters: a filter of the text alone lets through what it names and no more.
func filters(t *testing.T, s string, addr func(string) (memory.Addr, error)) {
	t.Helper()
	for _, state := range []heap.State{heap.Busy, heap.Free} {
		b := heap.Block{Addr: 0x10000, Size: 0x100, State: state}
		if f, err := New([]string{s}, nil, nil, nil, addr); err == nil && f.Match(&b) != strings.EqualFold(strings.TrimSpace(s), state.String()) {
			t.Fatalf("--state %q and a block that is %v: %v", s, state, f.Match(&b))
		}
		z, sizeErr := ParseSizes(s)
		f, err := New(nil, nil, []string{s}, nil, addr)
		if (err == nil) != (sizeErr == nil) || err == nil && f.Match(&b) != (z.Min <= Size(&b) && Size(&b) <= z.Max) {
			t.Fatalf("--size %q and %d bytes: %v, %v", s, Size(&b), f.Match(&b), err)
		}
	}
}

// spaces: no filter of one text lets everything through.
func spaces(t *testing.T, s string) {
	t.Helper()
	known := []string{"Heap", "Image", "Stack", "Free", "<unknown>"}
	for i := range 4 {
		lists := make([][]string, 4)
		lists[i] = []string{s}
		f, err := NewRegions(lists[0], lists[1], lists[2], lists[3], nil, known)
		if err == nil && f.Any() {
			t.Fatalf("%q asks for nothing", s)
		}
		all := err == nil
		for _, r := range []memory.Region{{State: memory.MemFree}, {State: memory.MemCommit, Type: memory.MemPrivate, Protect: 4}, {State: memory.MemReserve, Type: memory.MemImage}} {
			all = all && f.Match("Heap", 64, &r) && f.Match("Free", 0, &r)
		}
		if all {
			t.Fatalf("%q in list %d lets everything through", s, i)
		}
	}
}
