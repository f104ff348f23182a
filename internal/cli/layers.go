package cli

import (
	"context"

	"github.com/heapdump/heapdump/internal/analysis/crt"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
)

// layers adds to the rows of a walk what stands around blocks: their stacks,
// and the debug C runtime's headers.
type layers struct {
	stacks   *stacks.Stacks
	captures map[*target.Heap]bool // heaps whose blocks can have a stack
	crt      *crt.Reader           // nil when its headers are not looked for
	types    *symbols.Types
}

// newLayers prepares for a walk of heaps.
// debug is --crt.
func newLayers(ctx context.Context, t *target.Target, heaps []*target.Heap, debug string) *layers {
	l := &layers{stacks: stacks.New(t), captures: map[*target.Heap]bool{}}
	l.types = symbols.NewTypes(l.stacks.Names)
	for _, h := range heaps {
		if l.stacks.Captures(h) {
			l.captures[h] = true
		}
	}
	if r := crt.New(t); debug == "always" || debug == "auto" && r.Likely(ctx, heaps) {
		l.crt = r
	}
	return l
}

// fill adds the layers of a block to its row.
func (l *layers) fill(r *render.BlockRow, h *target.Heap, b *heap.Block) {
	r.Stack, r.CRT.Known, r.Type = r.Stack[:0], false, ""
	if l == nil {
		return
	}
	if b.State == heap.Busy {
		if c := l.types.Object(b.User(), h.Bits); c != nil {
			r.Type, r.TypeHow = c.Name, c.Evidence.String()
		}
	}
	if l.captures[h] {
		for _, a := range l.stacks.Of(h, b) {
			r.Stack = append(r.Stack, uint64(a))
		}
	}
	if l.crt == nil {
		return
	}
	if x, ok := l.crt.Of(h, b); ok {
		r.CRT = render.CRTBlock{Known: true, Type: x.Type().String(), Request: x.Request, File: x.Name, User: uint64(x.User), UserBytes: x.Bytes}
		if x.HasLine() {
			r.CRT.Line = x.Line
		}
	}
}
