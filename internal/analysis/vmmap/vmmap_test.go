package vmmap_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/vmmap"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

func open(t testing.TB, d *synth.Dump) *target.Target {
	t.Helper()
	tg, err := target.Parse("synth.dmp", d.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return tg
}

// laws holds a map against the regions that it divides: each byte once, every
// property kept, the sums closed, and each address answered by its piece.
func laws(t testing.TB, tg *target.Target, m *vmmap.Map) {
	t.Helper()
	i := 0
	for _, r := range tg.Space.Regions() {
		for at := r.Start; at < r.End; i++ {
			if i == len(m.Pieces) {
				t.Fatalf("no piece for %v", at)
			}
			p := m.Pieces[i]
			if p.Start != at || p.Empty() || p.End > r.End {
				t.Fatalf("piece %v in region %v at %v", p.Range, r.Range, at)
			}
			whole := p.Region
			whole.Range = r.Range
			if whole != r || (p.Usage == vmmap.Free) != (r.State == memory.MemFree) {
				t.Fatalf("piece %+v of region %+v", p, r)
			}
			at = p.End
		}
	}
	if i != len(m.Pieces) {
		t.Fatalf("%d pieces beyond the regions", len(m.Pieces)-i)
	}
	sums(t, vmmap.Sum(m.Pieces))
	streamed(t, tg, m)
	answers(t, m)
}

// streamed checks that pieces that are added up as they are made come to the
// same as those that are kept, all of them and some.
func streamed(t testing.TB, tg *target.Target, m *vmmap.Map) {
	t.Helper()
	if got, want := vmmap.TakeSum(tg, nil), vmmap.Sum(m.Pieces); !reflect.DeepEqual(got, want) {
		t.Errorf("streamed %+v, of the list %+v", got, want)
	}
	private := func(p *vmmap.Piece) bool { return p.Type == memory.MemPrivate }
	if got, want := vmmap.TakeSum(tg, private), vmmap.Sum(m.Pick(private)); !reflect.DeepEqual(got, want) {
		t.Errorf("streamed, private memory: %+v, of the list %+v", got, want)
	}
}

// sums checks the laws of debuggers' tables.
func sums(t testing.TB, s vmmap.Summary) {
	t.Helper()
	add := func(rows []vmmap.Row) (n int, bytes uint64) {
		for _, r := range rows {
			n, bytes = n+r.Regions, bytes+r.Bytes
		}
		return n, bytes
	}
	row := func(rows []vmmap.Row, name string) (n int, bytes uint64) {
		for _, r := range rows {
			if r.Name == name {
				n, bytes = n+r.Regions, bytes+r.Bytes
			}
		}
		return n, bytes
	}
	un, ub := add(s.Usage)
	sn, sb := add(s.State)
	tn, tb := add(s.Type)
	pn, pb := add(s.Protect)
	fn, fb := row(s.State, "MEM_FREE")
	cn, cb := row(s.State, "MEM_COMMIT")
	if ub != s.Bytes || sb != s.Bytes || tb != s.Bytes-fb || pb != cb || fb != s.FreeBytes {
		t.Errorf("bytes: all %#x, usage %#x, state %#x, type %#x, free %#x, protection %#x, committed %#x", s.Bytes, ub, sb, tb, fb, pb, cb)
	}
	if un != s.Regions || sn != s.Regions || tn != s.Regions-fn || pn != cn {
		t.Errorf("regions: all %d, usage %d, state %d, type %d, free %d, protection %d, committed %d", s.Regions, un, sn, tn, fn, pn, cn)
	}
	if len(s.Largest) != len(s.Usage) {
		t.Errorf("%d largest for %d usages", len(s.Largest), len(s.Usage))
	}
	for i, l := range s.Largest {
		if u := s.Usage[i]; l.Name != u.Name || l.Bits != u.Bits || l.Bytes > u.Bytes {
			t.Errorf("largest %+v of %+v", l, u)
		}
	}
	if s.UnusableBytes > s.FreeBytes {
		t.Errorf("%d of %d free bytes unusable", s.UnusableBytes, s.FreeBytes)
	}
}

// answers asks for addresses at the ends of pieces and anywhere.
func answers(t testing.TB, m *vmmap.Map) {
	t.Helper()
	rng := rand.New(rand.NewPCG(4, 4))
	ask := func(a memory.Addr, want *vmmap.Piece) {
		got, ok := m.At(a)
		if !ok || got != *want {
			t.Fatalf("%v: %+v, want %+v", a, got, *want)
		}
		owners := m.Owners(a)
		if want.Owner != nil && (len(owners) == 0 || owners[0] != want.Owner) {
			t.Fatalf("%v: owners %v, want %v first", a, owners, want.Owner)
		}
		for _, o := range owners[min(1, len(owners)):] {
			if !o.Contains(a) {
				t.Fatalf("%v: %v is not there", a, o.Range)
			}
		}
	}
	for i := range m.Pieces[:min(len(m.Pieces), 2000)] {
		p := &m.Pieces[i]
		ask(p.Start, p)
		ask(p.End-1, p)
		ask(p.Start.Add(rng.Uint64N(p.Size())), p)
	}
}

// usage returns the regions and bytes of a usage and width; bits below 0 for
// any width.
func usage(m *vmmap.Map, u vmmap.Usage, bits int) (n int, bytes uint64) {
	for _, p := range m.Pieces {
		if p.Usage == u && (bits < 0 || p.Bits() == bits) {
			n, bytes = n+1, bytes+p.Size()
		}
	}
	return n, bytes
}

func process(f synth.Family, a synth.Arch) *synth.Process {
	p := synth.NewProcess(f, a)
	p.TEBs = append(p.TEBs, p.TEBs[0]-0x10000)
	p.AddHeap(&synth.Heap{Address: 0x2000000, Segments: []synth.Segment{
		{Reserve: 0x100000, Items: []synth.Item{synth.Busy(100), synth.Free(0x200), synth.Busy(24)}},
		{Address: 0x2200000, Reserve: 0x80000, Items: []synth.Item{synth.Busy(9)}},
	}, Virtual: []synth.Virtual{{Address: 0x10000000, Size: 0x1800, Reserve: 0x8000}}})
	p.Modules = []synth.Module{{Base: p.ImageBase, Size: 0x20000, Name: `C:\app\app.exe`}}
	return p
}

// TestUsages: two threads, a heap of two segments and a virtual block, and a
// module, on every family and width. The sizes are those of the script.
func TestUsages(t *testing.T) {
	for _, f := range synth.Families() {
		for _, a := range []synth.Arch{synth.X86, synth.X64} {
			t.Run(fmt.Sprint(f, a), func(t *testing.T) {
				p := process(f, a)
				tg := open(t, p.Build().Dump)
				m := vmmap.Take(tg)
				laws(t, tg, m)
				bits, teb := 32, uint64(0x1000)
				if a == synth.X64 {
					bits, teb = 64, 0x2000
				}
				for _, x := range []struct {
					u       vmmap.Usage
					bits, n int
					bytes   uint64
				}{
					{vmmap.Image, 0, 2, 0x20000}, // the page of headers, and what is reserved
					{vmmap.PEB, bits, 1, 0x1000},
					{vmmap.TEB, bits, 2, 2 * teb},
					{vmmap.Stack, bits, 4, 2 * 0x40000}, // reserved and committed
					{vmmap.Heap, bits, -1, 0x100000 + 0x80000 + 0x8000},
					{vmmap.PageHeap, bits, 0, 0},
				} {
					if x.u == vmmap.Image && f == synth.Win11v24H2 {
						continue // it has ntdll besides
					}
					n, bytes := usage(m, x.u, x.bits)
					if x.n >= 0 && n != x.n || bytes != x.bytes {
						t.Errorf("%v: %d regions of %#x bytes, want %d of %#x", x.u, n, bytes, x.n, x.bytes)
					}
				}
				for _, x := range []struct {
					at   uint64
					u    vmmap.Usage
					kind string
					part string
				}{
					{0x2000010, vmmap.Heap, "segment", ""},
					{0x20fffff, vmmap.Heap, "segment", ""},
					{0x2200040, vmmap.Heap, "segment", ""},
					{0x10000010, vmmap.Heap, "virtual block", ""},
					{0x10007fff, vmmap.Heap, "virtual block", ""},
					{p.StackBase - 1, vmmap.Stack, "stack", "committed"},
					{p.StackBase - 0x40000, vmmap.Stack, "stack", "reserved"},
					{p.TEBs[1] + 0x30, vmmap.TEB, "thread environment block", ""},
					{p.PEB + 0xfff, vmmap.PEB, "process environment block", ""},
					{p.ImageBase + 0x1f000, vmmap.Image, "module", ""},
				} {
					got, ok := m.At(memory.Addr(x.at))
					if !ok || got.Usage != x.u || got.Part() != x.part || got.Owner == nil || got.Owner.Kind != x.kind || got.Owner.Evidence == "" {
						t.Errorf("%#x: %+v (%+v), want %v, %s %s", x.at, got, got.Owner, x.u, x.kind, x.part)
					}
				}
				if got, _ := m.At(memory.Addr(p.StackBase)); got.Usage == vmmap.Stack {
					t.Errorf("%#x, the base of the stack, is in it", p.StackBase)
				}
				if h, _ := m.At(0x2200040); h.Owner.Heap != 0x2000000 {
					t.Errorf("the second segment is of heap %v", h.Owner.Heap)
				}
				if s, _ := m.At(memory.Addr(p.StackBase - 1)); s.Owner.Thread != p.PID+4 || !s.Owner.HasThread {
					t.Errorf("the stack is of thread %#x", s.Owner.Thread)
				}
			})
		}
	}
}

// TestWOW64: a WOW64 process has two of everything, each of its own width.
func TestWOW64(t *testing.T) {
	p := synth.NewWOW64(synth.Win10v1809)
	p.AddHeap(&synth.Heap{Address: 0x4000000, Segments: []synth.Segment{{Reserve: 0x100000, Items: []synth.Item{synth.Busy(8)}}}})
	p.AddHeap32(&synth.Heap{Address: 0x14000000, Segments: []synth.Segment{{Reserve: 0x200000, Items: []synth.Item{synth.Busy(8)}}}})
	tg := open(t, p.Build().Dump)
	m := vmmap.Take(tg)
	laws(t, tg, m)
	for _, x := range []struct {
		u    vmmap.Usage
		bits int
		want uint64
	}{
		{vmmap.TEB, 64, 0x2000}, {vmmap.TEB, 32, 0x1000}, {vmmap.PEB, 64, 0x1000}, {vmmap.PEB, 32, 0x1000},
		{vmmap.Stack, 64, 0x40000}, {vmmap.Stack, 32, 0x40000}, {vmmap.Heap, 64, 0x100000}, {vmmap.Heap, 32, 0x200000},
	} {
		if _, got := usage(m, x.u, x.bits); got != x.want {
			t.Errorf("%v of %d bits: %#x bytes, want %#x", x.u, x.bits, got, x.want)
		}
	}
}

// TestHostile: damaged process structures claim nothing that is another's, and
// the sums close.
func TestHostile(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		ptr := a.PtrSize()
		dealloc := uint64(0xe0c)
		if a == synth.X64 {
			dealloc = 0x1478
		}
		for _, x := range []struct {
			name  string
			do    func(p *synth.Process, m *synth.Image)
			stack uint64 // bytes of stacks in all
			tebs  int
		}{
			{"nothing", func(*synth.Process, *synth.Image) {}, 2 * 0x40000, 2},
			// The thread list has the stack's saved part for these, and its allocation.
			{"limits reversed", func(p *synth.Process, m *synth.Image) {
				m.PutPtr(p.TEBs[1]+ptr, m.Ptr(p.TEBs[1]+2*ptr)-0x1000)
			}, 2 * 0x40000, 2},
			{"base in the heap", func(p *synth.Process, m *synth.Image) { m.PutPtr(p.TEBs[1]+ptr, 0x2010000) }, 2 * 0x40000, 2},
			{"limit in the heap", func(p *synth.Process, m *synth.Image) { m.PutPtr(p.TEBs[1]+2*ptr, 0x2010000) }, 2 * 0x40000, 2},
			{"reservation in the heap", func(p *synth.Process, m *synth.Image) { m.PutPtr(p.TEBs[1]+dealloc, 0x2010000) }, 2 * 0x40000, 2},
			{"reservation below everything", func(p *synth.Process, m *synth.Image) { m.PutPtr(p.TEBs[1]+dealloc, 1) }, 2 * 0x40000, 2},
			{"base at the top", func(p *synth.Process, m *synth.Image) { m.PutPtr(p.TEBs[1]+ptr, ^uint64(0)) }, 2 * 0x40000, 2},
			{"the other's stack", func(p *synth.Process, m *synth.Image) {
				for _, off := range []uint64{ptr, 2 * ptr, dealloc} {
					m.PutPtr(p.TEBs[1]+off, m.Ptr(p.TEBs[0]+off))
				}
			}, 0x40000, 2},
			{"no TEB", func(p *synth.Process, m *synth.Image) { m.PutPtr(p.TEBs[1]+6*ptr, 0x1234) }, 2 * 0x40000, 1},
			{"PEB in the image", func(p *synth.Process, m *synth.Image) {
				m.Write(p.ImageBase, m.Read(p.PEB, 0x800))
				for _, teb := range p.TEBs {
					m.PutPtr(teb+12*ptr, p.ImageBase)
				}
			}, 2 * 0x40000, 2},
		} {
			t.Run(fmt.Sprint(x.name, a), func(t *testing.T) {
				p := process(synth.Win10v1809, a)
				p.Prepare = func(b *synth.Built) { x.do(p, b.Image) }
				tg := open(t, p.Build().Dump)
				m := vmmap.Take(tg)
				laws(t, tg, m)
				if _, got := usage(m, vmmap.Stack, -1); got != x.stack {
					t.Errorf("%#x bytes of stacks, want %#x", got, x.stack)
				}
				if _, got := usage(m, vmmap.Heap, -1); got != 0x188000 {
					t.Errorf("%#x bytes of heaps", got)
				}
				if _, got := usage(m, vmmap.Image, -1); got != 0x20000 {
					t.Errorf("%#x bytes of images", got)
				}
				if n, _ := usage(m, vmmap.TEB, -1); n != x.tebs {
					t.Errorf("%d TEBs, want %d", n, x.tebs)
				}
			})
		}
	}
}

