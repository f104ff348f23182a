package refs

import (
	"context"

	"github.com/heapdump/heapdump/internal/analysis/crt"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/crtheap"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/pageheap"
)

// debugBlocks says which blocks have a header that a runtime puts before the
// program's data: a debug C runtime's, light page heap's, or both, light page
// heap's first; nil when no block has one.
type debugBlocks struct {
	has   bitmap // a debug C runtime's
	light bitmap // light page heap's
	freed bitmap // freed by the program, and kept by the runtime or page heap
}

// headerOf is how many bytes stand before the program's data, the fence
// included, and links how many of them are the list's (crtheap has the
// evidence for both).
func headerOf(bits int) (header, links uint64) {
	if bits == 32 {
		return 0x20, 8
	}
	return 0x30, 16
}

// lightOf is the size of light page heap's header, DPH_BLOCK_INFORMATION
// (pageheap has the evidence). Its pointers are to the heap, to the stack
// trace database and to its queue of freed blocks: none is the program's.
func lightOf(bits int) uint64 {
	if bits == 32 {
		return 0x20
	}
	return 0x40
}

// ownLinks is how many bytes at the start of a block are not the program's
// and are not looked at for references.
func (g *Graph) ownLinks(id ID) (n uint64) {
	if g.debug == nil {
		return 0
	}
	bits := g.Heap(id).Bits
	if g.debug.light.get(id) {
		n = lightOf(bits)
	}
	if g.debug.has.get(id) {
		_, links := headerOf(bits)
		n += links
	}
	return min(n, g.Size(id))
}

// findDebug looks for the headers of a debug C runtime, where one is likely,
// and of light page heap, in the heaps that it uses.
func findDebug(ctx context.Context, t *target.Target, x *Index) (*debugBlocks, error) {
	likely, light := crt.New(t).Likely(ctx, x.Heaps), false
	for _, h := range x.Heaps {
		light = light || h.NormalOf != 0
	}
	if !likely && !light {
		return nil, ctx.Err()
	}
	d := &debugBlocks{newBitmap(x.n), newBitmap(x.n), newBitmap(x.n)}
	return d, eachPage(ctx, x, nil, func() func(int) {
		return func(k int) {
			for i := range x.pages[k].n {
				d.look(t, x, ID(k<<pageShift)+i, likely)
			}
		}
	})
}

// look recognises the headers in a block.
func (d *debugBlocks) look(t *target.Target, x *Index, id ID, likely bool) {
	h, b := x.Heap(id), x.block(id)
	if h.NormalOf != 0 {
		if l, ok := pageheap.Light(t.Space, b); ok && l.Bits == h.Bits && l.User.Sub(b.Addr) == lightOf(h.Bits) {
			d.light.set(id)
			if l.Freed {
				d.freed.set(id)
				return
			}
			b.Addr, b.Size = l.User, l.Requested
		}
	}
	if !likely {
		return
	}
	if c, ok := crtheap.Recognise(t.Space, h.Bits, b); ok {
		d.has.set(id)
		if c.Type() == crtheap.Free {
			d.freed.set(id)
		}
	}
}

// block is a block as far as its contents go: it has no entry.
func (x *Index) block(id ID) heap.Block {
	return heap.Block{Addr: x.User(id), Size: x.Size(id), State: heap.Busy}
}

// bitmap is a bit for each block.
type bitmap []uint64

func newBitmap(n int) bitmap { return make(bitmap, (n+63)/64) }

func (b bitmap) get(id ID) bool { return b[id>>6]>>(id&63)&1 != 0 }
func (b bitmap) set(id ID)      { b[id>>6] |= 1 << (id & 63) }

func (b bitmap) clone() bitmap { return append(bitmap(nil), b...) }
