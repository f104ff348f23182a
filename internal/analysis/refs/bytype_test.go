package refs

import (
	"context"
	"math/rand/v2"
	"testing"
)

// TestByType: random graphs against the definition: a type's blocks that no
// other of the type dominates, and what each leads to alone.
func TestByType(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	for round := range 200 {
		n := 1 + rnd.IntN(14)
		edges, roots, names := make([][]uint32, n), make([][]uint32, 1+rnd.IntN(3)), make([]string, n)
		for i := range names {
			names[i] = string("abc"[rnd.IntN(3)])
		}
		for range rnd.IntN(3 * n) {
			i := rnd.IntN(n)
			edges[i] = append(edges[i], uint32(rnd.IntN(n)))
		}
		for v := range roots {
			roots[v] = append(roots[v], uint32(rnd.IntN(n)))
		}
		d := handmade(n, edges, roots).Dominators
		got, err := d.ByType(context.Background(), func(id ID) (string, string) { return names[id], "made" })
		if err != nil {
			t.Fatal(err)
		}
		whole := slowReached(n, edges, roots, -1)
		want, blocks := map[string]uint64{}, map[string]int{}
		for b := range n {
			if !whole[b] {
				continue
			}
			blocks[names[b]]++
			under := false
			for a := range n {
				under = under || a != b && whole[a] && names[a] == names[b] && !slowReached(n, edges, roots, a)[b]
			}
			without := slowReached(n, edges, roots, b)
			for a := range n {
				if !under && whole[a] && !without[a] {
					want[names[b]] += 16
				}
			}
		}
		if len(got) != len(blocks) {
			t.Fatalf("round %d: %+v", round, got)
		}
		for i, g := range got {
			if g.Retained != want[g.Type] || g.Under*16 != int(g.Retained) || g.Blocks != blocks[g.Type] || i > 0 && got[i-1].Retained < g.Retained {
				t.Fatalf("round %d: %+v, want %v and %v", round, got, want, blocks)
			}
		}
	}
}
