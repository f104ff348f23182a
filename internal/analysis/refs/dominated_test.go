package refs

import (
	"math/rand/v2"
	"testing"
)

// reachedWithout are the blocks that roots reach without passing one of a
// group.
func reachedWithout(n int, edges, roots [][]uint32, out func(int) bool) int {
	seen := make([]bool, n)
	var work []uint32
	for _, targets := range roots {
		work = append(work, targets...)
	}
	count := 0
	for len(work) > 0 {
		id := work[len(work)-1] &^ interior
		work = work[:len(work)-1]
		if seen[id] || out(int(id)) {
			continue
		}
		seen[id] = true
		count++
		work = append(work, edges[id]...)
	}
	return count
}

// TestRetainedBy: random graphs of blocks of 16 bytes in groups, against the
// definition: what is lost when one or another block of the group is taken
// away. All of them together may keep more.
func TestRetainedBy(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	for round := range 400 {
		n, groups := 1+rnd.IntN(14), 1+rnd.IntN(4)
		edges, roots := make([][]uint32, n), make([][]uint32, 1+rnd.IntN(3))
		for range rnd.IntN(3 * n) {
			i := rnd.IntN(n)
			edges[i] = append(edges[i], uint32(rnd.IntN(n)))
		}
		for range 1 + rnd.IntN(3) {
			v := rnd.IntN(len(roots))
			roots[v] = append(roots[v], uint32(rnd.IntN(n)))
		}
		of := make([]int, n)
		for i := range of {
			of[i] = rnd.IntN(groups + 1) // the last is none
		}
		d := handmade(n, edges, roots).Dominators
		got := d.RetainedBy(groups, func(id ID) int { return of[id] })
		all := reachedWithout(n, edges, roots, func(int) bool { return false })
		for g, bytes := range got {
			// Blocks below a block of the group in the dominator tree: those that
			// are lost when that one block is taken away.
			lost := map[int]bool{}
			for b := range n {
				if of[b] != g {
					continue
				}
				for x := range n {
					if lost[x] {
						continue
					}
					with := slowReached(n, edges, roots, -1)[x]
					lost[x] = with && (x == b || !slowReached(n, edges, roots, b)[x])
				}
			}
			want := 0
			for _, l := range lost {
				if l {
					want++
				}
			}
			if bytes != uint64(16*want) {
				t.Fatalf("round %d, group %d: %d bytes, want %d\nedges %v roots %v of %v", round, g, bytes, 16*want, edges, roots, of)
			}
			if together := all - reachedWithout(n, edges, roots, func(b int) bool { return of[b] == g }); want > together {
				t.Fatalf("round %d: %d of %d blocks", round, want, together)
			}
		}
	}
}

// TestRetainedByOfAList: a long chain takes no recursion, and is in its first
// block's sum once.
func TestRetainedByOfAList(t *testing.T) {
	const n = 300000
	edges := make([][]uint32, n)
	for i := range n - 1 {
		edges[i] = []uint32{uint32(i + 1)}
	}
	d := handmade(n, edges, [][]uint32{{0}}).Dominators
	got := d.RetainedBy(2, func(id ID) int { return int(id % 2) })
	if got[0] != 16*n || got[1] != 16*(n-1) {
		t.Errorf("%v of %d bytes", got, 16*n)
	}
}