// TestPartial: without a list of regions the map is what was saved, and
// nothing is free or reserved.
func TestPartial(t *testing.T) {
	p := process(synth.Win10v1809, synth.X64)
	d := p.Build().Dump
	d.Omit = []uint32{synth.StreamMemoryInfoList}
	tg := open(t, d)
	m := vmmap.Take(tg)
	laws(t, tg, m)
	s := vmmap.Sum(m.Pieces)
	if !m.Partial || s.FreeBytes != 0 || len(s.State) != 1 || s.State[0].Name != "MEM_COMMIT" || s.Bytes != tg.Space.Coverage().Saved {
		t.Errorf("partial %v, %+v", m.Partial, s)
	}
	if n, bytes := usage(m, vmmap.Stack, 64); n == 0 || bytes != 2*0x2000 {
		t.Errorf("%d stacks of %#x bytes", n, bytes)
	}
	if n, _ := usage(m, vmmap.Heap, 64); n == 0 {
		t.Error("no heap")
	}
}

// TestUnusable: free bytes up to the next multiple of 64 KiB, no more than
// there are.
func TestUnusable(t *testing.T) {
	for _, x := range []struct {
		start, end memory.Addr
		want       uint64
	}{{0x10000, 0x30000, 0}, {0x11000, 0x30000, 0xf000}, {0x1f000, 0x20000, 0x1000}, {0x11000, 0x13000, 0x2000}, {0, 0x1000, 0}} {
		if got := vmmap.Unusable(memory.Range{Start: x.start, End: x.end}); got != x.want {
			t.Errorf("%v to %v: %#x, want %#x", x.start, x.end, got, x.want)
		}
	}
}

