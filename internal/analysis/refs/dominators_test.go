package refs

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
)

// handmade is a graph of n blocks of 16 bytes with the given edges, whose
// roots are one variable for each list of targets.
func handmade(n int, edges [][]uint32, roots [][]uint32) *domBuilder {
	m := merger{Index: &Index{}, fresh: new(pageMaker)}
	for id := range n {
		m.put(uint64(0x10000+id*32), 16)
		m.Bytes += 16
	}
	g, em := &Graph{Index: m.Index}, edgeMaker{}
	for id := range n {
		if id%pageSize == 0 {
			em.begin(make([]uint32, min(pageSize, n-id)))
		}
		if em.add(edges[id]); id%pageSize == pageMask || id == n-1 {
			g.pages = append(g.pages, em.page())
		}
	}
	d := &domBuilder{Dominators: &Dominators{Reach: &Reach{Roots: &Roots{Graph: g}}}}
	d.first = []uint32{0}
	for v, targets := range roots {
		d.Variables = append(d.Variables, Variable{})
		for _, to := range targets {
			d.hits = append(d.hits, hit{uint32(v), to})
		}
		d.first = append(d.first, uint32(len(d.hits)))
	}
	d.all = newBitmap(n)
	for i := range d.all {
		d.all[i] = ^uint64(0)
	}
	if _, err := d.build(context.Background()); err != nil {
		panic(err)
	}
	return d
}

// slowDominator finds dominators by taking nodes away: a dominates b when b is
// reached with a and not without it.
func slowReached(n int, edges, roots [][]uint32, without int) []bool {
	seen := make([]bool, n+len(roots))
	var work []int
	for v := range roots {
		if n+v != without {
			work = append(work, n+v)
		}
	}
	for len(work) > 0 {
		x := work[len(work)-1]
		work = work[:len(work)-1]
		if seen[x] {
			continue
		}
		seen[x] = true
		next := []uint32(nil)
		if x < n {
			next = edges[x]
		} else {
			next = roots[x-n]
		}
		for _, to := range next {
			if int(to&^interior) != without {
				work = append(work, int(to&^interior))
			}
		}
	}
	return seen
}

// TestDominators: random graphs against the definition.
func TestDominators(t *testing.T) {
	rnd := rand.New(rand.NewPCG(6, 6))
	for round := range 400 {
		n := 1 + rnd.IntN(14)
		edges, roots := make([][]uint32, n), make([][]uint32, 1+rnd.IntN(3))
		for range rnd.IntN(3 * n) {
			i := rnd.IntN(n)
			edges[i] = append(edges[i], uint32(rnd.IntN(n))|uint32(rnd.IntN(2))<<31)
		}
		for v := range roots {
			roots[v] = append(roots[v], uint32(rnd.IntN(n)))
		}
		d := handmade(n, edges, roots)
		whole := slowReached(n, edges, roots, -1)
		for b, reached := range whole {
			if (d.numberOf[b] != 0) != reached {
				t.Fatalf("round %d: node %d reached: %v", round, b, reached)
			}
			if !reached {
				continue
			}
			var want []int // the dominators of b, by definition
			for a := range whole {
				if a != b && whole[a] && !slowReached(n, edges, roots, a)[b] {
					want = append(want, a)
				}
			}
			var got []int
			for w := d.idom[d.numberOf[b]]; w != top; w = d.idom[w] {
				got = append(got, int(d.vertex[w]))
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Fatalf("round %d: node %d is dominated by %v, want %v; edges %v, roots %v", round, b, got, want, edges, roots)
			}
			if bytes := d.kept(d.numberOf[b]); b < n {
				sum := uint64(0)
				without := slowReached(n, edges, roots, b)
				for a := range n {
					if whole[a] && !without[a] {
						sum += 16
					}
				}
				if bytes != sum {
					t.Fatalf("round %d: node %d retains %d, want %d", round, b, bytes, sum)
				}
			}
		}
	}
}

// TestLongList: two million blocks, each of which leads to the next and back.
func TestLongList(t *testing.T) {
	const n = 2_000_000
	edges := make([][]uint32, n)
	flat := make([]uint32, 2*n)
	for i := range edges {
		flat[2*i], flat[2*i+1] = uint32(min(i+1, n-1)), uint32(max(i-1, 0))
		edges[i] = flat[2*i : 2*i+2]
	}
	d := handmade(n, edges, [][]uint32{{0}})
	if got := d.kept(d.numberOf[n/2]); got != (n-n/2)*16 {
		t.Errorf("the block in the middle retains %d bytes", got)
	}
	if got := d.blocks[d.numberOf[n]]; got != n {
		t.Errorf("the root retains %d blocks", got)
	}
}
