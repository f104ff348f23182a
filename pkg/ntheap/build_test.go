package ntheap_test

import (
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// space makes the address space of a dump that synth built.
func space(t testing.TB, d *synth.Dump) *memory.Space {
	t.Helper()
	f, err := minidump.Parse(d.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return f.Memory(func(p diag.Problem) { t.Errorf("dump: %v", p) })
}

// walked is one walk of a heap with all that it reported.
type walked struct {
	heap     *ntheap.Heap
	blocks   []heap.Block
	problems []diag.Problem // of the walk
	checks   []diag.Problem // of Check
}

// open opens and walks a heap and holds the walk to its law.
func open(t testing.TB, m heap.Memory, a uint64, o ntheap.Options) walked {
	t.Helper()
	h, err := ntheap.Open(m, memory.Addr(a), o)
	if err != nil {
		t.Fatalf("Open(%#x): %v", a, err)
	}
	w := walked{heap: h}
	var tally ntheap.Tally
	for b := range h.Blocks(func(p diag.Problem) { w.problems = append(w.problems, p) }) {
		w.blocks = append(w.blocks, b)
		tally.Add(b)
	}
	h.Check(tally, func(p diag.Problem) { w.checks = append(w.checks, p) })
	cover(t, w)
	linkedAgrees(t, w)
	return w
}

// linkedAgrees holds Check to the same findings when the walk summed up the
// free lists' links on its way.
func linkedAgrees(t testing.TB, w walked) {
	t.Helper()
	var tally ntheap.Tally
	for i := range w.heap.Segments {
		for b := range w.heap.LinkedBlocks(i, &tally.Links, nil) {
			tally.Add(b)
		}
	}
	for b := range w.heap.VirtualBlocks(nil) {
		tally.Add(b)
	}
	var checks []diag.Problem
	w.heap.Check(tally, func(p diag.Problem) { checks = append(checks, p) })
	if !slices.Equal(checks, w.checks) {
		t.Fatalf("with links summed up: %v\nwithout: %v", checks, w.checks)
	}
}

// cover is the law of the walk: the blocks of a segment cover it from end to
// end, in order, each byte once; and the problems' lost bytes are those of the
// lost blocks.
func cover(t testing.TB, w walked) {
	t.Helper()
	at := map[uint32]memory.Addr{}
	var lost uint64
	for i, b := range w.blocks {
		if b.State == heap.Lost {
			lost += b.Size
		}
		if b.Segment == heap.NoSegment {
			continue
		}
		s := w.heap.Segments[b.Segment]
		want, seen := at[b.Segment]
		if !seen {
			want = s.Start
		}
		if b.Addr != want || b.Size == 0 {
			t.Fatalf("block %d at %v of %#x bytes: the one before ends at %v", i, b.Addr, b.Size, want)
		}
		if b.State == heap.Busy && (b.User()+memory.Addr(b.UserBytes()) > b.End()+8 || uint64(b.Header) > b.Size) {
			t.Fatalf("block %v: user data leave it: %+v", b.Addr, b)
		}
		at[b.Segment] = b.End()
	}
	for i, s := range w.heap.Segments {
		if s.Size() > 0 && at[uint32(i)] != s.End {
			t.Fatalf("segment %d %v is covered up to %v only", i, s.Range, at[uint32(i)])
		}
	}
	var told uint64
	for _, p := range w.problems {
		told += p.Lost
	}
	if told != lost {
		t.Fatalf("problems tell of %d lost bytes, the blocks of %d", told, lost)
	}
}

func (w walked) all() []diag.Problem {
	return append(append([]diag.Problem{}, w.problems...), w.checks...)
}

// healthy fails for each problem.
func healthy(t testing.TB, w walked) {
	t.Helper()
	for _, p := range w.all() {
		t.Errorf("unexpected: %v", p)
	}
}

var states = map[synth.State]heap.State{
	synth.StateBusy: heap.Busy, synth.StateFree: heap.Free,
	synth.StateInternal: heap.Internal, synth.StateUncommitted: heap.Uncommitted,
}

// agree compares a walk with what synth says that it built.
func agree(t testing.TB, w walked, want []synth.Block) {
	t.Helper()
	for i := range max(len(want), len(w.blocks)) {
		if i >= len(want) || i >= len(w.blocks) {
			t.Fatalf("%d blocks, want %d", len(w.blocks), len(want))
		}
		g, x := w.blocks[i], want[i]
		if uint64(g.Addr) != x.Entry || g.Size != x.Bytes || g.State != states[x.State] ||
			(g.Origin == heap.Virtual) != (x.Origin == synth.OriginVirtual) {
			t.Fatalf("block %d: got %+v, want %+v", i, g, x)
		}
		if g.State == heap.Busy && (uint64(g.User()) != x.User || g.UserBytes() != x.Size) {
			t.Fatalf("block %d: user %v of %d bytes, want %#x of %d: %+v", i, g.User(), g.UserBytes(), x.User, x.Size, g)
		}
		if g.Trust != heap.Sound {
			t.Fatalf("block %d: %v", i, g.Trust)
		}
	}
}
