package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/threads"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/target"
)

// threads is heapdump threads.
func (a *app) threads() *cobra.Command {
	return a.command(&cobra.Command{
		Use:     "threads [DUMP]",
		Short:   "The threads: names, stacks and how much of them is used, times, last errors, where they began",
		Example: lines("heapdump threads app.dmp", "heapdump threads --format json app.dmp", "heapdump threads --format csv app.dmp"),
		Args:    onlyADump,
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := a.dumpFile(args)
			if err != nil {
				return err
			}
			return a.show(cmd.Context(), path, result{make: func(_ context.Context, t *target.Target) (*report.Document, error) {
				return report.Threads(t, threads.Take(t)), nil
			}})
		},
	}, groupAround, "~, ~*, !runaway 7, !gle -all")
}
