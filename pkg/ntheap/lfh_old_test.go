package ntheap_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// TestOldContainers: a container of XP's or 2003's low-fragmentation heap is no
// block of the program's even where its slots cannot be told apart, and that is
// said. A block of the program that merely holds the signature stays busy.
func TestOldContainers(t *testing.T) {
	const subAt = damagedAt + 0x700000
	for _, arch := range []synth.Arch{synth.X86, synth.X64} {
		ptr := arch.PtrSize()
		for _, c := range []struct {
			name  string
			kind  uint64 // FrontEndHeapType
			whole bool
			said  bool
			write func(m *synth.Image, user uint64)
		}{
			{"names the heap", 2, true, false, func(m *synth.Image, user uint64) { m.PutPtr(user+ptr, damagedAt) }},
			{"names the heap and nothing", 2, true, true, func(m *synth.Image, user uint64) { m.PutPtr(user+ptr, damagedAt); m.PutPtr(user, wild) }},
			{"subsegment points back", 2, true, true, func(m *synth.Image, user uint64) { m.PutPtr(user, subAt); m.PutPtr(subAt+ptr, user) }},
			{"names another heap", 2, false, false, func(m *synth.Image, user uint64) { m.PutPtr(user+ptr, damagedAt+0x10000) }},
			{"subsegment of another", 2, false, false, func(m *synth.Image, user uint64) { m.PutPtr(user, subAt); m.PutPtr(subAt+ptr, user+8) }},
			{"without LFH", 1, false, false, func(m *synth.Image, user uint64) { m.PutPtr(user+ptr, damagedAt) }},
			{"another signature", 2, false, false, func(m *synth.Image, user uint64) { m.PutPtr(user+ptr, damagedAt); m.PutU32(user+3*ptr, 0xf0e0d0c1) }},
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
			if (said == 1) != (c.whole && c.said) {
				t.Errorf("%v, %s: said %d times", arch, c.name, said)
			}
		}
	}
}

// oldPatient is a heap of XP's or 2003's with containers, and blocks of the
// program beside them.
func oldPatient(arch synth.Arch, containers ...*synth.Container) (*synth.LFH, *synth.Built) {
	p := synth.NewProcess(synth.XP, arch)
	l := synth.NewLFH(synth.XP, arch, frontEndAt, 0x5a17c3d2)
	s := synth.Segment{Items: []synth.Item{synth.Busy(100)}}
	for _, c := range containers {
		s.Items = append(s.Items, l.Add(c), synth.Busy(24), synth.Free(0x200), synth.Busy(31))
	}
	h := p.AddHeap(&synth.Heap{Address: damagedAt, Segments: []synth.Segment{s}})
	l.Install(p, h)
	return l, p.Build()
}

// agreeOld compares a walk with the truth: every slot in its state and with
// its size, and doubtful, as what it rests on is not confirmed.
func agreeOld(t *testing.T, w walked, l *synth.LFH) {
	t.Helper()
	blocks := slices.Clone(w.blocks)
	for i := range blocks {
		if slot := blocks[i].Origin == heap.LFH; slot != (blocks[i].Trust == heap.Doubtful) {
			t.Fatalf("%+v", blocks[i])
		}
		blocks[i].Trust = heap.Sound
	}
	slots := 0
	for i, x := range l.Heap.Blocks {
		if i < len(blocks) && (blocks[i].Origin == heap.LFH) != (x.Origin == synth.OriginLFH) {
			t.Fatalf("block %d is of origin %v: %+v", i, blocks[i].Origin, x)
		}
		if x.Origin == synth.OriginLFH {
			slots++
		}
	}
	w.blocks = blocks
	agree(t, w, l.Heap.Blocks)
	sum := 0
	for _, c := range w.heap.Containers() {
		free := 0
		for _, x := range l.Containers {
			if x.UserBlocks == uint64(c.UserBlocks) {
				for _, s := range x.Slots {
					if !s.Busy {
						free++
					}
				}
				if c.Blocks != len(x.Slots) || c.Free != free || c.Depth != free || c.Busy != c.Blocks-free || c.SizeIndex != x.SizeIndex || !c.Doubtful {
					t.Errorf("%+v, want %d slots, %d free", c, len(x.Slots), free)
				}
			}
		}
		sum += c.Blocks
	}
	if sum != slots {
		t.Errorf("%d slots in the containers, %d in the truth", sum, slots)
	}
}

