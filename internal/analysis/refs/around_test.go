package refs_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
)

// edges are edges in a form to compare: level, what holds the word and where,
// what it leads to and where.
func edges(all []refs.Edge) (out []string) {
	for _, e := range all {
		from := fmt.Sprint(e.From)
		if e.Root != nil {
			from = e.Root.Name()
		}
		out = append(out, fmt.Sprintf("%d: %s+%d -> %d+%d %v", e.Level, from, e.Offset, e.To, e.Into, e.Exact))
	}
	return out
}

// TestAround: a diamond with a way back, a pointer into a block, and one to
// the block itself.
func TestAround(t *testing.T) {
	links := []link{{0, 8, 1, 0}, {0, 16, 2, 24}, {1, 0, 3, 0}, {2, 0, 3, 8}, {3, 40, 0, 0}, {3, 48, 3, 0}, {4, 0, 1, 0}}
	tg := graph(t, synth.X64, 5, links, func(b *synth.Built, u []uint64) { root(b, 0x40, u[0]); root(b, 0x80, u[3]) })
	ctx := context.Background()
	r, err := refs.Take(ctx, tg, refs.Steps{})
	if err != nil {
		t.Fatal(err)
	}
	const private = "private memory at 0x2200000"
	in := []string{"1: " + private + "+128 -> 3+0 true", "1: 1+0 -> 3+0 true", "1: 2+0 -> 3+8 false"}
	in2 := []string{"2: 0+8 -> 1+0 true", "2: 0+16 -> 2+24 false", "2: 4+0 -> 1+0 true"}
	in3 := []string{"3: " + private + "+64 -> 0+0 true", "3: 3+40 -> 0+0 true"}
	out := []string{"1: 3+40 -> 0+0 true"}
	out2 := []string{"2: 0+8 -> 1+0 true", "2: 0+16 -> 2+24 false"}
	for depth, want := range [][2][]string{1: {in, out}, 2: {slices.Concat(in, in2), slices.Concat(out, out2)}, 3: {slices.Concat(in, in2, in3), nil}} {
		if depth == 0 {
			continue
		}
		a, err := r.Around(ctx, 3, depth, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := edges(a.In); !slices.Equal(got, want[0]) || a.MoreIn != 0 {
			t.Errorf("depth %d in: %q, want %q", depth, got, want[0])
		}
		if got := edges(a.Out); want[1] != nil && !slices.Equal(got, want[1]) {
			t.Errorf("depth %d out: %q, want %q", depth, got, want[1])
		}
	}
	a, err := r.Around(ctx, 3, 3, 2)
	if err != nil || !slices.Equal(edges(a.In), in[:2]) || a.MoreIn != 1 || !slices.Equal(a.Others(), []refs.ID{0, 1}) || a.InCut != 1 || a.OutCut != 2 {
		t.Errorf("%q and %d more, %v, cut at %d and %d, %v", edges(a.In), a.MoreIn, a.Others(), a.InCut, a.OutCut, err)
	}
}

// TestTraces: a stack trace database keeps no block, whatever its entries
// hold; private memory beside it does.
func TestTraces(t *testing.T) {
	for _, arch := range []synth.Arch{synth.X86, synth.X64} {
		tg := graph(t, arch, 2, nil, func(b *synth.Built, users []uint64) {
			const at = 0x6000000
			b.Image.Reserve(at, 0x100000, synth.MemPrivate, synth.PageReadWrite)
			db := &synth.TraceDB{Address: at, Family: synth.Win10v1809, Arch: arch, Stacks: [][]uint64{{users[0], users[0] + 8}, {users[0]}}}
			db.Build(b.Image)
			root(b, 0x40, users[1])
		})
		if got, want := setsOf(t, tg, refs.Steps{}), []string{"leaked", "reachable"}; !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v", arch, got, want)
		}
	}
}

// TestLight: behind light page heap's header a block begins; what the header
// points to is not the program's, and what was freed is no leak of it.
func TestLight(t *testing.T) {
	for _, arch := range []synth.Arch{synth.X86, synth.X64} {
		r := reach(t, light(t, arch))
		var got []string
		r.In(r.Heaps, func(id refs.ID) {
			if r.Size(id) == lightBlock {
				got = append(got, r.Set(id).String())
			}
		})
		if want := []string{"reachable", "leaked", "kept", "interior-only"}; !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v", arch, got, want)
		}
	}
}

// lightBlock is the user bytes that the test's light blocks have in the heap;
// 16 of them are page heap's own behind the program's.
const lightBlock = 160

// light is a process whose page heap hands out light blocks: one that a root
// leads to, one that only the header of the first and a freed block point to,
// the freed one, and one that a root leads into.
func light(t *testing.T, arch synth.Arch) *target.Target {
	t.Helper()
	const page, normal = 0x900000, 0x3500000
	head := uint64(8 * arch.PtrSize()) // DPH_BLOCK_INFORMATION
	item := func(freed bool) synth.Item {
		i := synth.Busy(lightBlock)
		i.Make = synth.LightBlock(arch, page, lightBlock-head-16, 16, 0, freed)
		return i
	}
	p := synth.NewProcess(synth.Win7, arch)
	p.AddHeap(&synth.Heap{Address: normal, Flags: synth.FlagGrowable, Segments: []synth.Segment{{Items: []synth.Item{item(false), item(false), item(true), item(false)}}}})
	p.Prepare = func(b *synth.Built) {
		(&synth.FullPageHeap{Address: page, Arch: arch, NormalHeap: normal, Allocs: []synth.PageAlloc{{Size: 10}}}).Build(b.Image)
		u := usersOf(b)
		put(b, u[0]+uint64(4*arch.PtrSize()), u[1]+head) // in the header: its queue of freed blocks
		put(b, u[2]+head, u[1]+head)                     // in a freed block
		root(b, 0x40, u[0]+head)
		root(b, 0x80, u[1]) // to the header itself
		root(b, 0xc0, u[3]+head+8)
	}
	tg, err := target.Parse("light", p.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return tg
}
