package handles

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"

	"github.com/heapdump/heapdump/internal/progress"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/process"
)

// FindHeld looks for the numbers of the result's handles in the writable
// memory of the process and fills in where they are held. Of heaps it takes
// the program's bytes; what free blocks still hold, and stacks below the stack
// pointer, is counted apart. step is told how many bytes are done of how many;
// it may be nil. The error is the context's.
func (r *Result) FindHeld(ctx context.Context, t *target.Target, step func(done, total uint64)) error {
	s := newSearch(r, t)
	regions := s.regions()
	total, done := uint64(0), uint64(0)
	for _, x := range regions {
		total += x.Size()
	}
	for i, h := range t.Heaps {
		w := h.Walkable()
		if w == nil {
			continue
		}
		for b := range progress.Watch(ctx, nil, w.Blocks(nil)) {
			s.block(i, &b)
		}
		s.walked = append(s.walked, heapRanges(h)...)
	}
	slices.SortFunc(s.walked, func(a, b memory.Range) int { return cmp.Compare(a.Start, b.Start) })
	for _, x := range regions {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.region(x)
		if done += x.Size(); step != nil {
			step(done, total)
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.named()
	r.Search = s.judge(r)
	return nil
}

// search counts words.
type search struct {
	t           *target.Target
	width       uint64
	index       []int32 // by number/4: place in counts + 1
	counts      []Held
	open        int               // the first so many of counts are handles, the rest controls
	number      []uint64          // of the controls, ascending
	types       map[uint64]string // of all handles of the dump
	fields      map[uint64]string // of a handle: the field of a structure that has it
	places      places
	stacks      []memory.Range // from the stack pointer up
	walked      []memory.Range // of heaps whose blocks were walked, sorted
	bytes, dead uint64
}

func newSearch(r *Result, t *target.Target) *search {
	s := &search{t: t, width: 8, types: map[uint64]string{}, fields: map[uint64]string{}}
	if t.File.Arch().Bits() == 32 || slices.ContainsFunc(t.PEBs, is32) {
		s.width = 4 // a 64-bit word of a WOW64 process begins with the 32-bit one
	}
	largest := uint64(0)
	for _, h := range t.File.Handles(nil) {
		if searchable(h.Handle) {
			largest = max(largest, h.Handle)
			s.types[h.Handle] = h.Type
		}
	}
	s.index = make([]int32, largest/4+1)
	for n := range s.types { // those that the filter left out are no controls
		s.index[n/4] = -1
	}
	for i := range r.Handles {
		if n := r.Handles[i].Handle.Handle; searchable(n) && s.index[n/4] == -1 {
			s.counts = append(s.counts, Held{})
			s.index[n/4] = int32(len(s.counts))
		}
	}
	s.open = len(s.counts)
	s.controls()
	for _, th := range t.File.Threads(nil) {
		s.stacks = append(s.stacks, th.Stack.Range)
	}
	return s
}

func is32(p process.PEB) bool { return p.Bits == 32 }

// heapRanges returns the address ranges that are known to be of a heap.
func heapRanges(h *target.Heap) []memory.Range {
	var out []memory.Range
	switch {
	case h.NT != nil:
		for _, s := range h.NT.Segments {
			out = append(out, s.Range)
		}
		for _, v := range h.NT.Virtuals {
			out = append(out, v.Node.Span(v.ReserveSize))
		}
	case h.Page != nil:
		out = append(out, h.Page.Ranges...)
	}
	return out
}

// regions returns the regions to search: those that the program can write to,
// all that are committed where protections are not known.
func (s *search) regions() []memory.Region {
	var out []memory.Region
	for _, r := range s.t.Space.Regions() {
		if r.State == memory.MemCommit && (r.Protect == 0 || r.Protect.Writable()) {
			out = append(out, r)
		}
	}
	return out
}

// block counts the words of a block: the program's bytes of a busy one, all of
// a free one, and nothing of what the heap keeps for itself.
func (s *search) block(h int, b *heap.Block) {
	switch b.State {
	case heap.Busy:
		r := b.User().Span(b.UserBytes())
		s.places.enter(h, b.Size)
		s.scan(r, func(h *Held) *uint64 { return &h.Heap }, true)
	case heap.Free:
		s.scan(memory.Range{Start: b.Addr, End: b.End()}, func(h *Held) *uint64 { return &h.Dead }, false)
	case heap.Lost:
		s.scan(memory.Range{Start: b.Addr, End: b.End()}, func(h *Held) *uint64 { return &h.Heap }, false)
	}
}

// region counts the words of a region that are in no walked heap.
func (s *search) region(r memory.Region) {
	at := r.Start
	i, _ := slices.BinarySearchFunc(s.walked, at, func(w memory.Range, a memory.Addr) int { return cmp.Compare(w.End-1, a) })
	for ; i < len(s.walked) && s.walked[i].Start < r.End; i++ {
		if w := s.walked[i]; w.End > at {
			s.outside(r, memory.Range{Start: at, End: max(at, w.Start)})
			at = w.End
		}
	}
	if at < r.End {
		s.outside(r, memory.Range{Start: at, End: r.End})
	}
}

// outside counts the words of a part of a region. A stack's part below its
// pointer is dead: what called functions left there.
func (s *search) outside(r memory.Region, part memory.Range) {
	if part.Empty() {
		return
	}
	stack := func(h *Held) *uint64 { return &h.Stack }
	for _, x := range s.stacks {
		if x.Empty() || !part.Overlaps(x) {
			continue
		}
		s.scan(memory.Range{Start: part.Start, End: max(part.Start, x.Start)}, func(h *Held) *uint64 { return &h.Dead }, false)
		s.scan(memory.Range{Start: max(part.Start, x.Start), End: part.End}, stack, false)
		return
	}
	if r.Type == memory.MemImage {
		s.scan(part, func(h *Held) *uint64 { return &h.Module }, false)
		return
	}
	s.scan(part, func(h *Held) *uint64 { return &h.Other }, false)
}

// scan counts the words of a range; those of a block for their places too.
func (s *search) scan(r memory.Range, at func(*Held) *uint64, block bool) {
	if r.Empty() {
		return
	}
	var none Held
	dead := at(&none) == &none.Dead
	for run := range s.t.Space.Runs(r) {
		skip := min(-uint64(run.Start)&(s.width-1), uint64(len(run.Bytes)))
		b, a := run.Bytes[skip:], run.Start.Add(skip)
		if s.bytes += uint64(len(b)); dead {
			s.dead += uint64(len(b))
		}
		for ; uint64(len(b)) >= s.width; b, a = b[s.width:], a.Add(s.width) {
			v := uint64(binary.LittleEndian.Uint32(b))
			if s.width == 8 {
				v = binary.LittleEndian.Uint64(b)
			}
			if block {
				s.places.word(uint64(a-r.Start)/s.width, v, s.types)
			}
			if v%4 != 0 || v/4 >= uint64(len(s.index)) {
				continue
			}
			i := s.index[v/4]
			if i <= 0 {
				continue
			}
			h := &s.counts[i-1]
			*at(h)++
			if h.At == 0 && !dead {
				h.At = a
			}
		}
	}
}
