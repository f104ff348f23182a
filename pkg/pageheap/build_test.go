package pageheap_test

import (
	"fmt"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
	"github.com/heapdump/heapdump/pkg/pageheap"
)

const handle = 0x5a0000

// kind is one form of page heap to build.
type kind struct {
	arch synth.Arch
	old  bool
}

var kinds = []kind{{synth.X64, false}, {synth.X86, false}, {synth.X86, true}, {synth.X64, true}}

func (k kind) String() string { return fmt.Sprintf("%v old=%v", k.arch, k.old) }

// script is a page heap with allocations of many sizes, some of them freed,
// over several reservations and pools.
func script(k kind) *synth.FullPageHeap {
	h := &synth.FullPageHeap{Address: handle, Arch: k.arch, Old: k.old, NormalHeap: 0x7e0000, Gap: 0x20000}
	sizes := []uint64{0, 1, 7, 8, 16, 100, 0xf00, 0xfc0, 0xfe0, 0x1000, 0x1001, 0x2345, 0x5000, 0x11234}
	for i := range 400 {
		h.Allocs = append(h.Allocs, synth.PageAlloc{Size: sizes[i%len(sizes)] + uint64(i/len(sizes)), Freed: i%11 == 5, Stack: 0x10000 + uint64(i)*8})
	}
	return h
}

// small is a page heap of a few allocations.
func small(k kind) *synth.FullPageHeap {
	h := &synth.FullPageHeap{Address: handle, Arch: k.arch, Old: k.old, NormalHeap: 0x7e0000}
	for i, n := range []uint64{10, 200, 0x1800, 33, 0xff9, 5, 77} {
		h.Allocs = append(h.Allocs, synth.PageAlloc{Size: n, Freed: i == 3 || i == 5})
	}
	return h
}

// space makes the address space of an image.
func space(t testing.TB, img *synth.Image) *memory.Space {
	t.Helper()
	d := synth.NewDump(img.Arch)
	img.Apply(d)
	f, err := minidump.Parse(d.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return f.Memory(func(p diag.Problem) { t.Errorf("dump: %v", p) })
}

// walked is a walk of a page heap and all that it reported.
type walked struct {
	heap     *pageheap.Heap
	blocks   []heap.Block
	problems []diag.Problem // of the walk
	checks   []diag.Problem // of Check
}

func open(t testing.TB, s *memory.Space, a uint64) walked {
	t.Helper()
	h, err := pageheap.Open(s, memory.Addr(a), pageheap.Options{Region: s.Region})
	if err != nil {
		t.Fatal(err)
	}
	w := walked{heap: h}
	for b := range h.Blocks(func(p diag.Problem) { w.problems = append(w.problems, p) }) {
		w.blocks = append(w.blocks, b)
	}
	h.Check(func(p diag.Problem) { w.checks = append(w.checks, p) })
	cover(t, w)
	return w
}

// cover is the law of the walk: the blocks cover every range from end to end,
// each byte once, and the lost bytes of the problems are those of the blocks.
func cover(t testing.TB, w walked) {
	t.Helper()
	at := make([]memory.Addr, len(w.heap.Ranges))
	for i, r := range w.heap.Ranges {
		at[i] = r.Start
		if i > 0 && r.Start < w.heap.Ranges[i-1].End {
			t.Fatalf("ranges %v overlap", w.heap.Ranges)
		}
	}
	var lost, told uint64
	for _, b := range w.blocks {
		if int(b.Segment) >= len(at) || b.Addr != at[b.Segment] || b.Size == 0 {
			t.Fatalf("block %+v: its range is covered up to %v", b, at[b.Segment])
		}
		at[b.Segment] = b.End()
		if b.State == heap.Lost {
			lost += b.Size
		}
		if b.State == heap.Busy && (b.UserBytes() > b.Size || b.User().Add(b.UserBytes()) > b.End()) {
			t.Fatalf("block %+v: its user data leave it", b)
		}
	}
	for i, r := range w.heap.Ranges {
		if at[i] != r.End {
			t.Fatalf("range %v is covered up to %v", r, at[i])
		}
	}
	for _, p := range w.problems {
		told += p.Lost
		if _, ok := pageheap.Codes()[p.Code]; !ok {
			t.Errorf("code %s is not listed", p.Code)
		}
	}
	if lost != told {
		t.Fatalf("%d bytes lost, the problems say %d", lost, told)
	}
}

// users is what a walk found of live allocations.
func (w walked) users() map[uint64]uint64 {
	out := map[uint64]uint64{}
	for _, b := range w.blocks {
		if b.State == heap.Busy {
			out[uint64(b.User())] = b.UserBytes()
		}
	}
	return out
}

// same compares a walk with the truth but for the allocations left out.
func same(t *testing.T, w walked, b *synth.BuiltPageHeap, without ...int) {
	t.Helper()
	found := w.users()
	n := 0
	for i, p := range b.Blocks {
		out := false
		for _, k := range without {
			out = out || k == i
		}
		if p.Freed || out {
			continue
		}
		n++
		if size, ok := found[p.User]; !ok || size != p.Size {
			t.Errorf("allocation %d at %#x of %d bytes: found %d, %v", i, p.User, p.Size, size, ok)
		}
	}
	if len(found) != n {
		t.Errorf("%d allocations found, %d made", len(found), n)
	}
}

func codes(ps []diag.Problem) map[diag.Code]int {
	out := map[diag.Code]int{}
	for _, p := range ps {
		out[p.Code]++
	}
	return out
}
