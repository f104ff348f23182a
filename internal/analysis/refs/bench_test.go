package refs_test

import (
	"context"
	"os"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/target"
)

// BenchmarkTake runs every phase up to reachability over the dump that
// $HEAPDUMP_BIG names, and with it the tree of dominators.
func BenchmarkTake(b *testing.B) {
	path := os.Getenv("HEAPDUMP_BIG")
	if path == "" {
		b.Skip("set HEAPDUMP_BIG to a large dump")
	}
	tg, err := target.Open(path, target.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer tg.Close()
	ctx := context.Background()
	for _, dominators := range []bool{false, true} {
		b.Run(map[bool]string{false: "reach", true: "dominators"}[dominators], func(b *testing.B) {
			for b.Loop() {
				r, err := refs.Take(ctx, tg, refs.Steps{})
				if err == nil && dominators {
					_, err = r.Dominators(ctx)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
