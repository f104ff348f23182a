package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/heapdump/heapdump/internal/srum/srumtest"
	"github.com/heapdump/heapdump/internal/synth"
)

var update = flag.Bool("update", false, "write what the commands print into testdata/script; read the difference before you commit it")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"heapdump": main})
}

// TestScripts runs testdata/script. The scripts make their dumps with mkdump:
//
//	mkdump demo FILE          the demonstration process
//	mkdump article STEP FILE  the published heap of 0x2c0000 at one of its four steps
//	mkdump virtual FILE       the published heap 0x29fb0000 with its large blocks, +ust
//	mkdump leak FILE          the same with the exports that its stacks name
//	mkdump xp FILE            a small heap of Windows XP
//	mkdump oldlfh FILE        two containers of Windows XP's low-fragmentation heap, the second one's chain a loop
//	mkdump pageheap FILE      a process with a page heap in no list, its normal heap, and stacks
//	mkdump indexed [none] FILE  a process of Windows Vista with stacks by index; none: without their database
//	mkdump damaged FILE       a process with stacks, LFH slots and debug blocks, and two overruns
//	mkdump crt FILE           blocks of a debug C runtime, one overrun and one underrun
//	mkdump run N FILE         the n-th dump of a growing program, each at other addresses
//	mkdump hostile FILE       the demonstration with names that attack terminals
//	mkdump stacks FILE        the demonstration's threads and modules, without memory
//	mkdump cut BYTES FILE     the demonstration, so many bytes shorter
//
// and look at JSON with validjson FILE, which also takes NDJSON.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("..", "..", "testdata", "script"),
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HEAPDUMP_FILE", "")
			e.Setenv("TERM", "xterm")
			repo, err := filepath.Abs(filepath.Join("..", ".."))
			if err != nil {
				return err
			}
			e.Setenv("REPO", repo) // for what is no program: ci/
			if path, err := srumtest.Sample(); err == nil {
				e.Setenv("SRUDB", path)
			}
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name != "srudb" {
				return false, fmt.Errorf("no condition %q; there is srudb: go-ese's database is at hand", name)
			}
			_, err := srumtest.Sample()
			return err == nil, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"mkdump": mkdump, "validjson": validJSON},
	})
}

func mkdump(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: mkdump KIND [ARG] FILE")
	}
	demo := func() []byte { return synth.Demo().Build().Dump.Bytes() }
	number := func() int {
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		return n
	}
	var data []byte
	switch args[0] {
	case "demo":
		data = demo()
	case "article":
		data = synth.Article001(number(), 0x2c0000).Build().Dump.Bytes()
	case "virtual":
		data = synth.Article003().Build().Dump.Bytes()
	case "leak":
		data = synth.Leak().Build().Dump.Bytes()
	case "xp":
		data = small(synth.NewProcess(synth.XP, synth.X86)).Build().Dump.Bytes()
	case "oldlfh":
		data = oldFrontEnd().Build().Dump.Bytes()
	case "pageheap":
		data = paged().Build().Dump.Bytes()
	case "indexed":
		data = indexed(len(args) == 2).Build().Dump.Bytes()
	case "damaged":
		data = synth.Damaged().Build().Dump.Bytes()
	case "crt":
		data = debugged().Build().Dump.Bytes()
	case "run":
		data = growing(number())
	case "cut":
		data = demo()
		data = data[:len(data)-number()]
	case "hostile":
		p := synth.Demo()
		p.ImagePath = "C:\\evil\x1b]0;owned\x07\u202egpj.exe"
		p.Modules[0].Name = p.ImagePath
		data = p.Build().Dump.Bytes()
	case "stacks":
		d := synth.Demo().Build().Dump
		d.Flags, d.Memory, d.Regions = 0, nil, nil
		data = d.Bytes()
	default:
		ts.Fatalf("mkdump: no kind %q", args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[len(args)-1]), data, 0o666))
}

// small gives a process a heap of a few blocks.
func small(p *synth.Process) *synth.Process {
	p.AddHeap(&synth.Heap{Address: 0x250000, Flags: synth.FlagGrowable, Segments: []synth.Segment{
		{Reserve: 0x100000, Items: []synth.Item{synth.Busy(100), synth.Free(0x200), synth.Busy(24), synth.Free(0x10), synth.Busy(9)}},
	}})
	return p
}

