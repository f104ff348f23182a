package ntheap_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// soon fails when f takes much longer than work in proportion to the memory
// would: each of these inputs took minutes, or for ever, where a step looks at
// all that lies behind it.
func soon(t *testing.T, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("took %v", d)
	}
}

// with returns the space with runs in place of what it has there.
func with(s *memory.Space, runs ...memory.Run) *memory.Space {
	return memory.NewSpace(memory.Contents{Runs: append(append([]memory.Run{}, s.AllRuns()...), runs...)})
}

// vast is a heap whose second segment has so many bytes, of which make fills
// what is behind the segment's header.
func vast(t testing.TB, arch synth.Arch, n int, fill func(h *synth.BuiltHeap, b []byte, first int)) (*memory.Space, *synth.BuiltHeap) {
	const base = 0x20000000
	p := synth.NewProcess(synth.Win10v1809, arch)
	p.AddHeap(&synth.Heap{Address: damagedAt, Segments: []synth.Segment{{}, {Address: base, Items: []synth.Item{synth.Busy(10)}}}})
	b := p.Build()
	h := b.Heaps[0]
	h.SetSegment(1, "NumberOfPages", uint64(n)/0x1000)
	h.SetSegment(1, "LastValidEntry", base+uint64(n))
	data := make([]byte, n)
	copy(data, h.Image.Read(base, 0x1000))
	first := int(h.Segs[1].First - base)
	clear(data[first:])
	fill(h, data, first)
	return with(space(t, b.Redump()), memory.Run{Start: base, Bytes: data}), h
}

// entry writes a sound header into b.
func entry(h *synth.BuiltHeap, b []byte, units, prev uint16) {
	w := uint64(units) | 1<<16 | uint64(prev)<<32 | 1<<48 | 8<<56
	w |= uint64(uint8(units)^uint8(units>>8)^1) << 24
	at := h.Arch.Unit() - 8
	binary.LittleEndian.PutUint64(b[at:], w^h.Key)
}

func walkAll(t *testing.T, m heap.Memory) walked {
	t.Helper()
	var w walked
	soon(t, func() { w = open(t, m, damagedAt, ntheap.Options{}) })
	return w
}

func TestDamageAllOver(t *testing.T) {
	for name, c := range map[string]struct{ good, bad int }{"every other header": {1, 1}, "three of seven": {4, 3}, "all": {0, 1}, "most": {3, 100}} {
		t.Run(name, func(t *testing.T) {
			m, _ := vast(t, synth.X64, 64<<20, func(h *synth.BuiltHeap, b []byte, first int) {
				prev := uint16(first / 16)
				for i, at := 0, first; at+64 <= len(b); i, at = i+1, at+64 {
					if i%(c.good+c.bad) < c.good {
						entry(h, b[at:], 4, prev)
					}
					prev = 4
				}
			})
			w := walkAll(t, m)
			busy := 0
			for _, x := range w.blocks {
				if x.State == heap.Busy {
					busy++
				}
			}
			if c.good > 0 && c.good >= c.bad && busy < 64<<20/64*c.good/(c.good+c.bad)*9/10 {
				t.Errorf("%d busy blocks", busy)
			}
		})
	}
}

func TestDecoysAllOver(t *testing.T) {
	m, _ := vast(t, synth.X64, 16<<20, func(h *synth.BuiltHeap, b []byte, first int) {
		for at := first; at+16 <= len(b); at += 16 { // every unit is a sound header that fits none
			entry(h, b[at:], uint16(2+at>>4%7), uint16(3+at>>4%5))
		}
	})
	walkAll(t, m)
}

func TestHugeSegmentOverLittleMemory(t *testing.T) {
	for _, arch := range []synth.Arch{synth.X86, synth.X64} {
		for _, pages := range []uint64{1 << 20, 1 << 28, 1<<32 - 1} {
			p := newPatient(synth.Win10v1809, arch, false)
			p.SetSegment(1, "NumberOfPages", pages)
			p.SetSegment(1, "LastValidEntry", p.Segs[1].Base+pages*0x1000)
			m := space(t, p.built.Redump())
			walkAll(t, m)
			walkAll(t, with(m)) // the same without a map of the memory
		}
	}
}

func TestThousandsOfTinyRegions(t *testing.T) {
	m, _ := vast(t, synth.X64, 8<<20, func(h *synth.BuiltHeap, b []byte, first int) {
		entry(h, b[first:], 4, uint16(first/16))
	})
	var c memory.Contents
	for _, r := range m.AllRuns() {
		if r.Start != 0x20000000 {
			c.Runs = append(c.Runs, r)
			continue
		}
		c.Runs = append(c.Runs, memory.Run{Start: r.Start, Bytes: r.Bytes[:0x1000]})
		for at := 0x1000; at+24 < len(r.Bytes); at += 80 {
			c.Runs = append(c.Runs, memory.Run{Start: r.Start + memory.Addr(at), Bytes: r.Bytes[at : at+24]})
		}
	}
	walkAll(t, memory.NewSpace(c))
}

