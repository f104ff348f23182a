package refs

import (
	"context"

	"github.com/heapdump/heapdump/internal/target"
)

// Steps say how a run over all phases goes.
type Steps struct {
	Unaligned bool
	Roots     Kinds
	Tick      func(what string) Tick // the progress of a step; may be nil
}

func (s Steps) tick(what string) Tick {
	if s.Tick == nil {
		return nil
	}
	return s.Tick(what)
}

// Take runs every phase up to reachability over all heaps of a target but
// those of other processes. The error is the context's.
func Take(ctx context.Context, t *target.Target, s Steps) (*Reach, error) {
	blocks, err := Collect(ctx, t.Own(), s.tick("indexing blocks"))
	if err != nil {
		return nil, err
	}
	g, err := blocks.Index().Graph(ctx, t, Options{Unaligned: s.Unaligned, Tick: s.tick("scanning blocks")})
	if err != nil {
		return nil, err
	}
	roots, err := g.Roots(ctx, s.Roots, s.tick("scanning roots"))
	if err != nil {
		return nil, err
	}
	return roots.Reach(ctx)
}
