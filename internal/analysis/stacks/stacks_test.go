package stacks_test

import (
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
)

func parse(t *testing.T, p *synth.Process) *target.Target {
	t.Helper()
	tg, err := target.Parse("test.dmp", p.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return tg
}

// TestExtensions: every busy block of the published heap has its stack, in
// the back end and among the large ones; heaps without traces are not asked.
func TestExtensions(t *testing.T) {
	tg := parse(t, synth.Article003())
	s := stacks.New(tg)
	asked, found := 0, 0
	for _, h := range tg.Heaps {
		if h.Walkable() == nil || !s.Captures(h) {
			continue
		}
		for b := range h.Walkable().Blocks(nil) {
			n := len(s.Of(h, &b))
			if (n > 0) != (b.State == heap.Busy) && h.Address == 0x29fb0000 {
				t.Errorf("%+v: %d frames", b, n)
			}
			if asked++; n > 0 {
				found++
			}
			if n > 0 && n != 6 && n != 7 && n != 5 {
				t.Errorf("%+v: %d frames", b, n)
			}
		}
	}
	if found < 13 || asked <= found {
		t.Errorf("%d of %d blocks have stacks", found, asked)
	}
	if x := parse(t, synth.Demo()); stacks.New(x).Captures(x.Heaps[0]) {
		t.Error("a heap without traces captures them")
	}
}

// TestPages: the stack of an allocation, of a freed one that of its free, and
// none where the pointer is wild, in full page heap and in its normal heap.
func TestPages(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		const alloc, free, light = 0x1000100, 0x1000400, 0x1000800
		p := synth.NewProcess(synth.Win7, a)
		p.Modules = []synth.Module{{Base: 0x400000, Size: 0x10000, Name: `C:\app\app.exe`}}
		make := synth.LightBlock(a, 0x9000000, 40, 16, light, false)
		item := synth.Busy(uint64(len(make(0))))
		item.Make = make
		p.AddHeap(&synth.Heap{Address: 0x250000, Flags: synth.FlagGrowable, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(24), item, synth.Busy(90)}}}})
		p.Prepare = func(b *synth.Built) {
			b.Image.Reserve(0x1000000, 0x10000, synth.MemPrivate, synth.PageReadWrite)
			synth.StackTrace(b.Image, a, alloc, 1, 0x401000, 0x402000)
			synth.StackTrace(b.Image, a, free, 2, 0x403000, 0x404000, 0x405000)
			synth.StackTrace(b.Image, a, light, 3, 0x406000)
			(&synth.FullPageHeap{Address: 0x9000000, Arch: a, NormalHeap: 0x250000, Allocs: []synth.PageAlloc{
				{Size: 8, Stack: alloc}, {Size: 16, Stack: free, Freed: true}, {Size: 24, Stack: 0x7770000}, {Size: 32},
			}}).Build(b.Image)
		}
		tg := parse(t, p)
		s := stacks.New(tg)
		got := map[int]int{}
		for _, h := range tg.Heaps {
			if !s.Captures(h) {
				t.Errorf("%v: %v is not asked", a, h.Address)
			}
			for b := range h.Walkable().Blocks(nil) {
				if n := len(s.Of(h, &b)); n > 0 {
					got[n]++
				}
			}
		}
		if len(got) != 3 || got[1] != 1 || got[2] != 1 || got[3] != 1 {
			t.Errorf("%v: blocks by frames: %v", a, got)
		}
		if f := s.Frames(s.Of(tg.Heaps[0], header(tg))); len(f) != 0 {
			t.Errorf("%v: %v", a, f)
		}
	}
}

// header is the first block of the first heap: its header, which has no stack.
func header(tg *target.Target) *heap.Block {
	for b := range tg.Heaps[0].Walkable().Blocks(nil) {
		return &b
	}
	return nil
}

func TestBase(t *testing.T) {
	for path, want := range map[string]string{`C:\a\b.dll`: "b.dll", "b.dll": "b.dll", `a/b\c`: "c", "": "", `C:\a\`: ""} {
		if got := stacks.Base(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}
