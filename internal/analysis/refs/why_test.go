package refs_test

import (
	"context"
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/synth"
)

// TestWhy: of two paths the shorter, hop by hop, and none to what is
// unreachable.
func TestWhy(t *testing.T) {
	links := []link{{0, 8, 1, 16}, {1, 24, 2, 0}, {2, 0, 3, 0}, {1, 32, 3, 8}}
	var users []uint64
	tg := graph(t, synth.X64, 5, links, func(b *synth.Built, u []uint64) { users = u; root(b, 0x40, u[0]) })
	ctx := context.Background()
	r, err := refs.Take(ctx, tg, refs.Steps{})
	if err != nil {
		t.Fatal(err)
	}
	ways, err := r.Why(ctx, 3, 10)
	if err != nil || len(ways) != 2 || len(ways[0].Hops) != 3 || ways[0].Root.Name() != "private memory at 0x2200000" {
		t.Fatalf("%+v %v", ways, err)
	}
	way := ways[0]
	var second []uint64
	for _, h := range ways[1].Hops {
		second = append(second, uint64(h.User))
	}
	if want := []uint64{users[0], users[1], users[2], users[3]}; !slices.Equal(second, want) {
		t.Errorf("the second path passes %#x, want %#x", second, want)
	}
	if one, err := r.Why(ctx, 3, 1); err != nil || len(one) != 1 || len(one[0].Hops) != 3 {
		t.Errorf("%+v %v", one, err)
	}
	want := [][3]uint64{{data + 0x40, 0, 0}, {users[0] + 8, 8, 16}, {users[1] + 32, 32, 8}}
	for i, to := range []int{0, 1, 3} {
		h := way.Hops[i]
		if uint64(h.User) != users[to] || h.Size != 64 || [3]uint64{uint64(h.From), h.Offset, h.Into} != want[i] {
			t.Errorf("hop %d: %+v", i, h)
		}
	}
	if ways, err := r.Why(ctx, 4, 10); len(ways) != 0 || err != nil {
		t.Errorf("%+v %v", ways, err)
	}
}
