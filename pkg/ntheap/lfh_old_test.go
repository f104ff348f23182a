package ntheap_test

import (
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// TestOldContainers: a container of XP's or 2003's low-fragmentation heap is no
// block of the program's, and it is said that its slots are not told apart. A
// block of the program that merely holds the signature stays busy.
func TestOldContainers(t *testing.T) {
	const subAt = damagedAt + 0x700000
	for _, arch := range []synth.Arch{synth.X86, synth.X64} {
		ptr := arch.PtrSize()
		for _, c := range []struct {
			name  string
			kind  uint64 // FrontEndHeapType
			whole bool
			write func(m *synth.Image, user uint64)
		}{
			{"names the heap", 2, true, func(m *synth.Image, user uint64) { m.PutPtr(user+ptr, damagedAt) }},
			{"subsegment points back", 2, true, func(m *synth.Image, user uint64) { m.PutPtr(user, subAt); m.PutPtr(subAt+ptr, user) }},
			{"names another heap", 2, false, func(m *synth.Image, user uint64) { m.PutPtr(user+ptr, damagedAt+0x10000) }},
			{"subsegment of another", 2, false, func(m *synth.Image, user uint64) { m.PutPtr(user, subAt); m.PutPtr(subAt+ptr, user+8) }},
			{"without LFH", 1, false, func(m *synth.Image, user uint64) { m.PutPtr(user+ptr, damagedAt) }},
			{"another signature", 2, false, func(m *synth.Image, user uint64) { m.PutPtr(user+ptr, damagedAt); m.PutU32(user+3*ptr, 0xf0e0d0c1) }},
		} {
			p := synth.NewProcess(synth.XP, arch)
			p.AddHeap(&synth.Heap{Address: damagedAt, FrontEndHeapType: byte(c.kind), Segments: []synth.Segment{{Items: []synth.Item{
				synth.Busy(0x40), synth.Busy(0x800), synth.Free(0x100), synth.Busy(0x30)}}}})
			var at uint64
			p.Prepare = func(b *synth.Built) {
				b.Image.Reserve(subAt, 0x1000, synth.MemPrivate, synth.PageReadWrite)
				b.Image.Commit(subAt, 0x1000, synth.PageReadWrite)
				user := b.Heaps[0].Only(synth.StateBusy)[1].User
				at = user - arch.Unit()
				b.Image.PutU32(user+3*ptr, 0xf0e0d0c0)
				c.write(b.Image, user)
			}
			h, err := ntheap.Open(space(t, p.Build().Dump), damagedAt, ntheap.Options{})
			if err != nil {
				t.Fatal(err)
			}
			said := 0
			for b := range h.Blocks(func(p diag.Problem) {
				if said++; p.Code != ntheap.CodeLFHWhole || p.Class != diag.Unsupported {
					t.Errorf("%s: %v", c.name, p)
				}
			}) {
				want := heap.Busy
				if c.whole {
					want = heap.Internal
				}
				if uint64(b.Addr) == at && b.State != want {
					t.Errorf("%v, %s: %+v", arch, c.name, b)
				}
			}
			if (said == 1) != (c.kind == 2) {
				t.Errorf("%v, %s: said %d times", arch, c.name, said)
			}
		}
	}
}
