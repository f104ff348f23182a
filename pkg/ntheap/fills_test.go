package ntheap_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

const debugFlags = synth.FlagGrowable | synth.FlagTailChecking | synth.FlagFreeChecking

// filled is a heap of the debug heap's kind.
func filled(family synth.Family, arch synth.Arch, flags uint32) (*synth.Built, *synth.BuiltHeap) {
	p := synth.NewProcess(family, arch)
	p.AddHeap(&synth.Heap{Address: damagedAt, Flags: flags, Segments: []synth.Segment{
		{Items: []synth.Item{
			synth.Busy(100), synth.Free(0x200), synth.Busy(24), synth.Busy(33).WithBlock(0x100), synth.Busy(0), synth.Free(0x40),
			synth.Busy(40).WithContent(bytes.Repeat([]byte{0x0d, 0xf0, 0xad, 0xba}, 10)),
			synth.Busy(0x3000), synth.Free(0x2400), synth.Busy(7), synth.Uncommitted(0x3000),
		}},
	}, Virtual: []synth.Virtual{{Address: damagedAt + 0x800000, Size: 0x81234, FirstPage: true}}})
	b := p.Build()
	return b, b.Heaps[0]
}

// eachFilled runs a test for every family and architecture.
func eachFilled(t *testing.T, run func(t *testing.T, family synth.Family, arch synth.Arch)) {
	for _, family := range synth.Families() {
		for _, arch := range []synth.Arch{synth.X86, synth.X64} {
			t.Run(fmt.Sprintf("%v-%v", family, arch), func(t *testing.T) { run(t, family, arch) })
		}
	}
}

