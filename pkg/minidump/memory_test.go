package minidump

import (
	"testing"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
)

// view reads a text from a space, or the reason why it is not there.
func view(s *memory.Space, a memory.Addr, n uint64) string {
	b, err := s.View(a, n)
	if err != nil {
		return s.Why(err.(*memory.MissingError).At).String()
	}
	return string(b)
}

func TestMemoryLists(t *testing.T) {
	b := newDump()
	x := b.blob("from the list")
	b.add(MemoryListStream, u32(2), u64(0x2000), u32(8), u32(x), u64(0x1000), u32(4), u32(x+9))
	base := b.blob("ABCDEFGH")
	b.add(Memory64ListStream, u64(3), u64(uint64(base)), u64(0x7000), u64(2), u64(0x7002), u64(4), u64(0x2006), u64(2))
	var l diag.List
	s := b.parse(t).Memory(l.Add)
	for _, c := range []struct {
		a    memory.Addr
		n    uint64
		want string
	}{{0x1000, 4, "list"}, {0x7000, 6, "ABCDEF"}, {0x2000, 8, "from tGH"}} {
		if got := view(s, c.a, c.n); got != c.want {
			t.Errorf("View(%v, %d) = %q, want %q", c.a, c.n, got, c.want)
		}
	}
	expect(t, &l, CodeMemoryOverlap)
	if l.Problems[0].At != diag.At(0x2006) {
		t.Errorf("overlap at %v", l.Problems[0].At)
	}
	if n := len(s.AllRuns()); n != 4 { // 0x7000 and 0x7002 are one
		t.Errorf("%d runs, want 4", n)
	}
}

// TestOverlapAlike: ranges that overlap with the same bytes are no problem.
func TestOverlapAlike(t *testing.T) {
	b := newDump()
	x := b.blob("same bytes here, same bytes here")
	b.add(MemoryListStream, u32(3), u64(0x1000), u32(15), u32(x), u64(0x1000), u32(15), u32(x+17), u64(0x1000), u32(15), u32(x))
	var l diag.List
	s := b.parse(t).Memory(l.Add)
	expect(t, &l)
	if got := view(s, 0x1000, 15); got != "same bytes here" {
		t.Errorf("got %q", got)
	}
}

func TestMemoryCut(t *testing.T) {
	b := newDump()
	b.add(MemoryListStream, u32(1), u64(0x9000), u32(16), u32(1<<30))
	b.add(Memory64ListStream, u64(3), u64(uint64(len(b.data)+64)), u64(0x1000), u64(4), u64(0x2000), u64(0x1000), u64(0x5000), u64(0x800))
	b.blob("abcdXY") // the stream's 64 bytes end here: 4 whole, 2 of 0x1000, none of 0x800
	var l diag.List
	s := b.parse(t).Memory(l.Add)
	expect(t, &l, CodeMemoryRangeCut, CodeMemoryRangeCut)
	if want := uint64(16 + 0x1000 - 2 + 0x800); l.Lost != want || s.Coverage().Cut != want {
		t.Errorf("%d bytes lost, %d cut, want %d", l.Lost, s.Coverage().Cut, want)
	}
	for a, want := range map[memory.Addr]string{0x1000: "a", 0x2001: "Y", 0x2002: "the dump file is cut short", 0x57ff: "the dump file is cut short",
		0x5800: memory.Unknown.String(), 0x900f: "the dump file is cut short"} {
		if got := view(s, a, 1); got != want {
			t.Errorf("%v: %q, want %q", a, got, want)
		}
	}
}

func TestMemoryHostile(t *testing.T) {
	top := ^uint64(0)
	for _, c := range []struct {
		name  string
		build func(b *builder)
		want  []diag.Code
		saved uint64
	}{
		{"count beyond the stream", func(b *builder) { b.add(Memory64ListStream, u64(1<<60), u64(0), u64(0x1000), u64(8)) }, []diag.Code{CodeStreamCount}, 8},
		{"count that overflows", func(b *builder) { b.add(Memory64ListStream, u64(top/16+1), u64(0)) }, []diag.Code{CodeStreamCount}, 0},
		{"32-bit count", func(b *builder) { b.add(MemoryListStream, u32(-1), u64(0x1000), u32(8), u32(0)) }, []diag.Code{CodeStreamCount}, 8},
		{"no header", func(b *builder) { b.add(Memory64ListStream, u64(0)[:7]) }, []diag.Code{CodeStreamHeader}, 0},
		{"stream outside", func(b *builder) { b.entry(MemoryListStream, 20, 1<<31) }, []diag.Code{CodeStreamOutsideFile}, 0},
		{"offset at the end", func(b *builder) { b.entry(MemoryListStream, 20, int64(len(b.data))) }, []diag.Code{CodeStreamOutsideFile}, 0},
		{"range wraps", func(b *builder) { b.add(MemoryListStream, u32(1), u64(top-7), u32(16), u32(0)) }, []diag.Code{CodeMemoryRangeWraps}, 7},
		{"sizes that overflow", func(b *builder) {
			b.add(Memory64ListStream, u64(3), u64(0), u64(0x1000), u64(top), u64(0x3000), u64(top), u64(0x5000), u64(8))
		}, []diag.Code{CodeMemoryRangeWraps, CodeMemoryRangeWraps, CodeMemoryRangeCut}, 288},
		{"base offset overflows", func(b *builder) {
			b.add(Memory64ListStream, u64(2), u64(top-3), u64(0x1000), u64(8), u64(0x2000), u64(8))
		}, []diag.Code{CodeMemoryRangeCut}, 0},
		{"zero sizes", func(b *builder) { b.add(MemoryListStream, u32(2), zeros(32)) }, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newDump()
			c.build(b)
			var l diag.List
			s := b.parse(t).Memory(l.Add)
			expect(t, &l, c.want...)
			if got := s.Coverage().Saved; got != c.saved {
				t.Errorf("%d bytes saved, want %d", got, c.saved)
			}
		})
	}
}

