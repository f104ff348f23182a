package cli

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/analysis/roles"
	"github.com/heapdump/heapdump/internal/analysis/triage"
	"github.com/heapdump/heapdump/internal/gate"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/target"
)

// summary is heapdump summary.
func (a *app) summary() *cobra.Command {
	var g gateFlags
	c := a.command(&cobra.Command{
		Use:     "summary [DUMP]",
		Short:   "The process, its memory, and every heap with all its bytes accounted for",
		Example: lines("heapdump summary app.dmp", "heapdump summary --format json -o app.json app.dmp", "heapdump summary --style windbg app.dmp"),
		Args:    onlyADump,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.counted(cmd.Context(), args, g, report.SummaryHead, report.Summary, windbgSummary)
		},
	}, groupInspect, "")
	c.Flags().SortFlags = false
	g.register(c)
	return c
}

// heapList is heapdump heaps.
func (a *app) heapList() *cobra.Command {
	return a.command(&cobra.Command{
		Use:     "heaps [DUMP]",
		Short:   "The list of heaps: where each is, of what kind, and how it was found",
		Example: lines("heapdump heaps app.dmp", "heapdump heaps --format csv app.dmp", "heapdump heaps --style windbg app.dmp"),
		Args:    onlyADump,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.counted(cmd.Context(), args, gateFlags{}, nil, report.Heaps, windbgHeaps)
		},
	}, groupInspect, "")
}

// counted is what summary and heaps share: open, count every heap, report. What
// head gives is written before the counting, which of a big dump takes longer.
func (a *app) counted(ctx context.Context, args []string, g gateFlags, head func(*target.Target) *report.Document, make func(*target.Target, *census.Census, *roles.Result) *report.Document,
	debugger func(io.Writer, *target.Target, *census.Census) error) error {
	format, err := a.check(true, "text", "json", "csv", "markdown")
	if err != nil {
		return err
	}
	rules, known, err := g.read(a, heapFigures())
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
	if head != nil {
		if err := a.early(w, head(t), format); err != nil {
			return err
		}
	}
	cs, err := a.census(ctx, t, t.Heaps)
	if err != nil {
		return err
	}
	missing := report.Coverage(t, pointers(cs.Heaps))
	judged := func(err error) error {
		if err != nil {
			return err
		}
		return a.judge(rules, known, triage.OfCensus(t, cs))
	}
	if a.windbg() {
		if err := writeFailed(debugger(w, t, cs)); err != nil {
			return err
		}
		return judged(a.complete(missing))
	}
	rs, err := roles.Take(ctx, t)
	if err != nil {
		return err
	}
	doc := make(t, cs, rs)
	if a.paged(format) {
		if doc.Pictures, err = a.pictures(ctx, t, 1, 0); err != nil {
			return err
		}
	}
	return judged(a.write(w, doc, format, missing))
}

// heapFigures are the figures of heaps that --fail-on knows.
func heapFigures() []string {
	var out []string
	for _, f := range gate.Figures() {
		if strings.HasPrefix(f.Name, "heap.") {
			out = append(out, f.Name)
		}
	}
	return out
}

// census counts heaps and shows how far it is.
func (a *app) census(ctx context.Context, t *target.Target, heaps []*target.Heap) (*census.Census, error) {
	m := a.meter("counting blocks")
	defer m.Done()
	return census.Take(ctx, t, heaps, m.Set)
}

func pointers(in []census.Heap) []*census.Heap {
	out := make([]*census.Heap, len(in))
	for i := range in {
		out[i] = &in[i]
	}
	return out
}
