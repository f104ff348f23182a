package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/attrib"
	"github.com/heapdump/heapdump/internal/analysis/crt"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/target"
)

// ownersFlags are the flags of owners.
type ownersFlags struct {
	blockFlags
	by, skip []string
	top      int
	topSet   bool // --top was given
}

// owners is heapdump owners.
func (a *app) owners() *cobra.Command {
	var f ownersFlags
	c := a.command(&cobra.Command{
		Use:   "owners [DUMP]",
		Short: "Whose the blocks in use are: by stack, source line, type, module, heap or size",
		Long: `Blocks are grouped by what --by names, up to five criteria inside each other:

  stack    the stack of the allocation, where Windows recorded one (gflags +ust, page heap); the group
           is named by the first frame that is not an allocator's
  site     file and line, from a debug C runtime's header
  type     what a block is: its C++ class, else the part of a container that its pointers prove (nodes
           of std::map, std::unordered_map and lists, std::string, std::vector, …), else what its bytes
           are. The control block of a std::shared_ptr is known by its class alone (std::_Ref_count…),
           and so only where the program has run-time type information: two counts behind a table of
           functions prove nothing
  module   the module that allocated it by its stack, else that of its class, else the one whose data
           leads to it by the fewest references
  heap     the heap it is in
  size     the bytes that were asked for
  content  what its bytes are: text, images, fills …
  origin   who handed it out: back end, LFH, virtual, page heap
  class    its size, up to the next power of two

--format pprof writes a profile for go tool pprof and speedscope, --format folded folded stacks for flame
graphs: by stack, and for blocks without one by heap, origin, size class and type.

Without --by the best that the dump has is taken: stack, else site, else type. Frames in these modules
name no owner, nor in those that --skip adds: ` + strings.Join(stacks.Usual(), " "),
		Example: lines("heapdump owners app.dmp", "heapdump owners --by type,size --heap 0x29fb0000 app.dmp",
			"heapdump owners --by stack --skip MyAllocator.dll --format json app.dmp",
			"heapdump owners --format pprof -o heap.pb.gz app.dmp && go tool pprof -http=: heap.pb.gz"),
		Args: onlyADump,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.topSet = cmd.Flags().Changed("top")
			return a.runOwners(cmd.Context(), args, f)
		},
	}, groupWalk, "")
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringSliceVar(&f.by, "by", nil, "`what` to group by: "+strings.Join(attrib.Names(), ", ")+"; several nest")
	fs.StringSliceVar(&f.skip, "skip", nil, "a `module` whose frames name no owner either; repeats")
	fs.IntVar(&f.top, "top", 20, "at most this `number` of owners; 0 is all. JSON and CSV have all of them unless it is given")
	f.register(fs)
	return c
}

func (a *app) runOwners(ctx context.Context, args []string, f ownersFlags) error {
	format, err := a.checkProfile("text", "json", "csv", "markdown")
	if err != nil {
		return err
	}
	if f.top < 0 {
		return usagef("--top %d is below 0", f.top)
	}
	by, err := attrib.ParseBy(f.by)
	if err != nil {
		return usagef("--by: %w", err)
	}
	filter, err := f.filter(false)
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
	heaps, err := a.heaps(t, f.heaps)
	if err != nil {
		return err
	}
	if a.profiled() {
		if len(by) > 0 {
			return usagef("--format %s has the stack, or heap, origin, size class and type; leave --by out", a.flags.format)
		}
		if err := a.ownersProfile(ctx, w, t, heaps, filter.Match, f.skip); err != nil {
			return err
		}
		return a.complete(report.Coverage(t, nil))
	}
	o := attrib.Options{By: by, Keep: filter.Match, Skip: f.skip, CRT: crt.New(t).Likely(ctx, heaps)}
	if len(by) == 0 {
		o.By = []attrib.By{best(t, heaps, o.CRT)}
	}
	m := a.meter("finding owners")
	o.Tick = m.Set
	r, err := attrib.Take(ctx, t, heaps, o)
	m.Done()
	if err != nil {
		return err
	}
	return a.writeFor(w, format, report.Coverage(t, nil), func(people bool) (*report.Document, error) {
		return named(t, report.Owners(t, r, topFor(people, f.topSet, f.top), f.picked())), nil
	})
}

// best is the criterion that a dump has the best evidence for.
func best(t *target.Target, heaps []*target.Heap, debug bool) attrib.By {
	s := stacks.New(t)
	for _, h := range heaps {
		if s.Captures(h) && hasStack(s, h) {
			return attrib.Stack
		}
	}
	if debug {
		return attrib.Site
	}
	return attrib.Type
}

// looked is how many blocks of a heap are asked for a stack before it is taken
// to have none.
const looked = 4096

func hasStack(s *stacks.Stacks, h *target.Heap) bool {
	n := 0
	for b := range h.Walkable().Blocks(nil) {
		if len(s.Of(h, &b)) > 0 {
			return true
		}
		if n++; n == looked {
			break
		}
	}
	return false
}
