// Package snapshot makes a side of a comparison: of a dump, or of what
// heapdump owners wrote of one.
package snapshot

import (
	"context"
	"fmt"

	"github.com/heapdump/heapdump/internal/analysis/attrib"
	"github.com/heapdump/heapdump/internal/analysis/delta"
	"github.com/heapdump/heapdump/internal/analysis/handles"
	"github.com/heapdump/heapdump/internal/analysis/roles"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/analysis/vmmap"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/minidump"
)

// Of makes a side of a dump. The program's name is the caller's to fill in.
// The error is the context's.
func Of(ctx context.Context, t *target.Target, heaps []*target.Heap, o attrib.Options) (*delta.Side, error) {
	s := &delta.Side{File: t.Path}
	if at := t.File.Time(); at.Unix() > 0 {
		s.Written = at.UTC()
	}
	r, err := roles.Take(ctx, t)
	if err != nil {
		return nil, err
	}
	o.HeapName = heapNames(t, r)
	owners, err := attrib.Take(ctx, t, heaps, o)
	if err != nil {
		return nil, err
	}
	for _, by := range owners.By {
		s.By = append(s.By, by.String())
	}
	for i := range owners.Groups {
		s.Rows = append(s.Rows, ownerRow(&owners.Groups[i], o.HeapName))
	}
	space(s, t)
	if h := handles.Take(t, handles.Filter{}); h.Listed {
		s.Handles = []delta.Row{}
		for _, x := range h.ByType {
			s.Handles = append(s.Handles, delta.Row{Fingerprint: x.Type, Keys: []string{x.Type}, Amount: delta.Amount{Blocks: x.Count}})
		}
	}
	return s, nil
}

// ownerRow is a group as a row of a side. Heaps are named by their role, since
// their addresses change from run to run.
func ownerRow(g *attrib.Group, name func(*target.Heap) string) delta.Row {
	row := delta.Row{Fingerprint: g.Fingerprint(), Amount: delta.Amount{Blocks: g.Blocks, Bytes: g.Bytes}}
	for _, k := range g.Keys {
		text := k.Text
		if k.By == attrib.Heap {
			text = k.Same
		}
		row.Keys = append(row.Keys, text)
		for _, f := range k.Stack {
			row.Stack = append(row.Stack, stacks.FrameName(f))
		}
	}
	return row
}

// heapNames names heaps by what they are for, which is the same in every run,
// and numbers those that are for the same.
func heapNames(t *target.Target, r *roles.Result) func(*target.Heap) string {
	names := map[*target.Heap]string{}
	seen := map[string]int{}
	for _, h := range t.Heaps {
		role := r.Of(h)
		name := "heap of unknown role"
		if role.Kind != roles.Unknown {
			name = role.Kind.String() + " heap"
			if role.Owner != "" {
				name = role.Owner + "'s heap"
			}
		}
		name = fmt.Sprintf("%s, %d-bit", name, h.Bits)
		if seen[name]++; seen[name] > 1 {
			name = fmt.Sprintf("%s, no. %d", name, seen[name])
		}
		names[h] = name
	}
	return func(h *target.Heap) string { return names[h] }
}

// space fills in the address space and what growth runs into.
func space(s *delta.Side, t *target.Target) {
	m := vmmap.Take(t)
	sum := vmmap.Sum(m.Pieces)
	if m.Partial || len(m.Pieces) == 0 {
		return
	}
	s.Usage = []delta.Row{}
	for _, u := range sum.Usage {
		name := u.Name
		if u.Bits != 0 {
			name = fmt.Sprintf("%s, %d-bit", name, u.Bits)
		}
		s.Usage = append(s.Usage, delta.Row{Fingerprint: name, Keys: []string{name}, Amount: delta.Amount{Blocks: u.Regions, Bytes: u.Bytes}})
	}
	if t.File.Arch().Bits() == 32 { // of 64 bits nobody runs out
		s.Limits = append(s.Limits, delta.Limit{Name: "the end of the address space", Left: sum.FreeBytes - min(sum.FreeBytes, sum.UnusableBytes)})
	}
	if left, ok := commitLeft(t.File); ok {
		s.Limits = append(s.Limits, delta.Limit{Name: "the machine's commit limit", Left: left})
	}
}

// commitLeft is how much more all processes of the machine could commit.
func commitLeft(f *minidump.File) (uint64, bool) {
	m, err := f.SystemMemory()
	if err != nil || m.PageSize == 0 || m.CommitLimitPages <= m.CommittedPages {
		return 0, false
	}
	left := m.CommitLimitPages - m.CommittedPages
	if left > 1<<40 { // in pages: no machine has as much
		return 0, false
	}
	return left * uint64(m.PageSize), true
}
