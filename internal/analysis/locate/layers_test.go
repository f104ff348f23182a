package locate_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/locate"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

func parse(t *testing.T, p *synth.Process) *target.Target {
	t.Helper()
	tg, err := target.Parse("test.dmp", p.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return tg
}

func at(t *testing.T, tg *target.Target, a uint64) locate.Found {
	t.Helper()
	x, err := locate.At(context.Background(), tg, memory.Addr(a))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// names are the layers inside the heap that hold an address, and those of its
// block that do not in brackets.
func names(x locate.Found) string {
	var out []string
	for _, l := range x.Layers {
		switch {
		case l.Name == "region" || l.Name == "heap":
		case l.Holds(x.Address):
			out = append(out, l.Name)
		default:
			out = append(out, fmt.Sprintf("[%s]", l.Name))
		}
	}
	return strings.Join(out, " ")
}

// layered is a process with the layers that an NT block can have: slots of the
// low-fragmentation heap, one with an extended header, light page heap blocks,
// and in another heap blocks of a debug C runtime and a virtual one.
type layered struct {
	p    *synth.Process
	c    *synth.Container
	list *synth.CRTList
	l    uint64 // user address of the NT block with the light header
	crt  []uint64
}

func newLayered(a synth.Arch) *layered {
	x := &layered{p: synth.NewProcess(synth.Win10v1809, a)}
	p := x.p
	p.Modules = []synth.Module{{Base: 0x400000, Size: 0x10000, Name: `C:\app\app.exe`}}
	lfh := synth.NewLFH(p.Family, a, 0x5000000, 0x5a17c3d2e4f60b)
	x.c = &synth.Container{Units: 8, SizeIndex: 7, Slots: []synth.Slot{{Busy: true, Size: 20}, {}, {Busy: true, Size: 30, Stack: 0x1000100}}}
	light := synth.LightBlock(a, 0x9000000, 40, 16, 0x1000100, false)
	freed := synth.LightBlock(a, 0x9000000, 40, 16, 0x1000100, true)
	item, gone := synth.Busy(uint64(len(light(0)))), synth.Busy(uint64(len(freed(0))))
	item.Make = func(user uint64) []byte { x.l = user; return light(user) }
	gone.Make = freed
	h := p.AddHeap(&synth.Heap{Address: 0x250000, Flags: synth.FlagGrowable | synth.FlagStackTrace, Lock: synth.Lock{Debug: 0x280000},
		Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(24), lfh.Add(x.c), item, gone, synth.Uncommitted(0x2000)}}}})
	x.list = &synth.CRTList{Arch: a, Form: synth.CRTUniversal, Blocks: []synth.CRTBlock{{Size: 13, Use: synth.CRTNormal, Request: 1}, {Size: 40, Use: synth.CRTNormal, Request: 2}}}
	p.AddHeap(&synth.Heap{Address: 0x3500000, Flags: synth.FlagGrowable, Segments: []synth.Segment{{Items: x.list.Items()}},
		Virtual: []synth.Virtual{{Address: 0x3000000, Size: 0x100000}}})
	p.Prepare = func(b *synth.Built) {
		b.Image.Reserve(0x1000000, 0x10000, synth.MemPrivate, synth.PageReadWrite)
		synth.StackTrace(b.Image, a, 0x1000100, 1, 0x401000, 0x402000)
		for _, y := range b.Heaps[1].Blocks {
			if y.State == synth.StateBusy && y.Origin == synth.OriginBackEnd {
				x.crt = append(x.crt, y.User)
			}
		}
		x.list.Write(b.Image, x.crt)
		(&synth.FullPageHeap{Address: 0x9000000, Arch: a, NormalHeap: 0x250000, Allocs: []synth.PageAlloc{{Size: 8}}}).Build(b.Image)
	}
	lfh.Install(p, h)
	return x
}

