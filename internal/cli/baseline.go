package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/baseline"
	"github.com/heapdump/heapdump/internal/finding"
	"github.com/heapdump/heapdump/internal/report"
)

// baseline is heapdump baseline.
func (a *app) baseline() *cobra.Command {
	c := a.command(&cobra.Command{
		Use:   "baseline",
		Short: "The findings that are known: write the file of them, or show it",
		Long: `A baseline is a JSON file of fingerprints, each with a reason and, if it is not for ever, the last day
on which it counts. Commands that take --baseline report what is in it as known, and --fail-on passes
it over. It also keeps how many bytes each program had in use, which growth is measured against.`,
		Example: lines("heapdump baseline write --reason 'before release 2' -o known.json crashes/", "heapdump baseline show known.json",
			"heapdump baseline show --format csv known.json", "heapdump triage --baseline known.json --fail-on 'severity>=medium' crashes/"),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("there is no command baseline %q; there are write and show", args[0])
			}
			return usagef("baseline is followed by write or show")
		},
	}, groupReport, "nothing")
	c.AddCommand(a.baselineWrite(), a.baselineShow())
	return c
}

func (a *app) baselineWrite() *cobra.Command {
	var f triageFlags
	var reason, expires, min string
	c := a.command(&cobra.Command{
		Use:   "write DUMP…",
		Short: "Write the findings of dumps as known",
		Long: `The dumps are looked through as by triage. Dumps that cannot be read are no finding here: they end the
command with exit status 3, and nothing is written.`,
		Example: lines("heapdump baseline write --reason 'before release 2' -o known.json crashes/",
			"heapdump baseline write --reason 'ticket 4711' --expires 2027-06-30 -o known.json app.dmp",
			"heapdump baseline write --reason 'third party' --severity medium -o known.json app.dmp"),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("no dump given: name files, folders or patterns, or - for a list on stdin")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runBaselineWrite(cmd.Context(), args, f, reason, expires, min)
		},
	}, "", "")
	f.register(c)
	c.Flags().StringVar(&reason, "reason", "", "why these findings are no news; `text` that every entry gets")
	c.Flags().StringVar(&expires, "expires", "", "the last `day` on which they count as known, for example 2027-06-30")
	c.Flags().StringVar(&min, "severity", "info", "only findings of this `severity` or worse")
	return c
}

func (a *app) runBaselineWrite(ctx context.Context, args []string, f triageFlags, reason, expires, min string) error {
	if a.flags.format != "text" && a.flags.format != "json" {
		return usagef("a baseline is JSON; it cannot be --format %s", a.flags.format)
	}
	if err := a.noAlso(); err != nil {
		return err
	}
	if reason == "" {
		return usagef("--reason is missing: say why the findings are no news")
	}
	level, err := finding.ParseSeverity(min)
	if err != nil {
		return usagef("--severity: %w", err)
	}
	if _, err := baseline.Make([]finding.Finding{{Fingerprint: finding.NoCrash}}, nil, reason, expires); err != nil {
		return usagef("--expires: %q is no day; write it as 2027-01-31", expires)
	}
	if err := f.check(); err != nil {
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
	dumps, err := a.triageAll(ctx, files, f)
	if err != nil {
		return err
	}
	b, err := makeBaseline(dumps, level, reason, expires)
	if err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return writeFailed(err)
}

// makeBaseline makes a baseline of dumps that were looked through.
func makeBaseline(dumps []triaged, level finding.Severity, reason, expires string) (*baseline.Baseline, error) {
	var all []finding.Finding
	busy := map[string]uint64{}
	for i := range dumps {
		x := &dumps[i]
		switch {
		case x.fault != nil:
			return nil, &failure{exitFault, fmt.Errorf("%s: internal error: %w", x.dump.File, x.fault)}
		case x.unreadable:
			return nil, inputError(fmt.Errorf("%s: %s", x.dump.File, first(x.dump.Missing)))
		}
		for _, f := range x.dump.Findings {
			if f.Severity >= level && f.Rule != finding.Stopped {
				all = append(all, f)
			}
		}
		if n, ok := x.figures["heap.busy"]; ok && x.dump.Process != "" {
			busy[x.dump.Process] = max(busy[x.dump.Process], uint64(n))
		}
	}
	var figures []baseline.Figure
	for p, n := range busy {
		figures = append(figures, baseline.Figure{Process: p, Busy: n})
	}
	return baseline.Make(all, figures, reason, expires)
}

func (a *app) baselineShow() *cobra.Command {
	return a.command(&cobra.Command{
		Use:     "show FILE",
		Short:   "What a baseline has, and what of it has expired",
		Example: lines("heapdump baseline show known.json", "heapdump baseline show --format json known.json", "heapdump baseline show --format csv known.json"),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("one baseline file is shown: heapdump baseline show FILE")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			format, err := a.check(false, "text", "json", "csv", "ndjson", "markdown")
			if err != nil {
				return err
			}
			b, err := readBaseline(args[0])
			if err != nil {
				return err
			}
			w, err := a.output()
			if err != nil {
				return err
			}
			return a.write(w, baselineDocument(b, a.env), format, nil)
		},
	}, "", "")
}

// baselineDocument hands the entries over as rows.
func baselineDocument(b *baseline.Baseline, env Env) *report.Document {
	rows := make([]report.KnownFinding, len(b.Findings))
	for i := range b.Findings {
		e := &b.Findings[i]
		rows[i] = report.KnownFinding{Fingerprint: e.Fingerprint, Title: e.Title, Reason: e.Reason, Expires: e.Expires, Expired: e.Expired(env.Now())}
	}
	var figures []report.KnownFigure
	for _, f := range b.Figures {
		figures = append(figures, report.KnownFigure{Process: f.Process, Busy: f.Busy})
	}
	return report.Baseline(rows, figures)
}
