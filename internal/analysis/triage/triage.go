// Package triage asks one dump all that a build server wants to know: whether
// the process crashed and where, whether its heaps are damaged, what leaks,
// and whether memory, address space or handles ran out. Each answer is a
// finding, whose fingerprint is the same for the same bug in another run.
package triage

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/analysis/check"
	"github.com/heapdump/heapdump/internal/analysis/crash"
	"github.com/heapdump/heapdump/internal/analysis/handles"
	"github.com/heapdump/heapdump/internal/finding"
	"github.com/heapdump/heapdump/internal/progress"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/internal/thousands"
)

// Options bound the work on one dump. The zero Options set no bound.
type Options struct {
	MaxMemory uint64                              // bytes that the tables of the analysis may take; 0 is no limit
	Step      func(what string) func(a, b uint64) // the progress of a step; may be nil, and so may what it returns
}

func (o Options) step(what string) func(done, total uint64) {
	if o.Step == nil {
		return nil
	}
	return o.Step(what)
}

// Figures are the numbers of a dump by the names that --fail-on knows. What
// the dump does not hold has no entry.
type Figures map[string]float64

// Result is what was found in one dump.
type Result struct {
	Process  string // file name of the program, lower case; empty when unknown
	Findings []finding.Finding
	Figures  Figures
	Census   *census.Census // nil when the heaps were not counted
	Missing  []string       // what could not be looked at and why, in sentences
	Stopped  bool           // the context ended before all was done
}

// taker is one run.
type taker struct {
	t   *target.Target
	o   Options
	out *Result
}

// Take looks a dump through. When ctx ends, what was found so far is returned
// with Stopped set; steps are done in the order in which their answers matter.
// The result depends on nothing but the dump and the options. A panic of ours,
// in whatever goroutine, is a panic of the caller's.
func Take(ctx context.Context, t *target.Target, o Options) *Result {
	x := &taker{t: t, o: o, out: &Result{Figures: Figures{}}}
	x.out.Process = process(t)
	for _, step := range []func(context.Context) error{x.crash, x.handles, x.space, x.heaps, x.leaks} {
		err := step(ctx)
		var p *progress.Panic
		if errors.As(err, &p) {
			panic(p) // of a goroutine: for the caller to catch like any other
		}
		if err != nil {
			x.out.Stopped = true
			break
		}
	}
	x.out.Findings = merge(x.out.Findings)
	return x.out
}

// blocks is a number of blocks in words.
func blocks(n int) string {
	if n == 1 {
		return "1 block"
	}
	return thousands.Grouped(n) + " blocks"
}

// add files a finding. Its fingerprint is of the rule, the program and parts.
func (x *taker) add(f finding.Finding, parts ...string) {
	f.Fingerprint = finding.Fingerprint(f.Rule, append([]string{x.out.Process}, parts...)...)
	x.out.Findings = append(x.out.Findings, f)
}

func (x *taker) missing(format string, args ...any) {
	x.out.Missing = append(x.out.Missing, fmt.Sprintf(format, args...))
}

// merge makes one of findings with one fingerprint: the first, with the bytes
// of all and a word on how many there are.
func merge(all []finding.Finding) []finding.Finding {
	var out []finding.Finding
	at, count := map[string]int{}, map[string]int{}
	for _, f := range all {
		count[f.Fingerprint]++
		i, seen := at[f.Fingerprint]
		if !seen {
			at[f.Fingerprint] = len(out)
			out = append(out, f)
			continue
		}
		out[i].Bytes += f.Bytes
		out[i].Blocks += f.Blocks
		out[i].Places += f.Places
		out[i].Severity, out[i].Confidence = max(out[i].Severity, f.Severity), max(out[i].Confidence, f.Confidence)
	}
	for i := range out {
		if n := count[out[i].Fingerprint]; n > 1 {
			out[i].Evidence = fmt.Sprintf("%d times; the first: %s", n, out[i].Evidence)
		}
	}
	finding.Sort(out)
	return out
}

// process is the file name of the program: of the PEB's image path, else of
// the module at its image base, else of the only .exe among the modules.
func process(t *target.Target) string {
	for _, p := range t.PEBs {
		if p.ImagePath != "" {
			return base(p.ImagePath)
		}
	}
	exe := ""
	for _, m := range t.File.Modules(nil) {
		for _, p := range t.PEBs {
			if m.Start == p.ImageBaseAddress && m.Start != 0 {
				return base(m.Name)
			}
		}
		if exe == "" && strings.HasSuffix(strings.ToLower(m.Name), ".exe") {
			exe = base(m.Name)
		}
	}
	return exe
}

// base is the file name at the end of a Windows path, in lower case.
func base(path string) string {
	return strings.ToLower(path[strings.LastIndexAny(path, `\/`)+1:])
}

// crash looks at the exception.
func (x *taker) crash(ctx context.Context) error {
	r, err := crash.Take(ctx, x.t)
	if err != nil {
		return err
	}
	x.exception(r)
	return nil
}

// manyHandles is how many handles are worth a word: programs seldom have a
// tenth of it. 100,000 are half of what some versions' desktops grant.
const (
	manyHandles     = 10_000
	tooManyHandles  = 100_000
	shownHandleType = 3
)

// handles counts the handles.
func (x *taker) handles(ctx context.Context) error {
	x.count(handles.Take(x.t, handles.Filter{}))
	return ctx.Err()
}

func (x *taker) count(r *handles.Result) {
	if !r.Listed {
		return
	}
	n := len(r.Handles)
	x.out.Figures["handles"] = float64(n)
	if n < manyHandles || len(r.ByType) == 0 {
		return
	}
	var most []string
	for _, c := range r.ByType[:min(shownHandleType, len(r.ByType))] {
		most = append(most, fmt.Sprintf("%s of type %s", thousands.Grouped(c.Count), c.Type))
	}
	f := finding.Finding{Rule: finding.ManyHandles, Severity: finding.Medium, Confidence: finding.Likely,
		Title:    fmt.Sprintf("Very many open handles, most of type %s", r.ByType[0].Type),
		Evidence: fmt.Sprintf("%s handles are open: %s.", thousands.Grouped(n), strings.Join(most, ", "))}
	if n >= tooManyHandles {
		f.Severity = finding.High
	}
	x.add(f, r.ByType[0].Type)
}

// heaps counts and checks the heaps.
func (x *taker) heaps(ctx context.Context) error {
	r, err := check.Take(ctx, x.t, x.t.Own(), x.o.step("checking blocks"))
	if err != nil {
		return err
	}
	x.out.Census = r.Census
	x.corruption(r)
	x.pressure(r.Census)
	return nil
}