// oldFrontEnd is a process of Windows XP with a low-fragmentation heap of two
// containers; the chain of free slots of the second is a loop.
func oldFrontEnd() *synth.Process {
	p := synth.NewProcess(synth.XP, synth.X86)
	l := synth.NewLFH(synth.XP, synth.X86, 0x340000, 0x1234)
	slots := []synth.Slot{{Busy: true, Size: 20}, {}, {Busy: true, Size: 24}, {}, {}, {Busy: true, Size: 17}}
	good := &synth.Container{Units: 4, SizeIndex: 3, Slots: slots}
	bad := &synth.Container{Units: 8, SizeIndex: 7, Slots: slots}
	h := p.AddHeap(&synth.Heap{Address: 0x250000, Flags: synth.FlagGrowable, Segments: []synth.Segment{
		{Reserve: 0x100000 - 0x30000, Items: []synth.Item{synth.Busy(100), l.Add(good), l.Add(bad), synth.Free(0x200), synth.Busy(24)}},
	}})
	l.Install(p, h)
	before := p.Prepare
	p.Prepare = func(b *synth.Built) {
		before(b)
		b.Image.PutU16(bad.FreeLink(3), bad.SlotOffset(1))
	}
	return p
}

// paged is a process with a full page heap of three allocations: a busy one
// with a stack, a freed one, and one whose fill is overwritten.
func paged() *synth.Process {
	p := small(synth.NewProcess(synth.Win7, synth.X86))
	p.Modules = []synth.Module{{Base: 0x400000, Size: 0x10000, Name: `C:\app\app.exe`}}
	p.Prepare = func(b *synth.Built) {
		b.Image.Reserve(0x1000000, 0x10000, synth.MemPrivate, synth.PageReadWrite)
		synth.StackTrace(b.Image, synth.X86, 0x1000100, 1, 0x401234, 0x402345, 0x403456)
		h := (&synth.FullPageHeap{Address: 0x4fd0000, Arch: synth.X86, NormalHeap: 0x250000, Allocs: []synth.PageAlloc{
			{Size: 0x40, Stack: 0x1000100}, {Size: 100, Freed: true}, {Size: 13}, {Size: 0x1800},
		}}).Build(b.Image)
		b.Image.Write(h.Blocks[2].User+13, []byte("!"))
	}
	return p
}

// indexed is a process of Windows Vista, the blocks, heap and lock of which
// name their stacks by an index into a stack trace database.
func indexed(database bool) *synth.Process {
	p := synth.NewProcess(synth.Vista, synth.X86)
	p.NtGlobalFlag = 0x1000
	p.Modules = []synth.Module{{Base: 0x400000, Size: 0x10000, Name: `C:\app\app.exe`}}
	p.AddHeap(&synth.Heap{Address: 0x250000, AllocatorBackTraceIndex: 3, Lock: synth.Lock{Debug: 0x280000, Trace: 4},
		Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(24).WithBlock(48).WithTrace(1), synth.Busy(24)}}},
		Virtual:  []synth.Virtual{{Address: 0x3000000, Size: 0x100000, Trace: 2}}})
	p.Prepare = func(b *synth.Built) {
		if database {
			(&synth.TraceDB{Address: 0x2a00000, Family: synth.Vista, Arch: synth.X86,
				Stacks: [][]uint64{{0x401234, 0x402345}, {0x403456}, {0x404567}, {0x405678}}}).Build(b.Image)
		}
	}
	return p
}

