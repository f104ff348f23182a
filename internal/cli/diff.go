package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/attrib"
	"github.com/heapdump/heapdump/internal/analysis/crt"
	"github.com/heapdump/heapdump/internal/analysis/delta"
	"github.com/heapdump/heapdump/internal/analysis/snapshot"
	"github.com/heapdump/heapdump/internal/analysis/triage"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/target"
)

// diffFlags are the flags of diff.
type diffFlags struct {
	blockFlags
	by, skip   []string
	top        int
	all, force bool
	failOn     string
}

// diff is heapdump diff.
func (a *app) diff() *cobra.Command {
	var f diffFlags
	c := a.command(&cobra.Command{
		Use:   "diff OLD NEW [NEWER …]",
		Short: "What grew between dumps of one program: by owner, address space and handles",
		Long: `Each of OLD and NEW is a dump, or what heapdump owners --format json --top 0 wrote of one, so that old
dumps need not be kept. Owners are compared by what stays the same from run to run: stacks and types by
module and offset, heaps by their role. Of three and more, oldest first, only what grew at every step
is shown, at which rate, and when the growth would run into a limit. --by is as for owners; without it,
the best that the first dump has is taken. What address space is for and handles by type follow, where
all files know them. --by usage or --by handles compares nothing else and walks no heap; what
heapdump address --summary or handles wrote with --format json will do then.`,
		Example: lines("heapdump diff monday.dmp friday.dmp", "heapdump diff --by type,size monday.dmp friday.dmp",
			"heapdump diff 1.dmp 2.dmp 3.dmp 4.dmp", "heapdump diff --by handles monday.dmp friday.dmp",
			"heapdump diff baseline.json build.dmp --format json",
			"heapdump diff --fail-on 'growth>5%' monday.dmp friday.dmp"),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usagef("diff needs at least two files, the oldest first: heapdump diff OLD NEW")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.runDiff(cmd.Context(), args, f) },
	}, groupWalk, "nothing; umdh OLD NEW compares two snapshots of a living process with stack traces")
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringSliceVar(&f.by, "by", nil, "`what` to compare by: "+strings.Join(attrib.Names(), ", ")+"; several nest; or usage (of address\nspace) or handles (by type) alone")
	fs.StringSliceVar(&f.skip, "skip", nil, "a `module` whose frames name no owner either; repeats")
	fs.IntVar(&f.top, "top", 20, "at most this `number` of rows; 0 is all")
	fs.BoolVar(&f.all, "all", false, "also what did not change, or did not grow at every step")
	fs.BoolVar(&f.force, "force", false, "compare dumps of different programs")
	registerGate(c, &f.failOn, "'growth>5%', by how much more\nbytes are in use in the last than in the first; `expression` as in docs/rules.md")
	f.register(fs)
	return c
}

func (a *app) runDiff(ctx context.Context, args []string, f diffFlags) error {
	format, err := a.check(false, "text", "json", "csv", "markdown")
	if err != nil {
		return err
	}
	if f.top < 0 {
		return usagef("--top %d is below 0", f.top)
	}
	rules, err := parseGate(f.failOn, []string{"growth"})
	if err != nil {
		return err
	}
	d := &differ{app: a, flags: f}
	if err := d.parseBy(f.by); err != nil {
		return usagef("--by: %w", err)
	}
	if d.process != "" && (f.picked() || len(f.skip) > 0 || !slices.Equal(f.heaps, []string{"all"})) {
		return usagef("--by %s compares no blocks, and --heap, --size, --state, --origin, --range and --skip choose among blocks", d.process)
	}
	filter, err := f.filter(false)
	if err != nil {
		return err
	}
	for _, path := range args {
		if err := a.notTheDump(path); err != nil {
			return err
		}
	}
	w, err := a.output()
	if err != nil {
		return err
	}
	d.options.Keep, d.options.Skip = filter.Match, f.skip
	sides, err := d.sides(ctx, args)
	if err != nil {
		return err
	}
	r, err := delta.Compare(sides, delta.Options{All: f.all, Force: f.force})
	switch {
	case errors.Is(err, delta.ErrPrograms):
		return usagef("cannot compare: %w; --force does it all the same", err)
	case err != nil:
		return usagef("cannot compare: %w; give --by, or make the results again", err)
	}
	if err := a.write(w, report.Diff(r, f.top, d.coverage), format, d.coverage); err != nil {
		return err
	}
	return a.judge(rules, nil, &triage.Result{Figures: growthOf(r)})
}

