// Package check validates every heap of a dump: the headers, lists and
// counters that a walk compares, and what surrounds the program's data: the
// fills of the debug heap, page heap's stamps, the debug C runtime's fences
// and lists. Each finding gets the likeliest story where there is evidence
// for one.
package check

import (
	"cmp"
	"context"
	"slices"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/crtheap"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Finding is damage that was found.
type Finding struct {
	diag.Problem
	Title           string // the rule in a few words
	Story, Evidence string // what likely happened and why that is thought; empty without evidence
	MidUpdate       bool   // the heap's lock was held: it may be a change in progress, and no damage
	Around          []Neighbour
	Stack           []stacks.Frame // of the block's allocation
}

// Neighbour is a block at or beside a finding.
type Neighbour struct {
	Which string // before, block, behind
	heap.Block
	DataAt memory.Addr // the user data, of a block that is not busy what follows its header
	Data   []byte      // its first bytes, as far as the dump has them
	Stack  []stacks.Frame
}

// Result is what a check found.
type Result struct {
	Census     *census.Census // the count of the same walk
	Heaps      int            // that were walked
	Blocks     int            // in them
	Findings   []Finding
	NotChecked []diag.Problem // what the dump or heapdump lacks to judge
	Detected   []Detected     // what ntdll detected itself; each is a finding too
	Held       []Held         // heaps whose lock somebody held
	NoStacks   []string       // in sentences, why stacks of the blocks shown could not be had
	Dropped    int            // findings beyond those kept
	Unjudged   int            // problems that a walk met beyond those it keeps: findings or not
}

// checker collects the findings of one run.
type checker struct {
	t      *target.Target
	ctx    context.Context
	out    *Result
	lists  map[int]*crtheap.List // by pointer size
	titles map[diag.Code]string

	modules []target.Module
}

// Take checks the given heaps. tick, if there is one, is told how far it is.
// The error is the context's when it was cancelled.
func Take(ctx context.Context, t *target.Target, heaps []*target.Heap, tick func(done, total uint64)) (*Result, error) {
	var parts []*layers
	cs, err := census.TakeWith(ctx, t, heaps, tick, func(h *target.Heap) census.Visit {
		parts = append(parts, &layers{h: h})
		return parts[len(parts)-1].block
	})
	if err != nil {
		return nil, err
	}
	c := &checker{t: t, ctx: ctx, out: &Result{Census: cs, Unjudged: t.Dropped}, lists: map[int]*crtheap.List{}, titles: titles()}
	for _, p := range t.Problems {
		c.put(p)
	}
	for i := range cs.Heaps {
		h := &cs.Heaps[i]
		if !h.Walked {
			continue
		}
		c.out.Heaps++
		for s := range heap.State(heap.States) {
			if s != heap.Uncommitted {
				c.out.Blocks += h.Sum(s).Blocks
			}
		}
		c.out.Unjudged += h.Dropped
		for _, p := range h.Problems {
			c.put(p)
		}
		if h.Target.Page != nil {
			h.Target.Page.Check(c.put)
		}
	}
	for _, p := range parts {
		c.merge(p)
	}
	c.chains(heaps)
	s := stacks.New(t)
	c.detected(s)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(c.out.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Heap, b.Heap), cmp.Compare(a.At.Off, b.At.Off), cmp.Compare(a.Code, b.Code))
	})
	c.out.Findings = slices.CompactFunc(c.out.Findings, func(a, b Finding) bool { return a.Problem == b.Problem })
	c.surround(heaps, s)
	c.out.NoStacks = s.Notes()
	c.held(heaps)
	for i := range c.out.Findings {
		c.tell(i)
	}
	return c.out, ctx.Err()
}

// put files a problem: damage of the process's memory is a finding, all else
// was not checked.
func (c *checker) put(p diag.Problem) {
	c.found(Finding{Problem: p})
}

func (c *checker) found(f Finding) {
	switch {
	case f.Class != diag.Corrupt || f.At.In == diag.InFile:
		if len(c.out.NotChecked) >= diag.DefaultLimit {
			c.out.Unjudged++
			return
		}
		c.out.NotChecked = append(c.out.NotChecked, f.Problem)
	case len(c.out.Findings) >= diag.DefaultLimit:
		c.out.Dropped++
	default:
		f.Title = c.titles[f.Code]
		c.out.Findings = append(c.out.Findings, f)
	}
}

// chains follows the debug runtimes' lists.
func (c *checker) chains(heaps []*target.Heap) {
	for _, bits := range [...]int{32, 64} {
		l := c.lists[bits]
		if l == nil {
			continue
		}
		w := l.Walk(c.t.Space)
		c.out.Unjudged += w.Dropped
		for _, f := range w.Findings {
			c.put(f.Problem(holder(heaps, f.Block)))
		}
	}
}

// holder returns the heap that an address lies in; 0 when in none.
func holder(heaps []*target.Heap, a memory.Addr) memory.Addr {
	for _, h := range heaps {
		if h.NT != nil {
			if _, ok := h.NT.SegmentAt(a); ok {
				return h.Address
			}
			for _, v := range h.NT.Virtuals {
				if v.Node.Span(v.ReserveSize).Contains(a) {
					return h.Address
				}
			}
		}
		if h.Page != nil {
			if _, ok := h.Page.Node(a); ok {
				return h.Address
			}
		}
	}
	return 0
}