// debugged is a process whose debug C runtime has four blocks in a heap: the
// second is overrun by two bytes, the third underrun by one.
func debugged() *synth.Process {
	p := small(synth.NewProcess(synth.Win10v1809, synth.X86))
	p.Modules = []synth.Module{{Base: 0x400000, Size: 0x10000, Name: `C:\app\app.exe`}}
	list := &synth.CRTList{Arch: synth.X86, Form: synth.CRTUniversal, Blocks: []synth.CRTBlock{
		{Size: 13, Use: synth.CRTOwn, Request: 1},
		{Size: 5, Use: synth.CRTNormal, Request: 70, File: 0x405000, Line: 12, Content: []byte("Fence!?")},
		{Size: 40, Use: synth.CRTClient, Request: 71, File: 0x405000, Line: 14},
		{Size: 8, Use: synth.CRTNormal, Request: 72, Content: []byte("sound")},
	}}
	p.AddHeap(&synth.Heap{Address: 0x3500000, Flags: synth.FlagGrowable, Segments: []synth.Segment{{Items: list.Items()}}})
	p.Prepare = func(b *synth.Built) {
		var users []uint64
		for _, x := range b.Heaps[1].Blocks {
			if x.State == synth.StateBusy {
				users = append(users, x.User)
			}
		}
		list.Write(b.Image, users)
		b.Image.Write(list.FieldAddr(2, "gap")+3, []byte("U"))
		b.Image.Write(0x405000, []byte("c:\\src\\\"orchard\".cpp\x00"))
	}
	return p
}

func validJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: validjson FILE")
	}
	d := json.NewDecoder(strings.NewReader(ts.ReadFile(args[0])))
	for n := 0; ; n++ {
		var v any
		err := d.Decode(&v)
		if err != nil && err.Error() == "EOF" && n > 0 {
			return
		}
		ts.Check(err)
	}
}

// growing is the n-th dump of a program that allocates ten blocks of 100 bytes
// more in each, from grow.dll, and keeps seven of 40 from app.exe. Each is
// written a minute after the one before, and its modules and heap are loaded
// elsewhere. Beside that, each has two more handles of events, 1 MiB more of
// private memory, and less by 60,000 pages left of the machine's commit limit
// of a million, of which the first has 540,000 left.
func growing(n int) []byte {
	slide := uint64(n) * 0x1000000
	p := synth.NewProcess(synth.Win10v1809, synth.X64)
	p.NtGlobalFlag = 0x1000
	p.Modules = []synth.Module{
		{Base: 0x7ff600000000 + slide, Size: 0x10000, Name: `C:\app\app.exe`},
		{Base: 0x7ff700000000 + slide, Size: 0x10000, Name: `C:\app\grow.dll`},
		{Base: 0x7ff800000000 + slide, Size: 0x10000, Name: `C:\Windows\System32\ntdll.dll`},
	}
	traces := 0x1000000 + slide
	var items []synth.Item
	for range 10 * n {
		items = append(items, synth.Busy(100).WithStack(traces+0x100))
	}
	for range 7 {
		items = append(items, synth.Busy(40).WithStack(traces+0x200))
	}
	p.AddHeap(&synth.Heap{Address: 0x20000000 + slide, Flags: synth.FlagGrowable | synth.FlagStackTrace, Interceptor: 1,
		Segments: []synth.Segment{{Reserve: 0x100000, Items: items}}})
	p.Prepare = func(b *synth.Built) {
		b.Image.Reserve(traces, 0x10000, synth.MemPrivate, synth.PageReadWrite)
		b.Image.Reserve(0x40000000+slide, uint64(n)<<20, synth.MemPrivate, synth.PageReadWrite)
		app, grow, ntdll := p.Modules[0].Base, p.Modules[1].Base, p.Modules[2].Base
		synth.StackTrace(b.Image, synth.X64, traces+0x100, 1, ntdll+0x1111, grow+0x2222, app+0x3333)
		synth.StackTrace(b.Image, synth.X64, traces+0x200, 2, ntdll+0x1111, app+0x4444)
	}
	d := p.Build().Dump
	d.TimeDateStamp = 0x65000000 + uint32(60*n)
	d.SysMemory = synth.SystemCommit(synth.SystemMemoryInfo(1<<21, 1<<19), 400_000+60_000*uint64(n), 1_000_000)
	d.Handles = &synth.HandleData{Handles: []synth.Handle{{Handle: 0x4, TypeName: "File"}}}
	for i := range 2 * n {
		d.Handles.Handles = append(d.Handles.Handles, synth.Handle{Handle: 8 + 4*uint64(i), TypeName: "Event"})
	}
	return d.Bytes()
}
