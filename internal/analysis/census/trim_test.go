package census

import (
	"testing"

	"github.com/heapdump/heapdump/pkg/diag"
)

// The limit on problems is one for all heaps: the first heaps keep theirs, and
// what is beyond is counted.
func TestProblemsHaveOneLimitForAllHeaps(t *testing.T) {
	left := 5
	heaps := make([]Heap, 3)
	for i := range heaps {
		heaps[i].Problems = make([]diag.Problem, 3)
		for k := range heaps[i].Problems {
			heaps[i].Problems[k].Lost = uint64(10*i + k)
		}
		heaps[i].Dropped = 7
		heaps[i].trim(&left)
	}
	for i, want := range []struct{ kept, dropped int }{{3, 7}, {2, 8}, {0, 10}} {
		if h := heaps[i]; len(h.Problems) != want.kept || h.Dropped != want.dropped {
			t.Errorf("heap %d: %d kept, %d dropped, want %+v", i, len(h.Problems), h.Dropped, want)
		}
	}
	if got := heaps[1].Problems[1].Lost; got != 11 || left != 0 {
		t.Errorf("heap 1 kept %d, %d left", got, left)
	}
	for _, p := range newParts(2) {
		if p.list.Limit != partLimit {
			t.Errorf("a part keeps %d problems", p.list.Limit)
		}
	}
}
