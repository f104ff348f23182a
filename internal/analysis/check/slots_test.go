package check_test

import (
	"context"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/check"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
)

// slotted is a process with containers of slots in use and free, which damage
// changes once they are written.
func slotted(t *testing.T, f synth.Family, a synth.Arch, damage func(b *synth.Built, c *synth.Container)) *check.Result {
	t.Helper()
	p := synth.NewProcess(f, a)
	l := synth.NewLFH(f, a, 0x7000000, 0x5a17c3d2e4f60b)
	seg := synth.Segment{}
	var c *synth.Container
	for range 6 {
		c = &synth.Container{Units: 8, SizeIndex: 7}
		for i := range 40 {
			c.Slots = append(c.Slots, synth.Slot{Busy: i%5 < 3, Size: 8*a.Unit() - 8})
		}
		seg.Items = append(seg.Items, synth.Busy(0x40), l.Add(c))
	}
	h := p.AddHeap(&synth.Heap{Address: 0x250000, Flags: synth.FlagGrowable, Segments: []synth.Segment{seg}})
	l.Install(p, h)
	prepared := p.Prepare
	p.Prepare = func(b *synth.Built) { prepared(b); damage(b, c) }
	tg, err := target.Parse("test.dmp", p.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	r, err := check.Take(context.Background(), tg, tg.Heaps, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestOneByteOverSlot: the first byte behind the data of a slot belongs to the
// next one's header, to its code, which only the key makes readable; the byte
// before does not.
func TestOneByteOverSlot(t *testing.T) {
	for _, f := range []synth.Family{synth.Vista, synth.Win7, synth.Win8, synth.Win10v1607, synth.Win10v1809} {
		for _, a := range []synth.Arch{synth.X86, synth.X64} {
			for over := range uint64(2) {
				var next uint64
				r := slotted(t, f, a, func(b *synth.Built, c *synth.Container) {
					next = c.Slot(6)
					end := next + a.Unit() - 8 // of slot 5's data
					at := end - 1 + over
					b.Image.PutU8(at, ^b.Image.Read(at, 1)[0])
				})
				if uint64(len(r.Findings)) != over || over == 1 && (r.Findings[0].Code != "lfh-slot" || r.Findings[0].At.Off != next) {
					t.Errorf("%v %v, %d bytes over: %v", f, a, over, r.Findings)
				}
			}
		}
	}
}

// TestOffsetsOfAnotherFormula: where EncodedOffsets are not what this version
// of Windows is known to make of them, in all containers, the slots decide and
// nothing is damaged; where they are in all but one, that one is.
func TestOffsetsOfAnotherFormula(t *testing.T) {
	for _, one := range []bool{false, true} {
		for _, a := range []synth.Arch{synth.X86, synth.X64} {
			var last uint64
			r := slotted(t, synth.Win10v1809, a, func(b *synth.Built, c *synth.Container) {
				for i, x := range c.LFH().Containers {
					if at := x.FieldAddr("EncodedOffsets"); !one || x == c {
						b.Image.PutU32(at, uint32(b.Image.U64(at))^0x00370011*uint32(i+1))
					}
				}
				last = c.UserBlocks
			})
			if one && (len(r.Findings) != 1 || r.Findings[0].Code != "lfh-container" || r.Findings[0].At.Off != last) || !one && len(r.Findings) != 0 {
				t.Errorf("%v, one %v: %v", a, one, r.Findings)
			}
		}
	}
}

// TestStackOfTheBlockBefore: what ran over a header is the block before, and
// the stack of its allocation is there; without the memory of the stacks there
// is none, and it is said why.
func TestStackOfTheBlockBefore(t *testing.T) {
	for _, dropped := range []bool{false, true} {
		p := synth.Damaged()
		prepared := p.Prepare
		p.Prepare = func(b *synth.Built) {
			prepared(b)
			if dropped {
				b.Image.Drop(0x1c0b0000000)
			}
		}
		tg, err := target.Parse("test.dmp", p.Build().Dump.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		r, err := check.Take(context.Background(), tg, tg.Heaps, nil)
		if err != nil || len(r.Findings) != 2 {
			t.Fatalf("%v %+v", err, r)
		}
		f := &r.Findings[0]
		if !f.Overran() || r.Findings[1].Overran() || f.Around[0].Which != "before" {
			t.Fatalf("%q of %+v", f.Story, f.Around)
		}
		stack := f.Around[0].Stack
		if dropped {
			if len(stack) != 0 || len(r.NoStacks) != 1 {
				t.Errorf("%v, said %q", stack, r.NoStacks)
			}
			continue
		}
		if len(stack) != 3 || stack[0].Addr != 0x7ffa3d28a883 || stack[2].Addr != 0x7ff6c0011010 || len(r.NoStacks) != 0 {
			t.Errorf("%v, said %q", stack, r.NoStacks)
		}
	}
}