// A list of virtual blocks with a great many nodes costs time and memory in
// proportion to their bytes; nodes that overlap, as no pages do, are none.
func TestLongVirtualList(t *testing.T) {
	longVirtualList(t, 1<<18, 64, 1+3)
	longVirtualList(t, 1<<12, 0x1000, 1<<12+3)
}

func longVirtualList(t *testing.T, n, step uint64, want int) {
	t.Helper()
	p := newPatient(synth.Win10v1809, synth.X64, false)
	const base = 0x70000000
	data := make([]byte, n*step)
	for i := range n {
		b := data[i*step:]
		binary.LittleEndian.PutUint64(b, base+(i+1)*step)
		binary.LittleEndian.PutUint64(b[8:], base+i*step-step)
		binary.LittleEndian.PutUint64(b[0x20:], 0x1000)
		binary.LittleEndian.PutUint64(b[0x28:], 0x1000)
	}
	p.Set("VirtualAllocdBlocks", base)
	w := walkAll(t, with(space(t, p.built.Redump()), memory.Run{Start: base, Bytes: data}))
	if len(w.heap.Virtuals) != want {
		t.Errorf("%d nodes %d bytes apart: %d virtual blocks, want %d", n, step, len(w.heap.Virtuals), want)
	}
}

func TestTopOfTheAddressSpace(t *testing.T) {
	for _, arch := range []synth.Arch{synth.X86, synth.X64} {
		top := uint64(1) << 32
		if arch == synth.X64 {
			top = 0
		}
		p := synth.NewProcess(synth.Win10v1809, arch)
		p.AddHeap(&synth.Heap{Address: damagedAt, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(10), synth.Free(0x40), synth.Busy(20)}}}})
		h := p.Build().Heaps[0]
		at := memory.Addr(top - 0x1000) // the heap's page moved to the last there is; its pointers lead elsewhere
		m := memory.NewSpace(memory.Contents{Runs: []memory.Run{{Start: at, Bytes: h.Image.Read(damagedAt, 0x1000)}}})
		soon(t, func() {
			lawful(t, m, uint64(at), ntheap.Options{Segments: []memory.Addr{at, at + 0x800, ^memory.Addr(0) - 7}}, 0x1000)
		})
		// Fields that reach over the top.
		for _, field := range []string{"BaseAddress", "LastValidEntry", "FirstEntry", "SegmentListEntry", "UCRSegmentList"} {
			for _, v := range []uint64{^uint64(0), ^uint64(0xfff), 1 << 32, 1<<32 - 0x1000} {
				q := newPatient(synth.Win10v1809, arch, false)
				q.SetSegment(1, field, v)
				walkAll(t, space(t, q.built.Redump()))
			}
		}
		for _, field := range []string{"CommitSize", "ReserveSize", "Entry"} {
			q := newPatient(synth.Win10v1809, arch, false)
			q.SetVirtual(1, field, ^uint64(0)-0x10)
			walkAll(t, space(t, q.built.Redump()))
		}
	}
}

// Segments that claim each other's memory, and another heap's: each byte is
// walked once, and what is not the heap's own is left alone.
func TestSegmentsThatOverlap(t *testing.T) {
	p := newPatient(synth.Win7, synth.X64, false)
	p.SetSegment(1, "LastValidEntry", p.Segs[2].Base+0x3000)
	p.SetSegment(1, "NumberOfPages", (p.Segs[2].Base+0x3000-p.Segs[1].Base)/0x1000)
	w := walkAll(t, space(t, p.built.Redump()))
	for i, a := range w.heap.Segments {
		for _, b := range w.heap.Segments[i+1:] {
			if a.Overlaps(b.Range) {
				t.Errorf("%v and %v", a.Range, b.Range)
			}
		}
	}
	q := newPatient(synth.Win7, synth.X64, false)
	other := synth.NewProcess(synth.Win7, synth.X64)
	other.AddHeap(&synth.Heap{Address: damagedAt + 0x300000, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(10)}}}})
	m := space(t, other.Build().Dump)
	q.SetSegment(1, "SegmentListEntry", damagedAt+0x300018)
	both := with(space(t, q.built.Redump()), m.AllRuns()...)
	for _, s := range walkAll(t, both).heap.Segments {
		if s.Address == damagedAt+0x300000 {
			t.Error("another heap's segment is walked")
		}
	}
}

func TestProblemsAreBounded(t *testing.T) {
	m, _ := vast(t, synth.X64, 4<<20, func(h *synth.BuiltHeap, b []byte, first int) {
		prev := uint16(first / 16)
		for at := first; at+64 <= len(b); at += 64 {
			entry(h, b[at:], 4, prev+1) // no PreviousSize is right
			prev = 4
		}
	})
	w := walkAll(t, m)
	var l diag.List
	for _, p := range w.all() {
		l.Add(p)
	}
	if len(w.all()) > 3*len(w.blocks) {
		t.Errorf("%d problems of %d blocks", len(w.all()), len(w.blocks))
	}
}
