package cli

import (
	"context"

	"github.com/heapdump/heapdump/internal/analysis/crt"
	"github.com/heapdump/heapdump/internal/analysis/locate"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// layers adds to the rows of a walk what stands around blocks: their stacks,
// the debug C runtime's headers, and the classes of the objects in them.
type layers struct {
	near     *ntheap.Near // the dump's memory, as the walk of an NT heap has it at hand
	stacks   *stacks.Stacks
	captures map[*target.Heap]bool // heaps whose blocks can have a stack
	crt      *crt.Reader           // nil when the process has no debug C runtime
	showCRT  bool
	types    *symbols.Types         // nil when types are not wanted
	names    map[memory.Addr]string // of the addresses of stacks
}

// newStackLayers prepares for a walk of heaps that shows the stacks of blocks,
// and nothing else around them.
func newStackLayers(t *target.Target, heaps []*target.Heap) *layers {
	l := &layers{near: ntheap.NewNear(t.Space), stacks: stacks.New(t), captures: map[*target.Heap]bool{}, names: map[memory.Addr]string{}}
	for _, h := range heaps {
		if l.stacks.Captures(h) {
			l.captures[h] = true
		}
	}
	return l
}

// newLayers prepares for a walk of heaps that shows all that it knows.
// debug is --crt.
func newLayers(ctx context.Context, t *target.Target, heaps []*target.Heap, debug string) *layers {
	l := newStackLayers(t, heaps)
	l.types = symbols.NewTypes(l.stacks.Names)
	if r := crt.New(t); debug == "always" || r.Likely(ctx, heaps) {
		l.crt, l.showCRT = r, debug != "never"
	}
	return l
}

// fill adds the layers of a block to its row.
func (l *layers) fill(r *render.BlockRow, h *target.Heap, b *heap.Block) {
	r.Stack, r.StackNames, r.CRT.Known, r.Type = r.Stack[:0], r.StackNames[:0], false, ""
	if l == nil {
		return
	}
	if l.captures[h] {
		for _, a := range l.stacks.Of(h, b) {
			r.Stack, r.StackNames = append(r.Stack, uint64(a)), append(r.StackNames, l.name(a))
		}
	}
	if l.types == nil || b.State != heap.Busy {
		return
	}
	light, own, ok := locate.Light(l.near, h, *b)
	if ok && light.Freed {
		return
	}
	user := own.User()
	if l.crt != nil {
		if x, ok := l.crt.OfIn(l.near, h, &own); ok {
			user = x.User
			l.fillCRT(r, x)
		}
	}
	if c := l.types.ObjectIn(l.near, user, h.Bits); c != nil {
		r.Type, r.TypeHow = c.Name, c.Evidence.String()
	}
}

func (l *layers) fillCRT(r *render.BlockRow, x crt.Block) {
	if !l.showCRT {
		return
	}
	r.CRT = render.CRTBlock{Known: true, Type: x.Type().String(), Request: x.Request, File: x.Name, User: uint64(x.User), UserBytes: x.Bytes}
	if x.HasLine() {
		r.CRT.Line = x.Line
	}
}

// maxNames bounds what name remembers: of call sites that allocate there are
// thousands, of addresses that a hostile dump makes up as many as it likes.
const maxNames = 1 << 18

// name is the name of a return address; the address itself where no module is.
func (l *layers) name(a memory.Addr) string {
	s, ok := l.names[a]
	if !ok {
		s = stacks.Frame{Addr: a, Name: l.stacks.Names.Return(a)}.String()
		if len(l.names) < maxNames {
			l.names[a] = s
		}
	}
	return s
}
