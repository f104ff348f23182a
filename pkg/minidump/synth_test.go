package minidump

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
)

// script is a dump of two threads, two modules and some memory.
func script() *synth.Dump {
	d := synth.NewDump(synth.X64)
	d.AddModule(0x7ff600000000, 0x5000, `C:\app\app.exe`, 0x5f000000)
	d.AddModule(0x7ffa00000000, 0x9000, `C:\Windows\System32\ntdll.dll`, 0x5f000001)
	d.AddThread(synth.Thread{ID: 4, TEB: 0x2cd000, StackStart: 0x19f000, StackEnd: 0x1a0000, Context: synth.Context(synth.X64, 0x7ff600001000, 0x19f000, 0x19f800)})
	d.AddThread(synth.Thread{ID: 8, TEB: 0x2cf000, Context: synth.Context(synth.X64, 1, 2, 3)})
	d.AddThreadName(8, "second")
	for i := range 8 {
		d.AddMemory(0x10000+uint64(i)*0x1000, bytes.Repeat([]byte{byte('a' + i)}, 0x1000))
	}
	d.AddMemory(0x19f000, bytes.Repeat([]byte("stack..."), 0x200))
	d.AddRegion(synth.Region{Base: 0x10000, AllocBase: 0x10000, Size: 0x8000, State: 0x1000, Protect: 4, Type: 0x20000})
	d.AddRegion(synth.Region{Base: 0x18000, AllocBase: 0x10000, Size: 0x8000, State: 0x2000, Type: 0x20000})
	return d
}

// report says all that a dump holds, wherever in the file it lies.
func report(t *testing.T, d *synth.Dump) string {
	t.Helper()
	f, err := Parse(d.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	var l diag.List
	f.Check(l.Add)
	s := f.Memory(l.Add)
	out := fmt.Sprint(s.Coverage(), s.Regions(), f.Modules(l.Add), "\n")
	for _, th := range f.Threads(l.Add) {
		th.Stack.Offset, th.Context.Raw = 0, nil
		out += fmt.Sprintf("%+v\n", th)
	}
	b, err := s.View(0x10000, 0x8000)
	out += fmt.Sprintf("%s %v\n", b, err)
	sys, err := f.SystemInfo()
	return out + fmt.Sprint(sys, err, l.Problems)
}

// TestSameBytesElsewhere: streams in another order, memory in another order or
// list, odd offsets, padding: the same dump.
func TestSameBytesElsewhere(t *testing.T) {
	want := report(t, script())
	for name, change := range map[string]func(*synth.Dump){
		"streams shuffled": func(d *synth.Dump) { d.Shuffle = 7 },
		"memory shuffled":  func(d *synth.Dump) { d.ShuffleMemory = 9 },
		"unaligned":        func(d *synth.Dump) { d.Unaligned = true },
		"padded":           func(d *synth.Dump) { d.ThreadListPad8 = true },
		"MemoryList": func(d *synth.Dump) {
			for i := range d.Memory {
				d.Memory[i].In = synth.InMemory
			}
		},
		"both lists": func(d *synth.Dump) {
			for i := range d.Memory {
				d.Memory[i].In = synth.InBoth
			}
		},
	} {
		d := script()
		change(d)
		if got := report(t, d); got != want {
			t.Errorf("%s:\n%.2000s\nwant\n%.2000s", name, got, want)
		}
	}
}

// TestEveryCut cuts the file at every length: what the space still has is what
// the whole one has, and the rest says why not.
func TestEveryCut(t *testing.T) {
	d := synth.NewDump(synth.X64)
	d.AddMemory(0x10000, []byte("0123456789"))
	d.AddMemory(0x20000, []byte("abcdefghij"))
	whole := d.Bytes()
	f, err := Parse(whole)
	if err != nil {
		t.Fatal(err)
	}
	full := f.Memory(nil)
	for n := 32; n < len(whole); n++ {
		f, err := Parse(whole[:n:n])
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		var l diag.List
		f.Check(l.Add)
		s := f.Memory(l.Add)
		for _, r := range s.AllRuns() {
			if b, err := full.View(r.Start, uint64(len(r.Bytes))); err != nil || !bytes.Equal(b, r.Bytes) {
				t.Fatalf("%d bytes: %v: %q, %v", n, r.Start, r.Bytes, err)
			}
		}
		c := s.Coverage()
		if c.Saved+c.Cut != 20 && c.Saved+c.Cut != 10 && c.Saved+c.Cut != 0 {
			t.Fatalf("%d bytes: %+v", n, c)
		}
		if c.Cut > 0 && c.Saved+c.Cut == 20 && s.Why(0x20009) != memory.FileTruncated {
			t.Fatalf("%d bytes: %v", n, s.Why(0x20009))
		}
		if c.Saved < 20 && len(l.Problems) == 0 {
			t.Fatalf("%d bytes: no problem", n)
		}
	}
}

// many is a dump of n ranges and regions of one page.
func many(n int) []byte {
	d := synth.NewDump(synth.X64)
	page := make([]byte, 0x1000)
	for i := range n {
		a := uint64(i) * 0x3000
		d.AddMemory(a, page)
		d.AddRegion(synth.Region{Base: a, AllocBase: a, Size: 0x1000, State: 0x1000, Protect: 4, Type: 0x20000})
	}
	return d.Bytes()
}

func BenchmarkOpen20000(b *testing.B) {
	data := many(20000)
	for b.Loop() {
		f, err := Parse(data)
		if err != nil {
			b.Fatal(err)
		}
		f.Memory(nil)
	}
}
