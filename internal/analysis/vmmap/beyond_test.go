package vmmap_test

import (
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/vmmap"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/memory"
)

// TestBeyond: addresses that no program has, on either side of each border,
// which depend on the width and for 8 TiB on the Windows.
func TestBeyond(t *testing.T) {
	maps := map[string]*vmmap.Map{
		"x86": vmmap.Take(open(t, process(synth.Win10v1809, synth.X86).Build().Dump)),
		"x64": vmmap.Take(open(t, process(synth.Win10v1809, synth.X64).Build().Dump)),
		"w7":  vmmap.Take(open(t, process(synth.Win7, synth.X64).Build().Dump)),
	}
	for _, x := range []struct {
		of   string
		at   memory.Addr
		want string
	}{
		{"x64", 0, "the null pointer"},
		{"x64", 1, "the null page: 1 bytes"},
		{"x86", 0xffff, "the null page: 65535 bytes"},
		{"x86", 0x10000, ""},
		{"x86", 0x7fffffff, ""},
		{"x86", 0x80000000, "above 2 GiB"},
		{"x86", 0xffffffff, "above 2 GiB"},
		{"x86", 0x100000000, "no address of 32 bits"},
		{"x64", 0x80000000, ""},
		{"x64", 0x7ffeffff, ""},
		{"x64", 0x7fffffeffff, ""},
		{"x64", 0x7ffffff0000, ""},
		{"w7", 0x7fffffeffff, ""},
		{"w7", 0x7ffffff0000, "beyond the 8 TiB"},
		{"x64", 0x7ffffffeffff, ""},
		{"x64", 0x7fffffff0000, "the last 64 KiB"},
		{"x64", 0x7fffffffffff, "the last 64 KiB"},
		{"x64", 0x800000000000, "no address: the processor"},
		{"x64", 0xffff7fffffffffff, "no address: the processor"},
		{"x64", 0xffff800000000000, "the kernel's half"},
		{"x64", ^memory.Addr(0), "the kernel's half"},
	} {
		if got := maps[x.of].Beyond(x.at); !strings.HasPrefix(got, x.want) || (got == "") != (x.want == "") {
			t.Errorf("%s, %v: %q, want %q", x.of, x.at, got, x.want)
		}
	}
}

// TestClosed: what Windows reserves above a WOW64 program's address space,
// and beside it the same in a 64-bit process, with memory in it, and lower.
func TestClosed(t *testing.T) {
	wow := func() *synth.Process {
		p := synth.NewWOW64(synth.Win10v1809)
		p.AddHeap(&synth.Heap{Address: 0x640000, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(24)}}}})
		return p
	}
	const above, size = 0x120000000, 0x4000000000
	for _, x := range []struct {
		name string
		p    *synth.Process
		do   func(m *synth.Image)
		want string
	}{
		{"reserved above", wow(), func(m *synth.Image) { m.Reserve(above, size, synth.MemPrivate, synth.PageReadOnly) }, vmmap.ClosedKind},
		{"with a page of memory", wow(), func(m *synth.Image) {
			m.Reserve(above, size, synth.MemPrivate, synth.PageReadWrite)
			m.Commit(above+0x10000, 0x1000, synth.PageReadWrite)
		}, ""},
		{"a view", wow(), func(m *synth.Image) { m.Reserve(above, size, synth.MemMapped, synth.PageReadOnly) }, ""},
		{"of a 64-bit process", process(synth.Win10v1809, synth.X64), func(m *synth.Image) { m.Reserve(above, size, synth.MemPrivate, synth.PageReadOnly) }, ""},
	} {
		if _, kind := kindAt(t, x.p, above, x.do); kind != x.want {
			t.Errorf("%s: %q, want %q", x.name, kind, x.want)
		}
	}
	if _, kind := kindAt(t, wow(), 0x70000000, func(m *synth.Image) { m.Reserve(0x70000000, 0x8000000, synth.MemPrivate, synth.PageReadOnly) }); kind != "" {
		t.Errorf("below 2 GiB: %q", kind)
	}
}

// TestUnsavedHeap: the process heap of which the dump has nothing is still the
// heap's; of memory that is there and no heap it is not said, and neither is
// it of an allocation that only begins beside the handle.
func TestUnsavedHeap(t *testing.T) {
	const at = 0x6660000
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		for _, x := range []struct {
			name string
			do   func(p *synth.Process, m *synth.Image)
			want vmmap.Usage
		}{
			{"not saved", func(p *synth.Process, m *synth.Image) {
				m.Reserve(at, 0x10000, synth.MemPrivate, synth.PageReadWrite)
				m.Commit(at, 0x2000, synth.PageReadWrite)
				m.DropRange(at, 0x2000)
			}, vmmap.Heap},
			{"there, and none", func(p *synth.Process, m *synth.Image) {
				m.Reserve(at, 0x10000, synth.MemPrivate, synth.PageReadWrite)
				m.Commit(at, 0x2000, synth.PageReadWrite)
			}, vmmap.Unknown},
			{"in the middle of an allocation", func(p *synth.Process, m *synth.Image) {
				m.Reserve(at-0x10000, 0x20000, synth.MemPrivate, synth.PageReadWrite)
				m.Commit(at-0x10000, 0x12000, synth.PageReadWrite)
				m.DropRange(at-0x10000, 0x12000)
			}, vmmap.Unknown},
		} {
			p := process(synth.Win10v1809, a)
			field := uint64(0x18)
			if a == synth.X64 {
				field = 0x30
			}
			got, kind := kindAt(t, p, at+0x10, func(m *synth.Image) {
				x.do(p, m)
				m.PutPtr(p.PEB+field, at)
			})
			if got != x.want || (got == vmmap.Heap) != strings.Contains(kind, "not walked") {
				t.Errorf("%v, %s: %v %q, want %v", a, x.name, got, kind, x.want)
			}
		}
	}
}
