package target_test

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
)

// specimen is a small dump and the file offsets where a change tells.
type specimen struct {
	data []byte
	hot  []int
}

func (s *specimen) mark(f *synth.File, addrs ...uint64) {
	for _, a := range addrs {
		if off := f.Offset(a); off >= 0 {
			s.hot = append(s.hot, off)
		}
	}
}

// specimens are what FuzzTarget changes.
func specimens() []specimen {
	var out []specimen
	add := func(p *synth.Process) {
		b := p.Build()
		f := b.Dump.File()
		s := specimen{data: f.Data, hot: []int{0, 32}}
		for _, st := range f.Streams {
			s.hot = append(s.hot, st.Off)
		}
		s.mark(f, p.PEB, p.PEB32, p.ProcessHeaps, p.ProcessHeaps32)
		s.mark(f, p.TEBs...)
		for _, h := range append(b.Heaps, b.Heaps32...) {
			s.mark(f, h.Address, h.UserContext)
			for _, blk := range h.Blocks {
				s.mark(f, blk.Entry)
			}
		}
		out = append(out, s)
	}
	script := func(at uint64) *synth.Heap {
		return &synth.Heap{Address: at, Segments: []synth.Segment{
			{Items: []synth.Item{synth.Busy(100), synth.Free(0x200), synth.Busy(24).WithBlock(0x200), synth.Uncommitted(0x3000), synth.Busy(9)}},
			{Address: at + 0x100000, Items: []synth.Item{synth.Busy(40), synth.Internal(0x80), synth.Free(0x100), synth.Busy(8)}},
		}, Virtual: []synth.Virtual{{Address: at + 0x800000, Size: 0x1800}, {Address: at + 0x900000, Size: 0x2000, Reserve: 0x8000}}}
	}
	old := func(at uint64) *synth.Heap { // XP has no such blocks
		h := script(at)
		h.Segments[0].Items[2] = synth.Busy(24)
		h.Segments[1].Items = []synth.Item{synth.Busy(40), synth.Free(0x100), synth.Busy(8)}
		return h
	}
	for _, f := range synth.Families() {
		for _, a := range []synth.Arch{synth.X86, synth.X64} {
			p := synth.NewProcess(f, a)
			if f == synth.XP {
				p.AddHeap(old(0x1d0000))
			} else {
				p.AddHeap(script(0x1d0000))
				p.AddHeap(&synth.Heap{Address: 0x3d0000, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(1)}}}})
			}
			if f == synth.Win11v24H2 {
				p.HideHeaps()
			}
			add(p)
		}
	}
	w := synth.NewWOW64(synth.Win10v1809)
	w.AddHeap(script(0x4000000))
	w.AddHeap32(script(0x14000000))
	w.AddOther(0x700000, synth.SegmentHeap)
	w.AddOther(0x710000, synth.PageHeap)
	w.AddOther32(0x730000, synth.Wine)
	add(w)
	return out
}

// edit changes a dump: each twelve bytes of edits are a place (a hot one and a
// distance from it, or one anywhere), a width and a value.
func (s specimen) edit(edits []byte) []byte {
	data := append([]byte(nil), s.data...)
	for ; len(edits) >= 12; edits = edits[12:] {
		off := int(binary.LittleEndian.Uint16(edits[2:])) * len(data) >> 16
		if edits[0]&3 != 0 {
			off = s.hot[int(edits[1])%len(s.hot)] + int(binary.LittleEndian.Uint16(edits[2:])%0x300)
		}
		if edits[0]&0x40 != 0 {
			off &^= 3
		}
		for i := 0; i < 1<<(edits[0]>>2&3) && off+i < len(data); i++ {
			data[off+i] = edits[4+i]
		}
		if edits[0]&0xb0 == 0xb0 {
			data = data[:max(off, 1)] // cut the file
		}
	}
	return data
}

// FuzzTarget opens changed dumps and counts their heaps. Nothing panics or
// hangs, problems are bounded, and the accounting closes on everything.
func FuzzTarget(f *testing.F) {
	all := specimens()
	for i := range all {
		f.Add(uint8(i), []byte{})
		f.Add(uint8(i), []byte{0x41, 9, 0x88, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0})
		f.Add(uint8(i), []byte{0x49, byte(i), 0x10, 0, 0, 0, 0x1d, 0, 0, 0, 0, 0, 0x4d, 12, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8})
		f.Add(uint8(i), []byte{0xbc, 0, 0, 0xf0, 0, 0, 0, 0, 0, 0, 0, 0})
	}
	f.Fuzz(func(t *testing.T, which uint8, edits []byte) {
		data := all[int(which)%len(all)].edit(edits)
		start := time.Now()
		tg, err := target.Parse("fuzz.dmp", data)
		if err != nil {
			return
		}
		c, err := census.Take(context.Background(), tg, tg.Heaps, nil)
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%v for %d bytes", d, len(data))
		}
		if len(tg.Problems) > diag.DefaultLimit {
			t.Errorf("%d problems", len(tg.Problems))
		}
		for i := range c.Heaps {
			closes(t, &c.Heaps[i])
		}
	})
}

// closes checks the accounting of a heap of any health.
func closes(t *testing.T, h *census.Heap) {
	t.Helper()
	if !h.Walked {
		if h.Target.Why == "" {
			t.Errorf("%v is not walked, and nothing says why", h.Target.Address)
		}
		return
	}
	parts := h.BusyUser + h.Overhead + h.Free + h.Internal + h.Lost
	if h.Committed > h.Reserved || h.Reserved != h.Committed+h.Uncommitted || h.Unaccounted != int64(h.Committed-parts) {
		t.Errorf("%v: reserved %d, committed %d, uncommitted %d, parts %d, unaccounted %d", h.Target.Address, h.Reserved, h.Committed, h.Uncommitted, parts, h.Unaccounted)
	}
	if h.Unaccounted != 0 {
		t.Errorf("%v: %d bytes unaccounted for", h.Target.Address, h.Unaccounted)
	}
	if len(h.Problems) > diag.DefaultLimit {
		t.Errorf("%v: %d problems", h.Target.Address, len(h.Problems))
	}
}
