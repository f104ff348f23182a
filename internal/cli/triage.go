package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/baseline"
	"github.com/heapdump/heapdump/internal/gate"
	"github.com/heapdump/heapdump/internal/pick"
	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/report"
)

// triageFlags are the flags of triage and of baseline write.
type triageFlags struct {
	jobs      int
	timeout   time.Duration
	maxMemory string
	memory    uint64 // maxMemory in bytes
	summary   string // of triage alone
	page      bool   // pictures and tables of each dump are wanted, for HTML
}

func (f *triageFlags) register(c *cobra.Command) {
	c.Flags().SortFlags = false
	c.Flags().IntVar(&f.jobs, "jobs", min(4, runtime.GOMAXPROCS(0)), "this `number` of dumps at a time; the result is the same whatever it is")
	c.Flags().Lookup("jobs").DefValue = "the processors, at most 4" // the manual is the same on every machine
	c.Flags().DurationVar(&f.timeout, "timeout", 0, "most `time` for one dump, for example 90s or 5m; what was found until then is reported")
	c.Flags().StringVar(&f.maxMemory, "max-memory", "", "`bytes` for one dump, for example 2GiB: leaks are not looked for where their\ntables, 100 bytes for each block in use, would take more; and Go's memory is\nkept to that times --jobs where it can be. Mapped dumps do not count")
}

// check reads the flags that cobra takes for plain text.
func (f *triageFlags) check() error {
	switch {
	case f.jobs < 1:
		return usagef("--jobs %d is below 1", f.jobs)
	case f.timeout < 0:
		return usagef("--timeout %v is below 0", f.timeout)
	case f.maxMemory == "":
		return nil
	}
	n, err := pick.ParseSize(f.maxMemory)
	if err != nil || n == 0 {
		return usagef("--max-memory: %q is no size above 0; write for example 2GiB or 1.5GiB", f.maxMemory)
	}
	f.memory = n
	return nil
}

// triage is heapdump triage.
func (a *app) triage() *cobra.Command {
	var f triageFlags
	var g gateFlags
	c := a.command(&cobra.Command{
		Use:   "triage DUMP…",
		Short: "What is wrong in one dump or in many: crash, damage, leaks, memory and handles",
		Long: `Each DUMP is a file, a folder with all dumps below it, a pattern, or - for a list on stdin, one a line.
Of each dump it is asked whether the process crashed and where, whether its heaps are damaged, what
leaks, and whether heap memory, the address space of a 32-bit process, or handles run out. Each answer
is a finding with a rule, a severity, a confidence, the evidence, and a fingerprint without addresses
that is the same for the same bug in another run; dumps with the same fingerprint are grouped, the
largest group first. docs/rules.md has the rules.

A dump that cannot be read is a finding of its own and stops no other; only when none can be read, or
no file matches the patterns, is that exit status 3. A file with several names or links counts once.`,
		Example: lines("heapdump triage app.dmp", "heapdump triage --format json --fail-on 'severity>=high' crashes/",
			"heapdump triage --baseline known.json --fail-on 'corruption,leaked_bytes>10MiB' 'crashes/*.dmp'", "find . -name '*.dmp' | heapdump triage --jobs 2 --timeout 5m -"),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("no dump given: name files, folders or patterns, or - for a list on stdin")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.runTriage(cmd.Context(), args, f, g) },
	}, groupReport, "")
	f.register(c)
	g.register(c)
	c.Flags().StringVar(&f.summary, "summary", "never", "`when` to append Markdown to the summary of a step of GitHub Actions: never,\nor auto, which is when there is one")
	return c
}

