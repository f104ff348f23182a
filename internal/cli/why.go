package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/report"
)

// why is heapdump why.
func (a *app) why() *cobra.Command {
	var g graphFlags
	c := a.command(&cobra.Command{
		Use:   "why ADDR [DUMP]",
		Short: "Why a block is still in use: a shortest path from a root to it",
		Long: `The block is the one that holds the address, in its user bytes. What counts as a reference, and what
the roots are, says heapdump leaks --help.`,
		Example: lines("heapdump why 0x29fb0040 app.dmp", "heapdump why 0x29fb0040 --roots module app.dmp", "heapdump why 0x29fb0040 --format json app.dmp"),
		Args:    anAddressAndADump,
		RunE:    func(cmd *cobra.Command, args []string) error { return a.runWhy(cmd.Context(), args, g) },
	}, groupInspect, "")
	c.Flags().SortFlags = false
	g.register(c)
	return c
}

func (a *app) runWhy(ctx context.Context, args []string, g graphFlags) error {
	format, err := a.check(false, "text", "json", "csv")
	if err != nil {
		return err
	}
	spec, path, err := a.addressAndDump(args)
	if err != nil {
		return err
	}
	addr, err := ParseAddr(spec, false)
	if err != nil {
		return &failure{exitUsage, err}
	}
	t, w, err := a.open(ctx, path)
	if err != nil {
		return err
	}
	defer t.Close()
	r, err := a.reach(ctx, t, g)
	if err != nil {
		return err
	}
	id, ok := r.At(addr)
	if !ok {
		return usagef("%v is in the user bytes of no block in use; heapdump find %v says what is there", addr, addr)
	}
	way, found, err := r.Why(ctx, id)
	if err != nil {
		return err
	}
	var shown *refs.Way
	if found {
		shown = &way
	}
	return a.write(w, report.Why(t, r, id, shown), format, report.LeakCoverage(t, r))
}