// growthOf is the figure of a comparison: by how many percent the last side has
// more bytes in use than the first. It is not known when the first has none.
func growthOf(r *delta.Result) triage.Figures {
	before := r.Total.Old().Bytes // none of handles
	if before == 0 {
		return nil
	}
	return triage.Figures{"growth": 100 * float64(r.Total.Bytes()) / float64(before)}
}

// differ makes sides of files.
type differ struct {
	*app
	flags    diffFlags
	options  attrib.Options
	process  string // delta.ByUsage or delta.ByHandles when no blocks are compared
	coverage []string
}

// parseBy reads what is compared: what blocks are grouped by, or something of
// the process as a whole.
func (d *differ) parseBy(words []string) (err error) {
	for _, w := range words {
		if w = strings.ToLower(strings.TrimSpace(w)); w == delta.ByUsage || w == delta.ByHandles {
			if len(words) > 1 {
				return fmt.Errorf("%s is of the process and not of blocks, and stands alone; without --by diff shows it after the owners", w)
			}
			d.process = w
			return nil
		}
	}
	d.options.By, err = attrib.ParseBy(words)
	return err
}

// sides reads all files. Earlier results come first, since they say what the
// dumps must be grouped by.
func (d *differ) sides(ctx context.Context, args []string) ([]*delta.Side, error) {
	out := make([]*delta.Side, len(args))
	for i, path := range args {
		s, err := earlier(path)
		if err != nil {
			return nil, inputError(err)
		}
		if s == nil {
			continue
		}
		out[i] = s
		if len(d.options.By) == 0 && d.process == "" {
			if err = d.parseBy(s.By); err != nil {
				return nil, inputError(fmt.Errorf("%s: %w", path, err))
			}
		}
	}
	for i, path := range args {
		if out[i] != nil {
			continue
		}
		s, err := d.dump(ctx, path)
		if err != nil {
			return nil, err
		}
		out[i] = s
	}
	return out, nil
}

// mostResult is how large an earlier result may be, in bytes.
const mostResult = 1 << 30

// earlier reads an earlier result; nil when the file is none.
func earlier(path string) (*delta.Side, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	r := bufio.NewReader(file)
	head, _ := r.Peek(64)
	if !snapshot.IsResult(head) {
		return nil, nil
	}
	data, err := io.ReadAll(io.LimitReader(r, mostResult))
	if err != nil {
		return nil, err
	}
	return snapshot.Parse(path, data)
}

// dump makes a side of a dump.
func (d *differ) dump(ctx context.Context, path string) (*delta.Side, error) {
	o, err := d.app.options(ctx)
	if err != nil {
		return nil, err
	}
	d.app.reading = append(d.app.reading, path)
	t, err := target.Open(path, o)
	if err != nil {
		return nil, inputError(err)
	}
	defer t.Close()
	s, err := d.side(ctx, path, t)
	if err != nil {
		return nil, err
	}
	s.Process = report.Describe(t).Process
	d.warnings = append(d.warnings, report.Warnings(t, path)...)
	if d.process != "" { // what is missing of heaps is nothing to it
		return s, nil
	}
	for _, c := range report.Coverage(t, nil) {
		d.coverage = append(d.coverage, path+": "+c)
	}
	return s, nil
}

// side makes a side of an opened dump.
func (d *differ) side(ctx context.Context, path string, t *target.Target) (*delta.Side, error) {
	if d.process != "" {
		s, err := snapshot.OfProcess(t, d.process)
		if err != nil {
			return nil, inputError(err)
		}
		return s, nil
	}
	heaps, err := d.heaps(t, d.flags.heaps)
	if err != nil {
		return nil, err
	}
	d.options.CRT = crt.New(t).Likely(ctx, heaps)
	if len(d.options.By) == 0 {
		d.options.By = []attrib.By{best(t, heaps, d.options.CRT)}
	}
	m := d.meter("reading " + path)
	defer m.Done()
	d.options.Tick = m.Set
	return snapshot.Of(ctx, t, heaps, d.options)
}
