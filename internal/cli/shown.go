package cli

import (
	"context"
	"io"

	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/target"
)

// result is what a command that makes one document has to say: how, and how
// in the debugger's layout; debug is nil where the debugger has none.
type result struct {
	make  func(context.Context, *target.Target) (*report.Document, error)
	debug func(context.Context, io.Writer, *target.Target) error
	after func(*target.Target) error // judges what was written; nil where nothing is to be
}

// show runs the five steps of a command that makes one document of a dump.
func (a *app) show(ctx context.Context, path string, r result) error {
	format, err := a.check(r.debug != nil, "text", "json", "csv", "ndjson", "markdown")
	if err != nil {
		return err
	}
	t, w, err := a.open(ctx, path)
	if err != nil {
		return err
	}
	defer t.Close()
	if r.debug != nil && a.windbg() {
		if err := r.debug(ctx, w, t); err != nil {
			return writeFailed(err)
		}
		return r.end(t, a.complete(report.Coverage(t, nil)))
	}
	d, err := r.make(ctx, t)
	if err != nil {
		return err
	}
	return r.end(t, a.write(w, d, format, report.Coverage(t, nil)))
}

// end judges what was written without an error.
func (r *result) end(t *target.Target, err error) error {
	if err != nil || r.after == nil {
		return err
	}
	return r.after(t)
}
