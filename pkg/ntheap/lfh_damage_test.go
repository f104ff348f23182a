package ntheap_test

import (
	"bytes"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// lfhDamage is one thing that is wrong with a low-fragmentation heap.
type lfhDamage struct {
	name  string
	code  diag.Code // "" for an innocent twin
	twin  diag.Code // of the rule that must not speak, of a twin
	in    func(synth.Family) bool
	keyed bool // the key is given
	whole bool // the container is handed out as one block
	doubt bool // all of its slots are doubtful
	slot  int  // the slot that is doubtful, and may be of another state or size; -1 for none
	do    func(p *lfhPatient)
}

func win8(f synth.Family) bool   { return f >= synth.Win8 }
func until7(f synth.Family) bool { return f < synth.Win8 }

func put16(field string, v uint16) func(*lfhPatient) {
	return func(p *lfhPatient) { p.Image.PutU16(p.c.FieldAddr(field), v) }
}

// header is where the eight bytes of slot i's header are.
func (p *lfhPatient) header(i int) uint64 { return p.c.Slot(i) + p.Arch.Unit() - 8 }

func (p *lfhPatient) xor(at uint64, v byte) { p.Image.PutU8(at, p.Image.Read(at, 1)[0]^v) }

var lfhDamages = []lfhDamage{
	{name: "SubSegment", code: ntheap.CodeLFHContainer, doubt: true, slot: -1, do: func(p *lfhPatient) { p.put(p.c.UserBlocks, wild) }},
	{name: "SubSegment zero", code: ntheap.CodeLFHContainer, doubt: true, slot: -1, do: func(p *lfhPatient) { p.put(p.c.UserBlocks, 0) }},
	{name: "SubSegment of another", code: ntheap.CodeLFHContainer, doubt: true, slot: -1, do: func(p *lfhPatient) { p.put(p.c.UserBlocks, p.other.SubSegment) }},
	{name: "Signature", code: ntheap.CodeLFHContainer, doubt: true, slot: -1, do: func(p *lfhPatient) { p.Image.PutU32(p.c.FieldAddr("Signature"), 0x41414141) }},
	{name: "header and bitmap", code: ntheap.CodeLFHContainer, doubt: true, slot: -1, do: func(p *lfhPatient) {
		p.Image.Write(p.c.UserBlocks, bytes.Repeat([]byte{'A'}, int(p.c.Slot(0)-p.c.UserBlocks)))
	}},
	{name: "UserBlocks", code: ntheap.CodeLFHContainer, in: until7, whole: true, slot: -1, do: func(p *lfhPatient) { p.put(p.c.FieldAddr("UserBlocks"), wild) }},
	{name: "UserBlocks", code: ntheap.CodeLFHContainer, in: win8, doubt: true, slot: -1, do: func(p *lfhPatient) { p.put(p.c.FieldAddr("UserBlocks"), wild) }},
	{name: "UserBlocks, with the key", code: ntheap.CodeLFHContainer, in: win8, keyed: true, doubt: true, slot: -1, do: func(p *lfhPatient) { p.put(p.c.FieldAddr("UserBlocks"), wild) }},
	{name: "UserBlocks zero", code: ntheap.CodeLFHContainer, in: until7, whole: true, slot: -1, do: func(p *lfhPatient) { p.put(p.c.FieldAddr("UserBlocks"), 0) }},
	{name: "BlockSize", code: ntheap.CodeLFHContainer, doubt: true, slot: -1, do: put16("BlockSize", 11)},
	{name: "BlockSize zero", code: ntheap.CodeLFHContainer, doubt: true, slot: -1, do: put16("BlockSize", 0)},
	{name: "BlockSize hostile", code: ntheap.CodeLFHContainer, doubt: true, slot: -1, do: put16("BlockSize", 0xffff)},
	{name: "BlockCount zero", code: ntheap.CodeLFHContainer, in: until7, whole: true, slot: -1, do: put16("BlockCount", 0)},
	{name: "BlockCount hostile", code: ntheap.CodeLFHContainer, in: until7, whole: true, slot: -1, do: put16("BlockCount", 0xffff)},
	{name: "BlockCount zero", code: ntheap.CodeLFHContainer, in: win8, doubt: true, slot: -1, do: put16("BlockCount", 0)},
	{name: "BlockCount hostile", code: ntheap.CodeLFHContainer, in: win8, doubt: true, slot: -1, do: put16("BlockCount", 0xffff)},
	{name: "BlockCount less", code: ntheap.CodeLFHContainer, in: win8, doubt: true, slot: -1, do: put16("BlockCount", 3)},
	{name: "BlockCount more", code: ntheap.CodeLFHContainer, in: win8, doubt: true, slot: -1, do: put16("BlockCount", 41)},
	{name: "SizeOfBitMap hostile", code: ntheap.CodeLFHContainer, in: win8, doubt: true, slot: -1, do: func(p *lfhPatient) { p.Image.PutU32(p.c.FieldAddr("SizeOfBitMap"), 0xffffffff) }},
	{name: "SizeOfBitMap less", code: ntheap.CodeLFHContainer, in: win8, doubt: true, slot: -1, do: func(p *lfhPatient) { p.Image.PutU32(p.c.FieldAddr("SizeOfBitMap"), 7) }},
	{name: "EncodedOffsets", code: ntheap.CodeLFHContainer, in: win8, keyed: true, slot: -1, do: func(p *lfhPatient) { p.xor(p.c.FieldAddr("EncodedOffsets"), 0x10) }},
	{name: "EncodedOffsets, without the key", twin: ntheap.CodeLFHContainer, in: win8, slot: -1, do: func(p *lfhPatient) { p.xor(p.c.FieldAddr("EncodedOffsets"), 0x10) }},

	{name: "busy, overwritten", code: ntheap.CodeLFHSlot, slot: 2, do: func(p *lfhPatient) { p.smash(p.c.Slot(2)) }},
	{name: "free, overwritten", code: ntheap.CodeLFHSlot, slot: 3, do: func(p *lfhPatient) { p.smash(p.c.Slot(3)) }},
	{name: "zeroed", code: ntheap.CodeLFHSlot, slot: 6, do: func(p *lfhPatient) { p.Image.PutU64(p.header(6), 0) }},
	{name: "mark", code: ntheap.CodeLFHSlot, slot: 39, do: func(p *lfhPatient) { p.xor(p.header(39)+7, 0x80) }},
	{name: "number", code: ntheap.CodeLFHSlot, in: win8, slot: 1, do: func(p *lfhPatient) { p.xor(p.header(1)+5, 1) }},
	{name: "number's upper half", code: ntheap.CodeLFHSlot, in: win8, slot: 0, do: func(p *lfhPatient) { p.xor(p.header(0)+6, 1) }},
	{name: "bit cleared", code: ntheap.CodeLFHSlot, in: win8, slot: 10, do: func(p *lfhPatient) { p.xor(p.c.BitAddr(10), 1<<2) }},
	{name: "bit set", code: ntheap.CodeLFHSlot, in: win8, slot: 9, do: func(p *lfhPatient) { p.xor(p.c.BitAddr(9), 1<<1) }},
	{name: "free in its header only", code: ntheap.CodeLFHSlot, in: win8, slot: 11, do: func(p *lfhPatient) { p.Image.PutU8(p.header(11)+7, 0x80) }},
	{name: "code, with the key", code: ntheap.CodeLFHSlot, keyed: true, slot: 5, do: func(p *lfhPatient) { p.xor(p.header(5)+1, 0x40) }},
	{name: "code, without the key", twin: ntheap.CodeLFHSlot, slot: -1, do: func(p *lfhPatient) { p.xor(p.header(5)+1, 0x40) }},

	{name: "one more", code: ntheap.CodeLFHDepth, slot: -1, do: put16("Depth", 17)},
	{name: "hostile", code: ntheap.CodeLFHDepth, slot: -1, do: put16("Depth", 0xffff)},
	{name: "too few", code: ntheap.CodeLFHDepth, in: win8, slot: -1, do: put16("Depth", 7)},
	{name: "a thread within", twin: ntheap.CodeLFHDepth, slot: -1, do: put16("Depth", 8)},
	{name: "delayed frees", twin: ntheap.CodeLFHSlot, in: win8, slot: 11, do: func(p *lfhPatient) {
		at := p.c.FieldAddr("DelayFreeList")
		if p.Arch == synth.X86 {
			at += 4
		}
		p.Image.PutU16(at, 1)
		p.Image.PutU8(p.header(11)+7, 0x80)
	}},
	{name: "a zone's number too large", twin: ntheap.CodeLFHContainer, in: win8, slot: -1, do: func(p *lfhPatient) {
		p.Image.PutU32(p.c.SubSegment-2*p.Arch.Unit()+2*p.Arch.PtrSize(), 400)
	}},
}

func TestLFHDamage(t *testing.T) {
	eachLFH(t, func(t *testing.T, family synth.Family, arch synth.Arch) {
		for _, d := range lfhDamages {
			if d.in != nil && !d.in(family) {
				continue
			}
			t.Run(string(d.code)+"/"+d.name, func(t *testing.T) {
				p := newLFHPatient(family, arch, false)
				d.do(p)
				w := openKeyed(t, p, d.keyed)
				told := 0
				for _, pr := range w.all() {
					if pr.Code == d.code && pr.Class == diag.Corrupt {
						told++
					} else {
						t.Errorf("unexpected: %v", pr)
					}
				}
				if (told == 1) != (d.code != "") {
					t.Errorf("told %d times", told)
				}
				d.compare(t, p, w)
			})
		}
	})
}

// openKeyed walks the patient, with the key of its ntdll if wanted.
func openKeyed(t *testing.T, p *lfhPatient, keyed bool) walked {
	t.Helper()
	m := space(t, p.built.Redump())
	w := open(t, m, damagedAt, p.fx.options)
	if !keyed {
		return w
	}
	key := ntheap.RecoverLFHKey(w.heap)
	if !key.Known() || key.Value != p.lfh.Key {
		t.Fatalf("key %+v, want %#x", key, p.lfh.Key)
	}
	h, err := ntheap.Open(m, memory.Addr(damagedAt), p.fx.options)
	if err != nil {
		t.Fatal(err)
	}
	h.SetLFHKey(key)
	if h.LFHKey() != key {
		t.Error("the key is not kept")
	}
	w = walked{heap: h}
	for b := range h.Blocks(func(p diag.Problem) { w.problems = append(w.problems, p) }) {
		w.blocks = append(w.blocks, b)
	}
	cover(t, w)
	return w
}

// compare holds the walk against the truth.
func (d *lfhDamage) compare(t *testing.T, p *lfhPatient, w walked) {
	t.Helper()
	got := map[uint64]heap.Block{}
	for _, b := range w.blocks {
		got[uint64(b.Addr)] = b
	}
	head := p.c.UserBlocks - p.Arch.Unit()
	last := p.c.Slot(len(p.c.Slots))
	for _, x := range p.Blocks {
		inside := x.Entry >= head && x.Entry <= last
		g, ok := got[x.Entry]
		if d.whole && inside {
			if x.Entry == head && (g.State != heap.Internal || uint64(g.End()) != last+p.c.Spare) || x.Entry != head && ok {
				t.Errorf("not one block: %+v", g)
			}
			continue
		}
		slot := x.Origin == synth.OriginLFH && inside
		odd := slot && d.slot >= 0 && x.Entry == p.c.Slot(d.slot)
		if !ok || g.Size != x.Bytes || !odd && g.State != states[x.State] || (g.Trust == heap.Doubtful) != (odd || d.doubt && slot) {
			t.Errorf("block %#x of %#x bytes, %v: got %+v", x.Entry, x.Bytes, x.State, g)
		}
		if g.State == heap.Busy && !odd && (uint64(g.User()) != x.User || g.UserBytes() != x.Size) {
			t.Errorf("block %#x: user %v of %d bytes, want %#x of %d", x.Entry, g.User(), g.UserBytes(), x.User, x.Size)
		}
		// Of a header that is another slot's nothing is believed.
		if odd && d.name == "number" && g.UserBytes() != g.Size-8 {
			t.Errorf("%+v has a size", g)
		}
		delete(got, x.Entry)
	}
	if d.whole {
		delete(got, head)
	}
	for _, b := range got {
		t.Errorf("invented: %+v", b)
	}
}
