package refs_test

import (
	"context"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/synth"
)

// shapes are links among 300 blocks of 64 bytes, the first of which the root
// leads to.
func shapes() map[string][]link {
	out := map[string][]link{}
	const n = 300
	for i := 1; i < n; i++ {
		out["list"] = append(out["list"], link{i - 1, 0, i, 0})
		out["tree"] = append(out["tree"], link{(i - 1) / 2, 8 * ((i - 1) % 2), i, 0})
		// A ring through the first block, both ways.
		out["doubly linked list"] = append(out["doubly linked list"], link{i - 1, 0, i, 0}, link{i, 8, i - 1, 0})
	}
	ring := out["doubly linked list"]
	out["doubly linked list"] = append(ring, link{n - 1, 0, 0, 0}, link{0, 8, n - 1, 0})
	return out
}

// TestSuspects: each shape is known by its name, with its length and path, and
// blocks that the root leads to one by one are no suspect.
func TestSuspects(t *testing.T) {
	all := shapes()
	all[""] = nil
	for shape, links := range all {
		tg := graph(t, synth.X64, 300, links, func(b *synth.Built, users []uint64) {
			root(b, 0x40, users[0])
			if shape == "" {
				for i, u := range users[:50] {
					put(b, data+uint64(8*i), u)
				}
			}
		})
		r, err := refs.Take(context.Background(), tg, refs.Steps{})
		if err != nil {
			t.Fatal(err)
		}
		d, err := r.Dominators(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		got := d.Suspects(nil)
		if shape == "" {
			if len(got) != 0 {
				t.Errorf("%+v", got)
			}
			continue
		}
		if len(got) != 1 || got[0].Shape != shape || got[0].Length < 299 || got[0].Element != 64 || got[0].Retained != 300*64 ||
			!strings.Contains(strings.Join(got[0].Path, " "), "private memory at 0x2200000") || got[0].Root != "private" {
			t.Errorf("%s: %+v", shape, got)
		}
		big := d.Largest(1, true)
		if len(big) != 1 || big[0].Retained != 300*64 || big[0].Blocks != 300 {
			t.Errorf("%s: %+v", shape, big)
		}
	}
}
