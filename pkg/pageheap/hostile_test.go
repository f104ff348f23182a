package pageheap_test

import (
	"encoding/binary"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/pageheap"
)

// TestMissingNodes is a heap of which a page of nodes is not in the dump: a
// fault of the dump, and only the nodes of that page are lost.
func TestMissingNodes(t *testing.T) {
	for _, k := range kinds {
		img := synth.NewImage(k.arch)
		b := script(k).Build(img)
		img.Drop(b.Root + 0x2000)
		w := open(t, space(t, img), handle)
		for _, p := range w.problems {
			if p.Class != diag.Incomplete {
				t.Errorf("%v: %v", k, p)
			}
		}
		if len(w.checks) > 0 || len(w.problems) == 0 {
			t.Errorf("%v: %v", k, w.checks)
		}
		found, gone := w.users(), 0
		for _, p := range b.Blocks {
			if _, ok := found[p.User]; !ok && !p.Freed {
				gone++
				if p.Node+0x80 <= b.Root+0x2000 || p.Node >= b.Root+0x3000 {
					t.Errorf("%v: %+v was not found", k, p)
				}
			}
		}
		if most := int(0x1000/0x28 + 2); gone > most {
			t.Errorf("%v: %d allocations are gone", k, gone)
		}
	}
}

// TestEveryWord overwrites each word of the root and of some nodes with wild
// values: the law of the walk holds, and nothing is invented.
func TestEveryWord(t *testing.T) {
	for _, k := range kinds {
		img := synth.NewImage(k.arch)
		b := small(k).Build(img)
		made := map[uint64]uint64{}
		for _, p := range b.Blocks {
			made[p.User] = p.Size
		}
		w := k.arch.PtrSize()
		var places []uint64
		for at := b.Root + 8; at < b.Root+0x168; at += w {
			places = append(places, at)
		}
		for _, n := range []uint64{b.Blocks[2].Node, b.Blocks[3].Node, b.Blocks[6].Node} {
			for at := n; at < n+0x80; at += w {
				places = append(places, at)
			}
		}
		for _, at := range places {
			was := img.Ptr(at)
			for _, v := range []uint64{0, 1, ^uint64(0), b.Root, b.Blocks[2].Node, 0x7fffffff, was + 0x1000, was ^ 0x80} {
				img.PutPtr(at, v)
				x := open(t, space(t, img), handle)
				for u, n := range x.users() {
					if _, real := made[u]; real && codes(x.checks)[pageheap.CodeHeader] == 1 {
						continue // the sizes of node and header differ by little: who is right?
					}
					if made[u] != n {
						t.Fatalf("%v: word %#x as %#x: an allocation at %#x of %d bytes", k, at, v, u, n)
					}
				}
			}
			img.PutPtr(at, was)
		}
	}
}

// fake is memory of a few runs that bytes were made into.
func fake(data []byte) *memory.Space {
	var c memory.Contents
	for len(data) > 4 {
		page, n := memory.Addr(binary.LittleEndian.Uint16(data))&0x3f, int(data[2])*32
		data = data[3:]
		n = min(n, len(data))
		c.Runs = append(c.Runs, memory.Run{Start: 0x5a0000 + page<<12, Bytes: data[:n]})
		data = data[n:]
	}
	return memory.NewSpace(c)
}

// FuzzPageHeap changes bytes of sound page heaps, and lays arbitrary bytes
// where one is looked for: no panic, no hang, the law holds.
func FuzzPageHeap(f *testing.F) {
	bases := make([]*synth.Image, len(kinds))
	for i, k := range kinds {
		bases[i] = synth.NewImage(k.arch)
		small(k).Build(bases[i])
	}
	f.Add(uint8(0), []byte{0x38, 0x10, 1, 2, 3, 4})
	f.Add(uint8(7), []byte{0x10, 0, 0xcc, 0xdd, 0xee, 0xff})
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		if which >= 128 {
			s := fake(data)
			pageheap.Roots(s)
			walkAny(t, s, handle)
			return
		}
		img := bases[int(which)%len(bases)]
		var c memory.Contents
		for _, r := range img.Runs() {
			c.Runs = append(c.Runs, memory.Run{Start: memory.Addr(r.Addr), Bytes: r.Data})
		}
		for len(data) >= 6 {
			off, v := uint64(binary.LittleEndian.Uint16(data)), data[2:6]
			data = data[6:]
			for _, r := range c.Runs {
				if at := 0x5a1000 + off; at >= uint64(r.Start) && at+4 <= uint64(r.End()) {
					copy(r.Bytes[at-uint64(r.Start):], v)
				}
			}
		}
		if which&64 != 0 {
			for _, r := range img.Regions() {
				c.Regions = append(c.Regions, memory.Region{Range: memory.Addr(r.Base).Span(r.Size), AllocationBase: memory.Addr(r.AllocBase),
					State: memory.State(r.State), Protect: memory.Protect(r.Protect), Type: memory.Type(r.Type)})
			}
			c.RegionsKnown = true
		}
		s := memory.NewSpace(c)
		pageheap.Roots(s)
		walkAny(t, s, handle)
	})
}

func walkAny(t *testing.T, s *memory.Space, a memory.Addr) {
	h, err := pageheap.Open(s, a, pageheap.Options{Region: s.Region})
	if err != nil {
		return
	}
	w := walked{heap: h}
	for b := range h.Blocks(func(p diag.Problem) { w.problems = append(w.problems, p) }) {
		w.blocks = append(w.blocks, b)
		h.Node(b.Addr)
		b.State = heap.Busy
		b.Origin = heap.Backend
		if in, ok := pageheap.Light(s, b); ok {
			in.Check(nil)
		}
	}
	h.Check(nil)
	h.Siblings()
	cover(t, w)
}
