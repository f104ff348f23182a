package refs

import (
	"context"

	"github.com/heapdump/heapdump/internal/analysis/crt"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/crtheap"
	"github.com/heapdump/heapdump/pkg/heap"
)

// debugBlocks says which blocks have the header of a debug C runtime; nil
// when the process has no such runtime.
type debugBlocks struct {
	has   bitmap
	freed bitmap // freed by the program, and kept by the runtime
}

// header is how many bytes stand before the program's data, the fence
// included, and links how many of them are the list's (crtheap has the
// evidence for both).
func headerOf(bits int) (header, links uint64) {
	if bits == 32 {
		return 0x20, 8
	}
	return 0x30, 16
}

// findDebug looks for the headers of a debug C runtime, where one is likely.
func findDebug(ctx context.Context, t *target.Target, x *Index) (*debugBlocks, error) {
	if !crt.New(t).Likely(ctx, x.Heaps) {
		return nil, ctx.Err()
	}
	d := &debugBlocks{newBitmap(x.n), newBitmap(x.n)}
	return d, eachPage(ctx, x, nil, func(k int) {
		for i := range x.pages[k] {
			id := ID(k<<pageShift + i)
			h, ok := debugHeader(t, x, id)
			if !ok {
				continue
			}
			d.has.set(id)
			if h.Type() == crtheap.Free {
				d.freed.set(id)
			}
		}
	})
}

// debugHeader recognises the header in a block.
func debugHeader(t *target.Target, x *Index, id ID) (crtheap.Header, bool) {
	return crtheap.Recognise(t.Space, x.Heap(id).Bits, x.block(id))
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