// TestMemoryShared: ranges that all use the same bytes of the file cannot make
// a memory that is much larger than the file.
func TestMemoryShared(t *testing.T) {
	b := newDump()
	x := b.blob(zeros(0x10000))
	parts := []any{u32(1000)}
	for i := range 1000 {
		parts = append(parts, u64(uint64(i)<<16), u32(0x10000), u32(x))
	}
	b.add(MemoryListStream, parts...)
	var l diag.List
	s := b.parse(t).Memory(l.Add)
	if got := s.Coverage().Saved; got > 3*uint64(len(b.data)) {
		t.Errorf("%d bytes saved of a file of %d", got, len(b.data))
	}
	if len(l.Problems) == 0 || l.Problems[0].Code != CodeMemoryShared {
		t.Errorf("problems %v", l.Problems)
	}
}

func info(base, size uint64, state, protect, typ int) []byte {
	return words(u64(base), u64(base), u32(4), u32(0), u64(size), u32(state), u32(protect), u32(typ), u32(0))
}

func TestRegions(t *testing.T) {
	b := newDump()
	// A header of 24 and entries of 56 bytes: what is beyond those known is left.
	b.add(MemoryInfoListStream, u32(24), u32(56), u64(6), zeros(8),
		info(0x10000, 0x1000, 0x1000, 0x104, 0x20000), zeros(8), info(0x11000, 0xf000, 0x2000, 0, 0x20000), zeros(8),
		info(0x20000, 0, 0x1000, 4, 0x20000), zeros(8), info(0x1f000, 0x2000, 0x1000, 4, 0x40000), zeros(8),
		info(^uint64(0)-0xfff, 0x2000, 0x1000, 4, 0x20000), zeros(8), info(0x30000, 0x1000, 0x10000, 1, 0), zeros(8))
	f := b.parse(t)
	var l diag.List
	r, ok := f.Regions(l.Add)
	expect(t, &l, CodeRegionInvalid, CodeRegionInvalid, CodeRegionInvalid, CodeRegionInvalid)
	if !ok || len(r) != 5 || r[0].State != memory.MemCommit || r[0].Protect.String() != "PAGE_READWRITE|PAGE_GUARD" || r[0].Type != memory.MemPrivate ||
		r[0].AllocationBase != 0x10000 || r[0].AllocationProtect != memory.PageReadWrite || r[1].Size() != 0xf000 || r[1].State != memory.MemReserve {
		t.Errorf("%+v", r)
	}
	s := f.Memory(nil)
	if !s.RegionsKnown() || s.Why(0x10000) != memory.NotSaved || s.Why(0x11000) != memory.Reserved || s.Why(0x30000) != memory.Free || s.Why(0x22000) != memory.Unknown {
		t.Error("reasons")
	}
	for _, c := range []struct {
		data []byte
		want diag.Code
	}{
		{words(u32(16), u32(48), u64(1<<60), info(0, 1, 2, 3, 4)), CodeStreamCount}, {words(u32(16), u32(8), u64(1), zeros(48)), CodeStreamEntrySize},
		{words(u32(-1), u32(48), u64(1), zeros(48)), CodeStreamHeader}, {words(u32(16), u32(0), u64(1<<63), zeros(48)), CodeStreamEntrySize}, {zeros(15), CodeStreamHeader},
	} {
		var l diag.List
		newDump().add(MemoryInfoListStream, c.data).parse(t).Regions(l.Add)
		expect(t, &l, c.want)
	}
}

// TestImpliedRegions: without a MemoryInfoList the saved bytes say what was
// committed, the module list what is an image, and nothing says more.
func TestImpliedRegions(t *testing.T) {
	b := newDump()
	x := b.blob(zeros(0x3000))
	b.add(MemoryListStream, u32(2), u64(0x10010), u32(0x20), u32(x), u64(0x400000), u32(0x3000), u32(x))
	b.add(ModuleListStream, u32(1), u64(0x401000), u32(0x1000), zeros(108-12))
	s := b.parse(t).Memory(nil)
	want := []memory.Region{
		{Range: memory.Range{Start: 0x10000, End: 0x11000}, State: memory.MemCommit},
		{Range: memory.Range{Start: 0x400000, End: 0x401000}, State: memory.MemCommit},
		{Range: memory.Range{Start: 0x401000, End: 0x402000}, State: memory.MemCommit, Type: memory.MemImage, AllocationBase: 0x401000},
		{Range: memory.Range{Start: 0x402000, End: 0x403000}, State: memory.MemCommit},
	}
	got := s.Regions()
	if s.RegionsKnown() || len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%+v, want %+v", got[i], want[i])
		}
	}
	if s.Why(0x10000) != memory.NotSaved || s.Why(0x12000) != memory.Unknown || s.Coverage().Committed != 0 {
		t.Error("reasons or coverage")
	}
}
