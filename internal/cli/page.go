package cli

import (
	"context"
	"errors"

	"github.com/heapdump/heapdump/internal/analysis/pagemap"
	"github.com/heapdump/heapdump/internal/analysis/roles"
	"github.com/heapdump/heapdump/internal/analysis/triage"
	"github.com/heapdump/heapdump/internal/progress"
	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/target"
)

// What the pictures of one dump hold at most: cells of maps and nodes of each
// tree. Of many dumps on one page each has less.
const (
	mostCells, leastCells = 24_000, 400
	mostNodes, leastNodes = 2_500, 150
)

// paged reports whether a page is among the outputs.
func (a *app) paged(f render.Format) bool {
	return f == render.FormatHTML || a.hasFormat(render.FormatHTML)
}

// pictures makes the pictures of one of some dumps.
func (a *app) pictures(ctx context.Context, t *target.Target, dumps int, memory uint64) (*report.Pictures, error) {
	r, err := pagemap.Take(ctx, t, pagemap.Options{Cells: max(mostCells/dumps, leastCells), Nodes: max(mostNodes/dumps, leastNodes), MaxMemory: memory})
	if err != nil {
		return nil, err
	}
	return report.NewPictures(r), nil
}

// detailed is how many dumps a page has the tables of a summary for.
const detailed = 20

// drawn adds to a dump of a triage what a page shows of it beside its findings.
func (a *app) drawn(ctx context.Context, x *triaged, t *target.Target, r *triage.Result, dumps int, f triageFlags) {
	if r.Census == nil || ctx.Err() != nil {
		return
	}
	pictures, err := a.pictures(ctx, t, dumps, f.memory)
	if again(err) != nil {
		return
	}
	x.dump.Pictures = pictures
	if dumps > detailed {
		return
	}
	rs, err := roles.Take(ctx, t)
	if again(err) != nil {
		return
	}
	x.dump.Detail = report.Detail(t, r.Census, rs)
}

// again panics with what was a panic in another goroutine: a fault is the
// triage's to report, and an error is only that there was no time.
func again(err error) error {
	var p *progress.Panic
	if errors.As(err, &p) {
		panic(p)
	}
	return err
}
