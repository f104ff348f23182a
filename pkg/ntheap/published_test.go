package ntheap_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// The sizes that allocations of a number of bytes are known to have.
func TestPublishedSizes(t *testing.T) {
	for _, c := range []struct {
		arch       synth.Arch
		ust        bool
		user, unit uint64
	}{
		{synth.X64, false, 0x118, 0x12}, {synth.X64, true, 0x28, 5}, {synth.X64, true, 0x74, 0xa}, {synth.X64, true, 0x10217, 0x1024},
		{synth.X86, false, 0x10000, 0x2001}, {synth.X86, true, 0x30, 9},
	} {
		p := synth.NewProcess(synth.Win7, c.arch)
		it, h := synth.Busy(c.user), &synth.Heap{Address: damagedAt}
		if c.ust {
			it, h.Flags, h.Interceptor = it.WithStack(0x1c1000), synth.FlagGrowable|synth.FlagStackTrace, 1
		}
		h.Segments = []synth.Segment{{Items: []synth.Item{it}}}
		p.AddHeap(h)
		w := open(t, space(t, p.Build().Dump), damagedAt, ntheap.Options{})
		b := w.blocks[1]
		hdr := c.arch.Unit()
		if c.ust {
			hdr *= 3
		}
		if b.Size != c.unit*c.arch.Unit() || b.UserBytes() != c.user || uint64(b.User()-b.Addr) != hdr {
			t.Errorf("%+v: %+v", c, b)
		}
	}
}

// 0x3f in UnusedBytes is either an escape to a count elsewhere or 63.
func TestUnusedBytesEscape(t *testing.T) {
	for _, arch := range []synth.Arch{synth.X86, synth.X64} {
		for _, c := range []struct {
			user, block uint64
			edit        func(p *synth.BuiltHeap, end uint64)
		}{
			{0x100, 0x180, nil}, // 0x80 bytes unused, counted in the last word
			{0x141, 0x180, nil}, // 0x3f itself, which is escaped too
			{0x141, 0x180, func(p *synth.BuiltHeap, end uint64) { // no count there: 0x3f is literal
				p.Image.PutU32(end-4, 0x41414141)
				if arch == synth.X64 {
					p.Image.PutU64(end, 0x4141414141414141)
				}
			}},
			{0x141, 0x180, func(p *synth.BuiltHeap, end uint64) { // a count that is too small for an escape
				p.Image.PutU32(end-4, 0x3e)
				if arch == synth.X64 {
					p.Image.PutU64(end, 0x3e)
				}
			}},
		} {
			p := synth.NewProcess(synth.Win10v1809, arch)
			p.AddHeap(&synth.Heap{Address: damagedAt, Segments: []synth.Segment{{Items: []synth.Item{
				synth.Busy(c.user).WithBlock(c.block), synth.Busy(10)}}}})
			b := p.Build()
			x := b.Heaps[0].Only(synth.StateBusy)[0]
			if x.Unused != 0x3f {
				t.Fatalf("synth made UnusedBytes %#x", x.Unused)
			}
			if c.edit != nil {
				c.edit(b.Heaps[0], x.End())
			}
			w := open(t, space(t, b.Redump()), damagedAt, ntheap.Options{})
			healthy(t, w)
			if g := w.blocks[1]; g.UserBytes() != c.user || g.Size != c.block {
				t.Errorf("%v %#x of %#x: %+v", arch, c.user, c.block, g)
			}
		}
	}
}

// The article's large block: entry, user pointer and size are printed there.
func TestArticle003VirtualBlock(t *testing.T) {
	b := synth.Article003().Build()
	w := open(t, space(t, b.Dump), 0x29fb0000, ntheap.Options{})
	healthy(t, w)
	for _, g := range w.blocks {
		if g.Origin != heap.Virtual {
			continue
		}
		if g.Addr != 0x43500030 || g.User() != 0x43500060 || g.UserBytes() != 0x1000040 || g.State != heap.Busy {
			t.Errorf("%+v", g)
		}
		v, ok := w.heap.VirtualOf(g)
		if !ok || v.Node != 0x43500000 {
			t.Errorf("node %+v %v", v, ok)
		}
		return
	}
	t.Error("no virtual block")
}

