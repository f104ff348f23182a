package target_test

import (
	"encoding/json"
	"testing"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// truth is what the program that made a dump wrote of its heaps.
type truth struct {
	Heaps       []truthHeap
	Corruptions []struct {
		Heap    memory.Addr `json:"heap_address"`
		Kind    string
		Address uint64
		Len     uint64
	}
}

// truthHeap is one heap of the truth.
type truthHeap struct {
	Kind    string
	Address memory.Addr
	Live    [][5]any      // user, size, entry, site, reach
	Free    [][3]uint64   // entry, bytes, flags
	Guards  []memory.Addr // one-unit end markers: either reading of them is fine
	Virtual [][5]uint64   // node, user, size, commit, reserve
}

func readTruth(t *testing.T, name string) truth {
	t.Helper()
	var out truth
	if err := json.Unmarshal(content(t, name+".truth.json.zst"), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// score is how a walk compares with the truth.
type score struct{ live, exact, wrong, missing, invented, free, freeExact, virtual, virtualExact int }

// compare walks every NT heap of the truth.
func compare(t *testing.T, tg *target.Target, tr truth) (s score) {
	t.Helper()
	heaps := map[memory.Addr]*target.Heap{}
	for _, h := range tg.Heaps {
		heaps[h.Address] = h
	}
	for _, want := range tr.Heaps {
		if want.Kind != "nt" {
			continue
		}
		h := heaps[want.Address]
		if h == nil || h.NT == nil {
			t.Errorf("heap %v was not walked", want.Address)
			continue
		}
		free := s.blocks(t, h, want)
		s.others(h, want, free)
	}
	return s
}

// blocks compares the blocks of one heap with its live allocations, and
// returns the sizes of its free ones.
func (s *score) blocks(t *testing.T, h *target.Heap, want truthHeap) map[memory.Addr]uint64 {
	t.Helper()
	busy, free, guard := map[memory.Addr]heap.Block{}, map[memory.Addr]uint64{}, map[memory.Addr]bool{}
	for _, g := range want.Guards {
		guard[g] = true
	}
	for b := range h.NT.Blocks(nil) {
		switch {
		case b.State == heap.Busy:
			busy[b.User()] = b
		case b.State == heap.Free:
			free[b.Addr] = b.Size
		}
	}
	for _, l := range want.Live {
		s.live++
		user, size, entry := memory.Addr(l[0].(float64)), uint64(l[1].(float64)), memory.Addr(0)
		if e, ok := l[2].(float64); ok {
			entry = memory.Addr(e)
		}
		b, ok := busy[user]
		delete(busy, user)
		switch {
		case !ok:
			s.missing++
		case b.UserBytes() == size && (entry == 0 || b.Addr == entry):
			s.exact++
		default:
			s.wrong++
			t.Logf("%v: %+v, truth %d bytes at entry %v", user, b, size, entry)
		}
	}
	for user, b := range busy {
		if !guard[b.Addr] {
			s.invented++
			t.Logf("invented: %v: %+v", user, b)
		}
	}
	return free
}

// others compares one heap's free and virtual blocks.
func (s *score) others(h *target.Heap, want truthHeap, free map[memory.Addr]uint64) {
	for _, f := range want.Free {
		s.free++
		if free[memory.Addr(f[0])] == f[1] {
			s.freeExact++
		}
	}
	nodes := map[memory.Addr][2]uint64{}
	for _, v := range h.NT.Virtuals {
		nodes[v.Node] = [2]uint64{v.CommitSize, v.ReserveSize}
	}
	for _, v := range want.Virtual {
		s.virtual++
		if nodes[memory.Addr(v[0])] == [2]uint64{v[3], v[4]} {
			s.virtualExact++
		}
	}
}

func TestTruth(t *testing.T) {
	for _, name := range []string{"gen-enc-w7-x64.own", "gen-enc-w7-x86.own", "gen-std-w7-x64.dbghelp", "gen-dbg-w7-x86.own"} {
		t.Run(name, func(t *testing.T) {
			tg := openReal(t, name)
			s := compare(t, tg, readTruth(t, name))
			if s.live < 10000 || s.exact != s.live || s.invented != 0 || s.free == 0 || s.freeExact != s.free || s.virtual == 0 || s.virtualExact != s.virtual {
				t.Errorf("%+v", s)
			}
			walked := 0
			for _, h := range take(t, tg).Heaps {
				if !h.Walked {
					continue
				}
				walked++
				if len(h.Problems) != 0 || h.Lost != 0 || h.Unaccounted != 0 || h.Reserved != h.Committed+h.Uncommitted ||
					h.Counts[heap.Free][heap.Backend].Bytes != h.Target.NT.Header.TotalFreeSize*h.Target.NT.Header.Unit {
					t.Errorf("%v: lost %d, unaccounted %d, reserved %d, committed %d: %q", h.Target.Address, h.Lost, h.Unaccounted, h.Reserved, h.Committed, h.Problems)
				}
			}
			if walked != 12 {
				t.Errorf("%d heaps walked, want 12", walked)
			}
		})
	}
}

// TestTruthOfCorruptedHeaps: 1755 of 1756 sizes are within reach, the other's
// header is overwritten, and its neighbours tell its place but not what was
// asked for, so that it is lost and not given a size that would look right. Of thirteen corruptions each is a problem at its
// address but for two that no reader of the heap can see.
func TestTruthOfCorruptedHeaps(t *testing.T) {
	const name = "gen-corrupt-w7enc-x64.own"
	tg := openReal(t, name)
	tr := readTruth(t, name)
	s := compare(t, tg, tr)
	if s.live != 1756 || s.exact != 1755 || s.missing != 1 || s.wrong != 0 || s.invented != 0 || s.freeExact != s.free || s.virtualExact != s.virtual {
		t.Errorf("%+v", s)
	}
	problems := map[memory.Addr][]diag.Problem{}
	for _, h := range take(t, tg).Heaps {
		problems[h.Target.Address] = h.Problems
		if h.Unaccounted != 0 || h.Reserved != h.Committed+h.Uncommitted {
			t.Errorf("%v: %+v", h.Target.Address, h)
		}
	}
	unseen := map[string]string{
		"segments_array_duplicate": "an array of the generator's own behind the _HEAP; Windows 7 has none, and no reader looks there",
		"write_after_free":         "32 bytes in the middle of a free block, which hold nothing of the heap's and were not filled",
	}
	// An entry's fields are in its second half on x64, a segment's signature 16
	// bytes into it: a problem is at the structure that the bytes belong to.
	const structure = 0x10
	for _, c := range tr.Corruptions {
		found := false
		for _, p := range problems[c.Heap] {
			found = found || p.Class == diag.Corrupt && p.At.Off <= c.Address+c.Len && p.At.Off+structure >= c.Address
		}
		if found == (unseen[c.Kind] != "") {
			t.Errorf("%s at %#x: found %v: %q %q", c.Kind, c.Address, found, problems[c.Heap], unseen[c.Kind])
		}
	}
	if len(tr.Corruptions) != 13 {
		t.Errorf("%d corruptions", len(tr.Corruptions))
	}
}
