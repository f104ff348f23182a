package refs

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// TestPages: blocks in any order, near to each other, gibibytes apart, of any
// size, overlapping or not, against a sorted list of them.
func TestPages(t *testing.T) {
	for name, c := range map[string]struct {
		n    int
		next func(rnd *rand.Rand, at, size uint64) uint64 // where a block is, by the one before
	}{
		"in order":        {5000, func(rnd *rand.Rand, at, size uint64) uint64 { return at + size + 16*rnd.Uint64N(4) }},
		"far apart":       {3000, func(rnd *rand.Rand, at, size uint64) uint64 { return at + size + rnd.Uint64N(1<<34) }},
		"far apart twice": {3000, func(rnd *rand.Rand, at, size uint64) uint64 { return at + size + rnd.Uint64N(2)*(5<<30) }},
		"in disorder":     {3000, func(rnd *rand.Rand, at, size uint64) uint64 { return 1<<32 + rnd.Uint64N(1<<28) }},
		"all over":        {3000, func(rnd *rand.Rand, at, size uint64) uint64 { return 1<<20 + rnd.Uint64N(1<<46) }},
	} {
		rnd := rand.New(rand.NewPCG(3, 4))
		b := &Blocks{fresh: new(pageMaker)}
		p := b.newParts(&target.Heap{}, 1)[0]
		b.parts = []*part{p}
		at, size := uint64(1<<24), uint64(0)
		var all []looseBlock
		for range c.n {
			at = c.next(rnd, at, size)
			switch rnd.IntN(20) {
			case 0:
				size = sizeBig - 1 + rnd.Uint64N(3)
			case 1:
				size = rnd.Uint64N(1 << 33)
			case 2:
				size = 0
			default:
				size = rnd.Uint64N(500)
			}
			p.add(&heap.Block{Addr: memory.Addr(at), Size: size, State: heap.Busy})
			all = append(all, looseBlock{at, size})
		}
		slices.SortStableFunc(all, func(a, b looseBlock) int { return cmp.Compare(a.user, b.user) })
		x, k, end, dropped := b.Index(), ID(0), uint64(0), 0
		for _, w := range all {
			if w.user < end {
				dropped++
				continue
			}
			end = w.user + max(w.size, 1)
			if int(k) >= x.Len() || uint64(x.User(k)) != w.user || x.Size(k) != w.size {
				t.Fatalf("%s: block %d of %d is not %#x of %d bytes", name, k, x.Len(), w.user, w.size)
			}
			for _, off := range []uint64{0, w.size / 2, max(w.size, 1) - 1} {
				if id, got, what := x.find(w.user + off); what != inBlock || id != k || got != off {
					t.Fatalf("%s: %#x+%d: block %d, offset %d, %v", name, w.user, off, id, got, what)
				}
			}
			k++
		}
		if int(k) != x.Len() || x.Dropped != dropped {
			t.Errorf("%s: %d blocks, %d dropped; want %d and %d", name, x.Len(), x.Dropped, k, dropped)
		}
	}
}

// TestThinPages: blocks that are each far from the one before do not cost a
// page each.
func TestThinPages(t *testing.T) {
	p := &part{fresh: new(pageMaker)}
	for i := range uint64(1000) {
		p.add(&heap.Block{Addr: memory.Addr(1<<30 + i<<33), Size: 16, State: heap.Busy})
	}
	if len(p.pages) > 100 {
		t.Errorf("%d pages for 1000 blocks", len(p.pages))
	}
}

// TestEdgePage: as many edges as a block may have, around each way that they
// are kept.
func TestEdgePage(t *testing.T) {
	counts := []int{0, 1, 2, 0, 254, 255, 256, 1, 1000, 0, 3, maxMany - 700, 600, 254, 254, 2, 5}
	var m edgeMaker
	m.begin(make([]uint32, len(counts)))
	edge := func(i, k int) uint32 { return uint32(i*1000+k)&(several-1) | uint32(k&1)*interior }
	for i, n := range counts {
		edges := make([]uint32, n)
		for k := range edges {
			edges[k] = edge(i, k)
		}
		m.add(edges)
	}
	for range 2 {
		p := m.page()
		for i, n := range counts {
			got := p.of(uint32(i))
			if len(got) != n {
				t.Fatalf("block %d has %d edges, want %d", i, len(got), n)
			}
			for k := range got {
				if got[k] != edge(i, k) {
					t.Fatalf("block %d, edge %d: %#x", i, k, got[k])
				}
			}
		}
		m.begin(make([]uint32, len(counts)))
		for i, n := range counts { // the same once more: a page leaves nothing to the next
			edges := make([]uint32, n)
			for k := range edges {
				edges[k] = edge(i, k)
			}
			m.add(edges)
		}
	}
}

// TestRetainedBeyond4GiB: sums above 32 bits.
func TestRetainedBeyond4GiB(t *testing.T) {
	const each = 3 << 30
	for _, back := range []bool{false, true} {
		m := merger{Index: &Index{}, fresh: new(pageMaker)}
		for id := range uint64(5) {
			m.put(1<<32+id*each, each)
			m.Bytes += each
		}
		var em edgeMaker
		em.begin(make([]uint32, 5))
		for id := range uint32(5) {
			edges := []uint32{min(id+1, 4)}
			if back { // where references meet
				edges = append(edges, max(id, 1)-1)
			}
			em.add(edges)
		}
		d := &domBuilder{Dominators: &Dominators{Reach: &Reach{Roots: &Roots{Graph: &Graph{Index: m.Index, pages: []edgePage{em.page()}}}}}}
		d.all, d.Variables, d.hits, d.first = bitmap{31}, []Variable{{}}, []hit{{0, 0}}, []uint32{0, 1}
		if _, err := d.build(context.Background()); err != nil {
			t.Fatal(err)
		}
		for id := range uint64(5) {
			if got, want := d.kept(d.numberOf[id]), (5-id)*each; got != want {
				t.Errorf("block %d retains %d bytes, want %d", id, got, want)
			}
		}
	}
}
