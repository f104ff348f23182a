package cli

import (
	"context"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/handles"
	"github.com/heapdump/heapdump/internal/analysis/triage"
	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/render/windbg"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/target"
)

// handlesLong says what --unreferenced rests on.
const handlesLong = `--unreferenced looks for the handles' numbers in the writable memory that the dump holds: the bytes of busy
blocks, stacks from the stack pointer up, data of modules, and the rest. Free blocks and what is below a stack
pointer are counted apart, since nobody keeps those. A number that no aligned word has is one that nobody kept to
close the handle with; unless the program keeps it encoded, in the kernel, or in memory that was not saved. A
number that words do have proves little, since small numbers are lengths and counts as well. It is called
referenced when a field holds it that is known to hold handles (process parameters, thread pools), when blocks of
one size have handles of one type and nothing else at one place, or when it is more frequent than nine of ten of
the numbers next below it that are no handles; "Held by" and the counts say which.`

// handles is heapdump handles.
func (a *app) handles() *cobra.Command {
	var f handles.Filter
	var access, one string
	var unreferenced bool
	var g gateFlags
	c := a.command(&cobra.Command{
		Use:   "handles [DUMP]",
		Short: "The open handles: how many of each type, their names, rights and objects",
		Long:  handlesLong,
		Example: lines("heapdump handles app.dmp", "heapdump handles --type Event --access EVENT_MODIFY_STATE app.dmp",
			"heapdump handles --name Orchard --format json app.dmp", "heapdump handles --unreferenced app.dmp", "heapdump handles --style windbg app.dmp"),
		Args: onlyADump,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.Mask, f.Rights = 0, access
			if n, err := strconv.ParseUint(access, 0, 32); err == nil {
				f.Mask, f.Rights = uint32(n), ""
			}
			var err error
			if f.Handle, err = strconv.ParseUint(one, 0, 64); one != "" && (err != nil || f.Handle == 0) {
				return usagef("--handle %q is no handle; write for example 0x1c", one)
			}
			rules, known, err := g.read(a, []string{"handles"})
			if err != nil {
				return err
			}
			path, err := a.dumpFile(args)
			if err != nil {
				return err
			}
			return a.show(cmd.Context(), path, result{
				make: func(ctx context.Context, t *target.Target) (*report.Document, error) {
					r := handles.Take(t, f)
					if unreferenced {
						m := a.meter("searching memory")
						defer m.Done()
						if err := r.FindHeld(ctx, t, m.Set); err != nil {
							return nil, err
						}
					}
					return report.Handles(t, r), nil
				},
				after: func(t *target.Target) error {
					return a.judge(rules, known, triage.OfHandles(t, handles.Take(t, handles.Filter{})))
				},
				debug: func(_ context.Context, w io.Writer, t *target.Target) error {
					return windbg.WriteHandles(w, windbgHandles(t, handles.Take(t, f)))
				},
			})
		},
	}, groupAround, "")
	c.Flags().SortFlags = false
	c.Flags().StringVar(&one, "handle", "", "only this `handle`, for example 0x1c")
	c.Flags().StringVar(&f.Type, "type", "", "only of this `type`: Event, File, Key, …; None for those of no known type")
	c.Flags().StringVar(&f.Name, "name", "", "only objects whose name holds this `text`")
	c.Flags().StringVar(&access, "access", "", "only with this `right`: a word such as FILE_WRITE_DATA, or a mask of which all bits must be set")
	g.register(c)
	c.Flags().BoolVar(&unreferenced, "unreferenced", false, "look for the numbers in memory, and say which nothing holds")
	return c
}

// windbgHandles turns handles into what the debugger prints of them.
func windbgHandles(t *target.Target, r *handles.Result) windbg.Handles {
	out := windbg.Handles{Bits: t.File.Arch().Bits()}
	for i := range r.Handles {
		h := &r.Handles[i]
		x := windbg.Handle{Value: h.Handle.Handle, Type: render.Escape(h.Type), Attributes: h.Attributes, Access: h.GrantedAccess,
			HandleCount: h.HandleCount, PointerCount: h.PointerCount, Name: render.Escape(h.Name), Info: handles.DebuggerInfo(&h.Handle)}
		x.Standard, x.Specific = handles.DebuggerRights(h.Type, h.GrantedAccess)
		out.Handles = append(out.Handles, x)
	}
	return out
}
