package triage

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/heapdump/heapdump/internal/analysis/crash"
	"github.com/heapdump/heapdump/internal/analysis/locate"
	"github.com/heapdump/heapdump/internal/finding"
	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/unwind"
	"github.com/heapdump/heapdump/pkg/heap"
)

// The exceptions that are told apart (ntstatus.h, winbase.h).
const (
	codeAccess      = 0xc0000005
	codeInPage      = 0xc0000006
	codeGuard       = 0x80000001
	codeOverflow    = 0xc00000fd
	codeCorruption  = 0xc0000374
	codeBreakpoint  = 0x80000003
	codeStep        = 0x80000004
	codeWowBreak    = 0x4000001f // STATUS_WX86_BREAKPOINT
	codeWowStep     = 0x4000001e
	codeControlC    = 0x40010005
	codeControlBrk  = 0x40010008
	codeThreadName  = 0x406d1388 // MSVC tells debuggers a thread's name with it
	codeNone        = 0          // some writers leave an empty record where there was no exception
	codeSimulated   = 0x0517a7ed // Crashpad: a dump without a crash
	codeSimulated2  = 0x80000517 // procdump and others: a dump on demand
	nullEnd         = 0x10000    // Windows gives no program memory below
	codeCPlusPlus   = 0xe06d7363
	codeFailFast    = 0xc0000409
	failFastCorrupt = 50 // FAST_FAIL_HEAP_METADATA_CORRUPTION: ntdll on its heap (winnt.h)
)

// exception makes a finding of the exception, if there is one.
func (x *taker) exception(r *crash.Result) {
	if !r.Has {
		return
	}
	if r.Why != "" {
		x.missing("The exception could not be read: %s.", r.Why)
		return
	}
	name := r.Name
	if name == "" {
		name = fmt.Sprintf("exception %#08x", r.Exception.Code)
	}
	where, what := place(&r.At), touched(r)
	f := finding.Finding{Rule: finding.Exception, Severity: finding.High, Confidence: finding.Sure, Title: name + " in " + cmp.Or(function(r.At.Name), where)}
	switch r.Exception.Code {
	case codeAccess, codeInPage, codeGuard:
		f.Rule = finding.AccessViolation
		if what != "" {
			f.Title += ", " + what
		}
	case codeOverflow:
		f.Rule = finding.StackOverflow
	case codeCorruption:
		return // the check of the heaps says more
	case codeBreakpoint, codeStep, codeWowBreak, codeWowStep, codeControlC, codeControlBrk, codeThreadName, codeNone, codeSimulated, codeSimulated2:
		f.Rule, f.Severity = finding.NoCrash, finding.Info
		f.Title = "No crash: " + f.Title
	}
	f.Evidence = evidence(r, where) + x.calls(r)
	x.add(f, fmt.Sprintf("%08x", r.Exception.Code), where, what)
}

// calls is what led to the exception, in words: the callers, the nearest first;
// empty where none is known.
func (x *taker) calls(r *crash.Result) string {
	if r.Thread == nil {
		return ""
	}
	for _, s := range unwind.New(x.t, symbols.Of(x.t)).Stacks(r.Thread.Thread) {
		if len(s.Frames) < 2 || s.Frames[0].IP != r.Exception.Address {
			continue
		}
		return " Called from " + callers(s.Frames[1:])
	}
	return ""
}

// callers names frames in words, and says which of them may be none.
func callers(frames []unwind.Frame) string {
	var names []string
	scanned := false
	for i, f := range frames {
		if i == mostFrames-1 {
			names = append(names, "…")
			break
		}
		name := cmp.Or(function(f.Name), f.Name.String(), fmt.Sprintf("%#x", uint64(f.IP)))
		if f.How == unwind.Scan {
			name, scanned = name+" (?)", true
		}
		names = append(names, name)
	}
	out := strings.Join(names, " < ") + "."
	if scanned {
		out += " (?) stands behind what was found by searching the stack for addresses of code: it may be left over from an earlier call."
	}
	return out
}

// mostFrames is how many frames of a stack a finding tells of.
const mostFrames = 8

// function is a name for people, with file and line where a symbol file has
// them; empty where no symbol is near. Names depend on the symbols at hand, so
// no fingerprint has them.
func function(n symbols.Name) string {
	switch {
	case n.Symbol == "" || n.How == symbols.Nearest && n.Source == symbols.Export && n.Offset > farExport:
		return ""
	case n.File == "":
		return n.String()
	}
	return fmt.Sprintf("%s (%s:%d)", n, n.File[strings.LastIndexAny(n.File, `/\\`)+1:], n.Line)
}

// farExport is how far above an export a name from it is no help any more.
const farExport = 0x10000

func evidence(r *crash.Result, where string) string {
	e := &r.Exception
	s := fmt.Sprintf("Exception %#08x", e.Code)
	if r.Meaning != "" {
		s += " (" + r.Meaning + ")"
	}
	s += fmt.Sprintf(" at %v, %s, in thread %#x", e.Address, where, e.ThreadID)
	if r.Thread != nil && r.Thread.Name != "" {
		s += fmt.Sprintf(" %q", r.Thread.Name)
	}
	s += "."
	if n := r.At.Name; n.Symbol != "" && n.Line != 0 {
		s += fmt.Sprintf(" That is line %d of %s, in %s.", n.Line, n.File, n.Symbol)
	}
	if r.Hit != "" {
		s += " It hit " + r.Hit + "."
	}
	return s
}

// place names an instruction without its address.
func place(x *locate.Found) string {
	if x.Module == "" {
		return "no module"
	}
	return fmt.Sprintf("%s+0x%x", base(x.Module), x.ModuleOffset)
}

// touched says how and what an access hit, without addresses.
func touched(r *crash.Result) string {
	x, p := r.Touched, r.Exception.Parameters
	if x == nil || len(p) < 2 {
		return ""
	}
	how := map[uint64]string{0: "reading", 1: "writing", 8: "executing"}[p[0]]
	if how == "" {
		how = "accessing"
	}
	switch {
	case x.Address < nullEnd:
		return how + " the null page"
	case x.Block != nil && x.Block.State == heap.Free:
		return how + " a free block"
	case x.Block != nil && x.Block.State == heap.Busy:
		return how + " a block in use"
	case x.Heap != nil:
		return how + " a heap's memory outside blocks"
	case x.Module != "":
		return how + " memory of " + base(x.Module)
	case strings.HasPrefix(r.Hit, "the thread's stack"):
		return how + " beyond the stack"
	case x.InStack:
		return how + " a stack"
	}
	return how + " other memory"
}
