package check_test

import (
	"context"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/check"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
)

// failing is a process with a heap, ntdll and a program; change adapts the
// record of ntdll before it is written, nil writes none.
type failing struct {
	arch   synth.Arch
	code   uint32 // of the exception; 0 for none
	drop   bool   // the dump lacks ntdll's data
	change func(f *synth.Failure, h *synth.BuiltHeap)
	damage func(h *synth.BuiltHeap)
}

const (
	ntdllBase = 0x60000000
	appBase   = 0x61000000
	recordAt  = ntdllBase + 0x3540
)

func (x failing) check(t *testing.T) (*check.Result, *synth.BuiltHeap) {
	t.Helper()
	p := synth.NewProcess(synth.Win10v1809, x.arch)
	p.AddHeap(&synth.Heap{Address: 0x3510000, Flags: synth.FlagGrowable, Segments: []synth.Segment{{Items: []synth.Item{
		synth.Busy(0x48), synth.Free(0x200), synth.Busy(0x38), synth.Free(0x300), synth.Busy(8),
	}}}})
	var images []*synth.PE
	for _, m := range []struct {
		base uint64
		name string
	}{{ntdllBase, `C:\Windows\SYSTEM32\ntdll.dll`}, {appBase, `C:\app.exe`}} {
		pe := &synth.PE{Arch: x.arch, Base: m.base, Sections: []synth.PESection{
			{Name: ".text", RVA: 0x1000, Size: 0x1000, Flags: synth.SecCode},
			{Name: ".data", RVA: 0x3000, Size: 0x1000, Flags: synth.SecData},
		}}
		images = append(images, pe)
		p.Modules = append(p.Modules, synth.Module{Base: pe.Base, Size: pe.Size(), Name: m.name})
	}
	p.Prepare = func(b *synth.Built) {
		for _, pe := range images {
			pe.Write(b.Image)
		}
		if x.damage != nil {
			x.damage(b.Heaps[0])
		}
		if x.change != nil {
			f := &synth.Failure{At: recordAt, Arch: x.arch, Type: 8, Heap: 0x3510000, Address: free(b.Heaps[0]), Params: [3]uint64{0x11, 0, 0},
				Stack: []uint64{ntdllBase + 0x1045, ntdllBase + 0x184c, appBase + 0x101c, 0x7a120000}}
			x.change(f, b.Heaps[0])
			f.Write(b.Image)
		}
		if x.drop {
			b.Image.Drop(ntdllBase + 0x3000)
		}
	}
	b := p.Build()
	if x.code != 0 {
		b.Dump.Exception = &synth.Exception{ThreadID: 0x44, Code: x.code, Flags: 1, Address: ntdllBase + 0x1500, Params: []uint64{recordAt}}
	}
	tg, err := target.Parse("test.dmp", b.Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	r, err := check.Take(context.Background(), tg, tg.Heaps, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r, b.Heaps[0]
}

// free is the entry of the heap's first free block.
func free(h *synth.BuiltHeap) uint64 {
	for _, b := range h.Blocks {
		if b.State == synth.StateFree {
			return b.Entry
		}
	}
	panic("no free block")
}

func same(*synth.Failure, *synth.BuiltHeap) {}

func TestDetected(t *testing.T) {
	for _, c := range []struct {
		name     string
		failing  failing
		detected int
		typ      string // the record's, "" when it is not there
		story    string
	}{
		{"an exception with its record", failing{code: 0xc0000374, change: same}, 1, "HEAP_FAILURE_BLOCK_NOT_BUSY", "double free"},
		{"a record alone", failing{change: same}, 1, "HEAP_FAILURE_BLOCK_NOT_BUSY", "double free"},
		{"as build 14393 has it", failing{change: func(f *synth.Failure, _ *synth.BuiltHeap) { f.Encoded = true }}, 1, "HEAP_FAILURE_BLOCK_NOT_BUSY", "double free"},
		{"another exception", failing{code: 0xc0000005, change: same}, 1, "HEAP_FAILURE_BLOCK_NOT_BUSY", "double free"},
		{"not busy, but the block is", failing{change: func(f *synth.Failure, h *synth.BuiltHeap) { f.Address = victim(h).Entry }}, 1, "HEAP_FAILURE_BLOCK_NOT_BUSY", ""},
		{"an overrun", failing{change: func(f *synth.Failure, h *synth.BuiltHeap) { f.Type, f.Address = 6, victim(h).Entry }}, 1, "HEAP_FAILURE_BUFFER_OVERRUN", "linear overrun from this block"},
		{"a write after free", failing{change: func(f *synth.Failure, _ *synth.BuiltHeap) { f.Type = 11 }}, 1, "HEAP_FAILURE_USAGE_AFTER_FREE", "write after free"},
		{"an exception whose record is missing", failing{code: 0xc0000374, change: same, drop: true}, 1, "", ""},
		{"an exception that points at something else", failing{code: 0xc0000374}, 1, "", ""},
		{"a record that is missing", failing{change: same, drop: true}, 0, "", ""},
		{"no heap of the dump", failing{change: func(f *synth.Failure, _ *synth.BuiltHeap) { f.Heap += 0x10000 }}, 0, "", ""},
		{"no address", failing{change: func(f *synth.Failure, _ *synth.BuiltHeap) { f.Address = 0 }}, 0, "", ""},
		{"no stack", failing{change: func(f *synth.Failure, _ *synth.BuiltHeap) { f.Stack = nil }}, 0, "", ""},
		{"a stack of one", failing{change: func(f *synth.Failure, _ *synth.BuiltHeap) { f.Stack = f.Stack[:1] }}, 0, "", ""},
		{"a stack of data", failing{change: func(f *synth.Failure, _ *synth.BuiltHeap) { f.Stack = []uint64{ntdllBase + 0x3045, ntdllBase + 0x3100} }}, 0, "", ""},
		{"too small to be one", failing{change: func(f *synth.Failure, _ *synth.BuiltHeap) { f.Size = 0xaf }}, 0, "", ""},
		{"too large to be one", failing{change: func(f *synth.Failure, _ *synth.BuiltHeap) { f.Size = 0x1001 }}, 0, "", ""},
		{"no type", failing{change: func(f *synth.Failure, _ *synth.BuiltHeap) { f.Type = 64 }}, 0, "", ""},
	} {
		for _, a := range []synth.Arch{synth.X86, synth.X64} {
			c.failing.arch = a
			r, _ := c.failing.check(t)
			if len(r.Detected) != c.detected || len(r.Findings) != c.detected {
				t.Errorf("%s, %v: %+v and %d findings", c.name, a, r.Detected, len(r.Findings))
				continue
			}
			if c.detected == 0 {
				continue
			}
			d, f := r.Detected[0], r.Findings[0]
			if f.Code != "heap-failure" || f.Story != c.story || (f.Story == "") != (f.Evidence == "") || f.Title == "" {
				t.Errorf("%s, %v: %v: %q because %q", c.name, a, f.Problem, f.Story, f.Evidence)
			}
			if (d.Failure == nil) != (c.typ == "") || (d.Why == "") != (c.typ != "") || d.Exception != (c.failing.code == 0xc0000374) {
				t.Errorf("%s, %v: %+v", c.name, a, d)
				continue
			}
			if c.typ == "" {
				continue
			}
			if d.Failure.Type.String() != c.typ || d.Failure.At != recordAt || d.Failure.Heap != 0x3510000 || d.Failure.Params != [3]uint64{0x11, 0, 0} ||
				len(d.Frames) != 4 || d.Frames[2].Module != "app.exe" || d.Frames[2].Offset != 0x101c || d.Frames[3].Addr != 0x7a120000 {
				t.Errorf("%s, %v: %+v, %+v", c.name, a, d.Failure, d.Frames)
			}
			if len(f.Around) < 2 || !strings.HasPrefix(f.Got, c.typ) {
				t.Errorf("%s, %v: %q, around it %+v", c.name, a, f.Got, f.Around)
			}
		}
	}
}

// TestHeld: a held lock makes a change in progress possible where the heap
// itself breaks a rule for a moment, and nowhere else.
func TestHeld(t *testing.T) {
	wrong := func(h *synth.BuiltHeap) {
		h.EditEntry(victim(h).Entry, false, func(e *synth.Entry) { e.Size = 0x7777 })
	}
	for _, c := range []struct {
		name     string
		owner    uint64
		damage   func(h *synth.BuiltHeap)
		change   func(*synth.Failure, *synth.BuiltHeap)
		held     int
		listed   bool
		findings int // that may be a change in progress
		all      int
	}{
		{"free", 0, wrong, nil, 0, false, 0, 1},
		{"held", 0x1a30, wrong, nil, 1, true, 1, 1},
		{"held by one who is gone", 0x1234, wrong, nil, 1, false, 1, 1},
		{"held, and nothing is wrong", 0x1a30, nil, nil, 1, true, 0, 0},
		{"held, where a corruption was detected", 0x1a30, wrong, same, 1, true, 0, 2},
		{"a signature is never in change", 0x1a30, func(h *synth.BuiltHeap) { h.Image.PutU32(0x3510000+8*uint64(h.Arch.PtrSize()/4), 0) }, nil, 1, true, 0, 1},
	} {
		for _, a := range []synth.Arch{synth.X86, synth.X64} {
			x := failing{arch: a, change: c.change, damage: func(h *synth.BuiltHeap) {
				if c.owner != 0 {
					lock := h.Image.Ptr(h.FieldAddr("LockVariable"))
					h.Image.PutU32(lock+h.Arch.PtrSize(), ^uint32(1)) // LockCount: held, nobody waits
					h.Image.PutU32(lock+h.Arch.PtrSize()+4, 1)
					h.Image.PutPtr(lock+h.Arch.PtrSize()+8, c.owner)
				}
				if c.damage != nil {
					c.damage(h)
				}
			}}
			r, _ := x.check(t)
			if len(r.Held) != c.held || len(r.Findings) != c.all {
				t.Errorf("%s, %v: %+v, %d findings: %v", c.name, a, r.Held, len(r.Findings), r.Findings)
				continue
			}
			n := 0
			for _, f := range r.Findings {
				if f.MidUpdate {
					n++
				}
			}
			if n != c.findings {
				t.Errorf("%s, %v: %d findings may be a change in progress, want %d", c.name, a, n, c.findings)
			}
			if c.held == 1 {
				if h := r.Held[0]; h.Heap != 0x3510000 || h.Thread != c.owner || h.Listed != c.listed || h.Recursion != 1 || h.Findings != c.findings || h.Detecting != (c.change != nil) {
					t.Errorf("%s, %v: %+v", c.name, a, h)
				}
			}
		}
	}
}