// TestLayers: the layers that hold an address, and those beside it in its
// block, for an address in each of them.
func TestLayers(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		x := newLayered(a)
		tg := parse(t, x.p)
		u, head := a.Unit(), uint64(0x20)
		if a == synth.X64 {
			head = 0x40
		}
		slot := x.c.Slot(2)
		crtHead := x.list.FieldAddr(0, "gap") + 4 - x.crt[0]
		root := uint64(0x9000000)
		for _, d := range []struct {
			at   uint64
			want string
			says string
		}{
			{x.c.UserBlocks + 1, "segment subsegment block", "in a block of the heap's own (a header, an end marker, or a front end's container)"},
			{slot, "segment subsegment block entry [extended header] [user data] [unused]", "in the header of a busy block"},
			{slot + 3*u - 1, "segment subsegment block [entry] extended header [user data] [unused]", "in the header of a busy block"},
			{slot + 3*u + 29, "segment subsegment block [entry] [extended header] user data [unused]", "in a busy block"},
			{slot + 3*u + 30, "segment subsegment block [entry] [extended header] [user data] unused", "behind the program's bytes of a busy block, in its unused ones"},
			{x.c.Slot(1) + u, "segment subsegment block [entry] free bytes", "in a free block"},
			{x.l - 1, "segment block entry [light page heap header] [user data] [unused]", "in the entry of a busy block of light page heap"},
			{x.l + head - 1, "segment block [entry] light page heap header [user data] [unused]", "in the page heap header of a busy block of light page heap"},
			{x.l + head + 39, "segment block [entry] [light page heap header] user data [unused]", "in a busy block of light page heap"},
			{x.l + head + 40, "segment block [entry] [light page heap header] [user data] unused", "behind the program's bytes of a busy block of light page heap"},
			{0x250000, "segment block", "in a block of the heap's own (a header, an end marker, or a front end's container)"},
			{x.crt[0] + crtHead - 1, "segment block [entry] CRT header [user data] [CRT fence] [unused]", "in the debug C runtime's header of a busy block"},
			{x.crt[0] + crtHead + 12, "segment block [entry] [CRT header] user data [CRT fence] [unused]", "in a busy block of a debug C runtime"},
			{x.crt[0] + crtHead + 13, "segment block [entry] [CRT header] [user data] CRT fence [unused]", "in the debug C runtime's fence behind the program's bytes of a busy block"},
			{0x3000000 + 0x800, "virtual block block [entry] user data [unused]", "in a busy block"},
			{root + 0x10, "range block", "in a block of the heap's own (a header, an end marker, or a front end's container)"},
			{0x400010, "image", "in no heap: in the module app.exe"},
			{0x7000000, "", "in no heap: free address space"},
		} {
			got := at(t, tg, d.at)
			for _, l := range got.Layers { // on x64 the fence ends in the next entry
				if l.Name == "CRT fence" && l.At.Size() != 4 || l.Name == "user data" && got.CRT != nil && l.At.Size() != 13 {
					t.Errorf("%v %#x: %+v", a, d.at, l)
				}
			}
			if n := strings.ReplaceAll(names(got), " [unused]", ""); n != strings.ReplaceAll(d.want, " [unused]", "") {
				t.Errorf("%v %#x: %q, want %q", a, d.at, n, d.want)
			}
			if got.Says != d.says {
				t.Errorf("%v %#x: %q, want %q", a, d.at, got.Says, d.says)
			}
			if (len(got.Stack) == 2) != (d.at >= slot && d.at < slot+8*u || d.at >= x.l-u && d.at < x.l+head+64) {
				t.Errorf("%v %#x: stack %v", a, d.at, got.Stack)
			}
		}
		lock := uint64(tg.Heaps[0].NT.Header.LockVariable)
		if got := at(t, tg, lock+4); names(got) != "segment block critical section" || got.Section == nil || uint64(got.Section.Address) != lock {
			t.Errorf("%v: the lock: %s", a, names(got))
		}
		if got := at(t, tg, x.l+head); got.Light == nil || got.Light.Freed || got.Light.Requested != 40 {
			t.Errorf("%v: %+v", a, got.Light)
		}
	}
}
