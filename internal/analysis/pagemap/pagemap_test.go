package pagemap_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/analysis/pagemap"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
)

func parse(t testing.TB, data []byte) *target.Target {
	t.Helper()
	tg, err := target.Parse("test.dmp", data)
	if err != nil {
		t.Fatal(err)
	}
	return tg
}

func take(t testing.TB, tg *target.Target, o pagemap.Options) *pagemap.Result {
	t.Helper()
	r, err := pagemap.Take(context.Background(), tg, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var plenty = pagemap.Options{Cells: 10_000, Nodes: 2000}

// closed checks that each node is the sum of its children, and counts nodes.
func closed(t testing.TB, n *pagemap.Node) int {
	t.Helper()
	all := 1
	var bytes, reserved uint64
	blocks := 0
	names := map[string]bool{}
	for i := range n.Children {
		c := &n.Children[i]
		bytes, reserved, blocks = bytes+c.Bytes, reserved+c.Reserved, blocks+c.Blocks
		all += closed(t, c)
		if names[c.Name] {
			t.Errorf("%s has two children %s", n.Name, c.Name)
		}
		names[c.Name] = true
	}
	if len(n.Children) > 0 && (bytes != n.Bytes || reserved != n.Reserved || blocks != n.Blocks) {
		t.Errorf("%s: %d bytes, %d reserved, %d blocks; its children %d, %d, %d", n.Name, n.Bytes, n.Reserved, n.Blocks, bytes, reserved, blocks)
	}
	if n.Reserved < n.Bytes {
		t.Errorf("%s: %d bytes in %d of address space", n.Name, n.Bytes, n.Reserved)
	}
	return all
}

// child goes down by names.
func child(t testing.TB, n *pagemap.Node, names ...string) *pagemap.Node {
	t.Helper()
	for _, name := range names {
		var next *pagemap.Node
		var there []string
		for i := range n.Children {
			if there = append(there, n.Children[i].Name); n.Children[i].Name == name {
				next = &n.Children[i]
			}
		}
		if next == nil {
			t.Fatalf("%s has no child %q; it has %q", n.Name, name, there)
		}
		n = next
	}
	return n
}

// cells checks that each cell is full, and that all of them are the sums.
func cells(t testing.TB, m *pagemap.Map) {
	t.Helper()
	var sums pagemap.Sums
	for _, p := range m.Parts {
		left := p.Size()
		for i, c := range p.Cells {
			full := uint64(0)
			for k, n := range c {
				full += n
				sums[k] += n
			}
			if want := min(left, m.Cell); full != want {
				t.Fatalf("heap %v, %v: cell %d has %d bytes, want %d", m.Heap.Address, p.Range, i, full, want)
			}
			left -= min(left, m.Cell)
		}
		if left != 0 {
			t.Fatalf("%v: %d bytes without a cell", p.Range, left)
		}
	}
	if m.Left == 0 && sums != m.Sums {
		t.Errorf("heap %v: the cells hold %v, the heap %v", m.Heap.Address, sums, m.Sums)
	}
}

// agree compares a result with the census of the same dump, which counts by
// other code: every committed and reserved byte of each heap.
func agree(t testing.TB, tg *target.Target, r *pagemap.Result) {
	t.Helper()
	c, err := census.Take(context.Background(), tg, tg.Own(), nil)
	if err != nil {
		t.Fatal(err)
	}
	user, blocks := uint64(0), 0
	for i := range c.Heaps {
		h := &c.Heaps[i]
		user, blocks = user+h.BusyUser, blocks+h.BusyBlocks
		for k := range r.Maps {
			m := &r.Maps[k]
			if m.Heap != h.Target {
				continue
			}
			s := m.Sums
			got := [...]uint64{s[pagemap.Busy] + s[pagemap.LFH], s[pagemap.Free] + s[pagemap.FreeLFH], s[pagemap.Meta] + h.FrontEndCommitted, s[pagemap.Lost],
				s[pagemap.Uncommitted] + h.FrontEndReserved - h.FrontEndCommitted}
			if want := [...]uint64{h.BusyUser + h.Overhead, h.Free, h.Internal, h.Lost, h.Uncommitted}; got != want {
				t.Errorf("heap %v: busy, free, internal, lost, uncommitted %d, want %d", h.Target.Address, got, want)
			}
			if s[pagemap.LFH] != h.Counts[heap.Busy][heap.LFH].Bytes || s[pagemap.FreeLFH] != h.Counts[heap.Free][heap.LFH].Bytes {
				t.Errorf("heap %v: %d and %d bytes of slots", h.Target.Address, s[pagemap.LFH], s[pagemap.FreeLFH])
			}
		}
	}
	if r.Busy != user || r.Stacks.Bytes != user || r.Stacks.Blocks != blocks || r.Space.Blocks != blocks {
		t.Errorf("%d bytes in use, %d and %d blocks; the census has %d and %d", r.Busy, r.Stacks.Blocks, r.Space.Blocks, user, blocks)
	}
}

// byHand is a heap whose every byte is known: x64, so that blocks are
// multiples of 16 with a header of 16, of which 8 are the block's before.
func byHand() *synth.Process {
	p := synth.NewProcess(synth.Win7, synth.X64)
	p.AddHeap(&synth.Heap{Address: 0x1d0000,
		Segments: []synth.Segment{{Reserve: 0x10000, Items: []synth.Item{synth.Busy(0x3000), synth.Busy(24), synth.Busy(24), synth.Free(0x800), synth.Uncommitted(0x4000), synth.Busy(100)}}},
		Virtual:  []synth.Virtual{{Address: 0x800000, Size: 0x100000, Reserve: 0x200000}}})
	return p
}

// TestByHand: the tree and the map of a heap of a few blocks.
func TestByHand(t *testing.T) {
	b := byHand().Build()
	tg := parse(t, b.Dump.Bytes())
	r := take(t, tg, plenty)
	closed(t, &r.Space)
	closed(t, &r.Stacks)
	agree(t, tg, r)
	if len(r.Maps) != 1 || r.Stacked != 0 || r.Untyped || r.Unmapped != 0 {
		t.Fatalf("%d maps, %d bytes with stacks", len(r.Maps), r.Stacked)
	}
	truth := b.Heaps[0].Truth()
	segment := child(t, &r.Space, "heaps", pagemap.HeapName(tg.Heaps[0]), "segment 0x1d0000")
	if segment.Bytes != truth.Reserved-truth.Uncommitted || segment.Reserved != truth.Reserved {
		t.Errorf("the segment: %d of %d, want %d of %d", segment.Bytes, segment.Reserved, truth.Reserved-truth.Uncommitted, truth.Reserved)
	}
	for name, want := range map[string]uint64{"free": truth.FreeBytes, "the heap's own structures": truth.IntlBytes} {
		if n := child(t, segment, name); n.Bytes != want || n.Blocks != 0 {
			t.Errorf("%s: %d bytes, want %d", name, n.Bytes, want)
		}
	}
	if n := child(t, segment, "reserved, without memory"); n.Bytes != 0 || n.Reserved != truth.Uncommitted {
		t.Errorf("without memory: %d of %d, want 0 of %d", n.Bytes, n.Reserved, truth.Uncommitted)
	}
	large := child(t, &r.Space, "heaps", pagemap.HeapName(tg.Heaps[0]), "large blocks")
	if large.Blocks != 1 || large.Reserved != 0x200000 || large.Bytes != b.Heaps[0].Virtuals[0].Commit {
		t.Errorf("large blocks: %d, %#x of %#x", large.Blocks, large.Bytes, large.Reserved)
	}
	m := &r.Maps[0]
	cells(t, m)
	if m.Cell != 0x1000 || len(m.Parts) != 2 || m.Parts[0].Start != 0x1d0000 || m.Parts[1].Start != 0x800000 || !m.Parts[1].Large {
		t.Fatalf("%#x, %+v", m.Cell, m.Parts)
	}
	// The first busy block is 0x3010 bytes: it starts in the first page behind
	// the heap's header and takes the second and third whole.
	seg := m.Parts[0].Cells
	if seg[0][pagemap.Meta] == 0 || seg[0][pagemap.Busy]+seg[0][pagemap.Meta] != 0x1000 || seg[1][pagemap.Busy] != 0x1000 || seg[2][pagemap.Busy] != 0x1000 {
		t.Errorf("the first pages: %v", seg[:3])
	}
	if big := m.Parts[1].Cells; big[0][pagemap.Busy] != 0x1000 || big[0xff][pagemap.Busy] != 0x1000 || big[0x1ff][pagemap.Uncommitted] != 0x1000 {
		t.Error("the large block's pages are not busy at its start and without memory at its end")
	}
}

// TestCloses: on random heaps of every kind, damaged ones included, with room
// for much and for little, all sums close.
func TestCloses(t *testing.T) {
	for _, f := range synth.Families() {
		for _, a := range []synth.Arch{synth.X86, synth.X64} {
			t.Run(fmt.Sprint(f, "-", a), func(t *testing.T) {
				r := rand.New(rand.NewPCG(uint64(f), uint64(a)))
				p := synth.NewProcess(f, a)
				for i := range 3 {
					p.AddHeap(synth.RandomHeap(r, f, a, 0x4000000+uint64(i)*0x2000000))
				}
				b := p.Build()
				for k, blk := range b.Heaps[1].Blocks {
					if k%23 == 7 {
						b.Image.PutU64(blk.Entry+uint64(a.Unit())-8, 0x4141414141414141)
					}
				}
				tg := parse(t, b.Redump().Bytes())
				for _, o := range []pagemap.Options{plenty, {Cells: 50, Nodes: 12}, {Cells: 1, Nodes: 2}} {
					got := take(t, tg, o)
					agree(t, tg, got)
					for _, n := range []*pagemap.Node{&got.Space, &got.Stacks} {
						if all := closed(t, n); all > o.Nodes+4 {
							t.Errorf("%d nodes, %d asked for", all, o.Nodes)
						}
					}
					for i := range got.Maps {
						cells(t, &got.Maps[i])
						n := 0
						for _, x := range got.Maps[i].Parts {
							n += len(x.Cells)
						}
						if most := max(64, 2*len(got.Maps[i].Parts), o.Cells); n > most {
							t.Errorf("%d cells, at most %d", n, most)
						}
					}
				}
			})
		}
	}
}

// TestAnyOrder: the result is the same on one processor and on four.
func TestAnyOrder(t *testing.T) {
	p := synth.NewProcess(synth.Win10v1809, synth.X64)
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 4 {
		p.AddHeap(synth.RandomHeap(r, synth.Win10v1809, synth.X64, 0x4000000+uint64(i)*0x2000000))
	}
	tg := parse(t, p.Build().Dump.Bytes())
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	want := take(t, tg, pagemap.Options{Cells: 300, Nodes: 60})
	runtime.GOMAXPROCS(4)
	for range 10 {
		if got := take(t, tg, pagemap.Options{Cells: 300, Nodes: 60}); !reflect.DeepEqual(got, want) {
			t.Fatal("the result depends on the order of the walks")
		}
	}
}

// TestStacks: blocks with stacks stand under their frames, callers first, and
// the others are said to have none.
func TestStacks(t *testing.T) {
	tg := parse(t, synth.Leak().Build().Dump.Bytes())
	r := take(t, tg, plenty)
	closed(t, &r.Stacks)
	agree(t, tg, r)
	if r.Stacked == 0 || r.Stacked >= r.Busy {
		t.Fatalf("%d of %d bytes have a stack", r.Stacked, r.Busy)
	}
	none := child(t, &r.Stacks, "(no stack recorded)")
	if none.Bytes != r.Busy-r.Stacked {
		t.Errorf("%d bytes without a stack, want %d", none.Bytes, r.Busy-r.Stacked)
	}
	n := &r.Stacks.Children[0]
	for len(n.Children) > 0 {
		if n.Kind != "frame" {
			t.Fatalf("%s is a %s", n.Name, n.Kind)
		}
		n = &n.Children[0]
	}
	if !strings.HasPrefix(n.Name, "ntdll") {
		t.Errorf("the innermost frame is %s", n.Name)
	}
}

// TestMemory: where tables would be too large, blocks are by size alone.
func TestMemory(t *testing.T) {
	tg := parse(t, synth.Demo().Build().Dump.Bytes())
	typed := take(t, tg, plenty)
	bare := take(t, tg, pagemap.Options{Cells: 10_000, Nodes: 2000, MaxMemory: 100})
	if typed.Untyped || !bare.Untyped {
		t.Fatal("not what --max-memory asks for")
	}
	if !owned(&typed.Space) || owned(&bare.Space) {
		t.Error("owners where there should be none, or none where there should be")
	}
	if bare.Space.Bytes != typed.Space.Bytes || bare.Busy != typed.Busy {
		t.Error("the sums are others")
	}
	closed(t, &bare.Space)
}

func owned(n *pagemap.Node) bool {
	if n.Kind == "owner" {
		return true
	}
	for i := range n.Children {
		if owned(&n.Children[i]) {
			return true
		}
	}
	return false
}

// TestPageHeap: a page heap's ranges are its map's parts.
func TestPageHeap(t *testing.T) {
	p := synth.NewProcess(synth.Win7, synth.X86)
	p.AddHeap(&synth.Heap{Address: 0x250000, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(24)}}}})
	p.Prepare = func(b *synth.Built) {
		(&synth.FullPageHeap{Address: 0x4fd0000, Arch: synth.X86, NormalHeap: 0x250000, Allocs: []synth.PageAlloc{{Size: 0x40}, {Size: 100, Freed: true}, {Size: 0x1800}}}).Build(b.Image)
	}
	tg := parse(t, p.Build().Dump.Bytes())
	r := take(t, tg, plenty)
	agree(t, tg, r)
	closed(t, &r.Space)
	found := false
	for i := range r.Maps {
		cells(t, &r.Maps[i])
		if p := r.Maps[i].Heap.Page; p != nil {
			found = len(r.Maps[i].Parts) == len(p.Ranges) && r.Maps[i].Parts[0].Range == p.Ranges[0]
		}
	}
	if !found {
		t.Error("no map of the page heap")
	}
}

