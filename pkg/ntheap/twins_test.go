package ntheap_test

import (
	"maps"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// twin is what is nearest to a damage and none: nothing is said of it, and
// every block is as it was written.
type twin struct {
	name   string
	code   diag.Code                     // of the rule that must not speak
	in     func(synth.Family, bool) bool // nil: every family, encoded
	script func(h *synth.Heap)           // what is otherwise in the heap's script, if anything
	do     func(p *patient)              // what is done to its memory, if anything
}

// inSecond puts items at the front of the second segment.
func inSecond(items ...synth.Item) func(*synth.Heap) {
	return func(h *synth.Heap) { h.Segments[1].Items = append(items, h.Segments[1].Items...) }
}

// fakeFree writes what a free block of the heap begins with into user data.
func (p *patient) fakeFree() {
	b := p.Image.Read(p.free[1].Entry, int(2*p.Arch.Unit()))
	p.Image.Write(p.busy[5].Entry+8*p.Arch.Unit(), b)
}

var twins = []twin{
	{name: "a field that no walk needs", code: ntheap.CodeHeaderField, in: plainToo, do: set("AllocatorBackTraceIndex", 0x1234)},
	{name: "a segment of one block", code: ntheap.CodeSegmentField, in: plainToo, script: func(h *synth.Heap) {
		h.Segments[2].Items = []synth.Item{synth.Busy(0x3210)}
	}},
	{name: "in another order", code: ntheap.CodeSegmentList, in: vista, do: func(p *patient) {
		node := p.SegmentFieldAddr(1, "SegmentListEntry")
		p.unlink(node)
		p.link(node, p.FieldAddr("SegmentList"))
	}},
	{name: "named, and on the list", code: ntheap.CodeSegmentUnlisted, in: plainToo, do: func(p *patient) {
		p.fx.options.Segments = append(p.fx.options.Segments, addr(p.Segs[1].Header))
	}},
	{name: "in another order", code: ntheap.CodeUCRList, in: vista, do: func(p *patient) {
		node := p.UCRFieldAddr(0, 0, "SegmentEntry")
		p.unlink(node)
		p.link(node, p.UCRFieldAddr(0, 1, "SegmentEntry"))
	}},
	{name: "to the segment's end", code: ntheap.CodeUCRRange, in: plainToo, script: func(h *synth.Heap) {
		h.Segments[1].Items = append(h.Segments[1].Items, synth.Uncommitted(0x4000))
	}},
	{name: "small ranges", code: ntheap.CodeUCRUnlisted, in: plainToo, script: inSecond(synth.Busy(8), synth.Uncommitted(0x1000), synth.Busy(9), synth.Uncommitted(0x1000))},
	{name: "one range more", code: ntheap.CodeUCRCount, in: plainToo, script: inSecond(synth.Busy(8), synth.Uncommitted(0x5000))},
	{name: "other flags and their checksum", code: ntheap.CodeEntryChecksum, in: vista, do: func(p *patient) {
		p.edit(p.busy[2].Entry, true, func(e *synth.Entry) { e.Flags |= 0x20 })
	}},
	{name: "a tag instead of a checksum", code: ntheap.CodeEntryChecksum, in: func(f synth.Family, plain bool) bool { return plain }, do: func(p *patient) {
		p.edit(p.busy[2].Entry, false, func(e *synth.Entry) { e.SmallTagIndex = 0x5a })
	}},
	{name: "a wrong header in user data", code: ntheap.CodeEntrySize, in: plainToo, do: func(p *patient) {
		p.Image.Write(p.busy[3].User+8*p.Arch.Unit(), p.Image.Read(p.busy[2].Entry, int(p.Arch.Unit())))
	}},
	{name: "behind the largest block", code: ntheap.CodeEntryPrevious, in: plainToo, script: inSecond(synth.Busy(0x7000), synth.Busy(8))},
	{name: "as few and as many as can be", code: ntheap.CodeEntryUnused, in: plainToo, script: inSecond(synth.Busy(0), synth.Busy(0).WithBlock(0x90), synth.Busy(0x1f8))},
	{name: "written to the last byte", code: ntheap.CodeEntryOverwritten, in: plainToo, do: func(p *patient) {
		for _, b := range p.busy {
			p.Image.Fill(b.User, b.Size, []byte{'A'})
		}
	}},
	{name: "a page within a block", code: ntheap.CodeMemoryMissing, in: plainToo, script: inSecond(synth.Busy(0x4000)), do: func(p *patient) {
		for _, b := range p.busy {
			if b.Size == 0x4000 {
				p.Image.Drop((b.User + 0x1000) &^ 0xfff)
			}
		}
	}},
	{name: "in another order", code: ntheap.CodeVirtualList, in: plainToo, do: func(p *patient) {
		p.unlink(p.Virtuals[1].Node)
		p.link(p.Virtuals[1].Node, p.Virtuals[2].Node)
	}},
	{name: "full to the last byte", code: ntheap.CodeVirtualHeader, in: plainToo, script: func(h *synth.Heap) {
		h.Virtual[1].Size = 0x90000 - 0x40
	}},
	{name: "blocks of one size in another order", code: ntheap.CodeFreeList, in: plainToo, do: func(p *patient) {
		a, _ := p.FreeLinks(p.free[0].Entry)
		b, _ := p.FreeLinks(p.free[2].Entry)
		if p.free[0].Bytes != p.free[2].Bytes || p.ptr(a) != b {
			panic("they are not neighbours")
		}
		p.unlink(a)
		p.link(a, b)
	}},
	{name: "a free block in user data", code: ntheap.CodeFreeCount, in: plainToo, do: (*patient).fakeFree},
	{name: "two side by side", code: ntheap.CodeTotalFree, in: plainToo, script: inSecond(synth.Free(0x100), synth.Free(0x180), synth.Busy(8))},
	{name: "a number that no walk can count", code: ntheap.CodeCounter, in: vista, do: set("Counters.LockAcquires", 0x77)},
}

// TestTwins: what is nearest to a damage, and is none.
func TestTwins(t *testing.T) {
	for _, family := range synth.Families() {
		for _, arch := range []synth.Arch{synth.X86, synth.X64} {
			for _, plain := range []bool{false, true} {
				if plain && family != synth.Win7 && family != synth.Win10v1809 {
					continue
				}
				for _, w := range twins {
					if in := w.in; in == nil && plain || in != nil && !in(family, plain) {
						continue
					}
					change := w.script
					if change == nil {
						change = func(*synth.Heap) {}
					}
					p := newPatientOf(family, arch, plain, change)
					if w.do != nil {
						w.do(p)
					}
					got := open(t, space(t, p.built.Redump()), damagedAt, p.fx.options)
					for _, pr := range got.all() {
						t.Errorf("%v %v, plain %v: %s/%s: %v", family, arch, plain, w.code, w.name, pr)
					}
					p.compare(t, got)
				}
			}
		}
	}
}

// TestEveryCodeHasADamage: every rule has what it speaks of in a table, and a
// twin of which it does not.
func TestEveryCodeHasADamage(t *testing.T) {
	damaged, spared := map[diag.Code]bool{}, map[diag.Code]bool{}
	for _, d := range allDamages() {
		damaged[d.code] = true
	}
	for _, w := range twins {
		spared[w.code] = true
	}
	for _, d := range lfhDamages {
		damaged[d.code], spared[d.twin] = true, true
	}
	for _, d := range fillDamages {
		damaged[d.rule], spared[d.twin] = true, true
	}
	// What is said of XP's containers is no damage: see TestOldContainers,
	// which has the twins too.
	damaged[ntheap.CodeLFHWhole], spared[ntheap.CodeLFHWhole] = true, true
	codes := ntheap.Codes()
	maps.Copy(codes, ntheap.FillCodes())
	for name, has := range map[string]map[diag.Code]bool{"damage": damaged, "twin": spared} {
		delete(has, "")
		for c, words := range codes {
			if !has[c] {
				t.Errorf("no %s in the tables for %s: %s", name, c, words)
			}
			delete(has, c)
		}
		for c := range has {
			t.Errorf("%s has a %s and is not in Codes", c, name)
		}
	}
}