// fills checks every block of a dump's heap.
func fills(t *testing.T, d *synth.Dump) []ntheap.Finding {
	t.Helper()
	h, err := ntheap.Open(space(t, d), damagedAt, ntheap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var out []ntheap.Finding
	for b := range h.Blocks(nil) {
		if f, bad := h.CheckFills(b); bad {
			if f.Problem(h).Heap != damagedAt || f.Block != b.Addr {
				t.Errorf("%v", f.Problem(h))
			}
			out = append(out, f)
		}
	}
	return out
}

func TestFillsHealthy(t *testing.T) {
	eachFilled(t, func(t *testing.T, family synth.Family, arch synth.Arch) {
		b, h := filled(family, arch, debugFlags)
		if got := fills(t, b.Dump); len(got) != 0 {
			t.Errorf("%+v", got)
		}
		for _, x := range h.Blocks {
			if (x.State == synth.StateBusy || x.State == synth.StateFree) && x.Origin != synth.OriginVirtual && x.Flags&4 == 0 {
				t.Errorf("block %#x has no fill: this tests nothing", x.Entry)
			}
		}
	})
}

// fillDamages are writes to a filled heap, and what has to be said of each:
// nothing where no fill was promised.
var fillDamages = []struct {
	name  string
	flags uint32
	do    func(img *synth.Image, busy, free synth.Block, unit uint64) uint64 // the address that differs first
	rule  diag.Code
	bytes uint64
	open  bool
	twin  diag.Code // of the rule that must not speak
}{
	{"overrun by one", debugFlags, func(m *synth.Image, b, _ synth.Block, _ uint64) uint64 {
		m.PutU8(b.User+b.Size, 0)
		return b.User + b.Size
	}, ntheap.CodeTailFill, 1, false, ""},
	{"the tail's last byte", debugFlags, func(m *synth.Image, b, _ synth.Block, unit uint64) uint64 {
		m.PutU8(b.User+b.Size+unit-1, 0)
		return b.User + b.Size + unit - 1
	}, ntheap.CodeTailFill, 1, true, ""},
	{"two bytes of the tail", debugFlags, func(m *synth.Image, b, _ synth.Block, _ uint64) uint64 {
		m.PutU8(b.User+b.Size+2, 0)
		m.PutU8(b.User+b.Size+5, 0)
		return b.User + b.Size + 2
	}, ntheap.CodeTailFill, 2, false, ""},
	{"written after free", debugFlags, func(m *synth.Image, _, f synth.Block, unit uint64) uint64 {
		m.Write(f.Entry+2*unit+13, []byte("late"))
		return f.Entry + 2*unit + 13
	}, ntheap.CodeFreeFill, 4, false, ""},
	{"the first byte behind the links", debugFlags, func(m *synth.Image, _, f synth.Block, unit uint64) uint64 {
		m.PutU8(f.Entry+2*unit, 0)
		return f.Entry + 2*unit
	}, ntheap.CodeFreeFill, 1, false, ""},
	{"the last byte before the next entry", debugFlags, func(m *synth.Image, _, f synth.Block, _ uint64) uint64 {
		m.PutU8(f.End()-1, 0)
		return f.End() - 1
	}, ntheap.CodeFreeFill, 1, true, ""},
	{"user data", debugFlags, func(m *synth.Image, b, _ synth.Block, _ uint64) uint64 {
		m.PutU8(b.User+b.Size-1, 0)
		return 0
	}, "", 0, false, ntheap.CodeTailFill},
	{"slack behind the tail", debugFlags, func(m *synth.Image, b, _ synth.Block, unit uint64) uint64 {
		m.PutU8(b.User+b.Size+unit, 0xfd)
		return 0
	}, "", 0, false, ntheap.CodeTailFill},
	{"no tail checking", synth.FlagGrowable | synth.FlagFreeChecking, func(m *synth.Image, b, _ synth.Block, _ uint64) uint64 {
		m.PutU8(b.User+b.Size, 0)
		return 0
	}, "", 0, false, ntheap.CodeTailFill},
	{"no free checking", synth.FlagGrowable | synth.FlagTailChecking, func(m *synth.Image, _, f synth.Block, unit uint64) uint64 {
		m.PutU8(f.Entry+3*unit, 0)
		return 0
	}, "", 0, false, ntheap.CodeFreeFill},
	{"no checking", synth.FlagGrowable, func(m *synth.Image, b, f synth.Block, unit uint64) uint64 {
		m.PutU8(b.User+b.Size, 0)
		m.PutU8(f.Entry+3*unit, 0)
		return 0
	}, "", 0, false, ntheap.CodeFreeFill},
}

func TestFillDamages(t *testing.T) {
	eachFilled(t, func(t *testing.T, family synth.Family, arch synth.Arch) {
		for _, d := range fillDamages {
			b, h := filled(family, arch, d.flags)
			busy, free := h.Only(synth.StateBusy)[2], h.Only(synth.StateFree)[0] // 33 bytes in 0x100
			at := d.do(h.Image, busy, free, arch.Unit())
			got := fills(t, b.Redump())
			switch {
			case d.rule == "" && len(got) != 0:
				t.Errorf("%s: %+v", d.name, got)
			case d.rule != "" && (len(got) != 1 || got[0].Rule != d.rule || uint64(got[0].At) != at || got[0].Bytes != d.bytes || got[0].Open() != d.open):
				t.Errorf("%s: %+v, want %s at %#x", d.name, got, d.rule, at)
			}
		}
	})
}

// TestFillNotMade: a block that was there before checking began says in its
// flags that it has no fill; and one with a damaged header says nothing.
func TestFillNotMade(t *testing.T) {
	eachFilled(t, func(t *testing.T, family synth.Family, arch synth.Arch) {
		b, h := filled(family, arch, debugFlags)
		busy, free := h.Only(synth.StateBusy)[2], h.Only(synth.StateFree)[0]
		for _, x := range []synth.Block{busy, free} {
			h.EditEntry(x.Entry, true, func(e *synth.Entry) { e.Flags &^= 4 })
		}
		h.Image.PutU8(busy.User+busy.Size, 0)
		h.Image.PutU8(free.End()-1, 0)
		if got := fills(t, b.Redump()); len(got) != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// TestFillMissing: what the dump does not hold is not judged, what it holds is.
func TestFillMissing(t *testing.T) {
	eachFilled(t, func(t *testing.T, family synth.Family, arch synth.Arch) {
		b, h := filled(family, arch, debugFlags)
		var big synth.Block
		for _, x := range h.Only(synth.StateFree) {
			if x.Bytes > big.Bytes {
				big = x
			}
		}
		page := (big.Entry + 0x1000) &^ 0xfff
		h.Image.Drop(page)
		h.Image.Write(page+0x1000, []byte("late"))
		got := fills(t, b.Redump())
		if len(got) != 1 || uint64(got[0].At) != page+0x1000 || got[0].Bytes != 4 || string(got[0].Got) != "late" {
			t.Errorf("%+v", got)
		}
	})
}

func TestFillsNeverWritten(t *testing.T) {
	eachFilled(t, func(t *testing.T, family synth.Family, arch synth.Arch) {
		for _, flags := range []uint32{debugFlags, synth.FlagGrowable} {
			b, h := filled(family, arch, flags)
			all := h.Only(synth.StateBusy)
			var user memory.Addr
			for _, x := range all {
				if x.Size == 40 {
					user = memory.Addr(x.User)
				}
			}
			nt, err := ntheap.Open(space(t, b.Dump), damagedAt, ntheap.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for x := range nt.Blocks(nil) {
				want := uint64(0)
				if x.State == heap.Busy && x.User() == user && flags == debugFlags {
					want = 40
				}
				if n := nt.NeverWritten(x); n != want {
					t.Errorf("%v: %d bytes never written, want %d", x.User(), n, want)
				}
			}
		}
	})
}

// TestFillWords: what a finding shows is the first stretch, and no fill
// between it and the next.
func TestFillWords(t *testing.T) {
	b, h := filled(synth.Win7, synth.X64, debugFlags)
	free := h.Only(synth.StateFree)[0]
	h.Image.Write(free.Entry+0x31, []byte("one\xee\xfe\xee\xfetwo"))
	h.Image.Write(free.Entry+0x100, []byte("three"))
	got := fills(t, b.Redump())
	if len(got) != 1 || string(got[0].Got) != "one\xee\xfe\xee\xfetwo" || got[0].Bytes != 11 || uint64(got[0].Last) != free.Entry+0x104 {
		t.Fatalf("%+v", got)
	}
	if want := "\xfe\xee\xfe\xee\xfe\xee\xfe\xee\xfe\xee"; string(got[0].Want) != want {
		t.Errorf("want %q, have %q", want, got[0].Want)
	}
	if codes := ntheap.FillCodes(); len(codes) != 2 || codes[got[0].Rule] == "" {
		t.Error("codes")
	}
}