// listed prints entries as the article's debugger does: address, previous
// size, size and user bytes. Its flags are not those of the memory.
func listed(w walked) string {
	var s strings.Builder
	prev := uint64(0)
	for _, b := range w.blocks {
		switch b.State {
		case heap.Uncommitted:
			fmt.Fprintf(&s, "%08x: %08x - uncommitted\n", uint64(b.Addr), b.Size)
		case heap.Free:
			fmt.Fprintf(&s, "%08x: %05x . %05x\n", uint64(b.Addr), prev, b.Size)
		case heap.Busy:
			fmt.Fprintf(&s, "%08x: %05x . %05x - busy (%x)\n", uint64(b.Addr), prev, b.Size, b.UserBytes())
		default:
			e, _ := w.heap.Entry(b.Addr)
			fmt.Fprintf(&s, "%08x: %05x . %05x - busy (%x)\n", uint64(b.Addr), prev, b.Size, b.Size-uint64(e.UnusedBytes))
		}
		prev = b.Size
	}
	for _, l := range w.heap.FreeLists() {
		fmt.Fprintf(&s, "FreeList at %08x: %08x . %08x\n", uint64(l.Head), uint64(l.Flink), uint64(l.Blink))
		for b := range l.Blocks(func(p diag.Problem) { fmt.Fprintln(&s, p) }) {
			fmt.Fprintf(&s, "%08x: %05x - free\n", uint64(b.Addr), b.Size)
		}
	}
	return s.String()
}

// The listings of the article, step by step.
func TestArticle001(t *testing.T) {
	want := []string{`
002c0000: 00000 . 00588 - busy (587)
002c0588: 00588 . 00088 - busy (80)
002c0610: 00088 . 009d0
002c0fe0: 009d0 . 00020 - busy (1d)
002c1000: 00001000 - uncommitted
FreeList at 002c00c4: 002c0618 . 002c0618
002c0610: 009d0 - free
`, `
002c0000: 00000 . 00588 - busy (587)
002c0588: 00588 . 00088 - busy (80)
002c0610: 00088 . 00088 - busy (79)
002c0698: 00088 . 00948
002c0fe0: 00948 . 00020 - busy (1d)
002c1000: 00001000 - uncommitted
FreeList at 002c00c4: 002c06a0 . 002c06a0
002c0698: 00948 - free
`, `
002c0000: 00000 . 00588 - busy (587)
002c0588: 00588 . 00088
002c0610: 00088 . 00088 - busy (79)
002c0698: 00088 . 00948
002c0fe0: 00948 . 00020 - busy (1d)
002c1000: 00001000 - uncommitted
FreeList at 002c00c4: 002c0590 . 002c06a0
002c0588: 00088 - free
002c0698: 00948 - free
`, `
005c0000: 00000 . 00588 - busy (587)
005c0588: 00588 . 00a58
005c0fe0: 00a58 . 00020 - busy (1d)
005c1000: 00001000 - uncommitted
FreeList at 005c00c4: 005c0590 . 005c0590
005c0588: 00a58 - free
`}
	for i, text := range want {
		base := uint64(0x2c0000)
		if i == 3 {
			base = 0x5c0000
		}
		b := synth.Article001(i+1, base).Build()
		w := open(t, space(t, b.Dump), base, ntheap.Options{})
		healthy(t, w)
		if got := "\n" + listed(w); got != text {
			t.Errorf("step %d:%s\nwant:%s", i+1, got, text)
		}
		h := w.heap.Header
		if i == 0 && (h.Flags != 0x1000 || h.SegmentReserve != 0x100000 || h.SegmentCommit != 0x2000 || h.DeCommitFreeBlockThreshold != 0x200 ||
			h.DeCommitTotalFreeThreshold != 0x2000 || h.TotalFreeSize != 0x13a || h.MaximumAllocationSize != 0x7ffdefff || h.LockVariable != 0x2c0138 ||
			h.VirtualAllocdBlocks != 0x2c00a0 || h.UCRList != 0x2c0090 || h.VirtualMemoryThreshold != 0xfe00 || h.ProcessHeapsListIndex != 5) {
			t.Errorf("header %+v", h)
		}
		s := w.heap.Segments[0]
		if s.Pages != 2 || s.FirstEntry-s.Start != 0x588 || s.Size() != 0x2000 || s.UnCommittedPages != 1 || len(s.UCRs) != 1 {
			t.Errorf("segment %+v", s)
		}
	}
}
