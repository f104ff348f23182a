package cli

import (
	"context"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/threads"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/internal/unwind"
)

// stack is heapdump stack.
func (a *app) stack() *cobra.Command {
	return a.command(&cobra.Command{
		Use:   "stack [TID|all] [DUMP]",
		Short: "Where a thread was: its stack, each frame with how it was found",
		Long: `TID is a thread's ID in decimal or with 0x; without one the thread that crashed is shown, and of a dump without an
exception every thread. The stack of the thread that crashed begins where it crashed. Of a WOW64 thread both stacks are
shown, the program's own first.

Each frame says how it was found:
  context        the registers of the thread
  unwind         the unwind data of the function below it, in its image or registered for code made at run time: exact (64-bit code)
  leaf           the function below has no unwind data, and so leaves the stack alone (64-bit code)
  instructions   the function below was returning or had just begun, by its instructions (32-bit code)
  frame pointer  the chain of frame pointers; functions that have none may be left out
  scan           the next word of the stack that follows a call instruction: may be a leftover of an earlier call
Names are those of the exports in the dump and of symbol files (see --symbols). Where it lacks unwind data or code, a stack ends early and says so.`,
		Example: lines("heapdump stack app.dmp", "heapdump stack all app.dmp", "heapdump stack 0x1a34 app.dmp",
			"heapdump stack all --format csv --table frames app.dmp", "heapdump stack --style windbg app.dmp"),
		Args: upTo(2, "[TID|all] [DUMP]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			which, args := selector(args)
			path, err := a.dumpFile(args)
			if err != nil {
				return err
			}
			return a.show(cmd.Context(), path, result{make: func(ctx context.Context, t *target.Target) (*report.Document, error) {
				return stackDocument(ctx, t, which)
			}, debug: func(ctx context.Context, w io.Writer, t *target.Target) error {
				list, all, err := stacksFor(ctx, t, which)
				if err != nil {
					return err
				}
				return a.debugStacks(w, t, list, all)
			}})
		},
	}, groupAround, "")
}

// stackDocument is the document of the stacks of the threads that which names.
func stackDocument(ctx context.Context, t *target.Target, which string) (*report.Document, error) {
	list, all, err := stacksFor(ctx, t, which)
	if err != nil {
		return nil, err
	}
	return named(t, report.Stacks(t, list, all)), nil
}

// stacksFor unwinds the stacks of the threads that which names, of all.
func stacksFor(ctx context.Context, t *target.Target, which string) (list []report.ThreadStacks, all int, err error) {
	u := unwind.New(t, symbols.Of(t))
	crashed, ok := u.Crashed()
	only := which == "" && ok
	if which == "all" {
		which = ""
	}
	chosen, err := chooseThreads(t, which)
	if err != nil {
		return nil, 0, err
	}
	all = len(chosen)
	if only {
		chosen = slices.DeleteFunc(chosen, func(x threads.Thread) bool { return x.ID != crashed })
	}
	list, err = stacksOf(ctx, u, chosen)
	return list, all, err
}

// stacksOf unwinds the stacks of threads.
func stacksOf(ctx context.Context, u *unwind.Unwinder, list []threads.Thread) ([]report.ThreadStacks, error) {
	out := make([]report.ThreadStacks, 0, len(list))
	for _, th := range list {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		out = append(out, report.ThreadStacks{Thread: th, Stacks: u.Stacks(th.Thread)})
	}
	return out, nil
}
