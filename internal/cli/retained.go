package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/attrib"
	"github.com/heapdump/heapdump/internal/report"
)

// retainedFlags are the flags of retained.
type retainedFlags struct {
	graphFlags
	by  string
	top int
}

// retained is heapdump retained.
func (a *app) retained() *cobra.Command {
	var f retainedFlags
	c := a.command(&cobra.Command{
		Use:   "retained [DUMP]",
		Short: "The blocks or variables that alone keep the most bytes in use",
		Long: `What a block or variable retains is every byte that no root leads to without passing it: what would go
with it. The sizes do not add up, since a block's retained bytes are in those of what holds it. Of a
chain of blocks of one size, each held by the one before, only the first is listed. By type it is the sum
over the blocks of the type that none of the same type holds.
What counts as a reference, and what the roots are, says heapdump leaks --help.`,
		Example: lines("heapdump retained app.dmp", "heapdump retained --by root --top 50 app.dmp", "heapdump retained --by type --format json app.dmp"),
		Args:    onlyADump,
		RunE:    func(cmd *cobra.Command, args []string) error { return a.runRetained(cmd.Context(), args, f) },
	}, groupInspect, "nothing; !heap -l shows only what is unreachable")
	c.Flags().SortFlags = false
	c.Flags().StringVar(&f.by, "by", "block", "list `what`: block; root: variables of modules, stacks, TEBs, registers, other memory; or type")
	c.Flags().IntVar(&f.top, "top", 20, "this `number` of them, from 1")
	f.register(c)
	return c
}

func (a *app) runRetained(ctx context.Context, args []string, f retainedFlags) error {
	format, err := a.check(false, "text", "json", "csv", "markdown")
	if err != nil {
		return err
	}
	if f.top < 1 || f.top > 1<<20 {
		return usagef("--top %d is not from 1 to %d", f.top, 1<<20)
	}
	if f.by != "block" && f.by != "root" && f.by != "type" {
		return usagef("--by %q: write block, root or type", f.by)
	}
	path, err := a.dumpFile(args)
	if err != nil {
		return err
	}
	t, w, err := a.open(ctx, path)
	if err != nil {
		return err
	}
	defer t.Close()
	r, err := a.reach(ctx, t, f.graphFlags)
	if err != nil {
		return err
	}
	d, err := r.Dominators(ctx)
	if err != nil {
		return err
	}
	if f.by == "type" {
		names, err := attrib.NewNamer(ctx, t, r.Index)
		if err != nil {
			return err
		}
		rows, err := d.ByType(ctx, names.Type)
		if err != nil {
			return err
		}
		return a.write(w, named(t, report.RetainedByType(t, d, rows, f.top)), format, report.LeakCoverage(t, r))
	}
	byRoot := f.by == "root"
	return a.write(w, report.Retained(t, d, d.Largest(f.top, byRoot), byRoot), format, report.LeakCoverage(t, r))
}
