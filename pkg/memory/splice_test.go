package memory

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// at makes a run whose bytes are all c.
func fill(start Addr, n int, c byte) Run {
	return Run{start, bytes.Repeat([]byte{c}, n)}
}

// text writes runs as start:bytes, for comparison.
func text(runs []Run) string {
	s := ""
	for _, r := range runs {
		s += fmt.Sprintf("%d:%s ", r.Start, r.Bytes)
	}
	return s
}

// TestSplice has every kind of overlap of two ranges, and those cases of three
// that trim on both sides. delve's SplicedMemory lost byte 7 of "later over
// the front".
func TestSplice(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []Run
		want string
	}{
		{"nothing", nil, ""},
		{"empty run", []Run{{5, nil}}, ""},
		{"apart, unsorted", []Run{fill(10, 2, 'a'), fill(2, 2, 'b')}, "2:bb 10:aa "},
		{"adjacent, not in the file", []Run{fill(2, 2, 'a'), fill(4, 2, 'b')}, "2:aa 4:bb "},
		{"later over the front", []Run{fill(5, 5, 'a'), fill(2, 5, 'b')}, "2:bbbbb 7:aaa "},
		{"later over the back", []Run{fill(2, 5, 'a'), fill(5, 5, 'b')}, "2:aaa 5:bbbbb "},
		{"later inside", []Run{fill(0, 6, 'a'), fill(2, 2, 'b')}, "0:aa 2:bb 4:aa "},
		{"later over all", []Run{fill(2, 2, 'a'), fill(0, 6, 'b')}, "0:bbbbbb "},
		{"the same", []Run{fill(2, 2, 'a'), fill(2, 2, 'b')}, "2:bb "},
		{"same start, shorter", []Run{fill(2, 4, 'a'), fill(2, 2, 'b')}, "2:bb 4:aa "},
		{"same end, shorter", []Run{fill(2, 4, 'a'), fill(4, 2, 'b')}, "2:aa 4:bb "},
		{"three, the middle on top", []Run{fill(0, 4, 'a'), fill(6, 4, 'b'), fill(2, 6, 'c')}, "0:aa 2:cccccc 8:bb "},
		{"covered, then shows again", []Run{fill(0, 9, 'a'), fill(1, 3, 'b'), fill(2, 3, 'c')}, "0:a 1:b 2:ccc 5:aaaa "},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := text(Splice(c.in)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestSpliceMerges: runs adjacent in memory and in the file are one, and only
// those.
func TestSpliceMerges(t *testing.T) {
	file := []byte("0123456789")
	runs := Splice([]Run{{100, file[0:4]}, {104, file[4:6]}, {106, file[7:9]}, {200, file[9:10]}})
	if got, want := text(runs), "100:012345 106:78 200:9 "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if &runs[0].Bytes[5] != &file[5] {
		t.Error("the merged run is a copy")
	}
	runs = Splice([]Run{{100, file[0:4:4]}, {104, file[4:6]}}) // no capacity to reach over
	if got, want := text(runs), "100:0123 104:45 "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestSpliceTop: a run cannot reach past the top, and a range's end cannot be
// 2^64, so the last byte of the address space is never in a run.
func TestSpliceTop(t *testing.T) {
	top := ^Addr(0)
	runs := Splice([]Run{fill(top-4, 9, 'a'), fill(top, 3, 'b')})
	if len(runs) != 1 || runs[0].Start != top-4 || len(runs[0].Bytes) != 4 || runs[0].End() != top {
		t.Errorf("got %v", runs)
	}
}

// model is a plain array with holes.
type model struct {
	b   [64]byte
	has [64]bool
}

func (m *model) put(r Run) {
	for i, c := range r.Bytes {
		m.b[int(r.Start)+i], m.has[int(r.Start)+i] = c, true
	}
}

// check compares spliced runs with the model, and that they are sorted and apart.
func (m *model) check(t *testing.T, runs []Run) {
	t.Helper()
	end := Addr(0)
	for _, r := range runs {
		if r.Start < end || len(r.Bytes) == 0 {
			t.Fatalf("run %v is empty or begins before %v", r.Range(), end)
		}
		for a := end; a < r.Start; a++ {
			if m.has[a] {
				t.Fatalf("%v is missing", a)
			}
		}
		for i, c := range r.Bytes {
			if a := r.Start + Addr(i); !m.has[a] || m.b[a] != c {
				t.Fatalf("%v is %#x, want %#x (there: %v)", a, c, m.b[a], m.has[a])
			}
		}
		end = r.End()
	}
	for a := end; a < 64; a++ {
		if m.has[a] {
			t.Fatalf("%v is missing", a)
		}
	}
}

func TestSpliceModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	file := make([]byte, 256)
	for i := range file {
		file[i] = byte(i)
	}
	for range 20000 {
		var m model
		var runs []Run
		for range rng.IntN(9) {
			start, off := rng.IntN(60), rng.IntN(180)
			n := rng.IntN(min(64-start, 20) + 1)
			r := Run{Addr(start), file[off : off+n]}
			runs = append(runs, r)
			m.put(r)
		}
		m.check(t, Splice(runs))
	}
}

func FuzzSplice(f *testing.F) {
	f.Add([]byte{5, 5, 0, 2, 5, 9})
	f.Add([]byte{0, 9, 0, 1, 3, 20, 2, 3, 40})
	f.Fuzz(func(t *testing.T, script []byte) {
		file := make([]byte, 512)
		for i := range file {
			file[i] = byte(i * 7)
		}
		var m model
		var runs []Run
		for ; len(script) >= 3; script = script[3:] {
			start, off := int(script[0]%64), int(script[2])
			n := int(script[1]) % (64 - start + 1)
			r := Run{Addr(start), file[off : off+n]}
			runs = append(runs, r)
			m.put(r)
		}
		m.check(t, Splice(runs))
	})
}

// TestTidyRunsKeepTheirRoom: a Space of sorted runs, with an empty one and two
// that are one in the file, is the same as one of the same runs in another
// order.
func TestTidyRunsKeepTheirRoom(t *testing.T) {
	file := []byte("abcdefghijkl")
	list := func() []Run {
		return []Run{{Start: 0x1000, Bytes: file[0:4]}, {Start: 0x1004, Bytes: file[4:6]}, {Start: 0x1800}, {Start: 0x2000, Bytes: file[6:8]}, {Start: 0x3000, Bytes: file[8:12]}}
	}
	tidy := NewSpace(Contents{Runs: list()})
	other := list()
	slices.Reverse(other)
	mixed := NewSpace(Contents{Runs: other})
	want := []string{"abcdef", "gh", "ijkl"}
	for name, s := range map[string]*Space{"sorted": tidy, "reversed": mixed} {
		var got []string
		for _, r := range s.AllRuns() {
			got = append(got, string(r.Bytes))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	regions := []Region{{Range: Range{Start: 0x2000, End: 0x3000}}, {Range: Range{Start: 0x1000, End: 0x2800}}}
	s := NewSpace(Contents{Regions: regions, RegionsKnown: true}).WithRegions(regions)
	if got := s.Regions(); s.RegionsKnown() || len(got) != 2 || got[0].Start != 0x1000 || got[1].Start != 0x2800 || got[1].End != 0x3000 {
		t.Errorf("regions %v, known %v", got, s.RegionsKnown())
	}
}
