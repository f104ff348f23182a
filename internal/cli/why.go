package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/attrib"
	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/target"
)

// whyFlags are the flags of why.
type whyFlags struct {
	graphFlags
	paths int
}

// why is heapdump why.
func (a *app) why() *cobra.Command {
	var f whyFlags
	c := a.command(&cobra.Command{
		Use:   "why ADDR [DUMP]",
		Short: "Why a block is still in use: a shortest path from a root to it",
		Long: `The block is the one that holds the address, in its user bytes. What counts as a reference, and what
the roots are, says heapdump leaks --help.`,
		Example: lines("heapdump why 0x29fb0040 app.dmp", "heapdump why 0x29fb0040 --paths 5 app.dmp", "heapdump why 0x29fb0040 --roots module app.dmp",
			"heapdump why 0x29fb0040 --format json app.dmp"),
		Args: anAddressAndADump,
		RunE: func(cmd *cobra.Command, args []string) error { return a.runWhy(cmd.Context(), args, f) },
	}, groupInspect, "nothing; !heap -x -v ADDR shows one step")
	c.Flags().SortFlags = false
	c.Flags().IntVar(&f.paths, "paths", 1, "this `number` of paths, each by another last reference, the shortest first")
	f.register(c)
	return c
}

func (a *app) runWhy(ctx context.Context, args []string, f whyFlags) error {
	format, err := a.check(false, "text", "json", "csv", "markdown")
	if err != nil {
		return err
	}
	if f.paths < 1 || f.paths > refs.MaxPaths {
		return usagef("--paths %d is not from 1 to %d", f.paths, refs.MaxPaths)
	}
	g, err := a.openGraph(ctx, args, f.graphFlags)
	if err != nil {
		return err
	}
	defer g.t.Close()
	ways, err := g.r.Why(ctx, g.id, f.paths)
	if err != nil {
		return err
	}
	names, err := attrib.NewNamer(ctx, g.t, g.r.Index)
	if err != nil {
		return err
	}
	return a.write(g.w, report.Why(g.t, g.r, g.id, ways, names.Type), format, report.LeakCoverage(g.t, g.r))
}

// graph is an opened dump whose references were looked at, and the block that
// was asked for.
type graph struct {
	t  *target.Target
	w  io.Writer
	r  *refs.Reach
	id refs.ID
}

// openGraph opens the dump of the arguments ADDR [DUMP] and finds the block
// that holds the address. The caller closes the target.
func (a *app) openGraph(ctx context.Context, args []string, f graphFlags) (*graph, error) {
	spec, path, err := a.addressAndDump(args)
	if err != nil {
		return nil, err
	}
	addr, err := ParseAddr(spec, false)
	if err != nil {
		return nil, &failure{exitUsage, err}
	}
	t, w, err := a.open(ctx, path)
	if err != nil {
		return nil, err
	}
	r, err := a.reach(ctx, t, f)
	if err != nil {
		t.Close()
		return nil, err
	}
	id, ok := r.At(addr)
	if !ok {
		t.Close()
		return nil, usagef("%v is in the user bytes of no block in use; heapdump find %v says what is there", addr, addr)
	}
	return &graph{t, w, r, id}, nil
}
