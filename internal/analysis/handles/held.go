package handles

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/process"
)

// Held says how many aligned words of writable memory equal a handle's number,
// by where they stand.
type Held struct {
	Heap, Stack, Module, Other uint64
	Chance                     uint64 // words that nine of ten of the controls below the number do not exceed
	Controls                   int    // how many those controls are
	Verdict                    Verdict
}

// Total is the words of all places.
func (h *Held) Total() uint64 { return h.Heap + h.Stack + h.Module + h.Other }

// Verdict is what the words of a handle's number mean.
type Verdict uint8

// The verdicts. Handles are small numbers that also turn up as lengths,
// counts and flags, and a closed handle's number stays where it was: a word
// proves nothing, and only the lack of any word is plain.
const (
	Unreferenced Verdict = iota // no word of the memory searched has the number
	Unsure                      // words have it, no more often than its controls, or it has too few of those
	Referenced                  // words have it more often than nine of ten of its controls
	NotSearched                 // the number cannot be looked for
)

// String returns the verdict as it stands in JSON.
func (v Verdict) String() string {
	return [...]string{"unreferenced", "unsure", "referenced", "not searched"}[v]
}

// Search is what was searched, and by what a verdict was measured.
type Search struct {
	Bytes    uint64 // writable bytes that were searched
	Width    int    // bytes of a word
	Controls int    // numbers that are no handles, counted for comparison
	Whole    bool   // the dump holds all committed memory
}

// maxNumber bounds the numbers that are looked for: Windows gives a process at
// most 2^24 handles, in steps of 4.
const maxNumber = 1 << 26

// maxControls is how many numbers that are no handles are counted.
const maxControls = 512

// A handle is compared with the controls next below its number: small numbers
// are the more frequent the smaller they are, so that a comparison with larger
// ones would find a holder for every handle. It takes minControls of them to
// call anything usual.
const (
	minControls  = 16
	nearControls = 64
)

// FindHeld looks for the numbers of the result's handles in the writable
// memory of the process and fills in where they are held. step is told how
// many bytes are done of how many; it may be nil. The error is the context's.
func (r *Result) FindHeld(ctx context.Context, t *target.Target, step func(done, total uint64)) error {
	s := newSearch(r, t)
	regions := s.regions()
	total := uint64(0)
	for _, x := range regions {
		total += x.Size()
	}
	done := uint64(0)
	for _, x := range regions {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.scan(x)
		if done += x.Size(); step != nil {
			step(done, total)
		}
	}
	r.Search = s.judge(r)
	return nil
}

// search counts words.
type search struct {
	t      *target.Target
	width  uint64
	index  []int32 // by number/4: place in counts + 1
	counts []Held
	open   int      // the first so many of counts are handles, the rest controls
	number []uint64 // of the controls, ascending
	stacks []memory.Range
	heaps  []memory.Range
	bytes  uint64
}

func newSearch(r *Result, t *target.Target) *search {
	s := &search{t: t, width: 8}
	if t.File.Arch().Bits() == 32 || slices.ContainsFunc(t.PEBs, is32) {
		s.width = 4 // a 64-bit word of a WOW64 process begins with the 32-bit one
	}
	largest := uint64(0)
	for _, h := range t.File.Handles(nil) {
		if searchable(h.Handle) {
			largest = max(largest, h.Handle)
		}
	}
	s.index = make([]int32, largest/4+1)
	for _, h := range t.File.Handles(nil) { // those that the filter left out are no controls
		if searchable(h.Handle) {
			s.index[h.Handle/4] = -1
		}
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
	for _, h := range t.Heaps {
		s.heaps = append(s.heaps, heapRanges(h)...)
	}
	return s
}

// controls chooses numbers between the handles that are none, evenly.
func (s *search) controls() {
	free := 0
	for _, x := range s.index[1:] {
		if x == 0 {
			free++
		}
	}
	step := max(1, free/maxControls)
	seen := 0
	for i := 1; i < len(s.index); i++ {
		if s.index[i] != 0 {
			continue
		}
		if seen++; seen%step == 0 {
			s.counts = append(s.counts, Held{})
			s.index[i] = int32(len(s.counts))
			s.number = append(s.number, 4*uint64(i))
		}
	}
}

func is32(p process.PEB) bool { return p.Bits == 32 }

func searchable(n uint64) bool { return n != 0 && n < maxNumber && n%4 == 0 }

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

// scan counts the words of a region.
func (s *search) scan(r memory.Region) {
	at := s.place(r)
	for run := range s.t.Space.Runs(r.Range) {
		b := run.Bytes
		if skip := -uint64(run.Start) & (s.width - 1); skip <= uint64(len(b)) {
			b = b[skip:]
		}
		s.bytes += uint64(len(b))
		if s.width == 4 {
			for ; len(b) >= 4; b = b[4:] {
				s.word(uint64(binary.LittleEndian.Uint32(b)), at)
			}
			continue
		}
		for ; len(b) >= 8; b = b[8:] {
			s.word(binary.LittleEndian.Uint64(b), at)
		}
	}
}

// word counts one word.
func (s *search) word(v uint64, at func(*Held) *uint64) {
	if v%4 != 0 || v/4 >= uint64(len(s.index)) {
		return
	}
	if i := s.index[v/4]; i > 0 {
		*at(&s.counts[i-1])++
	}
}

// place says which count a region's words belong to.
func (s *search) place(r memory.Region) func(*Held) *uint64 {
	in := func(all []memory.Range) bool {
		return slices.ContainsFunc(all, func(x memory.Range) bool { return x.Start < r.End && r.Start < x.End })
	}
	switch {
	case in(s.stacks):
		return func(h *Held) *uint64 { return &h.Stack }
	case in(s.heaps):
		return func(h *Held) *uint64 { return &h.Heap }
	case r.Type == memory.MemImage:
		return func(h *Held) *uint64 { return &h.Module }
	}
	return func(h *Held) *uint64 { return &h.Other }
}

// judge measures the handles against the controls.
func (s *search) judge(r *Result) *Search {
	out := &Search{Bytes: s.bytes, Width: int(s.width), Controls: len(s.counts) - s.open}
	c := s.t.Space.Coverage()
	out.Whole = s.t.File.HasFullMemory() && s.t.Space.RegionsKnown() && c.Cut == 0 && s.t.Truncated == ""
	for i := range r.Handles {
		h := &r.Handles[i]
		n := h.Handle.Handle
		if !searchable(n) {
			h.Held = &Held{Verdict: NotSearched}
			continue
		}
		held := s.counts[s.index[n/4]-1]
		held.Chance, held.Controls = s.chance(n)
		switch {
		case held.Total() == 0:
			held.Verdict = Unreferenced
		case held.Controls < minControls || held.Total() <= held.Chance:
			held.Verdict = Unsure
		default:
			held.Verdict = Referenced
		}
		h.Held = &held
	}
	return out
}

// chance returns how many words nine of ten of the controls next below a
// number have at most, and how many those controls are.
func (s *search) chance(n uint64) (words uint64, controls int) {
	end, _ := slices.BinarySearch(s.number, n)
	near := slices.Clone(s.counts[s.open+max(0, end-nearControls) : s.open+end])
	if len(near) == 0 {
		return 0, 0
	}
	slices.SortFunc(near, func(a, b Held) int { return cmp.Compare(a.Total(), b.Total()) })
	return near[(9*len(near)+9)/10-1].Total(), len(near)
}
