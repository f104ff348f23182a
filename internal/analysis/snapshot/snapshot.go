// Package snapshot makes a side of a comparison: of a dump, or of what
// heapdump owners wrote of one.
package snapshot

import (
	"context"
	"fmt"
	"slices"

	"github.com/heapdump/heapdump/internal/analysis/attrib"
	"github.com/heapdump/heapdump/internal/analysis/delta"
	"github.com/heapdump/heapdump/internal/analysis/handles"
	"github.com/heapdump/heapdump/internal/analysis/roles"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/analysis/vmmap"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
	"github.com/heapdump/heapdump/pkg/process"
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
	s.Handles = handleTypes(t)
	return s, nil
}

// OfProcess makes a side of a dump that needs no blocks: by delta.ByUsage what
// address space is for, by delta.ByHandles the handles. The error says what the
// dump does not have.
func OfProcess(t *target.Target, by string) (*delta.Side, error) {
	s := &delta.Side{File: t.Path, By: []string{by}}
	if at := t.File.Time(); at.Unix() > 0 {
		s.Written = at.UTC()
	}
	space(s, t)
	if by == delta.ByHandles {
		if s.Rows = handleTypes(t); s.Rows == nil {
			return nil, fmt.Errorf("%s lists no handles (it has no HandleData stream); without --by handles its blocks are compared", t.Path)
		}
		s.Usage = nil
		return s, nil
	}
	if s.Usage == nil {
		return nil, fmt.Errorf("%s has no list of its whole address space (MemoryInfoList); without --by usage its blocks are compared", t.Path)
	}
	s.Rows, s.Usage = taken(s.Usage), nil
	return s, nil
}

// taken is address space but for what is free.
func taken(rows []delta.Row) []delta.Row {
	out := []delta.Row{}
	for _, r := range rows {
		if r.Fingerprint != vmmap.Free.String() {
			out = append(out, r)
		}
	}
	return out
}

// handleTypes counts the handles by type; nil when the dump lists none.
func handleTypes(t *target.Target) []delta.Row {
	h := handles.Take(t, handles.Filter{})
	if !h.Listed {
		return nil
	}
	out := []delta.Row{}
	for _, x := range h.ByType {
		out = append(out, handleRow(x.Type, x.Count))
	}
	return out
}

func handleRow(kind string, count int) delta.Row {
	return delta.Row{Fingerprint: kind, Keys: []string{kind}, Amount: delta.Amount{Blocks: count}}
}

// usageRow is a usage as a row of a side; bits is 0 where it has no width.
func usageRow(name string, bits, regions int, bytes uint64) delta.Row {
	if bits != 0 {
		name = fmt.Sprintf("%s, %d-bit", name, bits)
	}
	return delta.Row{Fingerprint: name, Keys: []string{name}, Amount: delta.Amount{Blocks: regions, Bytes: bytes}}
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
		s.Usage = append(s.Usage, usageRow(u.Name, u.Bits, u.Regions, u.Bytes))
	}
	if program32(t) { // of 64 bits nobody runs out
		free := freeBelow(m, 1<<32)
		s.Limits = append(s.Limits, delta.Limit{Name: "the end of the address space", Left: free - min(free, sum.UnusableBytes)})
	}
	if left, ok := commitLeft(t.File); ok {
		s.Limits = append(s.Limits, delta.Limit{Name: "the machine's commit limit", Left: left})
	}
}

// program32 reports whether the program is of 32 bits, on whatever Windows.
func program32(t *target.Target) bool {
	return t.File.Arch().Bits() == 32 || slices.ContainsFunc(t.PEBs, func(p process.PEB) bool { return p.Bits == 32 })
}

// freeBelow is how much address space below end nothing takes.
func freeBelow(m *vmmap.Map, end memory.Addr) (free uint64) {
	for i := range m.Pieces {
		if p := &m.Pieces[i]; p.Usage == vmmap.Free && p.Start < end {
			free += min(p.End, end).Sub(p.Start)
		}
	}
	return free
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
