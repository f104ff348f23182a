package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/crash"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/target"
)

// exception is heapdump exception.
func (a *app) exception() *cobra.Command {
	return a.command(&cobra.Command{
		Use:     "exception [DUMP]",
		Short:   "The exception in words, what its address hit, and where the registers point",
		Example: lines("heapdump exception app.dmp", "heapdump exception --format json app.dmp"),
		Args:    onlyADump,
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := a.dumpFile(args)
			if err != nil {
				return err
			}
			return a.show(cmd.Context(), path, result{make: func(ctx context.Context, t *target.Target) (*report.Document, error) {
				r, err := crash.Take(ctx, t)
				if err != nil {
					return nil, err
				}
				return report.Exception(t, r), nil
			}})
		},
	}, groupAround, ".exr -1, .ecxr, r")
}