// TestOldSlots: where the chain of free slots proves itself, every slot is
// what it was made as, from a container without free slots to one without
// busy ones.
func TestOldSlots(t *testing.T) {
	for _, arch := range []synth.Arch{synth.X86, synth.X64} {
		full := &synth.Container{Units: 4, SizeIndex: 3, Slots: slices.Repeat([]synth.Slot{{Busy: true, Size: 9}}, 40)}
		empty := &synth.Container{Units: 24, SizeIndex: 23, Slots: make([]synth.Slot, 33), Spare: arch.Unit() * 3}
		one := &synth.Container{Units: 8, SizeIndex: 7, Slots: lfhSlots(arch, 4, 8)}
		large := &synth.Container{Units: 64, SizeIndex: 50, Slots: slices.Repeat([]synth.Slot{{Busy: true, Size: 63*arch.Unit() - 3}, {}}, 9)}
		cached := &synth.Container{Units: 8, SizeIndex: 7, Slots: make([]synth.Slot, 20), Cached: true}
		last := &synth.Container{Units: 8, SizeIndex: 7, Slots: make([]synth.Slot, 20), Cached: true, Next: cached}
		l, b := oldPatient(arch, full, empty, one, large, cached, last,
			&synth.Container{Units: 8, SizeIndex: 7, Affinity: 2, Slots: lfhSlots(arch, 151, 8), Spare: 32})
		for _, c := range []*synth.Container{cached, last} { // whole, and the program's no less
			i := slices.IndexFunc(l.Heap.Blocks, func(x synth.Block) bool { return x.Entry == c.UserBlocks-arch.Unit() })
			l.Heap.Blocks[i].State = synth.StateInternal
		}
		w := open(t, space(t, b.Dump), damagedAt, ntheap.Options{})
		healthy(t, w)
		agreeOld(t, w, l)
	}
}

