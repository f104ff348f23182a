package synth

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestWriteBig reads a small big dump back with plain offsets.
func TestWriteBig(t *testing.T) {
	for _, o := range []BigOptions{
		{Bytes: 10 << 20, Blocks: 25_000, Heaps: 2, Seed: 5, Ranges: 700},
		{Bytes: 3 << 20, Seed: 1},
		{Bytes: 0x1000, Blocks: 1},
	} {
		var w bytes.Buffer
		truth, err := WriteBig(&w, o)
		if err != nil {
			t.Fatal(err)
		}
		m := readMemory64(t, w.Bytes())
		var got Truth
		for i := range max(o.Heaps, 1) {
			got = got.Plus(walkBig(t, m, 0x20000000000+uint64(i)<<36))
		}
		got.Reserved, got.IntlBytes = truth.Reserved, truth.IntlBytes
		if got != truth {
			t.Errorf("%+v\ngot  %+v\nwant %+v", o, got, truth)
		}
		t.Logf("%d bytes, %+v", w.Len(), truth)
	}
}

// readMemory64 puts the saved ranges of a dump into an image.
func readMemory64(t *testing.T, f []byte) *Image {
	t.Helper()
	le := binary.LittleEndian
	m := NewImage(X64)
	for i := range int(le.Uint32(f[8:])) {
		d := f[32+12*i:]
		if le.Uint32(d) != 9 {
			continue
		}
		l := f[le.Uint32(d[8:]):]
		at := le.Uint64(l[8:])
		for k := range le.Uint64(l) {
			va, n := le.Uint64(l[16+16*k:]), le.Uint64(l[24+16*k:])
			m.Write(va, f[at:at+n])
			at += n
		}
		if at != uint64(len(f)) {
			t.Errorf("memory ends at %#x of %#x", at, len(f))
		}
	}
	return m
}

func walkBig(t *testing.T, m *Image, heap uint64) Truth {
	t.Helper()
	var got Truth
	key := m.U64(heap + 0x88)
	free := map[uint64]uint64{}
	head := heap + 0x120
	for n := m.U64(head); n != head; n = m.U64(n) {
		if m.U64(m.U64(n)+8) != n || m.U64(n-0x18+0x28) != heap {
			t.Fatalf("segment %#x", n)
		}
		seg := n - 0x18
		got.Segments++
		at, prev := seg, uint64(0)
		for end := m.U64(seg + 0x48); at < end; {
			v := m.U64(at+8) ^ key
			size, flags, unused := v&0xffff, uint8(v>>16), v>>56
			if uint8(v)^uint8(v>>8)^flags != uint8(v>>24) || v>>32&0xffff != prev || size == 0 {
				t.Fatalf("%#x: %#x after %#x", at, v, prev)
			}
			got.Blocks++
			switch {
			case flags&1 == 0:
				got.Free++
				got.FreeBytes += size * 16
				free[at+16] = size
			case unused < 8:
				got.Internal++
			default:
				got.Busy++
				got.BusyBytes += size * 16
				got.BusyUser += size*16 - unused
			}
			prev = size
			at += size * 16
		}
	}
	list, last, count := heap+0x150, uint64(0), 0
	for n := m.U64(list); n != list; n = m.U64(n) {
		if free[n] < last || m.U64(m.U64(n)+8) != n {
			t.Fatalf("free %#x", n)
		}
		last = free[n]
		count++
	}
	if count != got.Free || m.U64(heap+0xc0)*16 != got.FreeBytes {
		t.Errorf("%d on the list of %d", count, got.Free)
	}
	return got
}

// BenchmarkWriteBig is the time for a quarter of a gigabyte.
func BenchmarkWriteBig(b *testing.B) {
	for b.Loop() {
		if _, err := WriteBig(io.Discard, BigOptions{Bytes: 256 << 20, Blocks: 640_000}); err != nil {
			b.Fatal(err)
		}
	}
}

// TestWriteBigFile makes the dump that HEAPDUMP_BIG names, for measurements
// by hand; one of LFH slots when HEAPDUMP_BIG_LFH is set.
func TestWriteBigFile(t *testing.T) {
	name := os.Getenv("HEAPDUMP_BIG")
	if name == "" {
		t.Skip("HEAPDUMP_BIG is not set")
	}
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	o := BigOptions{Bytes: 2 << 30, Blocks: 5_000_000, Ranges: 20_000}
	if os.Getenv("HEAPDUMP_BIG_LFH") != "" {
		o.Ranges, o.LFH = 0, true
	}
	truth, err := WriteBig(f, o)
	if err == nil {
		err = f.Close()
	}
	t.Logf("%+v %v", truth, err)
}

// TestZeros: memory of zeros is a hole in a file, and written where that
// cannot be; it is read as zeros either way.
func TestZeros(t *testing.T) {
	o := BigOptions{Bytes: 1 << 20, Zeros: 3 << 20}
	var plain bytes.Buffer
	if _, err := WriteBig(&plain, o); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "zeros.dmp"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := WriteBig(f, o); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(f.Name())
	if err != nil || !bytes.Equal(got, plain.Bytes()) {
		t.Errorf("%d bytes with a hole, %d without, %v", len(got), plain.Len(), err)
	}
	o.Zeros = 0
	var without bytes.Buffer
	if _, err := WriteBig(&without, o); err != nil {
		t.Fatal(err)
	}
	if more := plain.Len() - without.Len(); more < 3<<20 || more > 3<<20+1<<10 {
		t.Errorf("3 MiB of zeros make the dump %d bytes longer", more)
	}
}
