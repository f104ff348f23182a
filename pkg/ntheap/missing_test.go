package ntheap_test

import (
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// What a dump lacks is no corruption: with any page but the heap's first left
// out, with and without a map of the process's memory, every problem is
// Incomplete.
func TestAPageLessIsNotCorruption(t *testing.T) {
	eachPatient(t, func(t *testing.T, _ synth.Family, make func() *patient, _ bool) {
		p := make()
		whole := space(t, p.built.Dump)
		pages := []uint64{}
		for _, s := range p.Segs {
			for page := s.Base; page < s.End; page += 0x1000 {
				if page != damagedAt && p.Image.Committed(page) {
					pages = append(pages, page)
				}
			}
		}
		for _, v := range p.Virtuals {
			pages = append(pages, v.Node)
		}
		for _, page := range pages {
			less := without(whole, memory.Addr(page))
			bare := memory.NewSpace(memory.Contents{Runs: less.AllRuns()})
			for i, m := range []*memory.Space{less, bare} {
				w := open(t, m, damagedAt, ntheap.Options{})
				for _, pr := range w.all() {
					if pr.Class != diag.Incomplete {
						t.Errorf("page %#x, map %v: %v", page, i == 0, pr)
					}
				}
				if len(w.all()) == 0 && i == 0 && page == p.Segs[1].Base {
					t.Errorf("page %#x: nothing is said", page)
				}
			}
		}
	})
}

// The uncommitted range whose descriptor the dump lacks has a place all the
// same: behind the descriptor, and as large as the segment's counts leave.
func TestARangeWithoutDescriptor(t *testing.T) {
	for _, arch := range []synth.Arch{synth.X86, synth.X64} {
		p := newPatient(synth.Win7, arch, false)
		whole := space(t, p.built.Dump)
		u := p.Segs[0].UCRs[0]
		less := without(whole, memory.Addr(u.Descriptor)&^0xfff)
		w := open(t, memory.NewSpace(memory.Contents{Runs: less.AllRuns()}), damagedAt, ntheap.Options{})
		if got := w.heap.Segments[0].UCRs; len(got) != 2 || got[0].Range != memory.Addr(u.Addr).Span(u.Size) {
			t.Errorf("%v: %v, want %#x of %#x bytes", arch, got, u.Addr, u.Size)
		}
	}
}
