package ntheap_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// several is more damage than one, and what the walk still has to find: all
// but the blocks that touch [from, to).
type several struct {
	name string
	in   func(synth.Family, bool) bool
	do   func(p *patient) (from, to uint64)
}

var severals = []several{
	{"two adjacent headers", plainToo, func(p *patient) (uint64, uint64) {
		p.smash(p.busy[2].Entry)
		p.smash(p.busy[3].Entry)
		return p.busy[2].Entry, p.busy[3].End()
	}},
	{"an overrun through three headers", plainToo, func(p *patient) (uint64, uint64) {
		from, to := p.busy[0].Entry+p.Arch.Unit()+50, p.busy[2].User+10
		p.Image.Fill(from, to-from, []byte("overrun "))
		return p.busy[0].End(), p.busy[2].End()
	}},
	{"a zeroed page", plainToo, func(p *patient) (uint64, uint64) {
		page := uint64(0) // the last of the second segment
		for _, b := range p.busy {
			if b.Segment == damagedAt+0x100000 {
				page = b.Entry &^ 0xfff
			}
		}
		p.Image.Write(page, make([]byte, 0x1000))
		return page, page + 0x1000
	}},
	{"a zeroed segment", plainToo, func(p *patient) (uint64, uint64) {
		base := p.Segs[2].Base
		n := p.Segs[2].UCRs[0].Addr - base
		p.Image.Write(base+0x80, make([]byte, n-0x80))
		return base, p.Segs[2].End
	}},
	{"a segment of random bytes", plainToo, func(p *patient) (uint64, uint64) {
		base := p.Segs[2].Base
		b := make([]byte, p.Segs[2].UCRs[0].Addr-base-0x80)
		rng := rand.New(rand.NewPCG(1, 2))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		p.Image.Write(base+0x80, b)
		return base, p.Segs[2].End
	}},
	{"the last entry before an uncommitted range", plainToo, func(p *patient) (uint64, uint64) {
		for i, b := range p.Blocks {
			if b.State == synth.StateUncommitted {
				p.Image.Fill(p.Blocks[i-1].Entry, p.Arch.Unit(), []byte{'A'})
				return p.Blocks[i-1].Entry, b.Entry
			}
		}
		panic("no uncommitted range")
	}},
	{"the first entry", plainToo, func(p *patient) (uint64, uint64) {
		p.smash(p.busy[0].Entry)
		return p.busy[0].Entry, p.busy[0].End()
	}},
	{"the entry of the heap itself", plainToo, func(p *patient) (uint64, uint64) {
		p.smash(damagedAt)
		return damagedAt, p.busy[0].Entry
	}},
	{"the first two entries", plainToo, func(p *patient) (uint64, uint64) {
		p.smash(damagedAt)
		p.smash(p.busy[0].Entry)
		return damagedAt, p.busy[0].End()
	}},
	{"every other header", plainToo, func(p *patient) (uint64, uint64) {
		first, last := uint64(0), uint64(0)
		for i, b := range p.Blocks {
			if b.Segment == damagedAt+0x100000 && b.State != synth.StateUncommitted && i%2 == 0 && b.Entry != b.Segment {
				if first == 0 {
					first = b.Entry
				}
				p.smash(b.Entry)
				last = b.End()
			}
		}
		return first, last
	}},
	{"both links of a segment", vista, func(p *patient) (uint64, uint64) {
		p.SetSegment(1, "SegmentListEntry", p.SegmentFieldAddr(1, "SegmentListEntry"))
		p.SetSegment(1, "SegmentListEntry.Blink", wild)
		return 0, 0
	}},
	{"both links of a virtual block", plainToo, func(p *patient) (uint64, uint64) {
		p.SetVirtual(1, "Entry", p.Virtuals[0].Node)
		p.SetVirtual(1, "Entry.Blink", wild)
		return 0, 0
	}},
	{"free lists that loop and lead astray", plainToo, func(p *patient) (uint64, uint64) {
		a, b := p.FreeLinks(p.free[1].Entry)
		p.put(a, a)
		p.put(b, wild)
		a, _ = p.FreeLinks(p.free[3].Entry)
		p.put(a, p.busy[0].User)
		return 0, 0
	}},
	{"flags and links of a free block", vista, func(p *patient) (uint64, uint64) {
		p.edit(p.free[1].Entry, false, func(e *synth.Entry) { e.Flags ^= 1 })
		a, b := p.FreeLinks(p.free[1].Entry)
		p.put(a, wild)
		p.put(b, wild)
		return 0, 0
	}},
	{"uncommitted ranges that loop", vista, func(p *patient) (uint64, uint64) {
		p.SetUCR(0, 1, "SegmentEntry", p.UCRFieldAddr(0, 1, "SegmentEntry"))
		p.SetUCR(0, 0, "SegmentEntry.Blink", p.UCRFieldAddr(0, 0, "SegmentEntry"))
		return 0, 0
	}},
	{"bogus segments", xp, func(p *patient) (uint64, uint64) {
		at := p.FieldAddr("Segments")
		for i, v := range []uint64{wild, damagedAt, p.busy[1].User, p.Segs[1].Header, p.Segs[0].Header, 3, 1<<32 - 4} {
			p.put(at+uint64(10+i)*p.Arch.PtrSize(), v)
		}
		return 0, 0
	}},
}

