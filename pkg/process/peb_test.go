package process_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/process"
)

// bothFound says that both heaps of proc were found by the scan at least.
func bothFound(f finding) bool {
	a, ok1 := f.at(0x1d0000)
	b, ok2 := f.at(0x3d0000)
	return ok1 && ok2 && a.Found.Has(process.ByScan) && b.Found.Has(process.ByScan) && len(f.refs) == 2
}

func TestPEBFields(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64, synth.ARM64} {
		p := proc(synth.Win10v1809, a)
		p.NtGlobalFlag, p.SegmentReserve, p.SegmentCommit = 0x70, 0x123000, 0x5000
		p.DeCommitTotal, p.DeCommitFreeBlock, p.MaximumHeaps = 0x11000, 0x2200, 48
		p.ImagePath, p.Command = `C:\Orchard\press.exe`, `press.exe --all "äpple"`
		p.Prepare = func(*synth.Built) {}
		b := p.Build()
		b.Image.PutPtr(p.PEBFieldAddr("ReadOnlySharedMemoryBase"), 0x7f000000)
		got := find(t, b.Redump())
		want := process.PEB{
			Address: memory.Addr(p.PEB), Bits: 64, Bytes: 0x124, ImageBaseAddress: memory.Addr(p.ImageBase), ProcessHeap: 0x1d0000,
			ReadOnlySharedMemoryBase: 0x7f000000, NtGlobalFlag: 0x70, HeapSegmentReserve: 0x123000, HeapSegmentCommit: 0x5000,
			HeapDeCommitTotalFreeThreshold: 0x11000, HeapDeCommitFreeBlockThreshold: 0x2200, NumberOfHeaps: 2, MaximumNumberOfHeaps: 48,
			ProcessHeaps: memory.Addr(p.ProcessHeaps), OSMajorVersion: 10, OSBuildNumber: 19041, ImagePath: p.ImagePath, CommandLine: p.Command,
			Via: fmt.Sprintf("TEB %#x of thread %#x", p.TEBs[0], b.Dump.Threads[0].ID),
		}
		if a == synth.X86 {
			want.Bits = 32
		}
		if len(got.pebs) != 1 {
			t.Fatalf("%v: %d PEBs", a, len(got.pebs))
		}
		have := got.pebs[0]
		have.ProcessParameters, have.Ldr = 0, 0
		if have != want || have.Partial() {
			t.Errorf("%v:\n%+v, want\n%+v", a, have, want)
		}
	}
}

// pebEnds is where the fields end, from the public symbols, x86 and x64.
var pebEnds = map[string][2]uint64{
	"ProcessHeap": {0x1c, 0x38}, "ReadOnlySharedMemoryBase": {0x50, 0x90}, "NtGlobalFlag": {0x6c, 0xc0},
	"HeapSegmentReserve": {0x7c, 0xd0}, "HeapSegmentCommit": {0x80, 0xd8}, "HeapDeCommitTotalFreeThreshold": {0x84, 0xe0},
	"HeapDeCommitFreeBlockThreshold": {0x88, 0xe8}, "NumberOfHeaps": {0x8c, 0xec}, "MaximumNumberOfHeaps": {0x90, 0xf0},
	"ProcessHeaps": {0x94, 0xf8}, "OSMajorVersion": {0xa8, 0x11c}, "OSMinorVersion": {0xac, 0x120}, "OSBuildNumber": {0xae, 0x122},
}

// TestPEBCut cuts the PEB after every number of bytes: what is beyond is not
// known, nothing is concluded from its zeros, and no heap is lost.
func TestPEBCut(t *testing.T) {
	for i, a := range []synth.Arch{synth.X86, synth.X64} {
		p := proc(synth.Win10v1809, a)
		p.NtGlobalFlag = 0x70
		d := p.Build().Dump
		whole := d.Memory
		for n := uint64(0); n <= 0x130; n++ {
			d.Memory = whole
			cutAt(d, p.PEB+n)
			got := find(t, d)
			if !bothFound(got) {
				t.Fatalf("%v: %d bytes: %q", a, n, got.rows())
			}
			var want []string
			switch {
			case n < pebEnds["ProcessHeap"][i]:
				want = []string{"peb-missing incomplete ", "peb-missing incomplete "}
			case n < pebEnds["NumberOfHeaps"][i]:
				want = []string{"peb-heaps-missing incomplete NumberOfHeaps"}
			case n < pebEnds["ProcessHeaps"][i]:
				want = []string{"peb-heaps-missing incomplete ProcessHeaps"}
			}
			if c := got.codes(); !slices.Equal(c, want) {
				t.Fatalf("%v: %d bytes: %q, want %q", a, n, got.problems, want)
			}
			if n < pebEnds["ProcessHeap"][i] {
				continue
			}
			peb := got.pebs[0]
			for name, ends := range pebEnds {
				v := reflect.ValueOf(peb).FieldByName(name)
				if peb.Knows(name) != (ends[i] <= n) || !peb.Knows(name) && !v.IsZero() {
					t.Errorf("%v: %d bytes: %s is %v, known %v", a, n, name, v, peb.Knows(name))
				}
			}
			if peb.Partial() != (n < pebEnds["OSBuildNumber"][i]) {
				t.Errorf("%v: %d bytes: partial %v", a, n, peb.Partial())
			}
		}
	}
}

