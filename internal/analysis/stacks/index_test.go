package stacks_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

const dbAt = 0x2a00000

// indexed is a process whose blocks name their stacks by an index: a block of
// the back end the first, a virtual one the second, the heap itself the third
// and its lock the fourth. A block has none, and the last one's index is that
// of no stack.
func indexed(f synth.Family, a synth.Arch) *synth.Process {
	p := synth.NewProcess(f, a)
	p.NtGlobalFlag = 0x1000
	p.Modules = []synth.Module{{Base: 0x400000, Size: 0x10000, Name: `C:\app\app.exe`}}
	p.AddHeap(&synth.Heap{Address: 0x250000, Flags: synth.FlagGrowable, AllocatorBackTraceIndex: 3, Lock: synth.Lock{Debug: 0x280000, Trace: 4},
		Segments: []synth.Segment{{Items: []synth.Item{
			synth.Busy(24).WithBlock(80).WithTrace(1), synth.Busy(24), synth.Busy(40).WithBlock(96).WithTag(2, 7), synth.Busy(40).WithBlock(96).WithTrace(9)}}},
		Virtual: []synth.Virtual{{Address: 0x3000000, Size: 0x100000, Trace: 2}}})
	p.Prepare = func(b *synth.Built) {
		(&synth.TraceDB{Address: dbAt, Family: f, Arch: a, Stacks: [][]uint64{
			{0x401000, 0x401100}, {0x402000}, {0x403000, 0x403100, 0x403200}, {0x404000}}}).Build(b.Image)
	}
	return p
}

func frames(of ...uint64) []memory.Addr {
	var out []memory.Addr
	for _, a := range of {
		out = append(out, memory.Addr(a))
	}
	return out
}

// blockStacks returns the stacks of the busy blocks that have one, in order.
func blockStacks(s *stacks.Stacks, h *target.Heap) (out [][]memory.Addr) {
	for b := range h.Walkable().Blocks(nil) {
		if x := s.Of(h, &b); x != nil {
			out = append(out, slices.Clone(x))
		}
	}
	return out
}

// TestIndexes: XP to Vista, by index: blocks, virtual blocks, the heap, its
// lock; what names no stack has none, and the dump's reader hears of it.
func TestIndexes(t *testing.T) {
	for _, f := range []synth.Family{synth.XP, synth.Vista} {
		for _, a := range []synth.Arch{synth.X86, synth.X64} {
			tg := parse(t, indexed(f, a))
			s, h := stacks.New(tg), tg.Heaps[0]
			if !s.Captures(h) {
				t.Errorf("%v %v: is not asked", f, a)
			}
			got := blockStacks(s, h)
			if len(got) != 2 || !slices.Equal(got[0], frames(0x401000, 0x401100)) || !slices.Equal(got[1], frames(0x402000)) {
				t.Errorf("%v %v: %v", f, a, got)
			}
			if x := s.OfHeap(h); !slices.Equal(x, frames(0x403000, 0x403100, 0x403200)) {
				t.Errorf("%v %v: the heap's creation: %v", f, a, x)
			}
			if x, i := s.OfLock(h); !slices.Equal(x, frames(0x404000)) || i != 4 {
				t.Errorf("%v %v: the lock's creation: %v %d", f, a, x, i)
			}
			if n := s.Notes(); len(n) != 1 || !strings.HasPrefix(n[0], "1 stack is recorded, and could not be read or believed: stack trace 9: ") {
				t.Errorf("%v %v: %q", f, a, n)
			}
			for b := range h.Walkable().Blocks(nil) {
				if x, ok := s.Trace(h, &b); ok && (x.Index == 0 || x.Index > 2 || x.Depth.String() != "Depth" || x.Shape.String() != "entry") {
					t.Errorf("%v %v: %+v", f, a, x)
				}
			}
			lock := h.NT.Header.LockVariable
			for off := range memory.Addr(uint64(16 + 8*a.PtrSize())) {
				c, ok := s.SectionAt(lock - 8 + off)
				if in := off >= 8 && uint64(off) < 8+8+4*a.PtrSize(); ok != in || in && (c.Address != lock || c.Bits != h.Bits || !slices.Equal(c.Creator, frames(0x404000))) {
					t.Errorf("%v %v: at %d of the lock: %v %+v", f, a, int(off)-8, ok, c)
				}
			}
		}
	}
}

// TestNotIndexed: since Windows 7 the extra's word is no index: the twin of
// the above, and nothing is said of it.
func TestNotIndexed(t *testing.T) {
	tg := parse(t, indexed(synth.Win7, synth.X64))
	s := stacks.New(tg)
	if got := blockStacks(s, tg.Heaps[0]); got != nil || len(s.Notes()) != 0 {
		t.Errorf("%v %q", got, s.Notes())
	}
	if x := s.OfHeap(tg.Heaps[0]); !slices.Equal(x, frames(0x403000, 0x403100, 0x403200)) {
		t.Errorf("the heap's creation: %v", x)
	}
}

// TestNoDatabase: a database that the dump lacks gives no stacks and a note;
// one whose entries it lacks, too.
func TestNoDatabase(t *testing.T) {
	p := indexed(synth.Vista, synth.X86)
	p.Prepare = nil
	tg := parse(t, p)
	s := stacks.New(tg)
	if got := blockStacks(s, tg.Heaps[0]); got != nil || s.OfHeap(tg.Heaps[0]) != nil {
		t.Errorf("%v", got)
	}
	if n := s.Notes(); len(n) != 1 || !strings.HasPrefix(n[0], "4 stacks are recorded by an index into the stack trace database: no stack trace database") {
		t.Errorf("%q", n)
	}

	p = indexed(synth.XP, synth.X86)
	before := p.Prepare
	p.Prepare = func(b *synth.Built) { before(b); b.Image.Drop(dbAt + 0xff000) }
	tg = parse(t, p)
	s = stacks.New(tg)
	if got := blockStacks(s, tg.Heaps[0]); got != nil {
		t.Errorf("%v", got)
	}
	if n := s.Notes(); len(n) != 1 || !strings.Contains(n[0], "3 stacks are recorded, and could not be read or believed: stack trace 1: its slot at 0x2affffc: ") {
		t.Errorf("%q", n)
	}
}

// TestPageCreation: a page heap's creation, and none where the pointer is null.
func TestPageCreation(t *testing.T) {
	for _, create := range []uint64{0, 0x1000100} {
		p := synth.NewProcess(synth.Win7, synth.X64)
		p.Modules = []synth.Module{{Base: 0x400000, Size: 0x10000, Name: `C:\app\app.exe`}}
		p.AddHeap(&synth.Heap{Address: 0x250000, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(24)}}}})
		p.Prepare = func(b *synth.Built) {
			b.Image.Reserve(0x1000000, 0x10000, synth.MemPrivate, synth.PageReadWrite)
			synth.StackTrace(b.Image, synth.X64, 0x1000100, 1, 0x401000, 0x402000)
			(&synth.FullPageHeap{Address: 0x9000000, Arch: synth.X64, NormalHeap: 0x250000, Create: create, Allocs: []synth.PageAlloc{{Size: 8}}}).Build(b.Image)
		}
		tg := parse(t, p)
		s := stacks.New(tg)
		for _, h := range tg.Heaps {
			want := h.Kind == heap.Page && create != 0
			if x := s.OfHeap(h); (x != nil) != want || want && !slices.Equal(x, frames(0x401000, 0x402000)) {
				t.Errorf("%v: %v", h.Kind, x)
			}
		}
	}
}
