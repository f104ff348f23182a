package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/analysis/triage"
	"github.com/heapdump/heapdump/internal/finding"
	"github.com/heapdump/heapdump/internal/mmap"
	"github.com/heapdump/heapdump/internal/progress"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/internal/thousands"
	"github.com/heapdump/heapdump/pkg/minidump"
)

// triaged is one dump that was looked through.
type triaged struct {
	dump       report.Triaged
	figures    triage.Figures
	unreadable bool
	fault      error // a panic of ours
}

// triageAll looks dumps through, some at a time. Results stand in the order of
// the files. The error is the context's.
func (a *app) triageAll(ctx context.Context, files []string, f triageFlags) ([]triaged, error) {
	if f.memory > 0 {
		if total := f.memory * uint64(f.jobs); total < 1<<62 && total/f.memory == uint64(f.jobs) {
			defer debug.SetMemoryLimit(debug.SetMemoryLimit(int64(total)))
		}
	}
	m := a.meter("triage")
	defer m.Done()
	out := make([]triaged, len(files))
	work := make(chan int)
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := uint64(0)
	for range min(f.jobs, len(files)) {
		wg.Go(func() {
			for i := range work {
				out[i] = a.triageOne(ctx, files[i], len(files), f)
				mu.Lock()
				done++
				m.Set(done, uint64(len(files)))
				mu.Unlock()
			}
		})
	}
	for i := range files {
		if ctx.Err() != nil {
			break
		}
		work <- i
	}
	close(work)
	wg.Wait()
	return out, ctx.Err()
}

// triageOne looks one dump through. A panic is a finding: the others go on.
func (a *app) triageOne(ctx context.Context, file string, files int, f triageFlags) (out triaged) {
	out.dump.File = file
	debug.SetPanicOnFault(true)
	defer func() {
		p := recover()
		switch {
		case progress.Vanished(p):
			out.unread(file, gone(file))
		case p != nil:
			fmt.Fprintf(a.env.Stderr, "heapdump: %s: internal error: %s\n%s", oneLine(errors.New(file)), oneLine(fmt.Errorf("%v", p)), debug.Stack())
			out.broken(p, ours())
		}
	}()
	o, err := a.options(ctx)
	if err != nil {
		out.unread(file, err)
		return out
	}
	if f.timeout > 0 {
		c, cancel := context.WithTimeout(ctx, f.timeout)
		defer cancel()
		ctx, o.Context = c, c
	}
	t, err := target.Open(file, o)
	if err != nil {
		out.unread(file, err)
		return out
	}
	defer t.Close()
	if hook := a.env.BeforeTriage; hook != nil {
		ctx = hook(ctx, file)
	}
	r := out.take(ctx, t, f)
	if f.page {
		a.drawn(ctx, &out, t, r, files, f)
	}
	return out
}

// take analyses an opened dump.
func (x *triaged) take(ctx context.Context, t *target.Target, f triageFlags) *triage.Result {
	r := triage.Take(ctx, t, triage.Options{MaxMemory: f.memory})
	x.dump.Process, x.figures, x.dump.Findings = r.Process, r.Figures, r.Findings
	var heaps []*census.Heap
	if r.Census != nil {
		heaps = pointers(r.Census.Heaps)
	}
	x.dump.Missing = append(report.Coverage(t, heaps), r.Missing...)
	x.dump.Warnings = report.Warnings(t, "")
	x.dump.Status = report.StatusOK
	if len(x.dump.Missing) > 0 || r.Stopped {
		x.dump.Status = report.StatusPartial
	}
	if r.Stopped {
		why := "the tables for leaks would take more memory than --max-memory allows"
		if ctx.Err() != nil {
			why = fmt.Sprintf("--timeout %v was over", f.timeout)
			x.dump.Missing = append(x.dump.Missing, "Not all of the analysis was done: "+why+".")
		}
		x.add(finding.Finding{Rule: finding.Stopped, Severity: finding.Low, Confidence: finding.Sure, Title: "Not all of the analysis was done", Evidence: upper(why) + "."}, firstWord(why))
	}
	return r
}

// add files a finding and keeps the order.
func (x *triaged) add(f finding.Finding, parts ...string) {
	f.Fingerprint = finding.Fingerprint(f.Rule, append([]string{x.dump.Process}, parts...)...)
	x.dump.Findings = append(x.dump.Findings, f)
	finding.Sort(x.dump.Findings)
}

// unread makes a finding of a file that cannot be read.
func (x *triaged) unread(file string, err error) {
	x.unreadable, x.dump.Status = true, report.StatusError
	kind := "damaged"
	var not *minidump.KindError
	switch {
	case errors.Is(err, os.ErrNotExist):
		kind = "no such file"
	case errors.Is(err, os.ErrPermission):
		kind = "no permission"
	case errors.Is(err, mmap.ErrNotRegular):
		kind = "no file but a folder, pipe, socket or device"
	case errors.Is(err, mmap.ErrEmpty):
		kind = "empty"
	case errors.As(err, &not):
		kind = "not a Windows minidump"
	case errors.Is(err, context.DeadlineExceeded):
		kind = "too slow to unpack"
	}
	text := strings.TrimPrefix(oneLine(err), file+": ")
	x.dump.Missing = []string{upper(text)}
	x.add(finding.Finding{Rule: finding.Unreadable, Severity: finding.Medium, Confidence: finding.Sure,
		Title: "The file cannot be analysed: " + kind, Evidence: upper(text)}, kind)
}

// broken makes a finding of a panic of ours.
func (x *triaged) broken(p any, where string) {
	x.fault = fmt.Errorf("%v", p)
	x.dump.Status, x.figures = report.StatusError, nil
	text := oneLine(x.fault)
	x.dump.Missing = append(x.dump.Missing, "heapdump failed on it, which is a fault of heapdump: "+text)
	x.add(finding.Finding{Rule: finding.Fault, Severity: finding.Medium, Confidence: finding.Sure,
		Title: "heapdump failed in " + where, Evidence: "A fault of heapdump, not of the dump: " + text + ". Please report it with the lines on stderr."}, where)
}

// grow makes a finding of growth beyond what is usual between two runs.
func (x *triaged) grow(before, now uint64, percent float64) {
	if percent < 10 || now-before < 1<<20 {
		return
	}
	x.add(finding.Finding{Rule: finding.Growth, Severity: finding.Medium, Confidence: finding.Likely, Title: "The heaps hold more than the baseline says",
		Evidence: fmt.Sprintf("%s bytes are in use, %.1f percent more than the %s of the baseline.", thousands.Grouped(now), percent, thousands.Grouped(before))})
}

// ours names the function of heapdump in which a panic began.
func ours() string {
	pc := make([]uintptr, 64)
	frames := runtime.CallersFrames(pc[:runtime.Callers(3, pc)])
	for {
		f, more := frames.Next()
		if name, ok := strings.CutPrefix(f.Function, "github.com/heapdump/heapdump/"); ok {
			return name
		}
		if !more {
			return "an unknown place"
		}
	}
}

// upper begins a sentence; s is not empty.
func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func firstWord(s string) string {
	w, _, _ := strings.Cut(s, " ")
	return w
}
