package synth

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// listing prints a heap's entries the way the article's debugger did, which
// marks the last entry before an uncommitted range with 10 of its own.
func listing(b *BuiltHeap) string {
	var s strings.Builder
	all := walkNoTest(b)
	for i, bl := range all {
		if i+1 < len(all) && all[i+1].State == StateUncommitted {
			bl.Flags |= 0x10
		}
		switch bl.State {
		case StateUncommitted:
			fmt.Fprintf(&s, "%08x: %08x - uncommitted bytes.\n", bl.Entry, bl.Bytes)
		case StateFree:
			fmt.Fprintf(&s, "%08x: %05x . %05x [%x]\n", bl.Entry, uint64(bl.prev)*8, bl.Bytes, 0x100|int(bl.Flags))
		default:
			fmt.Fprintf(&s, "%08x: %05x . %05x [%x] - busy (%x)\n", bl.Entry, uint64(bl.prev)*8, bl.Bytes,
				0x100|int(bl.Flags), bl.Bytes-uint64(bl.Unused))
		}
	}
	return s.String()
}

func walkNoTest(b *BuiltHeap) []Block {
	var out []Block
	for _, w := range b.Blocks {
		if w.State != StateUncommitted {
			e := b.ReadEntry(w.Entry)
			w.prev, w.Flags, w.Unused, w.Bytes = e.PreviousSize, e.Flags, e.UnusedBytes, uint64(e.Size)*8
		}
		out = append(out, w)
	}
	return out
}

// TestArticle001 compares with what the article prints, letter for letter.
func TestArticle001(t *testing.T) {
	steps := []string{
		`002c0000: 00000 . 00588 [101] - busy (587)
002c0588: 00588 . 00088 [101] - busy (80)
002c0610: 00088 . 009d0 [100]
002c0fe0: 009d0 . 00020 [111] - busy (1d)
002c1000: 00001000 - uncommitted bytes.
`, `002c0000: 00000 . 00588 [101] - busy (587)
002c0588: 00588 . 00088 [101] - busy (80)
002c0610: 00088 . 00088 [101] - busy (79)
002c0698: 00088 . 00948 [100]
002c0fe0: 00948 . 00020 [111] - busy (1d)
002c1000: 00001000 - uncommitted bytes.
`, `002c0000: 00000 . 00588 [101] - busy (587)
002c0588: 00588 . 00088 [100]
002c0610: 00088 . 00088 [101] - busy (79)
002c0698: 00088 . 00948 [100]
002c0fe0: 00948 . 00020 [111] - busy (1d)
002c1000: 00001000 - uncommitted bytes.
`, `005c0000: 00000 . 00588 [101] - busy (587)
005c0588: 00588 . 00a58 [100]
005c0fe0: 00a58 . 00020 [111] - busy (1d)
005c1000: 00001000 - uncommitted bytes.
`}
	for i, want := range steps {
		base := uint64(0x2c0000)
		if i == 3 {
			base = 0x5c0000
		}
		b := Article001(i+1, base).Build()
		if got := listing(b.Heaps[4]); got != want {
			t.Errorf("step %d:\n%swant\n%s", i+1, got, want)
		}
		checkHeap(t, b.Heaps[4])
	}
}

// TestArticle001Fields compares the words of _HEAP that dt printed.
func TestArticle001Fields(t *testing.T) {
	b := Article001(1, 0x2c0000).Build()
	m := b.Image
	for off, want := range map[uint64]uint32{
		0x08: 0xffeeffee, 0x0c: 0, 0x10: 0x2c00a8, 0x14: 0x2c00a8, 0x18: 0x2c0000, 0x1c: 0x2c0000, 0x20: 2,
		0x24: 0x2c0588, 0x28: 0x2c2000, 0x2c: 1, 0x30: 1, 0x34: 0, 0x38: 0x2c0ff0, 0x3c: 0x2c0ff0,
		0x40: 0x1000, 0x44: 0, 0x48: 0, 0x4c: 0x100000, 0x58: 0x17c06e63, 0x5c: 0, 0x60: 0xfe00, 0x64: 0xeeffeeff,
		0x68: 0x100000, 0x6c: 0x2000, 0x70: 0x200, 0x74: 0x2000, 0x78: 0x13a, 0x7c: 0x7ffdefff, 0x80: 0x1380005,
		0x84: 0, 0x88: 0, 0x8c: 0, 0x90: 0x2c0fe8, 0x94: 0x2c0fe8, 0x98: 0xf, 0x9c: 0xfffffff8,
		0xa0: 0x2c00a0, 0xa4: 0x2c00a0, 0xa8: 0x2c0010, 0xac: 0x2c0010, 0xb0: 0, 0xb4: 0, 0xb8: 0x2c0150, 0xbc: 0,
		0xc0: 0, 0xc4: 0x2c0618, 0xc8: 0x2c0618, 0xcc: 0x2c0138, 0xd0: 0x17c06e63, 0xd4: 0, 0xd8: 0,
	} {
		if got := m.U32(0x2c0000 + off); got != want {
			t.Errorf("+%#x: %#x want %#x", off, got, want)
		}
	}
	for i, want := range []uint32{0x300000, 0x10000, 0x20000, 0x2e0000, 0x2c0000, 0} {
		if got := m.U32(0x77498500 + uint64(i)*4); got != want {
			t.Errorf("heap %d: %#x want %#x", i, got, want)
		}
	}
	for off, want := range map[uint64]uint32{
		0x18: 0x300000, 0x68: 0, 0x78: 0x100000, 0x7c: 0x2000, 0x80: 0x10000, 0x84: 0x1000, 0x88: 5, 0x8c: 16, 0x90: 0x77498500,
	} {
		if got := m.U32(0x7ffd3000 + off); got != want {
			t.Errorf("PEB+%#x: %#x want %#x", off, got, want)
		}
	}
}