// TestOldSlotsUnproven: a container whose chain of free slots, subsegment or
// size contradicts itself is shown whole, with the reason, and costs the others
// nothing.
func TestOldSlotsUnproven(t *testing.T) {
	for _, arch := range []synth.Arch{synth.X86, synth.X64} {
		for _, d := range []struct {
			name, why string
			do        func(m *synth.Image, c *synth.Container)
		}{
			{"innocent: the last link", "", func(m *synth.Image, c *synth.Container) { m.PutU16(c.FreeLink(38), 7) }},
			{"innocent: a busy slot's bytes", "", func(m *synth.Image, c *synth.Container) { m.PutU16(c.FreeLink(2), c.SlotOffset(3)) }},
			{"loop", "twice", func(m *synth.Image, c *synth.Container) { m.PutU16(c.FreeLink(13), c.SlotOffset(3)) }},
			{"its own next", "twice", func(m *synth.Image, c *synth.Container) { m.PutU16(c.FreeLink(8), c.SlotOffset(8)) }},
			{"too deep", "where no slot starts", func(m *synth.Image, c *synth.Container) { m.PutU16(c.FieldAddr("Depth"), 17) }},
			{"deeper than it has slots", "41 of 40", func(m *synth.Image, c *synth.Container) { m.PutU16(c.FieldAddr("Depth"), 41) }},
			{"out of range", "where no slot starts", func(m *synth.Image, c *synth.Container) { m.PutU16(c.FreeLink(3), c.SlotOffset(40)) }},
			{"in front of the slots", "where no slot starts", func(m *synth.Image, c *synth.Container) { m.PutU16(c.FreeLink(3), 0) }},
			{"between slots", "where no slot starts", func(m *synth.Image, c *synth.Container) { m.PutU16(c.FreeLink(3), c.SlotOffset(5)+1) }},
			{"head", "where no slot starts", func(m *synth.Image, c *synth.Container) { m.PutU16(c.FieldAddr("Depth")+2, 0xffff) }},
			{"BlockSize", "", func(m *synth.Image, c *synth.Container) { m.PutU16(c.FieldAddr("BlockSize"), 7) }},
			{"BlockSize zero", "do not fit", func(m *synth.Image, c *synth.Container) { m.PutU16(c.FieldAddr("BlockSize"), 0) }},
			{"BlockCount", "do not fit", func(m *synth.Image, c *synth.Container) { m.PutU16(c.FieldAddr("BlockCount"), 0xffff) }},
			{"UserBlocks", "belongs to", func(m *synth.Image, c *synth.Container) { m.PutPtr(c.FieldAddr("UserBlocks"), c.UserBlocks+8) }},
			{"SubSegment", "not in the dump", func(m *synth.Image, c *synth.Container) { m.PutPtr(c.UserBlocks, wild) }},
			{"size with one free slot", "too short", func(m *synth.Image, c *synth.Container) {
				m.PutU16(c.FieldAddr("Depth"), 1)
				m.PutU16(c.FieldAddr("Depth")+2, c.SlotOffset(0))
				m.PutU16(c.FieldAddr("BlockSize"), 6)
			}},
			{"size without free slots", "too short", func(m *synth.Image, c *synth.Container) {
				m.PutU16(c.FieldAddr("Depth"), 0)
				m.PutU16(c.FieldAddr("BlockSize"), 6)
			}},
		} {
			t.Run(d.name, func(t *testing.T) {
				c := &synth.Container{Units: 8, SizeIndex: 7, Slots: lfhSlots(arch, 40, 8)}
				other := &synth.Container{Units: 24, SizeIndex: 23, Slots: lfhSlots(arch, 33, 24)}
				l, b := oldPatient(arch, c, other)
				d.do(l.Heap.Image, c)
				whole := !strings.HasPrefix(d.name, "innocent")
				if whole {
					wholeAgain(l, c)
				}
				m := space(t, b.Redump())
				w := open(t, m, damagedAt, ntheap.Options{})
				agreeOld(t, w, l)
				told := w.all()
				if len(told) > 1 || (len(told) == 1) != whole {
					t.Fatalf("told %v", told)
				}
				for _, p := range told {
					if p.Code != ntheap.CodeLFHWhole || p.Class != diag.Unsupported || !strings.Contains(p.Got, d.why) || p.At != diag.At(memory.Addr(c.UserBlocks)) {
						t.Errorf("told %v", p)
					}
				}
			})
		}
	}
}

// wholeAgain makes one internal block of a container's slots in the truth.
func wholeAgain(l *synth.LFH, c *synth.Container) {
	from := slices.IndexFunc(l.Heap.Blocks, func(x synth.Block) bool { return x.Entry == c.UserBlocks-l.Arch.Unit() })
	to := from + 1
	for l.Heap.Blocks[to].Origin == synth.OriginLFH {
		to++
	}
	l.Heap.Blocks[from].Bytes = l.Heap.Blocks[to].Entry - l.Heap.Blocks[from].Entry
	l.Heap.Blocks = slices.Delete(l.Heap.Blocks, from+1, to)
}

// TestOldSlotSizes: UnusedBytes that cannot be is not believed; the slot then
// counts in full.
func TestOldSlotSizes(t *testing.T) {
	for _, arch := range []synth.Arch{synth.X86, synth.X64} {
		for _, c := range []struct {
			unused uint8
			user   uint64
		}{{8, 56}, {64, 0}, {65, 64 - arch.Unit()}, {7, 64 - arch.Unit()}, {0, 64 - arch.Unit()}} {
			k := &synth.Container{Units: 64 / arch.Unit(), SizeIndex: 7, Slots: lfhSlots(arch, 40, 64/arch.Unit())}
			l, b := oldPatient(arch, k)
			l.Heap.Image.PutU8(k.Slot(1)+arch.Unit()-8+6, c.unused)
			w := open(t, space(t, b.Redump()), damagedAt, ntheap.Options{})
			i := slices.IndexFunc(w.blocks, func(b heap.Block) bool { return uint64(b.Addr) == k.Slot(1) })
			if i < 0 || w.blocks[i].UserBytes() != c.user || w.blocks[i].State != heap.Busy {
				t.Errorf("%v, UnusedBytes %d: %+v, want %d", arch, c.unused, w.blocks[max(i, 0)], c.user)
			}
		}
	}
}
