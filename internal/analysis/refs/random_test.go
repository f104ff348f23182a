package refs_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/synth"
)

// model is a graph by definition: no algorithm of the package's is in it.
type model struct {
	n     int
	links []link
	roots []seed
}

// seed is a pointer of a root to an offset in a block.
type seed struct {
	to, off int
	stack   bool
}

// reached is what some roots lead to: n rounds over all links.
func (m *model) reached(take func(seed) bool, follow func(link) bool) []bool {
	seen := make([]bool, m.n)
	for _, s := range m.roots {
		if take(s) {
			seen[s.to] = true
		}
	}
	for range m.n {
		for _, l := range m.links {
			if seen[l.from] && follow(l) {
				seen[l.to] = true
			}
		}
	}
	return seen
}

// sets says of each block what the words for the sets promise.
func (m *model) sets() []string {
	every := func(link) bool { return true }
	all := m.reached(func(seed) bool { return true }, every)
	lasting := m.reached(func(s seed) bool { return !s.stack }, every)
	exact := m.reached(func(s seed) bool { return s.off == 0 }, func(l link) bool { return l.off == 0 })
	leads := make([][]bool, m.n) // over unreachable blocks, one link or more
	for i := range leads {
		leads[i] = make([]bool, m.n)
		for _, l := range m.links {
			if l.from == i && l.to != i && !all[i] && !all[l.to] {
				leads[i][l.to] = true
			}
		}
	}
	for k := range m.n {
		for i := range m.n {
			for j := range m.n {
				leads[i][j] = leads[i][j] || leads[i][k] && leads[k][j]
			}
		}
	}
	out := make([]string, m.n)
	for b := range out {
		switch {
		case all[b] && !lasting[b]:
			out[b] = "stack-only"
		case all[b] && !exact[b]:
			out[b] = "interior-only"
		case all[b]:
			out[b] = "reachable"
		default:
			out[b] = "leaked"
			for a := range m.n {
				if leads[a][b] && out[b] == "leaked" {
					out[b] = "cycle"
				}
				if leads[a][b] && !leads[b][a] {
					out[b] = "indirect"
				}
			}
		}
	}
	return out
}

// distance is the fewest references from a root to each block; 0 of those that
// none leads to.
func (m *model) distance() []int {
	out := make([]int, m.n)
	for _, s := range m.roots {
		out[s.to] = 1
	}
	for d := 1; d <= m.n; d++ {
		for _, l := range m.links {
			if out[l.from] == d && out[l.to] == 0 {
				out[l.to] = d + 1
			}
		}
	}
	return out
}

func randomModel(rnd *rand.Rand) *model {
	m := &model{n: 2 + rnd.IntN(24)}
	offsets := []int{0, 0, 0, 8, 24, 63}
	used := map[[2]int]bool{} // one link for each word
	for range rnd.IntN(2 * m.n) {
		from, at := rnd.IntN(m.n), 8*rnd.IntN(8)
		if !used[[2]int{from, at}] {
			used[[2]int{from, at}] = true
			m.links = append(m.links, link{from, at, rnd.IntN(m.n), offsets[rnd.IntN(len(offsets))]})
		}
	}
	for range rnd.IntN(4) {
		m.roots = append(m.roots, seed{rnd.IntN(m.n), offsets[rnd.IntN(len(offsets))], rnd.IntN(2) == 0})
	}
	return m
}

// TestRandomGraphs: the sets and the lengths of the shortest paths of random
// graphs, cycles and all, against the model.
func TestRandomGraphs(t *testing.T) {
	rnd := rand.New(rand.NewPCG(20, 26))
	met := map[string]int{}
	for round := range 400 {
		m := randomModel(rnd)
		tg := graph(t, synth.X64, m.n, m.links, func(b *synth.Built, users []uint64) {
			sp := threadSP(t, b)
			root(b, 0, 0)
			for i, s := range m.roots {
				at := data + uint64(0x40+8*i)
				if s.stack {
					at = sp + uint64(0x20+8*i)
				}
				put(b, at, users[s.to]+uint64(s.off))
			}
		})
		ctx := context.Background()
		r, err := refs.Take(ctx, tg, refs.Steps{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		r.In(tg.Heaps, func(id refs.ID) { got = append(got, r.Set(id).String()) })
		want, far := m.sets(), m.distance()
		if !slices.Equal(got, want) {
			t.Fatalf("round %d: %v\nwant %v\nlinks %v, roots %v", round, got, want, m.links, m.roots)
		}
		for id, d := range far {
			ways, err := r.Why(ctx, refs.ID(id), 1)
			hops := 0
			if len(ways) > 0 {
				hops = len(ways[0].Hops)
			}
			if err != nil || hops != d {
				t.Fatalf("round %d: block %d is %d references away, want %d (%v); links %v, roots %v", round, id, hops, d, err, m.links, m.roots)
			}
			met[want[id]]++
		}
	}
	for _, set := range []string{"reachable", "interior-only", "stack-only", "leaked", "indirect", "cycle"} {
		if met[set] < 50 {
			t.Errorf("the graphs have only %d blocks of set %s: the test tests little", met[set], set)
		}
	}
}
