package cli

import (
	"bytes"
	"fmt"
	"io"

	"github.com/heapdump/heapdump/internal/pick"
	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/report"
)

// parseBudget reads --budget.
func parseBudget(s string) (int, error) {
	n, err := pick.ParseSize(s)
	if err != nil || n == 0 || n > 1<<40 {
		return 0, usagef("--budget: %q is no size above 0; write for example 16KB, 16KiB or 20000", s)
	}
	return int(n), nil
}

// checkBudget looks at --budget, which is for documents.
func (a *app) checkBudget() error {
	if a.flags.budget == "" {
		return nil
	}
	if a.windbg() || a.flags.format != "json" && a.flags.format != "markdown" && a.flags.format != "text" {
		return usagef("--budget is for --format text, json and markdown")
	}
	_, err := parseBudget(a.flags.budget)
	return err
}

// withinBudget writes a document cut so that --budget bytes hold it: with as
// many rows as fit. Nothing is written when not even a document without rows
// fits.
func (a *app) withinBudget(w io.Writer, d *report.Document, o render.Options) error {
	budget, err := parseBudget(a.flags.budget)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	people := o.Format != render.FormatJSON
	fits := func(step int) (bool, error) {
		text.Reset()
		err := render.Write(&text, d.Shortened(step, people), o)
		return err == nil && text.Len() <= budget, err
	}
	best, low, high := -1, 0, d.Steps(people)
	for step := high; low <= high; step = low + (high-low)/2 {
		ok, err := fits(step)
		switch {
		case err != nil:
			return writeFailed(err)
		case ok:
			best, low = step, step+1
		default:
			high = step - 1
		}
	}
	if best < 0 {
		if _, err := fits(0); err != nil {
			return writeFailed(err)
		}
		return &failure{exitUsage, fmt.Errorf("--budget %s: even without any row the result has %d bytes; give at least that", a.flags.budget, text.Len())}
	}
	if _, err := fits(best); err != nil {
		return writeFailed(err)
	}
	_, err = w.Write(text.Bytes())
	return writeFailed(err)
}
