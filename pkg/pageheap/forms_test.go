package pageheap_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
	"github.com/heapdump/heapdump/pkg/pageheap"
)

func TestForms(t *testing.T) {
	names := map[kind]string{kinds[0]: "vista-x64", kinds[1]: "vista-x86", kinds[2]: "xp-x86", kinds[3]: "2003-x64"}
	for _, k := range kinds {
		for _, reserved := range []bool{false, true} {
			t.Run(k.String(), func(t *testing.T) {
				img := synth.NewImage(k.arch)
				sc := script(k)
				sc.GuardReserve = reserved
				b := sc.Build(img)
				s := space(t, img)
				w := open(t, s, handle)
				if len(w.problems)+len(w.checks) > 0 {
					t.Errorf("a sound heap: %v %v", w.problems, w.checks)
				}
				if r := w.heap.Root; r.Form != names[k] || r.NormalHeap != 0x7e0000 || r.Owned || !r.LockKnown {
					t.Errorf("root %+v", r)
				}
				same(t, w, b)
				nodes(t, w, b)
				if kind, bits := ntheap.Identify(s, handle); kind != heap.Page || uint64(bits) != 8*k.arch.PtrSize() {
					t.Errorf("Identify: %v %d", kind, bits)
				}
				refs := pageheap.Roots(s)
				if !slices.Equal(refs, []pageheap.Ref{{Handle: handle, Bits: w.heap.Root.Bits}}) {
					t.Errorf("Roots: %v", refs)
				}
				var size uint64
				for _, st := range b.Storages {
					size += st[1]
				}
				if w.heap.Size() != size || len(w.heap.Ranges) != len(b.Storages) || len(b.Storages) < 3 || len(b.Pools) < 2 {
					t.Errorf("size %d in %v, want %d in %v", w.heap.Size(), w.heap.Ranges, size, b.Storages)
				}
				for _, bl := range w.blocks {
					if bl.Trust != heap.Sound || bl.Origin != heap.PageHeap {
						t.Fatalf("block %+v", bl)
					}
				}
			})
		}
	}
}

// nodes asks for the node of every allocation by each of its pages.
func nodes(t *testing.T, w walked, b *synth.BuiltPageHeap) {
	t.Helper()
	for i, p := range b.Blocks {
		for a := p.Virtual; a < p.Virtual+p.VirtualSize; a += 0xfff {
			n, ok := w.heap.Node(memory.Addr(a))
			want := pageheap.NodeBusy
			if p.Freed {
				want = pageheap.NodeFreed
			}
			if !ok || uint64(n.Address) != p.Node || n.Kind != want || uint64(n.User) != p.User || n.Requested != p.Size || n.StackTrace != memory.Addr(b.Allocs[i].Stack) {
				t.Fatalf("Node(%#x): %+v %v, want %+v", a, n, ok, p)
			}
		}
	}
	if n, ok := w.heap.Node(handle); ok {
		t.Errorf("the handle's page has node %+v", n)
	}
}

func TestNoPageHeap(t *testing.T) {
	img := synth.NewImage(synth.X64)
	synth.SegmentHeap(img, synth.X64, 0x100000)
	img.Commit(0x200000, 0x3000, synth.PageReadWrite)
	img.PutU32(0x201000, 0xffeeddcc) // the signature alone
	s := space(t, img)
	for _, a := range []memory.Addr{0x100000, 0x200000, 0x900000} {
		_, err := pageheap.Open(s, a, pageheap.Options{})
		if err == nil || errors.Is(err, pageheap.ErrNotPageHeap) == errors.Is(err, memory.ErrMissing) {
			t.Errorf("Open(%v): %v", a, err)
		}
	}
	if refs := pageheap.Roots(s); len(refs) != 0 {
		t.Errorf("Roots: %v", refs)
	}
}

// TestEmpty is a page heap without an allocation.
func TestEmpty(t *testing.T) {
	for _, k := range kinds {
		img := synth.NewImage(k.arch)
		(&synth.FullPageHeap{Address: handle, Arch: k.arch, Old: k.old}).Build(img)
		w := open(t, space(t, img), handle)
		if len(w.problems)+len(w.checks)+len(w.users()) != 0 {
			t.Errorf("%v: %v %v %v", k, w.problems, w.checks, w.users())
		}
	}
}

// TestSiblings follows the list of page heaps from each to the other, through
// a head that is no page heap.
func TestSiblings(t *testing.T) {
	for _, k := range kinds[:2] {
		img := synth.NewImage(k.arch)
		a := small(k).Build(img)
		second := small(k)
		second.Address = 0xa00000
		b := second.Build(img)
		const head = 0x400100
		ring := []uint64{head, a.FieldAddr("NextHeap"), b.FieldAddr("NextHeap")}
		for i, n := range ring {
			next := ring[(i+1)%3]
			img.PutPtr(n, next)
			img.PutPtr(next+k.arch.PtrSize(), n)
		}
		s := space(t, img)
		if got := open(t, s, handle).heap.Siblings(); !slices.Equal(got, []memory.Addr{0xa00000}) {
			t.Errorf("%v: %v", k, got)
		}
		if got := open(t, s, 0xa00000).heap.Siblings(); !slices.Equal(got, []memory.Addr{handle}) {
			t.Errorf("%v: %v", k, got)
		}
		if got := pageheap.Roots(s); len(got) != 2 {
			t.Errorf("Roots: %v", got)
		}
	}
}

// TestRegionless is a dump without a memory map: only what is saved is known.
func TestRegionless(t *testing.T) {
	for _, k := range kinds {
		img := synth.NewImage(k.arch)
		b := script(k).Build(img)
		var runs []memory.Run
		for _, r := range img.Runs() {
			runs = append(runs, memory.Run{Start: memory.Addr(r.Addr), Bytes: r.Data})
		}
		s := memory.NewSpace(memory.Contents{Runs: runs})
		w := open(t, s, handle)
		if len(w.problems)+len(w.checks) > 0 {
			t.Errorf("%v: %v %v", k, w.problems, w.checks)
		}
		same(t, w, b)
		if refs := pageheap.Roots(s); len(refs) != 1 {
			t.Errorf("Roots: %v", refs)
		}
	}
}

// TestBackwards has guard pages before the data (gflags /backwards).
func TestBackwards(t *testing.T) {
	for _, k := range kinds {
		img := synth.NewImage(k.arch)
		sc := small(k)
		for _, n := range []uint64{3, 0xff8, 0x1801} {
			sc.Allocs = append(sc.Allocs, synth.PageAlloc{Size: n, Backwards: true})
		}
		b := sc.Build(img)
		w := open(t, space(t, img), handle)
		if len(w.problems)+len(w.checks) > 0 {
			t.Errorf("%v: %v %v", k, w.problems, w.checks)
		}
		same(t, w, b)
		img.Commit(b.Blocks[8].Virtual, 1, synth.PageReadWrite)
		if w := open(t, space(t, img), handle); len(w.checks) != 1 || w.checks[0].Code != pageheap.CodeGuard {
			t.Errorf("%v: %v", k, w.checks)
		}
	}
}
