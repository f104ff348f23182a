package peimage_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/peimage"
)

const base = 0x10000000

// flat is a memory of one run.
type flat struct {
	at memory.Addr
	b  []byte
}

func (f flat) View(a memory.Addr, n uint64) ([]byte, error) {
	off := a.Sub(f.at)
	if a < f.at || off > uint64(len(f.b)) || n > uint64(len(f.b))-off {
		return nil, &memory.MissingError{Want: a.Span(n), At: a}
	}
	return f.b[off : off+n], nil
}

func pe(a synth.Arch) *synth.PE {
	p := &synth.PE{Arch: a, Base: base, Entry: 0x1010, Timestamp: 0x5f000001, Checksum: 0x1234, DLL: true, Sections: []synth.PESection{
		{Name: ".text", RVA: 0x1000, Size: 0x800, Flags: synth.SecCode},
		{Name: ".data", RVA: 0x2000, Size: 0x1800, Flags: synth.SecData},
		{Name: "longname", RVA: 0x4000, Data: []byte("abc"), Flags: synth.SecRData},
	}}
	p.Directories[3] = [2]uint32{0x4000, 3}
	p.Directories[6] = [2]uint32{0x9000, 28} // beyond the image
	return p
}

func TestOpen(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		p := pe(a)
		i, err := peimage.Open(flat{base, p.Headers()}, base, 0)
		if err != nil {
			t.Fatal(err)
		}
		if i.Bits != int(8*a.PtrSize()) || !i.DLL || i.Timestamp != 0x5f000001 || i.Checksum != 0x1234 || i.Entry != base+0x1010 || i.HeadersPartial {
			t.Errorf("%v: %+v", a, i)
		}
		if want := (memory.Range{Start: base, End: base + 0x5000}); i.Range != want {
			t.Errorf("%v: image %v, want %v", a, i.Range, want)
		}
		want := []struct {
			name  string
			r     memory.Range
			write bool
			exec  bool
		}{
			{".text", memory.Range{Start: base + 0x1000, End: base + 0x1800}, false, true},
			{".data", memory.Range{Start: base + 0x2000, End: base + 0x3800}, true, false},
			{"longname", memory.Range{Start: base + 0x4000, End: base + 0x4003}, false, false},
		}
		if len(i.Sections) != len(want) {
			t.Fatalf("%v: %d sections, want %d", a, len(i.Sections), len(want))
		}
		for n, w := range want {
			s := i.Sections[n]
			if s.Name != w.name || s.Range != w.r || s.Writable() != w.write || s.Executable() != w.exec {
				t.Errorf("%v: section %d is %+v, want %+v", a, n, s, w)
			}
		}
		if d := i.Directory(peimage.DirException); d.Start != base+0x4000 || d.Size() != 3 {
			t.Errorf("%v: exceptions at %v", a, d)
		}
		if d := i.Directory(peimage.DirDebug); !d.Empty() {
			t.Errorf("%v: a directory beyond the image is at %v", a, d)
		}
		if s, ok := i.Section(base + 0x37ff); !ok || s.Name != ".data" {
			t.Errorf("%v: section of the last byte of .data: %v %v", a, s, ok)
		}
		if s, ok := i.Section(base + 0x3800); ok {
			t.Errorf("%v: section after .data: %v", a, s)
		}
	}
}

func TestLimitCutsTheImage(t *testing.T) {
	i, err := peimage.Open(flat{base, pe(synth.X64).Headers()}, base, 0x3000)
	if err != nil {
		t.Fatal(err)
	}
	if i.Size() != 0x3000 || len(i.Sections) != 2 || i.Sections[1].Size() != 0x1000 {
		t.Errorf("%v, sections %+v", i.Range, i.Sections)
	}
}

// TestDamage is one damage a row: what remains of an image whose headers are
// smashed or missing.
func TestDamage(t *testing.T) {
	const fileHeader = 0x80 + 4
	tests := []struct {
		name    string
		change  func(b []byte) []byte
		notPE   bool
		missing bool
		partial bool
	}{
		{"healthy", func(b []byte) []byte { return b }, false, false, false},
		{"no MZ", func(b []byte) []byte { b[0] = 'N'; return b }, true, false, false},
		{"wild lfanew", func(b []byte) []byte { binary.LittleEndian.PutUint32(b[0x3c:], 0xfffffff0); return b }, true, false, false},
		{"no PE", func(b []byte) []byte { b[0x80] = 'p'; return b }, true, false, false},
		{"magic", func(b []byte) []byte { b[fileHeader+20] = 7; return b }, true, false, false},
		{"no optional header", func(b []byte) []byte { b[fileHeader+16], b[fileHeader+17] = 0, 0; return b }, true, false, false},
		{"cut in the DOS header", func(b []byte) []byte { return b[:0x30] }, false, true, false},
		{"cut in the optional header", func(b []byte) []byte { return b[:fileHeader+20+100] }, false, true, false},
		{"cut in the section table", func(b []byte) []byte { return b[:len(b)-1] }, false, false, true},
		{"65535 sections", func(b []byte) []byte { b[fileHeader+2], b[fileHeader+3] = 0xff, 0xff; return b }, false, false, true},
	}
	for _, tt := range tests {
		i, err := peimage.Open(flat{base, tt.change(pe(synth.X86).Headers())}, base, 0)
		if got := errors.Is(err, peimage.ErrNotPE); got != tt.notPE {
			t.Errorf("%s: %v", tt.name, err)
		}
		if got := errors.Is(err, memory.ErrMissing); got != tt.missing {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err == nil && i.HeadersPartial != tt.partial {
			t.Errorf("%s: partial %v, want %v", tt.name, i.HeadersPartial, tt.partial)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(pe(synth.X86).Headers(), uint64(0))
	f.Add(pe(synth.X64).Headers(), uint64(0x3000))
	f.Fuzz(func(t *testing.T, b []byte, limit uint64) {
		i, err := peimage.Open(flat{base, b}, base, limit)
		if err != nil {
			return
		}
		for _, s := range i.Sections {
			if !i.Holds(s.Range) || s.Empty() {
				t.Fatalf("section %v is not in the image %v", s.Range, i.Range)
			}
		}
		for d := range peimage.Directory(20) {
			if r := i.Directory(d); !r.Empty() && !i.Holds(r) {
				t.Fatalf("directory %d at %v is not in the image %v", d, r, i.Range)
			}
		}
	})
}
