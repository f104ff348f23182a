package synth

import (
	"encoding/binary"
	"fmt"
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