// TestManyNames: more protections than any process has are counted apart all
// the same.
func TestManyNames(t *testing.T) {
	var pieces []vmmap.Piece
	for i := range 100 {
		r := memory.Region{Range: memory.Addr(i * 0x10000).Span(0x1000 * uint64(1+i%40)), State: memory.MemCommit, Protect: memory.Protect(i%40) << 11}
		pieces = append(pieces, vmmap.Piece{Region: r, Usage: vmmap.Unknown})
	}
	s := vmmap.Sum(pieces)
	sums(t, s)
	if len(s.Protect) != 40 || s.Protect[0].Bytes != 2*40*0x1000 || s.Protect[0].Regions != 2 {
		t.Errorf("%d protections, the first %+v", len(s.Protect), s.Protect[0])
	}
}

// TestRealDumps: the laws hold on every dump in ../shared/dumps that was
// unpacked, and every address of it has an answer.
func TestRealDumps(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join("..", "..", "..", "..", "shared", "dumps", "*.dmp.zst"))
	if len(files) == 0 {
		t.Skip("no dumps in ../shared/dumps beside the repository")
	}
	for _, file := range files {
		if st, err := os.Stat(file); err != nil || st.Size() > 8<<20 {
			continue
		}
		tg, err := target.Open(file, target.Options{})
		if err != nil {
			continue // those that are no Windows dumps, to be refused
		}
		t.Run(filepath.Base(file), func(t *testing.T) { laws(t, tg, vmmap.Take(tg)) })
		if err := tg.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestWOW64Full is the real dump of a WOW64 process, counted by hand from its
// list of regions: two threads, each with two stacks.
func TestWOW64Full(t *testing.T) {
	tg, err := target.Open(filepath.Join("..", "..", "..", "..", "shared", "dumps", "real-win10-11082-wow64-full.dmp.zst"), target.Options{})
	if err != nil {
		t.Skip("no dump real-win10-11082-wow64-full in ../shared/dumps beside the repository: ", err)
	}
	defer tg.Close()
	m := vmmap.Take(tg)
	if s := vmmap.Sum(m.Pieces); s.Bytes != 0x7fffffff0000 || s.UnusableBytes != 458752 {
		t.Errorf("%#x bytes in all, %d unusable", s.Bytes, s.UnusableBytes)
	}
	for _, x := range []struct {
		u       vmmap.Usage
		bits, n int
		bytes   uint64
	}{
		{vmmap.Stack, 32, 6, 2 * 0x100000}, {vmmap.Stack, 64, 6, 2 * 0x40000}, {vmmap.TEB, 32, 2, 0x2000}, {vmmap.TEB, 64, 2, 0x4000},
		{vmmap.PEB, 32, 1, 0x1000}, {vmmap.PEB, 64, 1, 0x1000}, {vmmap.Image, 0, 58, 0x7ce000}, {vmmap.MappedFile, 0, 1, 0xbe000},
	} {
		if n, bytes := usage(m, x.u, x.bits); n != x.n || bytes != x.bytes {
			t.Errorf("%v of %d bits: %d regions, %#x bytes; want %d, %#x", x.u, x.bits, n, bytes, x.n, x.bytes)
		}
	}
}
