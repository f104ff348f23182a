package target_test

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
	"github.com/heapdump/heapdump/pkg/pageheap"
	"github.com/heapdump/heapdump/pkg/stackdb"
)

// realDumps are the directories of dumps that are no part of the repository.
func realDumps() []string {
	if dir := os.Getenv("HEAPDUMP_REAL"); dir != "" {
		return []string{dir}
	}
	return []string{"../../../shared/dumps"}
}

// unpacked returns a file of the real dumps, unpacked, or skips the test.
func unpacked(t *testing.T, name string) []byte {
	t.Helper()
	for _, dir := range realDumps() {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		defer f.Close()
		r, err := zstd.NewReader(f, zstd.WithDecoderMaxWindow(1<<27))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	t.Skipf("%s is not there; set HEAPDUMP_REAL to the directory of real dumps", name)
	return nil
}

// pageTruth is what the generated page heap's own program wrote down.
type pageTruth struct {
	address, root uint64
	live          map[uint64]uint64 // size by user address
}

func readPageTruth(t *testing.T) pageTruth {
	t.Helper()
	var truth struct {
		Heaps []struct {
			Address uint64
			Root    uint64              `json:"dph_root"`
			Live    [][]json.RawMessage `json:"live"`
		}
	}
	if err := json.Unmarshal(unpacked(t, "gen-dph-ros-x64.own.truth.json.zst"), &truth); err != nil {
		t.Fatal(err)
	}
	h := truth.Heaps[0]
	out := pageTruth{h.Address, h.Root, map[uint64]uint64{}}
	for _, l := range h.Live {
		var user, size uint64
		if json.Unmarshal(l[0], &user) != nil || json.Unmarshal(l[1], &size) != nil {
			t.Fatalf("live: %s", l)
		}
		out.live[user] = size
	}
	return out
}

// TestPageHeapTruth holds a page heap against what the program that made it
// wrote down: every live allocation with its exact address and size, every
// byte of its reservations once, and nothing damaged.
func TestPageHeapTruth(t *testing.T) {
	want := readPageTruth(t)
	f, err := minidump.Parse(unpacked(t, "gen-dph-ros-x64.own.dmp.zst"))
	if err != nil {
		t.Fatal(err)
	}
	s := f.Memory(func(p diag.Problem) { t.Error(p) })
	refs := pageheap.Roots(s)
	if len(refs) != 1 || refs[0] != (pageheap.Ref{Handle: memory.Addr(want.address), Bits: 64}) {
		t.Fatalf("Roots: %v, want the handle %#x alone", refs, want.address)
	}
	h, err := pageheap.Open(s, refs[0].Handle, pageheap.Options{Region: s.Region})
	if err != nil {
		t.Fatal(err)
	}
	if uint64(h.Root.Address) != want.root || h.Root.Form != "vista-x64" || h.Root.NormalHeap == 0 || h.Kind() != heap.Page {
		t.Errorf("root: %+v", h.Root)
	}
	total, freed := walkPages(t, h, want.live)
	if len(want.live) != 0 {
		t.Errorf("%d live allocations were not found", len(want.live))
	}
	if total[heap.Lost] != 0 || total[heap.Uncommitted] != 0 || total[heap.Free]+total[heap.Busy]+total[heap.Internal] != h.Size() || h.Size() != h.Root.StorageBytes {
		t.Errorf("totals %v of %d", total, h.Size())
	}
	if freed != int(h.Root.Freed) || freed == 0 {
		t.Errorf("%d freed, the root says %d", freed, h.Root.Freed)
	}
	h.Check(func(p diag.Problem) { t.Error(p) })
}

// walkPages walks the heap, strikes what it finds out of live, and returns
// the bytes by state and the number of freed allocations.
func walkPages(t *testing.T, h *pageheap.Heap, live map[uint64]uint64) (total [heap.States]uint64, freed int) {
	t.Helper()
	at, seg := memory.Addr(0), heap.NoSegment
	for b := range h.Blocks(func(p diag.Problem) { t.Error(p) }) {
		if b.Segment != seg {
			seg, at = b.Segment, h.Ranges[b.Segment].Start
		}
		if b.Addr != at || b.Origin != heap.PageHeap || b.Trust != heap.Sound {
			t.Errorf("%+v: the block before ends at %v", b, at)
		}
		at = b.End()
		total[b.State] += b.Size
		if n, ok := h.Node(b.Addr); b.State == heap.Free && ok && n.Kind == pageheap.NodeFreed {
			freed++
		}
		if b.State != heap.Busy {
			continue
		}
		if size, ok := live[uint64(b.User())]; !ok || size != b.UserBytes() {
			t.Errorf("block %v: user %v of %d bytes; the truth has %d, %v", b.Addr, b.User(), b.UserBytes(), size, ok)
		}
		delete(live, uint64(b.User()))
	}
	return total, freed
}

// TestNoFalseLayers looks for page heaps, light page-heap headers and stack
// trace databases in every dump there is: only one has a page heap, none has
// the others.
func TestNoFalseLayers(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(realDumps()[0], "*.dmp.zst"))
	if err != nil || len(names) == 0 {
		t.Skip("no real dumps; set HEAPDUMP_REAL to their directory")
	}
	if testing.Short() {
		t.Skip("-short")
	}
	for _, path := range names {
		name := filepath.Base(path)
		tg, err := target.Parse(name, unpacked(t, name))
		if err != nil {
			continue // no minidump: other tests
		}
		if n := len(pageheap.Roots(tg.Space)); n != 0 && name != "gen-dph-ros-x64.own.dmp.zst" {
			t.Errorf("%s: %d page heaps", name, n)
		}
		for _, bits := range []int{32, 64} {
			q := stackdb.Query{}
			for _, m := range tg.File.Modules(nil) {
				q.Data = append(q.Data, m.Range)
			}
			if d, err := stackdb.Locate(tg.Space, stackdb.Reader{Memory: tg.Space, Bits: bits}, q); err == nil {
				t.Errorf("%s: a database: %+v", name, d)
			}
		}
		for _, h := range tg.Heaps {
			if h.NT == nil {
				continue
			}
			for b := range h.NT.Blocks(nil) {
				if in, ok := pageheap.Light(tg.Space, b); ok {
					t.Errorf("%s: heap %v: %+v", name, h.Address, in)
				}
			}
		}
	}
}
