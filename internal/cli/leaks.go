package cli

import (
	"context"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/attrib"
	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/analysis/triage"
	"github.com/heapdump/heapdump/internal/progress"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/target"
)

// graphFlags are the flags of every command that needs references.
type graphFlags struct {
	roots     []string
	unaligned bool
}

func (g *graphFlags) register(c *cobra.Command) {
	c.Flags().StringSliceVar(&g.roots, "roots", nil, "only these `kinds` of root: module, private, mapped, teb, stack, register;\nwith a minus before each, all but these")
	c.Flags().BoolVar(&g.unaligned, "unaligned", false, "look for pointers at every byte, not at aligned words alone (slow, more by chance)")
}

// graphGC is the growth of the heap, in percent, at which garbage is collected
// while there is a graph.
const graphGC = 20

// reach runs the phases up to reachability and shows how far each is.
func (a *app) reach(ctx context.Context, t *target.Target, g graphFlags) (*refs.Reach, error) {
	kinds, err := refs.ParseKinds(g.roots)
	if err != nil {
		return nil, usagef("--roots: %w", err)
	}
	// What a graph takes is few large arrays without pointers: collecting
	// garbage costs next to nothing, and waiting for it doubles the memory.
	debug.SetGCPercent(graphGC)
	var m *progress.Meter
	defer func() { m.Done() }()
	return refs.Take(ctx, t, refs.Steps{Unaligned: g.unaligned, Roots: kinds, Tick: func(what string) refs.Tick {
		m.Done()
		m = a.meter(what)
		return m.Set
	}})
}

// leakFlags are the flags of leaks.
type leakFlags struct {
	graphFlags
	gateFlags
	heaps  []string
	top    int
	topSet bool // --top was given
	blocks bool

	suspects bool
}

// leaks is heapdump leaks.
func (a *app) leaks() *cobra.Command {
	var f leakFlags
	c := a.command(&cobra.Command{
		Use:   "leaks [DUMP]",
		Short: "Blocks in use that nothing points to any more, by who allocated them",
		Long: `Everything outside the heaps is looked through for pointers into blocks in use (the roots), and every
block that they lead to for pointers to others. What is left is unreachable: no aligned word anywhere
leads to it. Interior pointers count. A word that only looks like a pointer keeps a block from being
found, so the answer errs towards fewer leaks; pointers that are encoded, packed or unaligned are not
seen, so what only they lead to is named all the same (see --unaligned); the C runtimes' tables of atexit,
which hang on encoded pointers, are seen.

Roots: the writable data of every module, other private and mapped memory, thread environment blocks
with their TLS and FLS slots, stacks from the stack pointer up, registers. No roots: the heaps' own
structures, free blocks, stacks below the stack pointer, the stack trace database of gflags +ust, and what
a debug C runtime or light page heap keeps to list its blocks.

The owner is the source line that a debug C runtime noted, else the stack of the allocation (gflags
+ust, page heap), else what the block is (its class, a part of a container, its content), else no more
than the size.

Most leaks are still reachable: accumulators are the blocks and variables that alone lead to very many
blocks of one size, and to a twentieth or more of all that is reachable.`,
		Example: lines("heapdump leaks app.dmp", "heapdump leaks --heap 0x29fb0000 --top 50 app.dmp", "heapdump leaks --roots -register,-stack app.dmp",
			"heapdump leaks --blocks --format csv --table leaked app.dmp", "heapdump leaks --format pprof -o leaks.pb.gz app.dmp"),
		Args: onlyADump,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.topSet = cmd.Flags().Changed("top")
			return a.runLeaks(cmd.Context(), args, f)
		},
	}, groupInspect, "")
	c.Flags().SortFlags = false
	c.Flags().StringSliceVar(&f.heaps, "heap", []string{"all"}, "only blocks of this `heap`: address, index, process, or all; repeats")
	c.Flags().IntVar(&f.top, "top", 20, "this `number` of owners; 0 is all. JSON and CSV have all of them unless it is given")
	c.Flags().BoolVar(&f.blocks, "blocks", false, "every unreachable block, too")
	c.Flags().BoolVar(&f.suspects, "suspects", true, "accumulators, too; --suspects=false saves about half of the time and memory")
	f.graphFlags.register(c)
	f.gateFlags.register(c)
	return c
}

func (a *app) runLeaks(ctx context.Context, args []string, f leakFlags) error {
	format, err := a.checkProfile("text", "json", "csv", "markdown")
	if err != nil {
		return err
	}
	rules, known, err := f.read(a, []string{"leaked_blocks", "leaked_bytes"})
	if err != nil {
		return err
	}
	if f.top < 0 {
		return usagef("--top %d is below 0", f.top)
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
	r, err := a.reach(ctx, t, f.graphFlags)
	if err != nil {
		return err
	}
	if a.profiled() {
		if err := a.leaksProfile(ctx, w, t, heaps, r); err != nil {
			return err
		}
		return a.complete(report.LeakCoverage(t, r))
	}
	l, suspects, err := findLeaks(ctx, t, r, heaps, f.suspects)
	if err != nil {
		return err
	}
	err = a.writeFor(w, format, report.LeakCoverage(t, r), func(people bool) (*report.Document, error) {
		o := report.LeakOptions{Top: topFor(people, f.topSet, f.top), Blocks: f.blocks, Heaps: heaps}
		return named(t, report.Leaks(t, r, l, suspects, o)), nil
	})
	if err != nil {
		return err
	}
	return a.judge(rules, known, triage.OfLeaks(t, r, l, suspects))
}

// findLeaks groups what is unreachable and, when they are asked for, finds
// the accumulators.
func findLeaks(ctx context.Context, t *target.Target, r *refs.Reach, heaps []*target.Heap, accumulators bool) (*refs.Leaks, []refs.Suspect, error) {
	names, err := attrib.NewNamer(ctx, t, r.Index)
	if err != nil {
		return nil, nil, err
	}
	l, err := r.Leaks(ctx, heaps, func() refs.Namer { return names.Another().Type })
	if err != nil || !accumulators {
		return l, nil, err
	}
	d, err := r.Dominators(ctx)
	if err != nil {
		return nil, nil, err
	}
	return l, d.Suspects(names.Type), nil
}
