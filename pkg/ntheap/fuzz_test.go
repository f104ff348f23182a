package ntheap_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// mutated builds a random heap and changes it as the input says: seven bytes a
// change, of which three say where, one how, two with what.
func mutated(t testing.TB, seed uint64, edits []byte) (*memory.Space, *synth.BuiltHeap) {
	rng := rand.New(rand.NewPCG(seed, 3))
	all := synth.Families()
	family := all[rng.IntN(len(all))]
	arch := []synth.Arch{synth.X86, synth.X64}[rng.IntN(2)]
	p := synth.NewProcess(family, arch)
	p.AddHeap(synth.RandomHeap(rng, family, arch, damagedAt))
	b := p.Build()
	h := b.Heaps[0]
	for ; len(edits) >= 7; edits = edits[7:] {
		change(h, binary.LittleEndian.Uint32(edits)&0xffffff, edits[3], edits[4:7])
	}
	return space(t, b.Redump()), h
}

func change(h *synth.BuiltHeap, where uint32, how byte, with []byte) {
	s := h.Segs[int(how>>4)%len(h.Segs)]
	off := uint64(where)
	v := h.Blocks[int(where)%len(h.Blocks)]
	word := uint64(with[0]) | uint64(with[1])<<8
	switch how % 8 {
	case 0: // a byte of a header structure
		off %= 0x300
		fallthrough
	case 1: // a byte anywhere
		if at := s.Base + off%(s.End-s.Base); h.Image.Committed(at) {
			h.Image.PutU8(at, with[0])
		}
	case 2: // an entry, checksum and all
		if v.State != synth.StateUncommitted {
			h.EditEntry(v.Entry, true, func(e *synth.Entry) { e.Size, e.UnusedBytes = uint16(word), with[2] })
		}
	case 3:
		if v.State != synth.StateUncommitted {
			h.EditEntry(v.Entry, with[2]&1 != 0, func(e *synth.Entry) { e.PreviousSize = uint16(word); e.Flags ^= with[2] >> 1 })
		}
	case 4: // a page less
		if at := s.Base + off%(s.End-s.Base); h.Image.Committed(at) {
			h.Image.Drop(at)
		}
	case 5: // a pointer to a block
		if at := (s.Base + off%(s.End-s.Base)) &^ 7; h.Image.Committed(at) {
			h.Image.PutPtr(at, v.Entry+word%0x40)
		}
	case 6: // bytes of a block copied over another
		o := h.Blocks[int(word)%len(h.Blocks)]
		if v.State != synth.StateUncommitted && o.State != synth.StateUncommitted {
			h.Image.Write(o.Entry, h.Image.Read(v.Entry, int(min(v.Bytes, uint64(with[2])*2, o.Bytes))))
		}
	case 7:
		if v.State != synth.StateUncommitted {
			h.Image.Fill(v.Entry, min(v.Bytes, uint64(with[2])+8), with[:2])
		}
	}
}

// lawful walks a heap, if there is one, and holds the walk to its law and to
// its bounds.
func lawful(t testing.TB, m heap.Memory, a uint64, o ntheap.Options, saved uint64) {
	h, err := ntheap.Open(m, memory.Addr(a), o)
	if err != nil {
		return
	}
	w := walked{heap: h}
	var tally ntheap.Tally
	for b := range h.Blocks(func(p diag.Problem) { w.problems = append(w.problems, p) }) {
		w.blocks = append(w.blocks, b)
		tally.Add(b)
	}
	h.Check(tally, func(p diag.Problem) { w.checks = append(w.checks, p) })
	cover(t, w)
	// Each block but an uncommitted range or a loss stands in saved bytes, and
	// no two of these are neighbours for long.
	if n, most := uint64(len(w.blocks)), saved/4+uint64(len(h.Segments))*4+64; n > most {
		t.Fatalf("%d blocks in %d bytes", n, saved)
	}
	if n, most := len(w.problems), 4*len(w.blocks)+4*len(h.Segments)+2*len(h.Virtuals)+512; n > most {
		t.Fatalf("%d problems of %d blocks", n, len(w.blocks))
	}
	h.Tags()
	for _, b := range w.blocks[:min(len(w.blocks), 100)] {
		h.VirtualOf(b)
		_, _ = h.Entry(b.Addr)
	}
}

func savedBytes(m *memory.Space) uint64 {
	var n uint64
	for _, r := range m.AllRuns() {
		n += uint64(len(r.Bytes))
	}
	return n
}

func FuzzBlocksCover(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, []byte{0x10, 0, 0, byte(seed), 1, 2, 3, 0x80, 0x11, 0, 2, 0xff, 0xff, 7, 9, 0, 0, 7, 0x41, 0x41, 30})
	}
	f.Fuzz(func(t *testing.T, seed uint64, edits []byte) {
		m, h := mutated(t, seed, edits[:min(len(edits), 7*40)])
		hints := ntheap.Options{}
		for _, s := range h.Segs {
			hints.Segments = append(hints.Segments, memory.Addr(s.Header))
		}
		if seed%2 == 0 {
			hints = ntheap.Options{}
		}
		lawful(t, m, damagedAt, hints, savedBytes(m))
	})
}

// FuzzOpen opens heaps in raw memory: bytes at an address of the input's
// choice, with a hole where it wants one.
func FuzzOpen(f *testing.F) {
	for i, family := range []synth.Family{synth.XP, synth.Win7, synth.Win10v1809} {
		for _, arch := range []synth.Arch{synth.X86, synth.X64} {
			p := synth.NewProcess(family, arch)
			h := p.AddHeap(&synth.Heap{Address: damagedAt, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(40), synth.Free(0x100), synth.Busy(9)}}}})
			b := p.Build()
			f.Add(b.Image.Read(h.Address, 0x1000), uint64(damagedAt), uint16(i*0x400))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, at uint64, hole uint16) {
		data = data[:min(len(data), 1<<16)]
		c := memory.Contents{Runs: []memory.Run{{Start: memory.Addr(at), Bytes: data}}}
		if n := int(hole); n > 0x200 && n < len(data) {
			c.Runs = []memory.Run{{Start: memory.Addr(at), Bytes: data[:n]}, {Start: memory.Addr(at) + memory.Addr(n+n%0x3000), Bytes: data[n:]}}
		}
		m := memory.NewSpace(c)
		ntheap.Identify(m, memory.Addr(at))
		for _, bits := range []int{0, 32, 64} {
			lawful(t, m, at, ntheap.Options{Bits: bits, Segments: []memory.Addr{memory.Addr(at) + 0x800}}, savedBytes(m))
		}
	})
}
