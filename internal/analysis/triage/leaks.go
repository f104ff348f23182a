package triage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/heapdump/heapdump/internal/analysis/attrib"
	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/finding"
	"github.com/heapdump/heapdump/internal/thousands"
)

// What of the unreachable is worth a finding: so many bytes, or so many blocks
// of one owner. Less is noise of every program.
const (
	leakBytes  = 64 << 10
	leakBlocks = 100
	maxLeaks   = 20

	mediumLeak = 1 << 20
	highLeak   = 10 << 20
	// A large share of what is in use makes a leak worse, but not one of a
	// few bytes in a small program.
	leakShare = 5
)

// perBlock is what the tables of reachability take for a block in use, in
// bytes: the index, edges, marks and the tree of dominators, with several
// references in each block, and half of them from elsewhere.
const perBlock = 100

// leaks looks for what no root leads to, and for what alone leads to very much.
func (x *taker) leaks(ctx context.Context) error {
	if x.out.Census == nil {
		return nil
	}
	busy := 0
	for i := range x.out.Census.Heaps {
		busy += x.out.Census.Heaps[i].BusyBlocks
	}
	if busy == 0 {
		return nil
	}
	if need := uint64(busy) * perBlock; x.o.MaxMemory > 0 && need > x.o.MaxMemory {
		x.out.Stopped = true
		x.missing("Leaks were not looked for: %s in use need about %d MiB of memory, more than --max-memory allows.", blocks(busy), need>>20)
		return nil
	}
	r, err := refs.Take(ctx, x.t, refs.Steps{Tick: func(what string) refs.Tick { return x.o.step(what) }})
	if err != nil {
		return err
	}
	names, err := attrib.NewNamer(ctx, x.t, r.Index)
	if err != nil {
		return err
	}
	l, err := r.Leaks(ctx, x.t.Own(), func() refs.Namer { return names.Another().Type })
	if err != nil {
		return err
	}
	d, err := r.Dominators(ctx)
	if err != nil {
		return err
	}
	x.judge(r, l, d.Suspects(names.Type))
	return ctx.Err()
}

// judge makes findings of leaks. Without the variables of any module nearly
// everything is unreachable, which is no leak.
func (x *taker) judge(r *refs.Reach, l *refs.Leaks, suspects []refs.Suspect) {
	for i := range suspects {
		x.accumulator(&suspects[i], l)
	}
	if l.Busy.Blocks == 0 {
		return
	}
	if r.Counts[refs.Module].Areas == 0 {
		x.missing("Unreachable blocks were not judged: the dump has no writable data of any module, so that everything would seem unreachable.")
		return
	}
	x.out.Missing = append(x.out.Missing, r.Gaps()...)
	x.out.Figures["leaked_bytes"] = float64(l.Unreachable.Bytes)
	x.out.Figures["leaked_blocks"] = float64(l.Unreachable.Blocks)
	x.unreachable(r, l)
}

// accumulator makes a finding of a suspect.
func (x *taker) accumulator(s *refs.Suspect, l *refs.Leaks) {
	shape := s.Shape
	if shape == "blocks" {
		shape = "holder"
	}
	of := fmt.Sprintf("blocks of %d bytes", s.Element)
	if s.Type != "" {
		of = fmt.Sprintf("%s (%d bytes each)", s.Type, s.Element)
	}
	f := finding.Finding{Rule: finding.Accumulator, Severity: finding.Low, Confidence: finding.Unsure,
		Title: fmt.Sprintf("A %s of %s, from %s", shape, of, s.Root),
		Evidence: fmt.Sprintf("%s bytes in use of %s are reachable through it alone; %s of them are its %s of %s bytes each.",
			thousands.Grouped(s.Retained), thousands.Grouped(l.Busy.Bytes), thousands.Grouped(s.Bytes), blocks(s.Length), thousands.Grouped(s.Element)),
		Path: s.Path}
	if len(s.Path) > 0 {
		f.Evidence += " The path: " + strings.Join(s.Path, " → ") + "."
	}
	switch {
	case s.Retained >= highLeak && s.Retained >= l.Busy.Bytes/2:
		f.Severity, f.Confidence = finding.High, finding.Likely
	case s.Retained >= highLeak:
		f.Severity, f.Confidence = finding.Medium, finding.Likely
	case s.Retained >= mediumLeak:
		f.Severity, f.Confidence = finding.Medium, finding.Unsure
	}
	x.add(f, s.Shape, fmt.Sprint(s.Element), strings.ToLower(s.Place))
}

