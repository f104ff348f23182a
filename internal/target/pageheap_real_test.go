package target_test

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
	"github.com/heapdump/heapdump/pkg/pageheap"
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

// TestPageHeapTruth holds a page heap against what the program that made it
// wrote down: every live allocation with its exact address and size, every
// byte of its reservations once, and nothing damaged.
func TestPageHeapTruth(t *testing.T) {
	var truth struct {
		Heaps []struct {
			Address uint64
			Root    uint64              `json:"dph_root"`
			Live    [][]json.RawMessage `json:"live"`
		}
		Ops struct{ Free int }
	}
	if err := json.Unmarshal(unpacked(t, "gen-dph-ros-x64.own.truth.json.zst"), &truth); err != nil {
		t.Fatal(err)
	}
	f, err := minidump.Parse(unpacked(t, "gen-dph-ros-x64.own.dmp.zst"))
	if err != nil {
		t.Fatal(err)
	}
	s := f.Memory(func(p diag.Problem) { t.Error(p) })
	want := truth.Heaps[0]
	refs := pageheap.Roots(s)
	if len(refs) != 1 || refs[0] != (pageheap.Ref{Handle: memory.Addr(want.Address), Bits: 64}) {
		t.Fatalf("Roots: %v, want the handle %#x alone", refs, want.Address)
	}
	h, err := pageheap.Open(s, refs[0].Handle, pageheap.Options{Region: s.Region})
	if err != nil {
		t.Fatal(err)
	}
	if uint64(h.Root.Address) != want.Root || h.Root.Form != "vista-x64" || h.Root.NormalHeap == 0 {
		t.Errorf("root: %+v", h.Root)
	}
	live := map[uint64]uint64{}
	for _, l := range want.Live {
		var user, size uint64
		if json.Unmarshal(l[0], &user) != nil || json.Unmarshal(l[1], &size) != nil {
			t.Fatalf("live: %s", l)
		}
		live[user] = size
	}
	total := map[heap.State]uint64{}
	at, seg := memory.Addr(0), heap.NoSegment
	freed := 0
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
	if len(live) != 0 {
		t.Errorf("%d live allocations were not found", len(live))
	}
	if total[heap.Lost] != 0 || total[heap.Uncommitted] != 0 || total[heap.Free]+total[heap.Busy]+total[heap.Internal] != h.Size() || h.Size() != h.Root.StorageBytes {
		t.Errorf("totals %v of %d", total, h.Size())
	}
	if freed != int(h.Root.Freed) || freed == 0 {
		t.Errorf("%d freed, the root says %d", freed, h.Root.Freed)
	}
	h.Check(func(p diag.Problem) { t.Error(p) })
	if h.Kind() != heap.Page {
		t.Errorf("kind %v", h.Kind())
	}
}
