package handles

import (
	"cmp"
	"slices"

	"github.com/heapdump/heapdump/pkg/memory"
)

// Held says how many aligned words of writable memory equal a handle's number,
// by where they stand.
type Held struct {
	Heap, Stack, Module, Other uint64      // Heap: in the program's bytes of busy blocks
	Dead                       uint64      // in free blocks, and on stacks below the stack pointer: nobody keeps those
	Chance                     uint64      // words that nine of ten of the controls below the number do not exceed
	Controls                   int         // how many those controls are
	AsMany                     int         // how many of them have as many words or more
	At                         memory.Addr // the first word that is not dead; 0 for none
	By                         string      // what is known to hold it: a field, or a place in blocks of one size; else empty
	Verdict                    Verdict
}

// Total is the words of all places that are not dead.
func (h *Held) Total() uint64 { return h.Heap + h.Stack + h.Module + h.Other }

// Verdict is what the words of a handle's number mean.
type Verdict uint8

// The verdicts. Handles are small numbers that also turn up as lengths,
// counts and flags, and a closed handle's number stays where it was: a word
// proves nothing, and only the lack of any word is plain.
const (
	Unreferenced Verdict = iota // no word that is not dead has the number
	Unsure                      // words have it, no more often than its controls, or it has too few of those
	Referenced                  // words have it more often than nine of ten of its controls, or By says what holds it
	NotSearched                 // the number cannot be looked for
)

// String returns the verdict as it stands in JSON.
func (v Verdict) String() string {
	return [...]string{"unreferenced", "unsure", "referenced", "not searched"}[v]
}

// Search is what was searched, and by what a verdict was measured.
type Search struct {
	Bytes    uint64 // writable bytes that were searched
	Dead     uint64 // of these, bytes of free blocks and of stacks below the stack pointer
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

func searchable(n uint64) bool { return n != 0 && n < maxNumber && n%4 == 0 }

// judge measures the handles against the controls.
func (s *search) judge(r *Result) *Search {
	out := &Search{Bytes: s.bytes, Dead: s.dead, Width: int(s.width), Controls: len(s.counts) - s.open}
	c := s.t.Space.Coverage()
	out.Whole = s.t.File.HasFullMemory() && s.t.Space.RegionsKnown() && c.Cut == 0 && s.t.Truncated == ""
	places := s.places.judge(s.types)
	for i := range r.Handles {
		h := &r.Handles[i]
		n := h.Handle.Handle
		if !searchable(n) {
			h.Held = &Held{Verdict: NotSearched}
			continue
		}
		held := s.counts[s.index[n/4]-1]
		s.chance(n, &held)
		if held.By = s.fields[n]; held.By == "" {
			held.By = places[n]
		}
		switch {
		case held.By != "":
			held.Verdict = Referenced
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

// chance fills in how many words nine of ten of the controls next below a
// number have at most, how many those controls are, and how many of them have
// as many words as it.
func (s *search) chance(n uint64, h *Held) {
	end, _ := slices.BinarySearch(s.number, n)
	near := slices.Clone(s.counts[s.open+max(0, end-nearControls) : s.open+end])
	if h.Controls = len(near); h.Controls == 0 {
		return
	}
	slices.SortFunc(near, func(a, b Held) int { return cmp.Compare(a.Total(), b.Total()) })
	h.Chance = near[(9*len(near)+9)/10-1].Total()
	for i := range near {
		if near[i].Total() >= h.Total() {
			h.AsMany++
		}
	}
}
