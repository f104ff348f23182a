package attrib

import (
	"context"
	"slices"

	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
)

// newShared prepares what the criteria of the options need: of types the index
// of all blocks in use, of modules what their data reaches.
func newShared(ctx context.Context, t *target.Target, heaps []*target.Heap, o Options) (*shared, error) {
	s := newSharedNames(t, heaps, o)
	if slices.Contains(o.By, Module) {
		r, err := refs.Take(ctx, t, refs.Steps{})
		if err != nil {
			return nil, err
		}
		s.index = r.Index
		if s.reach, err = r.ByModule(ctx); err != nil {
			return nil, err
		}
		s.place(t)
		return s, nil
	}
	if !slices.Contains(o.By, Type) {
		return s, nil
	}
	blocks, err := refs.Collect(ctx, t.Own(), nil)
	if err != nil {
		return nil, err
	}
	s.index = blocks.Index()
	s.place(t)
	return s, nil
}

// place finds what the process's structures say of blocks.
func (s *shared) place(t *target.Target) {
	s.named, s.lesser, s.handles = s.places(t), s.lesserPlaces(t), poolTypes(t)
}

// newSharedNames is newShared without the index.
func newSharedNames(t *target.Target, heaps []*target.Heap, o Options) *shared {
	s := &shared{t: t, o: o, captures: map[*target.Heap]bool{}, hashed: &hashed{}, skip: stacks.NewSkips(o.Skip)}
	x := stacks.New(t)
	s.types = symbols.NewTypes(x.Names)
	for _, h := range heaps {
		s.captures[h] = x.Captures(h)
	}
	return s
}
