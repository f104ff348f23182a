package cli

import (
	"context"
	"io"

	"github.com/heapdump/heapdump/internal/analysis/attrib"
	"github.com/heapdump/heapdump/internal/analysis/crt"
	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/pprofout"
	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
)

// The formats that are no documents.
const (
	formatPprof  = "pprof"
	formatFolded = "folded"
)

// profiled reports whether a profile is asked for.
func (a *app) profiled() bool {
	return a.flags.format == formatPprof || a.flags.format == formatFolded
}

// checkProfile is check for a command that can write profiles.
func (a *app) checkProfile(formats ...string) (render.Format, error) {
	if !a.profiled() {
		return a.check(false, append(formats, formatPprof, formatFolded)...)
	}
	if a.flags.format == formatPprof && a.env.StdoutTerminal && (a.flags.output == "" || a.flags.output == "-") {
		return 0, usagef("a profile is binary; write it to a file, for example -o heap.pb.gz, and open it with: go tool pprof -http=: heap.pb.gz")
	}
	return a.check(false, formatPprof, formatFolded)
}

// groups are the blocks of heaps that keep wants as a profile needs them.
func (a *app) groups(ctx context.Context, t *target.Target, heaps []*target.Heap, keep func(*heap.Block) bool, skip []string, assign bool) (*attrib.Result, error) {
	m := a.meter("finding owners")
	defer m.Done()
	return attrib.Take(ctx, t, heaps, attrib.Options{By: pprofout.By, Keep: keep, Skip: skip, Tick: m.Set, CRT: crt.New(t).Likely(ctx, heaps), Assign: assign})
}

// ownersProfile writes what is in use.
func (a *app) ownersProfile(ctx context.Context, w io.Writer, t *target.Target, heaps []*target.Heap, keep func(*heap.Block) bool, skip []string) error {
	r, err := a.groups(ctx, t, heaps, keep, skip, false)
	if err != nil {
		return err
	}
	return a.writeProfile(w, t, pprofout.Samples(r.Groups), pprofout.InUse, 1)
}

// leaksProfile writes what is in use, what of it no root leads to, and what
// the blocks of each stack or type retain.
func (a *app) leaksProfile(ctx context.Context, w io.Writer, t *target.Target, heaps []*target.Heap, r *refs.Reach) error {
	lost := func(b *heap.Block) bool {
		id, ok := r.At(b.User())
		return ok && r.User(id) == b.User() && r.Set(id).Unreachable()
	}
	all, err := a.groups(ctx, t, heaps, nil, nil, true)
	if err != nil {
		return err
	}
	leaked, err := a.groups(ctx, t, heaps, lost, nil, false)
	if err != nil {
		return err
	}
	d, err := r.Dominators(ctx)
	if err != nil {
		return err
	}
	retained := retainedBy(d, all)
	of := map[string]attrib.Group{}
	for _, g := range leaked.Groups {
		of[g.Fingerprint()] = g
	}
	samples := pprofout.Samples(all.Groups)
	for i := range samples {
		g := of[all.Groups[i].Fingerprint()]
		samples[i].Values = append(samples[i].Values, int64(g.Blocks), int64(g.Bytes), int64(retained[i]))
	}
	values := append(append(append([]pprofout.Value{}, pprofout.InUse...), pprofout.Leaked...), pprofout.Retained...)
	return a.writeProfile(w, t, samples, values, 3)
}

// retainedBy is what the blocks of each group retain.
func retainedBy(d *refs.Dominators, r *attrib.Result) []uint64 {
	none := len(r.Groups)
	of := make([]int32, d.Len())
	for i := range of {
		of[i] = int32(none)
	}
	for _, m := range r.Assigned {
		if id, ok := d.At(m.User); ok && d.User(id) == m.User {
			of[id] = int32(m.Group)
		}
	}
	return d.RetainedBy(none, func(id refs.ID) int { return int(of[id]) })
}

// writeProfile writes a profile; folded stacks have the value with index
// folded.
func (a *app) writeProfile(w io.Writer, t *target.Target, samples []pprofout.Sample, values []pprofout.Value, folded int) error {
	if a.flags.format == formatFolded {
		return writeFailed(pprofout.Fold(w, samples, folded))
	}
	return writeFailed(pprofout.Write(w, t, samples, values))
}
