package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/triage"
	"github.com/heapdump/heapdump/internal/baseline"
	"github.com/heapdump/heapdump/internal/gate"
)

// gateFlags are the flags of commands that yield findings.
type gateFlags struct {
	failOn, baseline string
}

func (g *gateFlags) register(c *cobra.Command) {
	registerGate(c, &g.failOn, "conditions with commas between, for example\n'leaked_bytes>10MiB,corruption,severity>=high'; `expression` names are in docs/rules.md")
	c.Flags().StringVar(&g.baseline, "baseline", "", "the `file` of what is known: it is reported as known and fails no gate")
}

// registerGate adds --fail-on to a command.
func registerGate(c *cobra.Command, to *string, what string) {
	c.Flags().StringVar(to, "fail-on", "never", "exit 1 when one of these holds: "+what)
}

// read reads them. known are the figures that the command has, nil all.
func (g *gateFlags) read(a *app, known []string) (gate.Gate, *baseline.Baseline, error) {
	rules, err := parseGate(g.failOn, known)
	if err != nil || g.baseline == "" {
		if err == nil && rules.Needs("growth") {
			err = usagef("--fail-on %s: growth is measured against --baseline FILE, which is not given", g.failOn)
		}
		return rules, nil, err
	}
	b, err := readBaseline(g.baseline)
	return rules, b, err
}

// parseGate reads --fail-on.
func parseGate(s string, known []string) (gate.Gate, error) {
	rules, err := gate.Parse(s, known)
	if err != nil {
		return nil, usagef("--fail-on: %w", err)
	}
	return rules, nil
}

// judge is the failure of a gate, or nil: for commands that read one dump.
func (a *app) judge(rules gate.Gate, known *baseline.Baseline, r *triage.Result) error {
	if n := known.Mark(r.Findings, a.env.Now()); n > 0 {
		a.note("%d findings are in the baseline, but expired", n)
	}
	v := rules.Judge(r.Figures, r.Findings)
	for _, s := range v.Unknown {
		a.note("--fail-on %s cannot be judged: the dump does not hold what it compares", s)
	}
	switch {
	case len(v.Fired) > 0:
		return a.gateFailure(v.Fired)
	case len(v.Unknown) > 0:
		return a.complete([]string{"--fail-on " + v.Unknown[0] + " cannot be judged"})
	}
	return nil
}

// gateFailure says what fired, and where the gate stands when that is not the
// command line.
func (a *app) gateFailure(fired []string) error {
	s := "--fail-on: " + strings.Join(fired[:min(3, len(fired))], "; ")
	if n := len(fired) - 3; n > 0 {
		s += fmt.Sprintf("; and %d more", n)
	}
	return &failure{exitFindings, errors.New(s + a.configured("fail-on"))}
}
