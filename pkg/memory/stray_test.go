package memory

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestStray compares the multiples that lie in no region with those that a
// search for each finds, over random regions and ranges, also at the top of the
// address space, and where the regions are not the dump's own.
func TestStray(t *testing.T) {
	const step = 0x100
	rnd := rand.New(rand.NewPCG(1, 2))
	strays := 0
	for round := range 500 {
		base := Addr(0x1000)
		if round%2 == 1 {
			base = ^Addr(0) - 0x3fff
		}
		var regions []Region
		for at := base; at < base+0x3800; { // the last region ends below the top
			at += Addr(rnd.IntN(4) * 0x60)
			end := at + Addr(1+rnd.IntN(0x300))
			regions = append(regions, Region{Range: Range{at, end}})
			at = end
		}
		known := round%5 != 0
		s := NewSpace(Contents{Regions: regions, RegionsKnown: known})
		r := Range{base + Addr(rnd.IntN(0x1000)), base + Addr(0x1000+rnd.IntN(0x3000))}
		var want []Addr
		for a := base.Align(step); a >= base.Align(step) && a < r.End; a += step { // it wraps at the top
			if _, described := s.Region(a); a >= r.Start && !(known && described) {
				want = append(want, a)
			}
		}
		if got := slices.Collect(s.Stray(r, step)); !slices.Equal(got, want) {
			t.Fatalf("round %d: of %v, regions %v: got %v, want %v", round, r, regions, got, want)
		}
		strays += len(want)
	}
	if strays < 1000 {
		t.Errorf("only %d addresses were looked at", strays)
	}
}

// TestStrayEnds: no range and one that ends before its first multiple have
// none, and who has seen enough gets no more.
func TestStrayEnds(t *testing.T) {
	s := NewSpace(Contents{})
	for _, r := range []Range{{}, {0x101, 0x1ff}, {^Addr(0) - 0x10, ^Addr(0)}} {
		if got := slices.Collect(s.Stray(r, 0x100)); got != nil {
			t.Errorf("%v: %v", r, got)
		}
	}
	for a := range s.Stray(Range{0, 0x1000}, 0x100) {
		if a == 0x200 {
			break
		}
		if a > 0x200 {
			t.Fatal("it goes on")
		}
	}
}