func TestSeveralDamages(t *testing.T) {
	eachPatient(t, func(t *testing.T, family synth.Family, make func() *patient, plain bool) {
		for _, s := range severals {
			if !s.in(family, plain) {
				continue
			}
			p := make()
			from, to := s.do(p)
			w := open(t, space(t, p.built.Redump()), damagedAt, ntheap.Options{})
			if len(w.all()) == 0 {
				t.Errorf("%s: nothing is reported", s.name)
			}
			got := map[uint64]heap.Block{}
			for _, b := range w.blocks {
				got[uint64(b.Addr)] = b
			}
			for _, x := range p.Blocks {
				if x.Entry < to && x.End() > from {
					continue
				}
				if g := got[x.Entry]; g.Size != x.Bytes || g.State != states[x.State] {
					t.Errorf("%s: block %#x of %#x bytes, %v, is outside [%#x, %#x): got %+v", s.name, x.Entry, x.Bytes, x.State, from, to, g)
				}
				delete(got, x.Entry)
			}
			for a, b := range got {
				if a >= to || uint64(b.End()) <= from {
					t.Errorf("%s: invented %+v", s.name, b)
				}
			}
			if t.Failed() {
				for _, pr := range w.all() {
					t.Log(pr)
				}
				t.FailNow()
			}
		}
	})
}

// The bytes that a walk loses are no more than those of the damaged block.
func TestLossIsNoMoreThanTheDamage(t *testing.T) {
	eachPatient(t, func(t *testing.T, _ synth.Family, make func() *patient, _ bool) {
		for i := range 12 {
			p := make()
			p.Image.Write(p.busy[i].Entry, bytes.Repeat([]byte{0xcc}, int(p.Arch.Unit())))
			w := open(t, space(t, p.built.Redump()), damagedAt, ntheap.Options{})
			for _, b := range w.blocks {
				if b.State == heap.Lost && (uint64(b.Addr) != p.busy[i].Entry || b.Size != p.busy[i].Bytes) {
					t.Errorf("block %d at %#x of %#x bytes smashed: lost %+v", i, p.busy[i].Entry, p.busy[i].Bytes, b)
				}
			}
			if len(w.problems) == 0 {
				t.Errorf("block %d at %#x smashed: no problem", i, p.busy[i].Entry)
			}
		}
	})
}

// Free bytes that lie in a loss which is reported are not missed a second time.
func TestLossExcusesTheSums(t *testing.T) {
	eachPatient(t, func(t *testing.T, _ synth.Family, make func() *patient, _ bool) {
		p := make()
		first := p.free[1]
		next, _ := p.At(first.End())
		p.Image.Fill(first.Entry, p.Arch.Unit(), []byte{'A'})
		p.smash(next.Entry)
		w := open(t, space(t, p.built.Redump()), damagedAt, ntheap.Options{})
		lost := false
		for _, b := range w.blocks {
			lost = lost || b.State == heap.Lost
		}
		for _, pr := range w.checks {
			t.Errorf("unexpected: %v", pr)
		}
		if !lost || len(w.problems) == 0 {
			t.Errorf("lost %v, %v", lost, w.problems)
		}
	})
}