func TestCancelled(t *testing.T) {
	tg := parse(t, byHand().Build().Dump.Bytes())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if r, err := pagemap.Take(ctx, tg, plenty); !errors.Is(err, context.Canceled) || r != nil {
		t.Errorf("%v, %v", r, err)
	}
}

// TestSlots: the slots of the low-fragmentation heap stand apart from the
// segments that they lie in, under their buckets.
func TestSlots(t *testing.T) {
	var w bytes.Buffer
	if _, err := synth.WriteBig(&w, synth.BigOptions{Bytes: 12 << 20, Blocks: 30_000, Heaps: 2, Seed: 3, LFH: true}); err != nil {
		t.Fatal(err)
	}
	tg := parse(t, w.Bytes())
	r := take(t, tg, plenty)
	agree(t, tg, r)
	closed(t, &r.Space)
	for i := range r.Maps {
		cells(t, &r.Maps[i])
		if s := r.Maps[i].Sums; s[pagemap.LFH] == 0 || s[pagemap.FreeLFH] == 0 {
			t.Errorf("no slots: %v", s)
		}
	}
	if n := child(t, &r.Space, "heaps", pagemap.HeapName(tg.Heaps[0]), "low-fragmentation heap"); len(n.Children) == 0 || !strings.HasPrefix(n.Children[0].Name, "LFH bucket ") {
		t.Errorf("%+v", n.Children)
	}
}