func TestArticle003(t *testing.T) {
	b := Article003().Build()
	h, m := b.Heaps[22], b.Image
	for at, want := range map[uint64]uint64{
		0x29fb0118: 0x43500000, 0x29fb0120: 0x32970000, 0x29fb0128: 0x29fb0018, 0x29fb0130: 0x5c380018,
		0x43500000: 0x47240000, 0x43500008: 0x29fb0118, 0x32970000: 0x29fb0118, 0x32970008: 0x4ee90000,
		0x43500020: 0x1001000,
	} {
		if got := m.U64(at); got != want {
			t.Errorf("%#x: %#x want %#x", at, got, want)
		}
	}
	bl, _ := h.At(0x43500030)
	if bl.User != 0x43500060 || bl.Size != 0x1000040 || m.Read(0x4350005f, 1)[0] != 5 || m.Read(0x4350005e, 1)[0] != 2 {
		t.Errorf("%+v", bl)
	}
	if n := len(b.Dump.Bytes()); n > 2<<20 {
		t.Errorf("%d bytes", n)
	}
	for i := range b.Heaps {
		checkHeap(t, b.Heaps[i])
	}
}

func TestDemo(t *testing.T) {
	one, two := Demo().Build().Dump.Bytes(), Demo().Build().Dump.Bytes()
	if !bytes.Equal(one, two) || len(one) > 200<<10 {
		t.Errorf("%d and %d bytes", len(one), len(two))
	}
	b := Demo().Build()
	for _, h := range b.Heaps {
		checkHeap(t, h)
		checkFreeList(t, h)
	}
	t.Logf("%d bytes, %+v", len(one), b.Heaps[0].Truth())
}

// TestFile reads the directory and the memory back.
func TestFile(t *testing.T) {
	b := Demo().Build()
	d := b.Dump
	d.Shuffle, d.Unaligned, d.ShuffleMemory = 3, true, 9
	d.AddMemoryIn(InMemory, 0x1234000, []byte("small list"))
	f := d.File()
	n := int(binary.LittleEndian.Uint32(f.Data[8:]))
	if n != len(f.Streams) {
		t.Fatal(n)
	}
	for i, s := range f.Streams {
		e := f.Data[32+12*i:]
		if binary.LittleEndian.Uint32(e) != s.Type || int(binary.LittleEndian.Uint32(e[8:])) != s.Off || s.Off%2 == 0 {
			t.Errorf("stream %d", i)
		}
	}
	if at := f.Offset(0x1234006); string(f.Data[at:at+4]) != "list" {
		t.Error("small list")
	}
	s, _ := f.Stream(StreamMemory64List)
	l := f.Data[s.Off:]
	at := binary.LittleEndian.Uint64(l[8:])
	for i := range binary.LittleEndian.Uint64(l) {
		va, size := binary.LittleEndian.Uint64(l[16+16*i:]), binary.LittleEndian.Uint64(l[24+16*i:])
		if !bytes.Equal(f.Data[at:at+size], b.Image.Read(va, int(size))) || f.Offset(va) != int(at) {
			t.Errorf("range %#x", va)
		}
		at += size
	}
	if int(at) != len(f.Data) {
		t.Errorf("ends at %d of %d", at, len(f.Data))
	}
}
