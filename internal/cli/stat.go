package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/render/windbg"
	"github.com/heapdump/heapdump/internal/report"
)

// statFlags are the flags of stat.
type statFlags struct {
	blockFlags
	report.StatOptions
	topSet bool // --top was given
}

// stat is heapdump stat.
func (a *app) stat() *cobra.Command {
	var f statFlags
	c := a.command(&cobra.Command{
		Use:   "stat [DUMP]",
		Short: "The blocks in use by size: how many, how many bytes, what share",
		Long: `The size is what the program asked for; blocks of the low-fragmentation heap and large blocks are
counted like all others. --state shows other blocks than busy ones, by the bytes of the block.
Many blocks of one size are often one kind of object: walk --size SIZE lists them.`,
		Example: lines("heapdump stat app.dmp", "heapdump stat --heap 0x29fb0000 --sort blocks app.dmp",
			"heapdump stat --per-heap --format csv --top 0 app.dmp", "heapdump stat --heap 0x29fb0000 --style windbg app.dmp"),
		Args: onlyADump,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.topSet = cmd.Flags().Changed("top")
			return a.runStat(cmd.Context(), args, f)
		},
	}, groupWalk, "")
	fs := c.Flags()
	fs.SortFlags = false
	f.register(fs)
	fs.BoolVar(&f.PerHeap, "per-heap", false, "count each heap on its own")
	fs.StringVar(&f.Sort, "sort", "bytes", "`order`: bytes, blocks or size, the largest first")
	fs.IntVar(&f.Top, "top", 20, "at most this `number` of rows; 0 is all. JSON and CSV have all of them unless it is given")
	return c
}

func (a *app) runStat(ctx context.Context, args []string, f statFlags) error {
	format, err := a.check(true, "text", "json", "csv", "markdown")
	if err != nil {
		return err
	}
	if f.Sort != "bytes" && f.Sort != "blocks" && f.Sort != "size" {
		return usagef("--sort %q: write bytes, blocks or size", f.Sort)
	}
	if f.Top < 0 {
		return usagef("--top %d is below 0", f.Top)
	}
	picked := f.picked()
	if len(f.states) == 0 {
		f.states = []string{"busy"}
	}
	filter, err := f.filter(a.windbg())
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
	m := a.meter("counting blocks")
	sizes, err := census.TakeSizes(ctx, heaps, filter.Match, m.Set)
	m.Done()
	if err != nil {
		return err
	}
	missing := report.Coverage(t, nil)
	if a.windbg() {
		if err := writeFailed(windbgStat(w, sizes, f.StatOptions)); err != nil {
			return err
		}
		return a.complete(missing)
	}
	return a.writeFor(w, format, missing, func(people bool) (*report.Document, error) {
		o := f.StatOptions
		o.Top = topFor(people, f.topSet, o.Top)
		return report.Stat(t, sizes, o, picked), nil
	})
}

// windbgStat prints !heap -stat -h of each heap.
func windbgStat(w io.Writer, heaps []census.Sizes, o report.StatOptions) error {
	for _, h := range heaps {
		s := windbg.Stat{Bits: h.Target.Bits, Heap: uint64(h.Target.Address), Group: windbg.StatGroup(o.Sort), Max: o.Top, Busy: h.Busy.User}
		for _, r := range report.SortedSizes(h.Rows, o.Sort) {
			s.Rows = append(s.Rows, windbg.StatRow{Size: r.Size, Blocks: uint64(r.Blocks)})
		}
		if err := windbg.WriteStat(w, s); err != nil {
			return err
		}
	}
	return nil
}
