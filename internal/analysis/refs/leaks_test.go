package refs_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/synth"
)

// TestLeaksByType: what has a type is one group with its evidence, what has
// none is grouped by size, and what is reachable is in no group.
func TestLeaksByType(t *testing.T) {
	tg := graph(t, synth.X64, 6, nil, func(b *synth.Built, u []uint64) { root(b, 0x40, u[5]) })
	ctx := context.Background()
	r, err := refs.Take(ctx, tg, refs.Steps{})
	if err != nil {
		t.Fatal(err)
	}
	names := [][2]string{{"Widget", "rtti"}, {"Widget", "rtti"}, {"Widget", "vtable"}, {}, {}, {"Widget", "rtti"}}
	for _, c := range []struct {
		types refs.Namer
		want  []string
	}{
		{func(id refs.ID) (string, string) { return names[id][0], names[id][1] }, []string{"Widget rtti 2 128", "64 bytes size 2 128", "Widget vtable 1 64"}},
		{nil, []string{"64 bytes size 5 320"}},
	} {
		var types func() refs.Namer
		if c.types != nil {
			types = func() refs.Namer { return c.types }
		}
		l, err := r.Leaks(ctx, tg.Heaps, types)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, g := range l.Groups {
			got = append(got, fmt.Sprintf("%s %s %d %d", g.Owner, g.Evidence, g.Blocks, g.Bytes))
		}
		slices.Sort(got)
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
