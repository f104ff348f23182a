package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/cli"
	"github.com/heapdump/heapdump/internal/synth"
)

// leaking is a dump of a program that has lost so many blocks of 1,000 bytes,
// and has so many handles.
func leaking(t *testing.T, name string, blocks, handles int) string {
	t.Helper()
	items := make([]synth.Item, blocks)
	for i := range items {
		items[i] = synth.Busy(1000)
	}
	p := synth.NewProcess(synth.Win10v1809, synth.X64)
	p.ImagePath, p.ImageBase = `C:\app\leak.exe`, 0x7ff6c0010000
	pe := &synth.PE{Arch: synth.X64, Base: p.ImageBase, Sections: []synth.PESection{
		{Name: ".text", RVA: 0x1000, Size: 0x2000, Flags: synth.SecCode}, {Name: ".data", RVA: 0x4000, Size: 0x1000, Flags: synth.SecData}}}
	p.Modules = []synth.Module{{Base: p.ImageBase, Size: pe.Size(), Name: p.ImagePath, PE: pe}}
	p.AddHeap(&synth.Heap{Address: 0x1d0000000, Flags: synth.FlagGrowable, Segments: []synth.Segment{{Reserve: uint64(blocks)*0x400 + 0x100000, Items: items}}})
	p.Prepare = func(b *synth.Built) {
		h := &synth.HandleData{}
		for i := range handles {
			h.Handles = append(h.Handles, synth.Handle{Handle: uint64(4 * (i + 1)), TypeName: "Event"})
		}
		b.Dump.Handles = h
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, p.Build().Dump.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestGates: every kind of condition where it holds and where it does not, on
// every command that knows it.
func TestGates(t *testing.T) {
	bad := leaking(t, "bad.dmp", 11_000, 10_001) // 11,000,000 bytes are more than 10 MiB
	good := leaking(t, "good.dmp", 10_000, 10_000)
	damaged := filepath.Join(t.TempDir(), "damaged.dmp")
	if err := os.WriteFile(damaged, synth.Damaged().Build().Dump.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ command, expression, fires, not string }{
		{"triage", "leaked_bytes>10MiB", bad, good},
		{"leaks", "leaked_bytes>10MiB", bad, good},
		{"leaks", "leaked_blocks>10000", bad, good},
		{"leaks", "severity>=high", bad, damaged},
		{"triage", "corruption", damaged, bad},
		{"check", "corruption", damaged, bad},
		{"check", "severity>=high", damaged, bad},
		{"triage", "handles>10000", bad, good},
		{"handles", "handles>10000", bad, good},
		{"handles", "severity>=medium", bad, damaged},
		{"triage", "heap.committed>10500KiB", bad, good},
		{"summary", "heap.committed>10500KiB", bad, good},
		{"triage", "severity>=high", damaged, ""},
		{"triage", "corruption>99,handles>10000,leaked_bytes>1GiB", bad, good},
		{"check", "corruption>99,HD1102", damaged, bad},
		{"triage", "heap.committed>2GiB", "", bad},
		{"triage", "never", "", damaged},
	} {
		for path, want := range map[string]int{c.fires: 1, c.not: 0} {
			if path == "" {
				continue
			}
			w := newWorld(nil)
			code := cli.Main(context.Background(), []string{c.command, "--fail-on", c.expression, path}, w.Env)
			if code != want || want == 1 && !strings.Contains(w.stderr.String(), "heapdump: --fail-on: ") || w.stdout.Len() == 0 {
				t.Errorf("%s --fail-on %s %s: exit %d, want %d: %s", c.command, c.expression, filepath.Base(path), code, want, w.stderr.String())
			}
		}
	}
}

// holding is a dump of a program whose heap has one block of so many bytes
// outside its segments.
func holding(t *testing.T, name string, bytes uint64) string {
	t.Helper()
	p := synth.NewProcess(synth.Win10v1809, synth.X64)
	p.ImagePath, p.ImageBase = `C:\app\hold.exe`, 0x7ff6c0010000
	p.AddHeap(&synth.Heap{Address: 0x1d0000000, Flags: synth.FlagGrowable, Segments: []synth.Segment{{Reserve: 0x10000, Items: []synth.Item{synth.Busy(100)}}},
		Virtual: []synth.Virtual{{Address: 0x200000000, Size: bytes, FirstPage: true}}})
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, p.Build().Dump.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestGatesOfSize: more than 2 GiB of heap, and 2 GiB all but a heap's worth; a
// growth of 5 percent and less against a baseline; bounds with fractions.
func TestGatesOfSize(t *testing.T) {
	over, under := holding(t, "over.dmp", 2<<30), holding(t, "under.dmp", 2<<30-1<<20)
	known := filepath.Join(t.TempDir(), "known.json")
	gate := func(want int, says string, args ...string) {
		t.Helper()
		w := newWorld(nil)
		if code := cli.Main(context.Background(), args, w.Env); code != want || !strings.Contains(w.stderr.String(), says) {
			t.Errorf("%q: exit %d, want %d with %q: %s", args, code, want, says, w.stderr.String())
		}
	}
	for _, command := range []string{"summary", "triage"} { // a page for the block's node, one of the segment
		gate(1, "heap.committed>2GiB (it is 2147491840)", command, "--fail-on", "heap.committed>2GiB", over)
		gate(0, "", command, "--fail-on", "heap.committed>2GiB", under)
		gate(1, "heap.committed>1.99GiB (it is 2146443264)", command, "--fail-on", "heap.committed>1.99GiB", under)
		gate(0, "", command, "--fail-on", "heap.committed>2.01GiB", over)
		gate(2, `"1.5.5GiB": a size such as 10MiB, 1.5GiB or 4096 was expected`, command, "--fail-on", "heap.committed>1.5.5GiB", over)
	}
	gate(0, "", "baseline", "write", "--reason", "a test", "-o", known, leaking(t, "then.dmp", 1000, 0))
	gate(1, "growth>5% (it is 6.0%)", "triage", "--baseline", known, "--fail-on", "growth>5%", leaking(t, "more.dmp", 1060, 0))
	gate(0, "", "triage", "--baseline", known, "--fail-on", "growth>5%", leaking(t, "alike.dmp", 1050, 0))
	gate(2, "growth is measured against --baseline FILE, which is not given", "triage", "--fail-on", "growth>5%", over)
	gate(4, "growth>5% cannot be judged", "triage", "--strict", "--baseline", known, "--fail-on", "growth>5%", over) // another program
}

// TestNoHalfFile: where one output cannot be written none is, and the exit
// status is 3.
func TestNoHalfFile(t *testing.T) {
	path := demo(t)
	for _, args := range [][]string{
		{"-o", "nowhere/x.json"}, {"--also", "json=nowhere/x.json"}, {"-o", "good.json", "--also", "sarif=nowhere/x.sarif"},
		{"--also", "junit=good.xml", "--also", "json=nowhere/x.json"},
	} {
		dir := t.TempDir()
		full := []string{"triage", path}
		for _, a := range args {
			for _, name := range []string{"good", "nowhere"} {
				a = strings.Replace(a, name, filepath.Join(dir, name), 1)
			}
			full = append(full, a)
		}
		w := newWorld(nil)
		if code := cli.Main(context.Background(), full, w.Env); code != 3 || !strings.Contains(w.stderr.String(), "cannot write there") {
			t.Errorf("%v: exit %d: %s", args, code, w.stderr.String())
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) != 0 {
			t.Errorf("%v: left %v, %v", args, left, err)
		}
	}
}
