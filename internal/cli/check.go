package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/check"
	"github.com/heapdump/heapdump/internal/analysis/triage"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/target"
)

// checkHeaps is heapdump check.
func (a *app) checkHeaps() *cobra.Command {
	var g gateFlags
	var specs []string
	c := a.command(&cobra.Command{
		Use:   "check [DUMP]",
		Short: "What is damaged in the heaps, by what, and the evidence for it",
		Long: `Every heap is validated: headers, free lists, hints and bitmaps, uncommitted ranges, segments, large
blocks and counters, the low-fragmentation heap, page heap's trees and stamps, the fills of the debug
heap, and the fences and lists of debug C runtimes. What the dump does not hold is not judged.
A write into a free block shows only where that is filled: in heaps with free checking (gflags +hfc, or made under a
debugger), in page heaps, and in blocks that a debug C runtime keeps. Elsewhere it leaves no trace.
What Windows detected itself is shown first: the record behind STATUS_HEAP_CORRUPTION, with its stack.
Where a thread held a heap's lock, findings that a change in progress explains are marked as such.`,
		Example: lines("heapdump check app.dmp", "heapdump check --format json app.dmp", "heapdump check --fail-on corruption app.dmp"),
		Args:    onlyADump,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runCheck(cmd.Context(), args, specs, g)
		},
	}, groupInspect, "")
	c.Flags().SortFlags = false
	c.Flags().StringSliceVar(&specs, "heap", []string{"all"}, "the `heap`: address, index, process, or all; repeats")
	g.register(c)
	return c
}

func (a *app) runCheck(ctx context.Context, args, specs []string, g gateFlags) error {
	format, err := a.check(false, "text", "json", "csv", "markdown")
	if err != nil {
		return err
	}
	rules, known, err := g.read(a, []string{"corruption"})
	if err != nil {
		return err
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
	heaps, err := a.heaps(t, specs)
	if err != nil {
		return err
	}
	r, err := a.checked(ctx, t, heaps)
	if err != nil {
		return err
	}
	if err := a.write(w, named(t, report.Check(t, r)), format, report.Coverage(t, nil)); err != nil {
		return err
	}
	return a.judge(rules, known, triage.OfCheck(t, r))
}

// checked checks heaps and shows how far it is.
func (a *app) checked(ctx context.Context, t *target.Target, heaps []*target.Heap) (*check.Result, error) {
	m := a.meter("checking blocks")
	defer m.Done()
	return check.Take(ctx, t, heaps, m.Set)
}