func TestKnowsNoOtherField(t *testing.T) {
	if (process.PEB{Bits: 64, Bytes: 0x124}).Knows("TlsBitmap") {
		t.Error("a field that is not read is known")
	}
}

func TestNoWayToThePEB(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		for _, c := range []struct {
			name    string
			prepare func(*synth.Process, *synth.Built)
			codes   []string
			says    string
		}{
			{"no threads", func(_ *synth.Process, b *synth.Built) { b.Dump.Threads = nil }, []string{"peb-missing incomplete "}, "the dump has no threads"},
			{"TEB not saved", func(p *synth.Process, b *synth.Built) { b.Image.Drop(p.TEBs[0]) }, []string{"peb-missing incomplete "}, "no thread's TEB is in the dump"},
			{"no TEB", func(_ *synth.Process, b *synth.Built) { b.Dump.Threads[0].TEB = 0 }, []string{"peb-missing incomplete "}, "no thread's TEB"},
			{"PEB not saved", func(p *synth.Process, b *synth.Built) { b.Image.Drop(p.PEB) }, []string{"peb-missing incomplete ", "peb-missing incomplete "}, "none of the PEBs"},
			{"wrong Self", func(p *synth.Process, b *synth.Built) { b.Image.PutPtr(p.TEBs[0]+6*a.PtrSize(), p.TEBs[0]+8) },
				[]string{"teb corrupt NtTib.Self", "peb-missing incomplete "}, "no thread's TEB is sound"},
			{"null PEB", func(p *synth.Process, b *synth.Built) { b.Image.PutPtr(p.TEBs[0]+12*a.PtrSize(), 0) }, []string{"peb-missing incomplete "}, "no thread's TEB"},
		} {
			t.Run(fmt.Sprint(c.name, " ", a), func(t *testing.T) {
				p := proc(synth.Win7, a)
				p.Prepare = func(b *synth.Built) { c.prepare(p, b) }
				got := find(t, p.Build().Dump)
				if !slices.Equal(got.codes(), c.codes) || !strings.Contains(got.problems[len(got.problems)-1].Got, c.says) {
					t.Errorf("%q, want %q", got.problems, c.codes)
				}
				if len(got.pebs) != 0 || !bothFound(got) || got.refs[0].Listed || got.refs[0].Default {
					t.Errorf("PEBs %+v, heaps %q", got.pebs, got.rows())
				}
			})
		}
	}
}

func TestOneSoundThreadIsEnough(t *testing.T) {
	p := proc(synth.Win7, synth.X64)
	p.TEBs = []uint64{0x9d1e4e2000, 0x9d1e4e4000, 0x9d1e4e6000}
	p.Prepare = func(b *synth.Built) {
		b.Image.PutU64(p.TEBs[0]+0x30, 1)
		b.Image.Drop(p.TEBs[1])
	}
	got := find(t, p.Build().Dump)
	if len(got.pebs) != 1 || !slices.Equal(got.codes(), []string{"teb corrupt NtTib.Self"}) || !got.refs[0].Listed {
		t.Errorf("%+v %q", got.pebs, got.problems)
	}
}

// TestManyPEBs: threads that lead to other PEBs are problems, and a few such
// PEBs are read at most, whatever the number of threads.
func TestManyPEBs(t *testing.T) {
	p := proc(synth.Win7, synth.X64)
	p.TEBs = nil
	for i := range uint64(20) {
		p.TEBs = append(p.TEBs, 0x9d1e4e2000+i*0x10000)
	}
	p.Prepare = func(b *synth.Built) {
		for i, teb := range p.TEBs[1:] {
			peb := p.PEB + 0x1000000 + uint64(i)*0x1000
			b.Image.Write(peb, b.Image.Read(p.PEB, 0x1000))
			b.Image.PutU64(teb+0x60, peb)
		}
	}
	got := find(t, p.Build().Dump)
	if len(got.pebs) != 3 || len(got.problems) != 19 || got.pebs[0].Address != memory.Addr(p.PEB) || len(got.refs) != 2 {
		t.Errorf("%d PEBs, %q, %q", len(got.pebs), got.rows(), got.codes())
	}
}

