package refs_test

import (
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// TestMoveable: a block of GlobalAlloc or LocalAlloc with GMEM_MOVEABLE is
// referred to by its entry in a table of handles alone, in private memory that
// is no heap's, and by the program through the entry's address: it is no leak.
// When the entry is freed, which leaves a link to the next free one in its
// place, nothing refers to the block.
func TestMoveable(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		w := uint64(a.PtrSize())
		p := synth.NewProcess(synth.Win7, a)
		p.AddHeap(&synth.Heap{Address: 0x4d0000, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(64), synth.Busy(64), synth.Busy(64)}}}})
		const table = 0x9f0000
		var users []uint64
		p.Prepare = func(b *synth.Built) {
			for _, x := range b.Heaps[0].Only(synth.StateBusy) {
				users = append(users, x.User)
			}
			b.Image.Reserve(table, 0x1000, synth.MemPrivate, synth.PageReadWrite)
			for k, object := range users {
				b.Image.PutPtr(table+2*w*uint64(k), 3) // in use, moveable, not locked
				b.Image.PutPtr(table+2*w*uint64(k)+w, object)
			}
			b.Image.PutPtr(table+2*w, table+6*w) // the second is free
			b.Image.PutPtr(table+3*w, 0)
		}
		tg, err := target.Parse("moveable.dmp", p.Build().Dump.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		r := reach(t, tg)
		for i, want := range []refs.Set{refs.Reachable, refs.Leaked} {
			id, ok := r.At(memory.Addr(users[i]))
			if !ok || r.Set(id) != want {
				t.Errorf("%v: block %d is %v, want %v", a, i, r.Set(id), want)
			}
		}
	}
}