// leak is the unreachable blocks of one owner: groups of one stack each that
// have the same owner are one.
type leak struct {
	evidence, who string
	refs.Count
	heads int
	first *refs.Group
}

func leaksOf(groups []refs.Group) []leak {
	var out []leak
	at := map[string]int{}
	for i := range groups {
		g := &groups[i]
		who := strings.ToLower(g.Owner)
		switch g.Evidence {
		case "crt-site":
			who = base(who)
		case "stack":
			if who = owner(g.Stack); who == "" {
				who = "no module"
			}
		}
		key := g.Evidence + " " + who
		k, seen := at[key]
		if !seen {
			k = len(out)
			at[key] = k
			out = append(out, leak{evidence: g.Evidence, who: who, first: g})
		}
		out[k].Blocks += g.Blocks
		out[k].Bytes += g.Bytes
		out[k].heads += g.Heads
	}
	slices.SortStableFunc(out, func(a, b leak) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(b.Blocks, a.Blocks)) })
	return out
}

// unreachable makes findings of the largest owners of unreachable blocks.
func (x *taker) unreachable(r *refs.Reach, l *refs.Leaks) {
	whole := whole(r)
	n, rest := 0, refs.Count{}
	for _, g := range leaksOf(l.Groups) {
		if g.Bytes < leakBytes && g.Blocks < leakBlocks {
			continue
		}
		if n++; n > maxLeaks {
			rest.Blocks += g.Blocks
			rest.Bytes += g.Bytes
			continue
		}
		x.leak(&g, l, whole)
	}
	if n > maxLeaks {
		x.missing("%d more owners of %s unreachable bytes in %s have no finding; `heapdump leaks` has them all.", n-maxLeaks, thousands.Grouped(rest.Bytes), blocks(rest.Blocks))
	}
}

func (x *taker) leak(g *leak, l *refs.Leaks, whole bool) {
	f := finding.Finding{Rule: finding.Unreachable, Severity: finding.Low, Confidence: finding.Unsure, Bytes: g.Bytes, Blocks: g.Blocks}
	named := true // by something that tells them apart from other blocks
	switch g.evidence {
	case "crt-site":
		f.Title = "Unreachable blocks allocated by " + g.who
	case "stack":
		f.Title = "Unreachable blocks allocated by " + called(g.first.Stack, g.who)
	case "rtti", "vtable":
		f.Title = "Unreachable objects of " + g.first.Owner
	default: // shape, content, size
		f.Title, named = "Unreachable blocks: "+g.first.Owner+" each", false
		if g.evidence != "size" {
			f.Title = "Unreachable blocks: " + g.first.Owner
		}
	}
	switch {
	case whole && named:
		f.Confidence = finding.Sure
	case whole || named:
		f.Confidence = finding.Likely
	}
	switch {
	case g.Bytes >= highLeak || g.Bytes >= mediumLeak && g.Bytes >= l.Busy.Bytes/leakShare:
		f.Severity = finding.High
	case g.Bytes >= mediumLeak:
		f.Severity = finding.Medium
	}
	if f.Confidence == finding.Unsure {
		f.Severity = min(f.Severity, finding.Medium)
	}
	f.Evidence = fmt.Sprintf("No root leads to %s of %s bytes together, of %s bytes in use; to %s nothing points at all. For example the one at %v.",
		blocks(g.Blocks), thousands.Grouped(g.Bytes), thousands.Grouped(l.Busy.Bytes), blocks(g.heads), g.first.Example)
	if g.evidence == "stack" {
		f.Evidence += " Allocated through " + through(g.first.Stack) + "."
	}
	if !whole {
		f.Evidence += " The dump lacks memory that may point to them, so that this is an upper bound."
	}
	x.add(f, g.evidence, g.who)
}

// whole reports whether all that could refer to a block is in the dump.
func whole(r *refs.Reach) bool {
	for _, c := range r.Counts {
		if c.Missing > 0 || !c.Taken {
			return false
		}
	}
	return r.Missing == 0 && len(r.Lost) == 0 && r.Counts[refs.Stack].Areas > 0
}
