package memory

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// sample is a space with runs at 0x1000 (16 bytes, then 16 more from another
// place of the file) and 0x3000, and one region of each kind.
func sample() *Space {
	file := []byte("0123456789abcdefABCDEFGHIJKLMNOPqrstuvwxyz")
	region := func(start, end Addr, s State) Region { return Region{Range: Range{start, end}, State: s} }
	return NewSpace(Contents{
		Runs: []Run{{0x3000, file[32:42]}, {0x1000, file[:16]}, {0x1010, file[16:32:32]}, {0x1010, file[20:24]}},
		Regions: []Region{region(0x3000, 0x4000, MemCommit), region(0x1000, 0x2000, MemCommit),
			region(0x2000, 0x3000, MemReserve), region(0x4000, 0x5000, MemFree), region(0x4800, 0x6000, MemCommit)},
		Cut:          []Range{{0x5800, 0x6000}, {0x5000, 0x5400}, {0x5400, 0x5400}},
		RegionsKnown: true,
	})
}

func TestView(t *testing.T) {
	s := sample()
	for _, c := range []struct {
		a    Addr
		n    uint64
		want string
	}{
		{0x1000, 16, "0123456789abcdef"}, {0x1004, 2, "45"}, {0x100c, 8, "cdefEFGH"},
		{0x1000, 32, "0123456789abcdefEFGHEFGHIJKLMNOP"}, {0x3009, 1, "z"}, {0x3000, 0, ""}, {0x9000, 0, ""},
	} {
		if got, err := s.View(c.a, c.n); err != nil || string(got) != c.want {
			t.Errorf("View(%v, %d) = %q, %v; want %q", c.a, c.n, got, err, c.want)
		}
	}
}

func TestViewMissing(t *testing.T) {
	s := sample()
	for _, c := range []struct {
		a   Addr
		n   uint64
		at  Addr
		why Reason
	}{
		{0x0fff, 2, 0x0fff, Unknown}, {0x1000, 33, 0x1020, NotSaved}, {0x1018, 1 << 60, 0x1020, NotSaved},
		{0x1018, ^uint64(0), 0x1020, NotSaved}, {0x2000, 1, 0x2000, Reserved}, {0x4700, 4, 0x4700, Free},
		{0x5000, 1, 0x5000, FileTruncated}, {0x5400, 1, 0x5400, NotSaved}, {0x5fff, 9, 0x5fff, FileTruncated},
		{0x6000, 1, 0x6000, Unknown}, {^Addr(0), 1, ^Addr(0), Unknown},
	} {
		got, err := s.View(c.a, c.n)
		var m *MissingError
		if got != nil || !errors.As(err, &m) || !errors.Is(err, ErrMissing) {
			t.Fatalf("View(%v, %d) = %q, %v", c.a, c.n, got, err)
		}
		if m.At != c.at || m.Why != c.why || m.Want.Start != c.a {
			t.Errorf("View(%v, %d): %+v; want at %v, %v", c.a, c.n, m, c.at, c.why)
		}
		for _, part := range []string{fmt.Sprint(c.a), fmt.Sprint(c.at), c.why.String()} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q does not say %q", err, part)
			}
		}
	}
}

// TestViewModel: every view of a random space is what an array with holes
// gives, and says the first byte that it lacks.
func TestViewModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		var m model
		var runs []Run
		for range rng.IntN(8) {
			start := rng.IntN(64)
			b := make([]byte, rng.IntN(64-start+1))
			for i := range b {
				b[i] = byte(rng.Uint32())
			}
			runs = append(runs, Run{Addr(start), b})
			m.put(runs[len(runs)-1])
		}
		s := NewSpace(Contents{Runs: runs})
		for a := range 64 {
			tail := s.Tail(Addr(a))
			if (tail != nil) != m.has[a] {
				t.Fatalf("Tail(%d) = %v", a, tail)
			}
			for n := 1; a+n <= 64; n++ {
				hole := a
				for hole < a+n && m.has[hole] {
					hole++
				}
				got, err := s.View(Addr(a), uint64(n))
				var miss *MissingError
				switch {
				case hole == a+n && (err != nil || !bytes.Equal(got, m.b[a:a+n])):
					t.Fatalf("View(%d, %d) = %x, %v; want %x", a, n, got, err, m.b[a:a+n])
				case hole < a+n && (!errors.As(err, &miss) || miss.At != Addr(hole)):
					t.Fatalf("View(%d, %d) = %x, %v; want byte %d missing", a, n, got, err, hole)
				}
			}
		}
	}
}

