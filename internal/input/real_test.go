package input

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
)

// realDumps is the folder of real dumps. They are compressed, so the tests of
// what pkg/minidump makes of them stand here.
func realDumps(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("HEAPDUMP_REAL")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "dumps")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the real dumps are not here; set HEAPDUMP_REAL to the folder that has them")
	}
	return dir
}

// open opens a real dump, or skips a test when it is not in the folder.
func open(t *testing.T, dir, name string) *Input {
	t.Helper()
	in, err := Open(filepath.Join(dir, name+".dmp.zst"), Options{})
	if os.IsNotExist(err) {
		t.Skip(name + " is not in the folder of real dumps")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	return in
}

// figures are facts about a dump, taken by a separate script.
type figures struct {
	name                                       string
	flags                                      minidump.Flags
	streams                                    int
	saved, cut                                 uint64
	regions                                    int
	committed, reserved                        uint64
	threads, modules                           int
	moduleBytes, ips                           uint64 // sum of the sizes; exclusive or of the instruction pointers
	rsds, names, handles, handleInfos, objects int    // names: those that are not empty; objects: different types of object
	miscSize, pid                              uint32
}

func TestRealFigures(t *testing.T) {
	dir := realDumps(t)
	for _, want := range []figures{
		{"gen-corrupt-w7enc-x64.own", 0x1826, 9, 37163008, 0, 226, 51023872, 26738688, 1, 8, 22892544, 0x14000dfea, 0, 0, 0, 0, 0, 24, 268},
		{"gen-dbg-w7-x86.own", 0x1826, 9, 59019264, 0, 826, 72921088, 1610661888, 3, 8, 18694144, 0x40eb99, 0, 0, 0, 0, 0, 24, 32},
		{"gen-dph-ros-x64.own", 0x1826, 9, 34324480, 0, 569, 50036736, 14544896, 1, 8, 22892544, 0x14000dd2a, 0, 0, 0, 0, 0, 24, 264},
		{"gen-enc-w7-x64.own", 0x1826, 9, 69099520, 0, 902, 82976768, 24195072, 3, 8, 22892544, 0x14000dfea, 0, 0, 0, 0, 0, 24, 268},
		{"gen-enc-w7-x86.own", 0x1826, 9, 67055616, 0, 923, 80957440, 1608667136, 3, 8, 18690048, 0x40ea50, 0, 0, 0, 0, 0, 24, 32},
		{"gen-std-w7-x64.dbghelp", 0x1826, 6, 123166720, 0, 0, 0, 0, 3, 8, 22892544, 0x0, 0, 0, 0, 0, 0, 24, 264},
		{"gen-wine-x64.own", 0x1826, 9, 56815616, 0, 135, 70676480, 21299200, 1, 8, 23027712, 0x140002a7a, 0, 0, 0, 0, 0, 24, 252},
		{"real-win10-11082-wow64-full", 0x21826, 10, 9216000, 0, 110, 9256960, 140735346163712, 2, 11, 8220672, 0x7ffa7bb3a338, 9, 0, 43, 5, 9, 1364, 4340},
		{"real-win10-16299-x64-noheap", 0x121, 8, 96342, 0, 0, 0, 0, 1, 4, 5222400, 0x7ffbddd70c24, 4, 0, 0, 0, 0, 1364, 13052},
		{"real-win10-17134-x64-stacks", 0x0, 10, 25568, 0, 0, 0, 0, 6, 31, 32653312, 0x2330, 31, 0, 0, 0, 0, 1364, 6256},
		{"real-win11-22631-x64-crashpad", 0x0, 11, 413908, 0, 984, 330092544, 3417688477696, 19, 42, 230309888, 0x7ff890db0ac4, 42, 14, 302, 0, 16, 832, 15212},
		{"real-win7-wow64-truncated", 0x40802, 10, 901166, 5730258, 127, 6647808, 22335488, 1, 10, 6356992, 0x40158a, 8, 0, 0, 0, 0, 1364, 5584},
		{"real-win7-x64-partial", 0x40160, 7, 29828, 0, 0, 0, 0, 1, 20, 29634560, 0x77928700, 20, 0, 0, 0, 0, 832, 9588},
		{"real-win7-x86-partial", 0x40160, 7, 27568, 0, 0, 0, 0, 1, 22, 26214400, 0x77b012fb, 22, 0, 0, 0, 0, 832, 6408},
		{"real-xp-x86-stacks", 0x0, 7, 5884, 0, 0, 0, 0, 2, 13, 6529024, 0x0, 13, 0, 0, 0, 0, 24, 3932},
	} {
		t.Run(want.name, func(t *testing.T) {
			f, err := minidump.Parse(open(t, dir, want.name).Data)
			if err != nil {
				t.Fatal(err)
			}
			var l diag.List
			got := measure(f, l.Add)
			got.name = want.name
			if got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			for _, p := range l.Problems {
				if want.name != "real-win7-wow64-truncated" {
					t.Errorf("problem %v", p)
				}
			}
			f.Check(func(p diag.Problem) { t.Errorf("problem %v", p) })
		})
	}
}

// measure takes the figures through the package under test.
func measure(f *minidump.File, sink diag.Sink) figures {
	g := figures{flags: f.Flags}
	for _, s := range f.Streams() {
		if s.Type != minidump.UnusedStream {
			g.streams++
		}
	}
	space := f.Memory(sink)
	c := space.Coverage()
	g.saved, g.cut, g.committed = c.Saved, c.Cut, c.Committed
	for _, r := range space.Regions() {
		if space.RegionsKnown() {
			g.regions++
		}
		if r.State == memory.MemReserve {
			g.reserved += r.Size()
		}
	}
	for _, th := range f.Threads(sink) {
		g.threads++
		g.ips ^= uint64(th.Context.IP)
	}
	for _, m := range f.Modules(sink) {
		g.modules++
		g.moduleBytes += m.Size()
		if m.CodeView.Kind == "RSDS" {
			g.rsds++
		}
	}
	g.names = len(f.ThreadNames(sink))
	objects := map[string]bool{}
	for _, h := range f.Handles(sink) {
		g.handles++
		g.handleInfos += len(h.Info)
		if h.Type != "" {
			objects[h.Type] = true
		}
	}
	g.objects = len(objects)
	misc, _ := f.MiscInfo()
	g.miscSize, g.pid = misc.Size, misc.ProcessID
	return g
}

// TestRealFull looks at single values of the one full dump of a real Windows,
// read off its bytes by hand.
func TestRealFull(t *testing.T) {
	f, err := minidump.Parse(open(t, realDumps(t), "real-win10-11082-wow64-full").Data)
	if err != nil {
		t.Fatal(err)
	}
	sys, _ := f.SystemInfo()
	misc, _ := f.MiscInfo()
	mem, _ := f.SystemMemory()
	vm, _ := f.VMCounters()
	th := f.Threads(nil)
	for _, c := range []struct{ got, want any }{
		{sys.Name(), "Windows 10 (10.0.11082)"}, {f.Arch(), minidump.AMD64}, {f.HasFullMemory(), true}, {misc.BuildString, "10.0.11082.1000 (rs1_release.151210-2021)"},
		{misc.DebugString, "dbgcore.amd64,10.0.10011.16384"}, {misc.TimeZone.Bias, int32(-210)}, {mem.PhysicalPages, uint32(2083803)}, {mem.CommitLimitPages, uint64(2411483)},
		{mem.Processors, uint32(8)}, {vm.WorkingSet, uint64(2998272)}, {vm.VirtualSize, uint64(14548992)}, {vm.PrivateUsage, uint64(618496)}, {vm.JobSharedCommit, uint64(4431872)},
		{len(th), 2}, {th[0].ID, uint32(0xeb0)}, {th[0].TEB, memory.Addr(0x2cd000)}, {th[0].Info.ExitStatus, uint32(259)}, {th[0].Info.StartAddress, memory.Addr(0x407260)},
		{fmt.Sprint(f.Handles(nil)[2].Info[0].Fields), "[{synchronization 1} {signaled 1}]"},
	} {
		if c.got != c.want {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
	space := f.Memory(nil)
	for a, want := range map[memory.Addr]string{0x1a0000: "4163747820000000", 0x7ffa11dcc000: "10100000d1100000"} {
		if b, err := space.View(a, 8); err != nil || fmt.Sprintf("%x", b) != want {
			t.Errorf("%v: %x, %v; want %s", a, b, err, want)
		}
	}
}

// TestRealTruncated: the cut ranges say why they are missing.
func TestRealTruncated(t *testing.T) {
	f, err := minidump.Parse(open(t, realDumps(t), "real-win7-wow64-truncated").Data)
	if err != nil {
		t.Fatal(err)
	}
	var l diag.List
	space := f.Memory(l.Add)
	if len(l.Problems) != 1 || l.Problems[0].Code != minidump.CodeMemoryRangeCut || l.Lost != 5730258 {
		t.Errorf("problems %v", l.Problems)
	}
	if got := space.Why(0x7efdb000); got != memory.FileTruncated { // the TEB
		t.Errorf("the TEB is missing because %v", got)
	}
}

// TestRealOthers: what is no Windows dump is refused, and nonsense survives.
func TestRealOthers(t *testing.T) {
	dir := realDumps(t)
	_, err := minidump.Parse(open(t, dir, "notwindows-linux-breakpad").Data)
	if want := "not a Windows minidump but a minidump of a Linux process (Breakpad or Crashpad); make a full dump of the Windows process with `procdump -ma PID`"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	for _, name := range []string{"memory64-absurd", "module-list-padded", "range", "record-count"} {
		f, err := minidump.Parse(open(t, dir, "malformed-"+name).Data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var l diag.List
		g := measure(f, l.Add)
		f.Check(l.Add)
		if name == "module-list-padded" && (g.modules != 2 || len(l.Problems) != 0) {
			t.Errorf("%d modules, problems %v", g.modules, l.Problems)
		}
		if name != "module-list-padded" && len(l.Problems) == 0 {
			t.Errorf("%s: no problems", name)
		}
	}
}
