package synth

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
)

// walk reads a heap's segments back with code of its own: plain offsets, no
// table of the builder's.
func walk(t *testing.T, b *BuiltHeap) []Block {
	t.Helper()
	u := b.Arch.Unit()
	var key [8]byte
	if b.Family != XP && !b.Plain {
		off := uint64(0x50)
		if b.Arch != X86 {
			off = 0x88
		}
		copy(key[:], b.Image.Read(b.Address+off, 8))
	}
	var got []Block
	for i, s := range b.Segs {
		prev := uint16(0)
		next := 0
		for at := s.Base; at < s.End; {
			if next < len(s.UCRs) && s.UCRs[next].Addr == at && s.UCRs[next].Size > 0 {
				got = append(got, Block{Entry: at, Bytes: s.UCRs[next].Size, State: StateUncommitted})
				at += s.UCRs[next].Size
				next++
				prev = 0
				continue
			}
			h := at
			if b.Arch != X86 {
				h += 8
			}
			raw := b.Image.Read(h, 8)
			for k := range raw {
				raw[k] ^= key[k]
			}
			size := binary.LittleEndian.Uint16(raw)
			flags, unused, seg, ps := raw[2], raw[7], raw[6], binary.LittleEndian.Uint16(raw[4:])
			if b.Family == XP {
				ps, flags, unused, seg = binary.LittleEndian.Uint16(raw[2:]), raw[5], raw[6], raw[7]
			} else if raw[0]^raw[1]^raw[2] != raw[3] {
				t.Fatalf("%#x: checksum", at)
			}
			if size == 0 || ps != prev || int(seg) != i {
				t.Fatalf("%#x: size %#x prev %#x want %#x seg %d want %d", at, size, ps, prev, seg, i)
			}
			bl := Block{Entry: at, Bytes: uint64(size) * u, Flags: flags, Unused: unused}
			switch {
			case flags&1 == 0:
				bl.State = StateFree
			case at < s.First || flags&8 != 0 || b.Family != XP && (unused == 1 || unused == 3):
				bl.State = StateInternal
			}
			if bl.State == StateBusy {
				n := uint64(unused)
				if unused == 0x3f && b.Family != XP {
					if b.Arch == X86 {
						n = uint64(b.Image.U32(bl.End() - 4))
					} else {
						n = b.Image.U64(bl.End())
					}
				}
				bl.Size = bl.Bytes - n
			}
			got = append(got, bl)
			at += bl.Bytes
			prev = size
		}
	}
	return got
}

func checkHeap(t *testing.T, b *BuiltHeap) {
	t.Helper()
	got := walk(t, b)
	n := len(b.Blocks) - len(b.Virtual)
	if len(got) != n {
		t.Fatalf("%d blocks, want %d", len(got), n)
	}
	for i, g := range got {
		w := b.Blocks[i]
		size := w.Size
		if w.Stack != 0 {
			size += 2 * b.Arch.Unit()
		}
		if g.Entry != w.Entry || g.Bytes != w.Bytes || g.State != w.State || g.State == StateBusy && g.Size != size {
			t.Fatalf("block %d: %+v want %+v", i, g, w)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	for _, f := range Families() {
		for _, a := range []Arch{X86, X64} {
			t.Run(fmt.Sprintf("%v-%v", f, a), func(t *testing.T) {
				p := NewProcess(f, a)
				p.AddHeap(&Heap{Address: 0x2c0000, Segments: []Segment{
					{Items: []Item{Busy(100), Free(0x200), Busy(24), Uncommitted(0x3000), Busy(9), Free(0x40), Internal(0x100)}},
					{Address: 0x5c0000, Reserve: 0x10000, Items: []Item{Busy(5000), Busy(1).WithBlock(0x100)}},
				}, Virtual: []Virtual{{Address: 0x900000, Size: 0x100000}}})
				b := p.Build()
				checkHeap(t, b.Heaps[0])
				if len(b.Dump.Bytes()) < 0x4000 {
					t.Error("small dump")
				}
			})
		}
	}
}

func TestRandom(t *testing.T) {
	for _, f := range Families() {
		for _, a := range []Arch{X86, X64} {
			t.Run(fmt.Sprintf("%v-%v", f, a), func(t *testing.T) {
				for seed := range uint64(12) {
					r := rand.New(rand.NewPCG(seed, 7))
					h := RandomHeap(r, f, a, 0x1000000)
					b := h.Build(NewImage(a))
					checkHeap(t, b)
					checkFreeList(t, b)
				}
			})
		}
	}
}

// checkFreeList follows the links and compares with the blocks.
func checkFreeList(t *testing.T, b *BuiltHeap) {
	t.Helper()
	p := b.Arch.PtrSize()
	want := map[uint64]uint64{}
	units := uint64(0)
	for _, bl := range b.Only(StateFree) {
		want[bl.Entry+2*p] = bl.Bytes
		units += bl.Bytes / b.Arch.Unit()
	}
	if got := b.Get("TotalFreeSize"); got != units {
		t.Errorf("TotalFreeSize %#x want %#x", got, units)
	}
	lists := 1
	if b.Family == XP {
		lists = 128
	}
	seen := 0
	for i := range lists {
		head := b.FieldAddr("FreeLists") + uint64(i)*2*p
		last, size := head, uint64(0)
		for n := b.Image.ptr(b.Arch, head); n != head; n = b.Image.ptr(b.Arch, n) {
			if want[n] < size || want[n] == 0 {
				t.Fatalf("node %#x: size %#x after %#x", n, want[n], size)
			}
			if back := b.Image.ptr(b.Arch, n+p); back != last {
				t.Fatalf("node %#x: back %#x want %#x", n, back, last)
			}
			last, size = n, want[n]
			seen++
		}
	}
	if seen != len(want) {
		t.Errorf("%d on the lists, want %d", seen, len(want))
	}
}
