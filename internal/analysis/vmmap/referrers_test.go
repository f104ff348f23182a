package vmmap_test

import (
	"context"
	"errors"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/vmmap"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/memory"
)

// TestReferrers: a reservation that a block of a heap and a thread's stack
// point at, and pointers beside it that are none.
func TestReferrers(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		p := process(synth.Win10v1809, a)
		ptr := a.PtrSize()
		block := uint64(0x2000800) // in the first segment
		stack := p.StackBase - 0x200
		p.Prepare = func(b *synth.Built) {
			m := b.Image
			m.Reserve(place, 0x10000, synth.MemPrivate, synth.PageReadWrite)
			m.Commit(place+0x2000, 0x1000, synth.PageReadWrite)
			m.PutPtr(block, place+0x2008)
			m.PutPtr(block+ptr, place)          // its start: the likeliest to name its owner
			m.PutPtr(block+2*ptr, place+0xffff) // its last byte
			m.PutPtr(block+3*ptr, place+0x10000)
			m.PutPtr(block+4*ptr, place-1)
			m.PutPtr(block+5*ptr+1, place) // not aligned
			m.PutPtr(stack, place+0x10)
			m.PutPtr(place+0x2000, place) // its own
		}
		tg := open(t, p.Build().Dump)
		m := vmmap.Take(tg)
		r, ok := m.Allocation(place + 0x2345)
		if !ok || r != (memory.Range{Start: place, End: place + 0x10000}) {
			t.Fatalf("%v: allocation %v", a, r)
		}
		got, err := m.Referrers(context.Background(), r, nil)
		if err != nil || len(got) != 2 {
			t.Fatalf("%v: %+v, %v", a, got, err)
		}
		h, s := got[0], got[1]
		if h.Owner.Usage != vmmap.Heap || h.Words != 3 || h.Base != 1 || uint64(h.At) != block+ptr || h.Value != place {
			t.Errorf("%v: the heap %+v", a, h)
		}
		if s.Owner.Usage != vmmap.Stack || s.Words != 1 || s.Base != 0 || uint64(s.At) != stack || s.Value != place+0x10 {
			t.Errorf("%v: the stack %+v", a, s)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := m.Referrers(ctx, r, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}
}