func (a *app) runTriage(ctx context.Context, args []string, f triageFlags, g gateFlags) error {
	format, err := a.check(false, "text", "json", "ndjson", "csv", "markdown", "sarif", "junit")
	if err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	if _, err := a.options(ctx); err != nil {
		return err
	}
	if f.summary != "never" && f.summary != "auto" {
		return usagef("--summary %q: write auto or never", f.summary)
	}
	rules, known, err := g.read(a, nil)
	if err != nil {
		return err
	}
	files, err := a.triageInputs(args)
	if err != nil {
		return err
	}
	w, err := a.triageOutput(files)
	if err != nil {
		return err
	}
	f.page = a.paged(format)
	all, err := a.triageAll(ctx, files, f)
	if err != nil {
		return err
	}
	dumps := make([]report.Triaged, len(all))
	missing := []string{}
	for i := range all {
		a.growth(&all[i], known)
		if n := known.Mark(all[i].dump.Findings, a.env.Now()); n > 0 {
			a.note("%s: %d findings are in %s, but expired", all[i].dump.File, n, g.baseline)
		}
		dumps[i] = all[i].dump
		if all[i].dump.Status != report.StatusOK {
			missing = append(missing, all[i].dump.File+": "+first(all[i].dump.Missing))
		}
	}
	if err := a.writeTriage(w, dumps, format, f.summary == "auto"); err != nil {
		return err
	}
	return a.triageCode(all, rules, missing)
}

// writeTriage writes the result, on a runner of GitHub Actions also to the
// step's summary and as annotations on stderr, which the runner reads as well.
func (a *app) writeTriage(w io.Writer, dumps []report.Triaged, format render.Format, summary bool) error {
	t := report.NewTriage(dumps)
	t.Version = build().Version
	doc := t.Document()
	if err := a.write(w, doc, format, nil); err != nil {
		return err
	}
	if a.actions() && !a.flags.quiet {
		if err := render.Annotations(a.env.Stderr, t); err != nil {
			return writeFailed(err)
		}
	}
	if summary {
		return a.appendSummary(doc)
	}
	return nil
}

// triageOutput opens the output, which must be none of the dumps.
func (a *app) triageOutput(files []string) (io.Writer, error) {
	for _, f := range files {
		if err := a.notTheDump(f); err != nil {
			return nil, err
		}
	}
	return a.output()
}

// triageCode is how a triage that was written ends: a fault of heapdump before
// everything, then no dump that could be read, then the gate, then --strict.
func (a *app) triageCode(all []triaged, rules gate.Gate, missing []string) error {
	fired, unreadable := []string{}, 0
	var fault error
	for i := range all {
		x := &all[i]
		if x.fault != nil && fault == nil {
			fault = fmt.Errorf("%s: internal error: %w; the other dumps were analysed", x.dump.File, x.fault)
		}
		if x.unreadable {
			unreadable++
		}
		v := rules.Judge(x.figures, x.dump.Findings)
		for _, s := range v.Fired {
			fired = append(fired, x.dump.File+": "+s)
		}
		for _, s := range v.Unknown {
			a.note("%s: --fail-on %s cannot be judged: the dump does not hold what it compares", x.dump.File, s)
			missing = append(missing, x.dump.File+": --fail-on "+s+" cannot be judged")
		}
	}
	switch {
	case fault != nil:
		return &madeError{exitFault, fault}
	case len(all) > 0 && unreadable == len(all):
		return &madeError{exitInput, fmt.Errorf("%s: %s", all[0].dump.File, first(all[0].dump.Missing))}
	case len(fired) > 0:
		return a.gateFailure(fired)
	}
	return a.complete(missing)
}

// growth measures a dump against the baseline's figures.
func (a *app) growth(x *triaged, b *baseline.Baseline) {
	before, ok := b.BusyOf(x.dump.Process)
	now, known := x.figures["heap.busy"]
	if !ok || !known || before == 0 {
		return
	}
	grown := 100 * (now - float64(before)) / float64(before)
	x.figures["growth"] = grown
	x.grow(before, uint64(now), grown)
}

// first is the first of some sentences, empty when there is none.
func first(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}

// readBaseline reads a baseline file.
func readBaseline(path string) (*baseline.Baseline, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, usagef("the baseline cannot be read: %w", err)
	}
	b, err := baseline.Parse(data)
	if err != nil {
		return nil, usagef("%s: no baseline: %w", path, err)
	}
	return b, nil
}
