package triage

import (
	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/analysis/check"
	"github.com/heapdump/heapdump/internal/analysis/handles"
	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/target"
)

// The parts of a triage, for commands that made the analysis themselves: the
// same findings with the same fingerprints.

// part runs a part on a dump.
func part(t *target.Target, do func(*taker)) *Result {
	x := &taker{t: t, out: &Result{Figures: Figures{}, Process: process(t)}}
	do(x)
	x.out.Findings = merge(x.out.Findings)
	return x.out
}

// OfCheck are the findings of a check, and its figure corruption.
func OfCheck(t *target.Target, r *check.Result) *Result {
	return part(t, func(x *taker) { x.corruption(r) })
}

// OfCensus are the findings of how heaps use memory, and the figures of heaps.
func OfCensus(t *target.Target, c *census.Census) *Result {
	return part(t, func(x *taker) { x.pressure(c) })
}

// OfHandles are the findings of handles, and their number. The result must be
// of all handles, not of some that a filter let pass.
func OfHandles(t *target.Target, r *handles.Result) *Result {
	return part(t, func(x *taker) { x.count(r) })
}

// OfLeaks are the findings of what is unreachable and of what accumulates, and
// the figures of leaks.
func OfLeaks(t *target.Target, r *refs.Reach, l *refs.Leaks, s []refs.Suspect) *Result {
	return part(t, func(x *taker) { x.judge(r, l, s) })
}

// SuspectFingerprint is the fingerprint of the finding that an accumulator
// becomes.
func SuspectFingerprint(t *target.Target, s *refs.Suspect) string {
	return part(t, func(x *taker) { x.accumulator(s, &refs.Leaks{}) }).Findings[0].Fingerprint
}
