package vmmap

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"

	"github.com/heapdump/heapdump/pkg/memory"
)

// Referrer is an owner whose memory holds words that are addresses in a range.
// That is what the memory says, not what the program means: on 32 bits some
// are numbers that happen to be such, and a heap's free blocks keep old ones.
type Referrer struct {
	Owner *Owner
	Words uint64      // words in its memory that point into the range
	Base  uint64      // of these, those that point at its start
	At    memory.Addr // the first of them, one that points at the start if any does
	Value memory.Addr // what it holds
}

// Allocation returns the whole allocation that holds an address: regions
// beside each other of one allocation base. Where the dump does not list its
// regions it is the piece alone. False in free address space, and where the
// dump describes none.
func (m *Map) Allocation(a memory.Addr) (memory.Range, bool) {
	if m.Partial {
		p, ok := m.At(a)
		return p.Range, ok
	}
	all := allocations(m.t.Space.Regions())
	i, found := slices.BinarySearchFunc(all, a, func(r memory.Range, a memory.Addr) int { return cmp.Compare(r.Start, a) })
	if !found {
		i--
	}
	if i < 0 || !all[i].Contains(a) {
		return memory.Range{}, false
	}
	return all[i], true
}

// Referrers goes over the writable memory of all owners that the dump has, and
// returns those whose words point into a range, the most words first. It
// passes over the memory once; the error is the context's when it was
// cancelled.
func (m *Map) Referrers(ctx context.Context, target memory.Range, tick func(done, total uint64)) ([]Referrer, error) {
	width := uint64(8)
	if m.t.File.Arch().Bits() == 32 {
		width = 4
	}
	for _, p := range m.t.PEBs { // a WOW64 program's pointers have 32 bits
		if p.Bits == 32 && target.Start < 1<<32 {
			width = 4
		}
	}
	total, done := uint64(0), uint64(0)
	for i := range m.Pieces {
		if m.refers(&m.Pieces[i]) {
			total += m.Pieces[i].Size()
		}
	}
	found := map[*Owner]*Referrer{}
	for i := range m.Pieces {
		p := &m.Pieces[i]
		if !m.refers(p) || target.Overlaps(p.Range) {
			continue
		}
		var r Referrer
		for run := range m.t.Space.Runs(p.Range) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			r.scan(run, target, width)
		}
		if done += p.Size(); tick != nil {
			tick(done, total)
		}
		if r.Words == 0 {
			continue
		}
		x := found[p.Owner]
		if x == nil {
			r.Owner = p.Owner
			found[p.Owner] = &r
			continue
		}
		x.Words, x.Base = x.Words+r.Words, x.Base+r.Base
		if x.Value != target.Start && r.Value == target.Start {
			x.At, x.Value = r.At, r.Value
		}
	}
	out := make([]Referrer, 0, len(found))
	for _, r := range found {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b Referrer) int {
		return cmp.Or(cmp.Compare(b.Base, a.Base), cmp.Compare(b.Words, a.Words), cmp.Compare(a.At, b.At))
	})
	return out, nil
}

// refers reports whether a piece's words count: it has an owner, and the
// program can write to it.
func (m *Map) refers(p *Piece) bool {
	return p.Owner != nil && p.Usage != Unknown && p.State == memory.MemCommit && p.Protect.Writable()
}

// scan counts the words of a run that are addresses in target.
func (r *Referrer) scan(run memory.Run, target memory.Range, width uint64) {
	skip := -uint64(run.Start) % width
	if skip > uint64(len(run.Bytes)) {
		return
	}
	b := run.Bytes[skip:]
	at := run.Start.Add(skip)
	for ; uint64(len(b)) >= width; b, at = b[width:], at.Add(width) {
		v := memory.Addr(binary.LittleEndian.Uint32(b))
		if width == 8 {
			v = memory.Addr(binary.LittleEndian.Uint64(b))
		}
		if v < target.Start || v >= target.End {
			continue
		}
		r.Words++
		base := v == target.Start
		if base {
			r.Base++
		}
		if r.Words == 1 || base && r.Value != target.Start {
			r.At, r.Value = at, v
		}
	}
}
