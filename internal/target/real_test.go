package target_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/input"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
	"github.com/heapdump/heapdump/pkg/process"
)

// realPath is the path of a file in the folder of real dumps; the test is
// skipped when it is not there.
func realPath(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("HEAPDUMP_REAL")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "dumps")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the real dumps are not here (%v); set HEAPDUMP_REAL to the folder that has them", err)
	}
	return path
}

// real opens a real dump.
func openReal(t testing.TB, name string) *target.Target {
	t.Helper()
	tg, err := target.Open(realPath(t, name+".dmp.zst"), target.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tg.Close() })
	return tg
}

// take counts all heaps of a target.
func take(t testing.TB, tg *target.Target) *census.Census {
	t.Helper()
	c, err := census.Take(context.Background(), tg, tg.Heaps, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// rows renders the heaps one a line.
func rows(tg *target.Target) []string {
	var out []string
	for _, h := range tg.Heaps {
		s := fmt.Sprintf("%v %v", h.Address, h.Kind)
		if h.NT != nil {
			s = fmt.Sprintf("%v %s", h.Address, h.NT.Header.Layout)
		}
		s += fmt.Sprintf(" %v", h.Found.List())
		if h.Foreign {
			s += " foreign"
		}
		out = append(out, s)
	}
	return out
}

// whole checks that a heap reconciles in every respect.
func whole(t *testing.T, h *census.Heap) {
	t.Helper()
	hd := &h.Target.NT.Header
	if len(h.Problems) != 0 || h.Dropped != 0 || h.Lost != 0 || h.Unaccounted != 0 {
		t.Errorf("%v: lost %d, unaccounted %d: %q", hd.Address, h.Lost, h.Unaccounted, h.Problems)
	}
	if free := h.Counts[heap.Free][heap.Backend].Bytes; free != hd.TotalFreeSize*hd.Unit {
		t.Errorf("%v: %d bytes free in the back end, TotalFreeSize says %d", hd.Address, free, hd.TotalFreeSize*hd.Unit)
	}
	c := hd.Counters
	if !c.Known || c.TotalMemoryReserved != h.SegmentReserved+h.FrontEndReserved || c.TotalMemoryCommitted != h.SegmentCommitted+h.FrontEndCommitted ||
		int(c.TotalSegments) != h.Segments || int(c.TotalUCRs) != h.UncommittedRanges || c.TotalSizeInVirtualBlocks != h.VirtualCommitted {
		t.Errorf("%v: counters %+v, census %+v", hd.Address, c, h)
	}
	if h.Reserved != h.Committed+h.Uncommitted || h.Committed != h.BusyUser+h.Overhead+h.Free+h.Internal {
		t.Errorf("%v: the accounting does not close: %+v", hd.Address, h)
	}
}

func TestRealHeaps(t *testing.T) {
	for _, c := range []struct {
		name     string
		pebs     []int // their bits
		heaps    []string
		problems []string // codes
	}{
		{"real-win10-11082-wow64-full", []int{32, 64}, []string{
			"0x5d0000 win10-14393-x86 [peb peb-process-heap scan]", "0x940000 win10-14393-x86 [peb scan]",
			"0x480000 win10-14393-x64 [peb peb-process-heap scan]", "0x10000 win10-14393-x64 [peb scan]",
			"0x7feb0000 nt [scan shared-memory] foreign"}, nil},
		{"real-win7-wow64-truncated", nil, []string{
			"0x10000 win7-x64 [scan]", "0x20000 win7-x64 [scan]", "0x580000 win7-x64 [scan]", "0x760000 win7-x86 [scan]", "0x9f0000 win7-x86 [scan]"},
			[]string{"memory-range-cut", "peb-missing"}},
		{"real-win7-x86-partial", []int{32}, []string{
			"0x8b0000 win7-x86 [peb-process-heap scan]", "0x10000 win7-x64 [scan]"}, []string{"peb-heaps-missing"}},
		{"real-win7-x64-partial", []int{64}, []string{"0x390000 unknown [peb-process-heap]"}, []string{"peb-heaps-missing"}},
		{"real-win10-16299-x64-noheap", []int{64}, []string{"0x2083f1f0000 unknown [peb peb-process-heap]", "0x2083d170000 unknown [peb]"}, nil},
		{"real-win11-22631-x64-crashpad", []int{64}, []string{"0x1e665140000 unknown [peb-process-heap]"}, []string{"peb-heaps-missing"}},
		{"real-win10-17134-x64-stacks", nil, nil, []string{"peb-missing"}},
		{"real-xp-x86-stacks", nil, nil, []string{"peb-missing"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tg := openReal(t, c.name)
			var bits []int
			for _, p := range tg.PEBs {
				bits = append(bits, p.Bits)
			}
			if got := rows(tg); !slices.Equal(bits, c.pebs) || !slices.Equal(got, c.heaps) {
				t.Errorf("PEBs %v, heaps %q", bits, got)
			}
			var codes []string
			for _, p := range tg.Problems {
				codes = append(codes, string(p.Code))
				if p.Class != diag.Incomplete {
					t.Errorf("%v is %v, but only memory is missing", p, p.Class)
				}
			}
			if !slices.Equal(codes, c.problems) {
				t.Errorf("problems %q", tg.Problems)
			}
			for _, h := range tg.Heaps {
				if (h.NT == nil) != (h.Why != "") {
					t.Errorf("%v: walked and not, or neither: %q", h.Address, h.Why)
				}
			}
		})
	}
}

func TestRealHeapsReconcile(t *testing.T) {
	for name, walked := range map[string]int{"real-win10-11082-wow64-full": 4, "real-win7-wow64-truncated": 5} {
		t.Run(name, func(t *testing.T) {
			tg := openReal(t, name)
			n, size, done := 0, uint64(0), uint64(0)
			for _, h := range tg.Heaps {
				if h.NT != nil {
					size += h.NT.Size()
				}
			}
			c, err := census.Take(context.Background(), tg, tg.Heaps, func(d, _ uint64) { done = d })
			if err != nil || done != size {
				t.Fatalf("%v: progress ends at %d of %d", err, done, size)
			}
			for _, h := range c.Heaps {
				if !h.Walked {
					continue
				}
				n++
				whole(t, &h)
				// A heap knows its place in the PEB's list, counted from 1.
				if at := int(h.Target.NT.Header.ProcessHeapsListIndex); h.Target.Listed && at != h.Target.Index+1 {
					t.Errorf("%v: entry %d of the list, but it says %d", h.Target.Address, h.Target.Index, at)
				}
			}
			if n != walked {
				t.Errorf("%d heaps walked, want %d", n, walked)
			}
		})
	}
}

// TestRealCSRHeap: the heap that the CSR port uses commits one page and the
// dump has all sixteen; those that are not committed count as such.
func TestRealCSRHeap(t *testing.T) {
	for _, h := range take(t, openReal(t, "real-win7-wow64-truncated")).Heaps {
		if h.Target.Address == 0x10000 && (h.Reserved != 0x10000 || h.Committed != 0x1000 || h.Target.NT.Header.Flags&0xf000 == 0) {
			t.Errorf("%+v", h)
		}
	}
}

// busyAt returns the busy blocks of the heaps of one pointer size by user
// address, and the internal ones in order.
func busyAt(tg *target.Target, bits int) (busy map[memory.Addr]heap.Block, internal []memory.Range) {
	busy = map[memory.Addr]heap.Block{}
	for _, h := range tg.Heaps {
		if h.NT == nil || h.Bits != bits {
			continue
		}
		for b := range h.NT.Blocks(nil) {
			switch b.State {
			case heap.Busy:
				busy[b.User()] = b
			case heap.Internal:
				internal = append(internal, memory.Range{Start: b.Addr, End: b.End()})
			}
		}
	}
	return busy, internal
}

// TestRealLoaderEntries has the loader for a witness: each of its entries is
// one allocation, all of one size, and the buffer of each full name is one of
// MaximumLength bytes, but for the program's, which may be its parameters'. What lies in a front end's container is an allocation
// too, of the front end.
func TestRealLoaderEntries(t *testing.T) {
	tg := openReal(t, "real-win10-11082-wow64-full")
	for _, p := range tg.PEBs {
		busy, internal := busyAt(tg, p.Bits)
		inside := func(a memory.Addr) bool {
			return slices.ContainsFunc(internal, func(r memory.Range) bool { return r.Contains(a) })
		}
		ptr := memory.Addr(p.Bits / 8)
		head := p.Ldr + 0xc
		if p.Bits == 64 {
			head = p.Ldr + 0x10
		}
		sizes, entries, names, front := map[uint64]int{}, 0, 0, 0
		at, err := tg.Space.Pointer(head, p.Bits)
		for ; err == nil && at != head && entries < 1000; at, err = tg.Space.Pointer(at, p.Bits) {
			entries++
			if b, ok := busy[at]; ok {
				sizes[b.UserBytes()]++
			} else if !inside(at) {
				t.Errorf("%d bits: the loader's entry at %v is no allocation", p.Bits, at)
			}
			full := at + 9*ptr // FullDllName
			most, err1 := tg.Space.U16(full + 2)
			buf, err2 := tg.Space.Pointer(full+ptr, p.Bits)
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			switch b, ok := busy[buf]; {
			case ok && b.UserBytes() == uint64(most):
				names++
			case !ok && inside(buf):
				front++
			case !ok && entries == 1 && busy[p.ProcessParameters].Addr < buf && buf < busy[p.ProcessParameters].End():
				// The program's own name is the one in its parameters.
			default:
				t.Errorf("%d bits: the name at %v of %d bytes is in %+v", p.Bits, buf, most, b)
			}
		}
		if err != nil || len(sizes) != 1 || entries < 5 || names+front < entries-1 {
			t.Errorf("%d bits: %d entries of sizes %v, %d names, %d in the front end: %v", p.Bits, entries, sizes, names, front, err)
		}
		t.Logf("%d bits: %d entries of sizes %v, %d names, %d in the front end", p.Bits, entries, sizes, names, front)
	}
}

// TestRealWine: Wine's own heaps in every dump that was made under it, and
// those alone. Its C library has one and another library one, in no list;
// the writer of the last makes heaps of its own while it writes.
func TestRealWine(t *testing.T) {
	for _, c := range []struct {
		name string
		wine []memory.Addr
	}{
		{"gen-wine-x64.own", []memory.Addr{0x340000, 0xc80000, 0x10a0000, 0x1630000, 0x1a30000, 0x1e30000, 0x1eb0000}},
		{"gen-dbg-w7-x86.own", []memory.Addr{0x7e0000, 0xd20000, 0xf40000}},
		{"gen-std-w7-x64.dbghelp", []memory.Addr{0x340000, 0xc80000, 0x10a0000, 0x6280000, 0x6680000, 0x6a80000, 0x6e80000, 0x7280000,
			0x7680000, 0x7a80000, 0x7e80000, 0x8280000, 0x8680000, 0x8a80000, 0x8e80000, 0x9280000, 0x9680000, 0x9a80000}},
	} {
		var got []memory.Addr
		for _, h := range openReal(t, c.name).Heaps {
			if h.Kind == heap.Wine {
				got = append(got, h.Address)
				if h.NT != nil || h.Why == "" {
					t.Errorf("%s: %v: %+v", c.name, h.Address, h)
				}
			}
		}
		if !slices.Equal(got, c.wine) {
			t.Errorf("%s: Wine's heaps %v", c.name, got)
		}
	}
}

func TestRealPageHeap(t *testing.T) {
	tg := openReal(t, "gen-dph-ros-x64.own")
	i := slices.IndexFunc(tg.Heaps, func(h *target.Heap) bool { return h.Address == 0x17c0000 })
	if i < 0 || tg.Heaps[i].Kind != heap.Page || tg.Heaps[i].Listed || tg.Heaps[i].Why != "" || tg.Heaps[i].Page == nil {
		t.Errorf("%q", rows(tg))
	}
	if tg.Heaps[1].NormalOf != 0x17c0000 || !tg.Heaps[1].Found.Has(process.ByPageHeap) {
		t.Errorf("its normal heap: %q", rows(tg))
	}
}

func TestRealMalformed(t *testing.T) {
	for _, name := range []string{"malformed-memory64-absurd", "malformed-module-list-padded", "malformed-range", "malformed-record-count"} {
		tg := openReal(t, name)
		if len(tg.Heaps) != 0 || len(tg.PEBs) != 0 || len(tg.Problems) == 0 {
			t.Errorf("%s: %d heaps, %d PEBs, problems %q", name, len(tg.Heaps), len(tg.PEBs), tg.Problems)
		}
	}
	_, err := target.Open(realPath(t, "notwindows-linux-breakpad.dmp.zst"), target.Options{})
	var kind *minidump.KindError
	if !errors.As(err, &kind) {
		t.Errorf("a Linux minidump: %v", err)
	}
}

// content reads a compressed file of the folder.
func content(t testing.TB, name string) []byte {
	t.Helper()
	in, err := input.Open(realPath(t, name), input.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	return in.Data
}
