package refs_test

import (
	"context"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// link is a pointer that a test plants: in block from, at an offset, to an
// offset in block to.
type link struct{ from, at, to, off int }

// graph is a process with one heap of blocks of 64 bytes, the planted links,
// and what else prepare does.
func graph(t *testing.T, arch synth.Arch, n int, links []link, prepare func(b *synth.Built, users []uint64)) *target.Target {
	t.Helper()
	sizes := make([]uint64, n)
	for i := range sizes {
		sizes[i] = 64
	}
	return graphOf(t, arch, sizes, links, prepare)
}

// graphOf is graph of blocks of these sizes.
func graphOf(t *testing.T, arch synth.Arch, sizes []uint64, links []link, prepare func(b *synth.Built, users []uint64)) *target.Target {
	t.Helper()
	p := synth.NewProcess(synth.Win10v1809, arch)
	base := uint64(0x3500000)
	var items []synth.Item
	for _, n := range sizes {
		items = append(items, synth.Busy(n))
	}
	p.AddHeap(&synth.Heap{Address: base, Flags: synth.FlagGrowable, Segments: []synth.Segment{{Reserve: 0x100000, Items: items}}})
	p.Prepare = func(b *synth.Built) {
		users := usersOf(b)
		for _, l := range links {
			put(b, users[l.from]+uint64(l.at), users[l.to]+uint64(l.off))
		}
		if prepare != nil {
			prepare(b, users)
		}
	}
	tg, err := target.Parse("graph", p.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return tg
}

func usersOf(b *synth.Built) (users []uint64) {
	for _, x := range b.Heaps[0].Blocks {
		if x.State == synth.StateBusy {
			users = append(users, x.User)
		}
	}
	return users
}

// put writes a pointer of the process's width.
func put(b *synth.Built, at, v uint64) {
	if b.Image.Arch == synth.X86 {
		b.Image.PutU32(at, uint32(v))
		return
	}
	b.Image.PutU64(at, v)
}

// data is a stretch of private memory outside the heap, a root.
const data = 0x2200000

func root(b *synth.Built, offset int, v uint64) {
	b.Image.Reserve(data, 0x10000, synth.MemPrivate, synth.PageReadWrite)
	put(b, data+uint64(offset), v)
}

// sets is the set of every block of the only heap.
func setsOf(t *testing.T, tg *target.Target, s refs.Steps) (out []string) {
	t.Helper()
	r, err := refs.Take(context.Background(), tg, s)
	if err != nil {
		t.Fatal(err)
	}
	r.In(tg.Heaps, func(id refs.ID) { out = append(out, r.Set(id).String()) })
	return out
}

// TestSets: each set, on both pointer sizes.
func TestSets(t *testing.T) {
	for _, arch := range []synth.Arch{synth.X86, synth.X64} {
		links := []link{
			{0, 0, 1, 0},               // a root leads to 0, and 0 to 1
			{1, 8, 2, 24},              // into the middle of 2
			{4, 0, 5, 0},               // 4 is a head, 5 hangs on it
			{6, 0, 7, 0}, {7, 0, 6, 0}, // a cycle
			{7, 8, 8, 0},                                  // 8 hangs on the cycle
			{9, 16, 9, 0},                                 // points to itself
			{5, 8, 10, 0}, {10, 8, 11, 0}, {11, 8, 10, 0}, // a cycle that hangs on 5
		}
		tg := graph(t, arch, 12, links, func(b *synth.Built, users []uint64) { root(b, 0x40, users[0]) })
		want := []string{"reachable", "reachable", "interior-only", "leaked", "leaked", "indirect", "cycle", "cycle", "indirect", "leaked", "indirect", "indirect"}
		if got := setsOf(t, tg, refs.Steps{}); !slices.Equal(got, want) {
			t.Errorf("%v: %v\nwant %v", arch, got, want)
		}
	}
}

// TestNotReferences: an address just behind a block, an unaligned word, and a
// block that is free keep nothing; the last byte of a block does.
func TestNotReferences(t *testing.T) {
	tg := graph(t, synth.X64, 4, nil, func(b *synth.Built, users []uint64) {
		root(b, 0, users[0]+64)
		put(b, data+0x101, users[1])
		put(b, data+0x200, users[2]+63)
	})
	if got, want := setsOf(t, tg, refs.Steps{}), []string{"leaked", "leaked", "interior-only", "leaked"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got, want := setsOf(t, tg, refs.Steps{Unaligned: true}), []string{"leaked", "reachable", "interior-only", "leaked"}; !slices.Equal(got, want) {
		t.Errorf("unaligned: %v, want %v", got, want)
	}
}

// TestRootsOption: a kind that is left out keeps nothing.
func TestRootsOption(t *testing.T) {
	tg := graph(t, synth.X64, 2, []link{{0, 0, 1, 0}}, func(b *synth.Built, users []uint64) { root(b, 0, users[0]) })
	for names, want := range map[string]string{"private": "reachable", "-private": "leaked", "module": "leaked", "-module": "reachable"} {
		kinds, err := refs.ParseKinds([]string{names})
		if err != nil {
			t.Fatal(err)
		}
		if got := setsOf(t, tg, refs.Steps{Roots: kinds})[0]; got != want {
			t.Errorf("--roots %s: %s, want %s", names, got, want)
		}
	}
	for _, bad := range []string{"lost", "heap", ""} {
		if _, err := refs.ParseKinds([]string{bad}); err == nil {
			t.Errorf("%q is a kind of root", bad)
		}
	}
}

// TestLookup: every address around every block against the blocks themselves,
// with blocks of many sizes, none among them, and large ones.
func TestLookup(t *testing.T) {
	p := synth.NewProcess(synth.Win10v1809, synth.X64)
	var items []synth.Item
	for i := range 3000 {
		items = append(items, synth.Busy(uint64(i*7%90)))
		if i%11 == 0 {
			items = append(items, synth.Free(0x20*uint64(1+i%5)))
		}
	}
	p.AddHeap(&synth.Heap{Address: 0x3500000, Flags: synth.FlagGrowable, Segments: []synth.Segment{{Reserve: 0x100000, Items: items}, {Address: 0x3800000, Reserve: 0x100000, Items: []synth.Item{synth.Busy(10), synth.Busy(0x1fff0)}}},
		Virtual: []synth.Virtual{{Address: 0x3700000, Size: 0x90000}, {Address: 0x4700000, Size: 0x81000}}})
	tg, err := target.Parse("lookup", p.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	b, err := refs.Collect(context.Background(), tg.Heaps, nil)
	if err != nil {
		t.Fatal(err)
	}
	x := b.Index()
	n, bytes := 0, uint64(0)
	for blk := range tg.Heaps[0].NT.Blocks(nil) {
		if blk.State != 0 {
			continue
		}
		n++
		bytes += blk.UserBytes()
		user, size := blk.User(), blk.UserBytes()
		id, ok := x.At(user)
		if !ok || x.User(id) != user || x.Size(id) != size || x.Heap(id) != tg.Heaps[0] {
			t.Fatalf("%v: %v %v", user, id, ok)
		}
		for _, off := range []uint64{1, size / 2, size - 1} {
			if got, ok := x.At(user.Add(off)); size > 1 && off < size && (!ok || got != id) {
				t.Errorf("%v+%d of %d: %v %v", user, off, size, got, ok)
			}
		}
		for _, a := range []memory.Addr{user - 1, user.Add(max(size, 1))} {
			if got, ok := x.At(a); ok && got == id {
				t.Errorf("%v is in the block at %v of %d bytes", a, user, size)
			}
		}
	}
	if x.Len() != n || x.Bytes != bytes || x.Dropped != 0 || n < 3004 {
		t.Errorf("%d blocks of %d bytes, %d dropped; the walk has %d of %d", x.Len(), x.Bytes, x.Dropped, n, bytes)
	}
	for _, a := range []memory.Addr{0, 1, 0x3500000, 0x7fffffffffff, ^memory.Addr(0)} {
		if _, ok := x.At(a); ok {
			t.Errorf("%v is in a block", a)
		}
	}
}

// TestStack: what stands above the stack pointer is a root, what stands below
// is not.
func TestStack(t *testing.T) {
	tg := graph(t, synth.X64, 3, nil, func(b *synth.Built, users []uint64) {
		sp := threadSP(t, b)
		put(b, sp+0x20, users[0])
		put(b, sp-0x20, users[1])
	})
	if got, want := setsOf(t, tg, refs.Steps{}), []string{"stack-only", "leaked", "leaked"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func threadSP(t *testing.T, b *synth.Built) uint64 {
	t.Helper()
	for _, th := range b.Dump.Threads {
		if len(th.Context) > 0xa0 {
			return binary.LittleEndian.Uint64(th.Context[0x98:])
		}
	}
	t.Fatal("no thread has a context")
	return 0
}