// TestNoAllocation: a view within a run, and a tail anywhere, cost nothing;
// they alias the file and cannot be grown over what follows.
func TestNoAllocation(t *testing.T) {
	s := sample()
	if n := testing.AllocsPerRun(100, func() {
		_, _ = s.View(0x1004, 8)
		_, _ = s.View(0x3000, 10) // all of a run
		_ = s.Tail(0x3002)
		_ = s.Tail(0x9000)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	a, _ := s.View(0x1004, 8)
	b := s.Tail(0x1004)
	if &a[0] != &b[0] || cap(a) != 8 || cap(b) != len(b) {
		t.Errorf("cap %d and %d", cap(a), cap(b))
	}
}

func TestRuns(t *testing.T) {
	s := sample()
	got := ""
	for r := range s.Runs(Range{0x100e, 0x3003}) {
		got += fmt.Sprintf("%v:%s ", r.Start, r.Bytes)
		if cap(r.Bytes) != len(r.Bytes) {
			t.Errorf("run at %v can be grown", r.Start)
		}
	}
	if want := "0x100e:ef 0x1010:EFGH 0x1014:EFGHIJKLMNOP 0x3000:qrs "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for range s.Runs(Range{0, ^Addr(0)}) {
		break
	}
	for r := range s.Runs(Range{0x3005, 0x1000}) {
		t.Errorf("reversed range has %v", r)
	}
	if n := s.Saved(Range{0, ^Addr(0)}); n != 42 {
		t.Errorf("%d bytes saved, want 42", n)
	}
}

func TestRegions(t *testing.T) {
	s := sample()
	if r, ok := s.Region(0x2fff); !ok || r.State != MemReserve {
		t.Errorf("Region(0x2fff) = %v, %v", r, ok)
	}
	if r, ok := s.Region(0x4900); !ok || r.State != MemFree { // the lower start keeps its extent
		t.Errorf("Region(0x4900) = %v, %v", r, ok)
	}
	if r, ok := s.Region(0x5000); !ok || r.State != MemCommit || r.Start != 0x5000 {
		t.Errorf("Region(0x5000) = %v, %v", r, ok)
	}
	for _, a := range []Addr{0, 0xfff, 0x6000, ^Addr(0)} {
		if r, ok := s.Region(a); ok {
			t.Errorf("Region(%v) = %v", a, r)
		}
	}
	want := Coverage{Saved: 42, Cut: 0x400 + 0x800, Committed: 0x1000 + 0x1000 + 0x1000, CommittedSaved: 42}
	if got := s.Coverage(); got != want {
		t.Errorf("Coverage() = %+v, want %+v", got, want)
	}
}

func TestTypedReaders(t *testing.T) {
	s := NewSpace(Contents{Runs: []Run{{0x10, []byte{1, 2, 3, 4, 5, 6, 7, 8}}}})
	u16, _ := s.U16(0x11)
	u32, _ := s.U32(0x11)
	u64, _ := s.U64(0x10)
	p32, _ := s.Pointer(0x10, 32)
	p64, _ := s.Pointer(0x10, 64)
	if u16 != 0x302 || u32 != 0x5040302 || u64 != 0x807060504030201 || p32 != 0x4030201 || p64 != 0x807060504030201 {
		t.Errorf("%#x %#x %#x %#x %#x", u16, u32, u64, p32, p64)
	}
	for _, err := range []error{second(s.U16(0x17)), second(s.U32(0x15)), second(s.U64(0x11)), second(s.Pointer(0x15, 32)), second(s.Pointer(0x11, 64))} {
		if !errors.Is(err, ErrMissing) {
			t.Errorf("got %v", err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestWords(t *testing.T) {
	for _, c := range []struct {
		got  fmt.Stringer
		want string
	}{
		{MemCommit, "MEM_COMMIT"}, {MemReserve, "MEM_RESERVE"}, {MemFree, "MEM_FREE"}, {State(5), "0x5"},
		{MemPrivate, "MEM_PRIVATE"}, {MemMapped, "MEM_MAPPED"}, {MemImage, "MEM_IMAGE"}, {Type(0), ""}, {Type(7), "0x7"},
		{Protect(0x104), "PAGE_READWRITE|PAGE_GUARD"}, {Protect(0x20), "PAGE_EXECUTE_READ"}, {Protect(0), ""},
		{Protect(0x40000001), "PAGE_NOACCESS|0x40000000"}, {Protect(0x480), "PAGE_EXECUTE_WRITECOPY|PAGE_WRITECOMBINE"},
	} {
		if c.got.String() != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
	if !PageWriteCopy.Writable() || PageReadOnly.Writable() || !PageExecute.Executable() || PageReadWrite.Executable() {
		t.Error("Writable or Executable")
	}
}

// manyRanges is what a large dump has: n ranges of one page each, apart.
func manyRanges(n int) Contents {
	file := make([]byte, 0x1000)
	c := Contents{RegionsKnown: true}
	for i := range n {
		a := Addr(i) * 0x3000
		c.Runs = append(c.Runs, Run{a, file})
		c.Regions = append(c.Regions, Region{Range: Range{a, a + 0x1000}, State: MemCommit})
	}
	return c
}

func BenchmarkNewSpace20000(b *testing.B) {
	c := manyRanges(20000)
	for b.Loop() {
		NewSpace(c)
	}
}

func BenchmarkView20000(b *testing.B) {
	s := NewSpace(manyRanges(20000))
	a := Addr(0)
	for b.Loop() {
		_, _ = s.View(a, 8)
		a = (a*5 + 7*0x3000) % (20000 * 0x3000)
	}
}
