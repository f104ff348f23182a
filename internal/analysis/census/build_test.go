package census_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
)

// parse opens the bytes of a dump.
func parse(t testing.TB, data []byte) *target.Target {
	t.Helper()
	tg, err := target.Parse("test.dmp", data)
	if err != nil {
		t.Fatal(err)
	}
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

// law checks the accounting of a heap: each byte once.
func law(t testing.TB, h *census.Heap) {
	t.Helper()
	if !h.Walked {
		if h.Reserved != 0 || h.BusyBlocks != 0 || h.Target.Why == "" {
			t.Errorf("%v was not walked, and is counted, or says not why", h.Target.Address)
		}
		return
	}
	at := h.Target.Address
	if h.Committed > h.Reserved || h.Reserved != h.Committed+h.Uncommitted {
		t.Errorf("%v: reserved %d, committed %d, uncommitted %d", at, h.Reserved, h.Committed, h.Uncommitted)
	}
	sum := h.BusyUser + h.Overhead + h.Free + h.Internal + h.Lost
	if int64(h.Committed-sum) != h.Unaccounted {
		t.Errorf("%v: committed %d, parts %d, unaccounted %d", at, h.Committed, sum, h.Unaccounted)
	}
	if h.Target.NT != nil && (h.Reserved != h.SegmentReserved+h.VirtualReserved+h.FrontEndReserved ||
		h.Committed != h.SegmentCommitted+h.VirtualCommitted+h.FrontEndCommitted) {
		t.Errorf("%v: the parts of reserved and committed do not add up", at)
	}
	for what, parts := range map[string][2]uint64{
		"segments": {h.SegmentReserved, h.SegmentCommitted}, "virtual": {h.VirtualReserved, h.VirtualCommitted}, "front end": {h.FrontEndReserved, h.FrontEndCommitted},
	} {
		if parts[1] > parts[0] {
			t.Errorf("%v: %s: committed %d of reserved %d", at, what, parts[1], parts[0])
		}
	}
}

// agree compares a healthy heap's census with what synth built.
func agree(t testing.TB, h *census.Heap, b *synth.BuiltHeap) {
	t.Helper()
	law(t, h)
	truth := b.Truth()
	virtual, virtualReserved := uint64(0), uint64(0)
	for _, v := range b.Virtuals {
		virtual += v.Commit
		virtualReserved += v.Reserve
	}
	type figures struct {
		segments, virtuals, busy, free              int
		user, freeBytes, internal, lost, uncommited uint64
		reserved, committed                         uint64
		unaccounted                                 int64
	}
	got := figures{h.Segments, h.VirtualBlocks, h.BusyBlocks, h.FreeBlocks, h.BusyUser, h.Free, h.Internal, h.Lost,
		h.SegmentReserved - h.SegmentCommitted, h.Reserved, h.Committed, h.Unaccounted}
	want := figures{truth.Segments, truth.Virtual, truth.Busy, truth.Free, truth.BusyUser, truth.FreeBytes, truth.IntlBytes, 0,
		truth.Uncommitted, truth.Reserved + virtualReserved, truth.Reserved - truth.Uncommitted + virtual, 0}
	if got != want {
		t.Errorf("%v:\n%+v, want\n%+v", h.Target.Address, got, want)
	}
	if len(h.Problems) != 0 {
		t.Errorf("%v: %v", h.Target.Address, h.Problems)
	}
	if h.UncommittedRanges == 0 && truth.Uncommitted != 0 {
		t.Errorf("%v: no uncommitted ranges", h.Target.Address)
	}
}

// randomProcess is a process of random heaps.
func randomProcess(f synth.Family, a synth.Arch, seed uint64, heaps int) *synth.Process {
	r := rand.New(rand.NewPCG(seed, uint64(f)<<8|uint64(a)))
	p := synth.NewProcess(f, a)
	for i := range heaps {
		p.AddHeap(synth.RandomHeap(r, f, a, 0x4000000+uint64(i)*0x2000000))
	}
	return p
}

// everyFamily runs a test for each family and architecture.
func everyFamily(t *testing.T, run func(t *testing.T, f synth.Family, a synth.Arch)) {
	t.Helper()
	for _, f := range synth.Families() {
		for _, a := range []synth.Arch{synth.X86, synth.X64} {
			t.Run(fmt.Sprint(f, "-", a), func(t *testing.T) { run(t, f, a) })
		}
	}
}
