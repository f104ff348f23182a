package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/threads"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/internal/unwind"
)

// threads is heapdump threads.
func (a *app) threads() *cobra.Command {
	var withStacks bool
	c := a.command(&cobra.Command{
		Use:     "threads [DUMP]",
		Short:   "The threads: names, stacks and how much of them is used, times, last errors, where they began",
		Example: lines("heapdump threads app.dmp", "heapdump threads --stacks app.dmp", "heapdump threads --format json app.dmp", "heapdump threads --format csv app.dmp"),
		Args:    onlyADump,
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := a.dumpFile(args)
			if err != nil {
				return err
			}
			var debug func(context.Context, io.Writer, *target.Target) error // the list alone has no form in the debugger
			if withStacks {
				debug = func(ctx context.Context, w io.Writer, t *target.Target) error {
					list, all, err := stacksFor(ctx, t, "all")
					if err != nil {
						return err
					}
					return a.debugStacks(w, t, list, all)
				}
			}
			return a.show(cmd.Context(), path, result{make: func(ctx context.Context, t *target.Target) (*report.Document, error) {
				r := threads.Take(t)
				if !withStacks {
					return report.Threads(t, r), nil
				}
				stacks, err := stacksOf(ctx, unwind.New(t, symbols.Of(t)), r.Threads)
				if err != nil {
					return nil, err
				}
				return named(t, report.Threads(t, r).WithStacks(stacks)), nil
			}, debug: debug})
		},
	}, groupAround, "")
	c.Flags().BoolVar(&withStacks, "stacks", false, "the stack of every thread as well, as heapdump stack all shows it")
	return c
}