// TestSystemInfoLies has a processor of the other width in SystemInfo, or none
// that is known: the TEBs say what they are.
func TestSystemInfoLies(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		for _, said := range []synth.Arch{synth.X86, synth.X64, 0xffff} {
			p := proc(synth.Win7, a)
			b := p.Build()
			b.Dump.Arch = said
			got := find(t, b.Dump)
			want := []string{"teb corrupt NtTib.Self"}
			if said == a || said == 0xffff {
				want = nil
			}
			if len(got.pebs) != 1 || got.pebs[0].Bits != int(a.PtrSize())*8 || len(got.refs) != 2 || !got.refs[1].Listed {
				t.Errorf("%v as %v: %+v %q", a, said, got.pebs, got.rows())
			}
			if !slices.Equal(got.codes(), want) {
				t.Errorf("%v as %v: %q", a, said, got.problems)
			}
		}
	}
}

func TestWayToThe32BitTEB(t *testing.T) {
	for _, c := range []struct {
		name    string
		family  synth.Family
		prepare func(*synth.Image, uint64)
		pebs    int
	}{
		{"by the first field", synth.Win7, func(*synth.Image, uint64) {}, 2},
		{"first field damaged", synth.Win7, func(m *synth.Image, teb uint64) { m.PutU64(teb, 0x414141) }, 2},
		{"first field null", synth.Win10v1809, func(m *synth.Image, teb uint64) { m.PutU64(teb, 0) }, 2},
		{"by WowTebOffset alone", synth.Win10v1809, func(m *synth.Image, teb uint64) {
			m.PutU64(teb, 0)
			m.PutU32(teb+0x180c, 0xffff0000) // below the 64-bit one
			m.Reserve(teb-0x10000, 0x1000, synth.MemPrivate, synth.PageReadWrite)
			m.Write(teb-0x10000, m.Read(teb+0x2000, 0x1000))
			m.PutU32(teb-0x10000+0x18, uint32(teb-0x10000))
			m.PutU32(teb+0x2018, 0)
		}, 2},
		{"none", synth.Win10v1809, func(m *synth.Image, teb uint64) { m.PutU32(teb+0x2018, 0) }, 1},
		{"first field leads beyond 4 GiB", synth.Win10v1809, func(m *synth.Image, teb uint64) {
			m.PutU64(teb, 1<<32|(teb+0x2000))
			m.PutU32(teb+0x2018, 0)
			m.PutU32(1<<32|(teb+0x2018), uint32(teb+0x2000))
		}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := wow(c.family)
			p.Prepare = func(b *synth.Built) { c.prepare(b.Image, p.TEBs[0]) }
			got := find(t, p.Build().Dump)
			if len(got.pebs) != c.pebs || len(got.problems) != 0 {
				t.Errorf("%+v %q", got.pebs, got.problems)
			}
			for _, h := range []uint64{0x480000, 0x10000, 0x5d0000, 0x940000} {
				if _, ok := got.at(h); !ok {
					t.Errorf("%#x not found", h)
				}
			}
		})
	}
}

// TestEmpty32BitPEB: Wine prepares a 32-bit TEB and PEB beside those of a
// 64-bit program. They say nothing, and no problem is made of them.
func TestEmpty32BitPEB(t *testing.T) {
	p := wow(synth.Win7)
	p.Prepare = func(b *synth.Built) { b.Image.Fill(p.PEB32, 0x1000, []byte{0}) }
	got := find(t, p.Build().Dump)
	if len(got.pebs) != 1 || got.pebs[0].Bits != 64 || len(got.problems) != 0 {
		t.Errorf("%+v %q", got.pebs, got.problems)
	}
}

func TestTextsOfTheProcess(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		p := proc(synth.Win7, a)
		p.ImagePath, p.Command = `C:\a.exe`, `a.exe -x`
		b := p.Build()
		params := b.Image.Ptr(p.PEB + 4*a.PtrSize())
		path := params + map[synth.Arch]uint64{synth.X86: 0x38, synth.X64: 0x60}[a]
		b.Image.PutPtr(path+a.PtrSize(), 0x13570000) // its text is nowhere
		got := find(t, b.Redump())
		if peb := got.pebs[0]; peb.ImagePath != "" || peb.CommandLine != p.Command {
			t.Errorf("%v: %q %q", a, peb.ImagePath, peb.CommandLine)
		}
	}
}

func TestWaysAndCodes(t *testing.T) {
	all := process.Ways(1<<process.ByPEB | 1<<process.ByPEBDefault | 1<<process.ByDescriptor | 1<<process.ByScan | 1<<process.ByShared)
	if got := all.List(); !slices.Equal(got, []string{"peb", "peb-process-heap", "descriptor", "scan", "shared-memory"}) {
		t.Errorf("%q", got)
	}
	if process.Ways(0).List() != nil || process.Ways(1<<process.ByScan).Has(process.ByPEB) {
		t.Error("an empty set has ways")
	}
	for _, c := range []diag.Code{process.CodePEBMissing, process.CodePEBHeaps, process.CodePEBHeapsMissing, process.CodeTEB} {
		if process.Codes()[c] == "" {
			t.Errorf("%v has no meaning", c)
		}
	}
}
