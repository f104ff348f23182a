package ntheap_test

import (
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

const lookasideAt = damagedAt + 0x700000

// parkedIn walks a heap with these user addresses on the lookaside list of
// their size, after some damage, and returns those that it has as parked. told
// is a part of the one problem that there is; empty when there is none.
func parkedIn(t *testing.T, arch synth.Arch, n []int, damage func(p *patient, user []uint64), told string) []int {
	t.Helper()
	p := newPatient(synth.XP, arch, false)
	lists, back, users := map[int][]uint64{}, map[uint64]int{}, []uint64{}
	for _, i := range n {
		b := p.busy[i]
		units := int(b.Bytes / arch.Unit())
		lists[units] = append(lists[units], b.User)
		back[b.Entry] = i
		users = append(users, b.User)
	}
	p.Lookaside(lookasideAt, lists)
	if damage != nil {
		damage(p, users)
	}
	w := open(t, space(t, p.built.Redump()), damagedAt, ntheap.Options{})
	if told == "" {
		healthy(t, w)
	} else if all := w.all(); len(all) != 1 || all[0].Code != ntheap.CodeFreeList || all[0].Class != diag.Corrupt || !strings.Contains(all[0].Got, told) {
		t.Errorf("told %v, want %q once", all, told)
	}
	var got []int
	for i, b := range w.blocks {
		x := p.Blocks[i]
		if uint64(b.Addr) != x.Entry || b.Size != x.Bytes || b.Trust != heap.Sound {
			t.Fatalf("%+v, want %+v", b, x)
		}
		if b.Origin != heap.Lookaside {
			if b.State != states[x.State] || b.State == heap.Busy && b.UserBytes() != x.Size {
				t.Errorf("%+v, want %+v", b, x)
			}
			continue
		}
		k, ok := back[uint64(b.Addr)]
		if !ok || b.State != heap.Free || b.Unused != 0 {
			t.Errorf("parked: %+v", b)
		}
		got = append(got, k)
	}
	return got
}

// Blocks parked on an XP lookaside list look busy in the back end, and are
// free.
func TestLookaside(t *testing.T) {
	for _, arch := range []synth.Arch{synth.X86, synth.X64} {
		all := []int{1, 2, 4, 10}
		for _, c := range []struct {
			name   string
			want   int
			damage func(p *patient, user []uint64)
			told   string // part of the one problem; empty when there is none
		}{
			{"healthy", 4, nil, ""},
			{"type 0", 0, func(p *patient, _ []uint64) { p.Set("FrontEndHeapType", 0) }, ""},
			{"elsewhere", 0, func(p *patient, _ []uint64) { p.Set("FrontEndHeap", wild) }, "and 127 more lists"},
			{"a head that leads nowhere", 3, func(p *patient, user []uint64) {
				units := p.busy[10].Bytes / p.Arch.Unit()
				if p.Arch == synth.X86 {
					p.Image.PutU32(lookasideAt+units*0x30, 0)
					return
				}
				p.Image.PutU64(lookasideAt+units*0x40, 1|1<<16)
				p.Image.PutU64(lookasideAt+units*0x40+8, 0)
			}, "0 blocks of 1"},
			{"links to themselves", 4, func(p *patient, user []uint64) {
				for _, u := range user {
					p.put(u, u)
				}
			}, ""},
			{"depth zero", 0, func(p *patient, _ []uint64) {
				for i := range uint64(128) {
					at := lookasideAt + i*0x30 + 4
					if p.Arch != synth.X86 {
						at = lookasideAt + i*0x40
					}
					p.Image.PutU16(at, 0)
				}
			}, ""},
			{"the list of another size", 3, func(p *patient, user []uint64) {
				for i := range uint64(128) { // the list that leads to the first block now leads to one of another size
					at := lookasideAt + i*0x30
					if p.Arch != synth.X86 {
						at = lookasideAt + i*0x40
					}
					if i == p.busy[10].Bytes/p.Arch.Unit() {
						p.Image.Write(at, make([]byte, 16))
						if p.Arch == synth.X86 {
							p.Image.PutU32(at, uint32(p.busy[5].User))
							p.Image.PutU16(at+4, 1)
						} else {
							p.Image.PutU64(at, 1)
							p.Image.PutU64(at+8, p.busy[5].User|1)
						}
					}
				}
			}, ""},
		} {
			if got := parkedIn(t, arch, all, c.damage, c.told); len(got) != c.want {
				t.Errorf("%v, %s: parked are %v, want %d", arch, c.name, got, c.want)
			}
		}
	}
}

// TestParkedTwice: a block on a lookaside list twice was freed twice. A list
// that leads back to a block only behind its last one, or to what is no block
// of its size, says nothing.
func TestParkedTwice(t *testing.T) {
	for _, arch := range []synth.Arch{synth.X86, synth.X64} {
		for _, c := range []struct {
			name   string
			nodes  []int // of three blocks of one size, in the list's order
			damage func(p *synth.Built, x synth.Block)
			told   bool
		}{
			{"healthy", []int{0, 1, 2}, nil, false},
			{"freed twice in a row", []int{0, 0}, nil, true},
			{"with another between", []int{1, 0, 1}, nil, true},
			{"behind the last", []int{0, 1}, func(p *synth.Built, x synth.Block) { p.Image.PutPtr(p.Heaps[0].Only(synth.StateBusy)[1].User, x.User) }, false},
			{"of another size", []int{1, 0, 1}, func(p *synth.Built, x synth.Block) {
				p.Image.PutU16(x.Entry+arch.Unit()-8, 7)
			}, false},
			{"of a free block", []int{1, 0, 1}, func(p *synth.Built, x synth.Block) {
				p.Image.PutU8(x.Entry+arch.Unit()-8+5, 0)
			}, false},
		} {
			p := synth.NewProcess(synth.XP, arch)
			p.AddHeap(&synth.Heap{Address: damagedAt, Segments: []synth.Segment{{Items: []synth.Item{
				synth.Busy(0x40), synth.Busy(0x40), synth.Busy(0x40), synth.Free(0x100)}}}})
			var at []uint64
			p.Prepare = func(b *synth.Built) {
				blocks := b.Heaps[0].Only(synth.StateBusy)
				var users []uint64
				for _, i := range c.nodes {
					users = append(users, blocks[i].User)
				}
				b.Heaps[0].Lookaside(lookasideAt, map[int][]uint64{int(blocks[0].Bytes / arch.Unit()): users})
				if len(c.nodes) > 2 && c.nodes[0] == c.nodes[2] { // the builder's last link would end the loop
					b.Image.PutPtr(blocks[1].User, blocks[0].User)
				} else if c.told {
					b.Image.PutPtr(blocks[0].User, blocks[0].User)
				}
				at = []uint64{blocks[c.nodes[0]].Entry}
				if c.damage != nil {
					c.damage(b, blocks[c.nodes[0]])
				}
			}
			w := open(t, space(t, p.Build().Dump), damagedAt, ntheap.Options{})
			told := 0
			for _, p := range w.all() {
				if p.Code == ntheap.CodeFreeList && p.Object == "_HEAP_LOOKASIDE" {
					told++
					if uint64(p.At.Off) != at[0] {
						t.Errorf("%s: %v, want it at %#x", c.name, p, at[0])
					}
				} else if !strings.HasPrefix(c.name, "of ") {
					t.Errorf("%v, %s: %v", arch, c.name, p)
				}
			}
			if (told == 1) != c.told {
				t.Errorf("%v, %s: told %d times: %v", arch, c.name, told, w.all())
			}
		}
	}
}
