package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/crash"
	"github.com/heapdump/heapdump/internal/analysis/threads"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/internal/unwind"
)

// exception is heapdump exception.
func (a *app) exception() *cobra.Command {
	return a.command(&cobra.Command{
		Use:     "exception [DUMP]",
		Short:   "The exception in words, what its address hit, where the registers point, and the stack",
		Example: lines("heapdump exception app.dmp", "heapdump exception --format json app.dmp", "heapdump exception --symbols symbols/ app.dmp"),
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
				var crashed []threads.Thread
				if r.Thread != nil {
					crashed = append(crashed, *r.Thread)
				}
				stacks, err := stacksOf(ctx, unwind.New(t, symbols.Of(t)), crashed)
				if err != nil {
					return nil, err
				}
				return named(t, report.Exception(t, r).WithStacks(stacks)), nil
			}})
		},
	}, groupAround, "")
}
