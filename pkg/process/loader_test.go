package process_test

import (
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
	"github.com/heapdump/heapdump/pkg/process"
)

// loaded is a process of three modules in its loader's lists; change is called
// with its memory before the dump is made.
func loaded(t *testing.T, a synth.Arch, change func(*synth.Built, uint64)) (process.Source, process.PEB) {
	t.Helper()
	p := synth.NewProcess(synth.Win10v1809, a)
	p.Loader, p.ImagePath, p.Command = true, `C:\a\one.exe`, `one.exe -x`
	p.Modules = []synth.Module{{Base: 0x400000, Size: 0x3000, Name: `C:\a\one.exe`}, {Base: 0x500000, Size: 0x4000, Name: `C:\a\two.dll`},
		{Base: 0x600000, Size: 0x5000, Name: `C:\a\three.dll`}}
	p.Environment = []string{`=C:=C:\a`, `PATH=C:\a;C:\b`, `Empty=`}
	p.Prepare = func(b *synth.Built) {
		if change != nil {
			off, head := uint64(0x18), uint64(0x10)
			if a == synth.X86 {
				off, head = 0xc, 0xc
			}
			ldr := b.Image.Ptr(p.PEB + off)
			change(b, ldr+head)
		}
	}
	f, err := minidump.Parse(p.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	s := process.Source{Space: f.Memory(nil), Bits: f.Arch().Bits()}
	for _, th := range f.Threads(nil) {
		s.Threads = append(s.Threads, process.Thread{ID: th.ID, TEB: th.TEB})
	}
	pebs := process.PEBs(s, nil)
	if len(pebs) != 1 {
		t.Fatalf("%d PEBs", len(pebs))
	}
	return s, pebs[0]
}

func TestLoader(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		s, p := loaded(t, a, nil)
		var list diag.List
		l, ok := s.ReadLoader(p, list.Add)
		if !ok || !l.Whole || !l.Initialized || !l.HasHeads || l.Empty || len(list.Problems) > 0 || len(l.Entries) != 3 {
			t.Fatalf("%+v %v %v", l, ok, list.Problems)
		}
		e := l.Entries[1]
		if e.Base != 0x500000 || e.Size != 0x4000 || e.Entry != 0x501000 || e.Path != `C:\a\two.dll` || e.Name != "two.dll" {
			t.Errorf("%+v", e)
		}
		if l.InLoad.Flink != l.Entries[0].Address || l.InLoad.Blink != l.Entries[2].Address || l.InMemory.Flink != l.Entries[0].Address+memory.Addr(2*a.PtrSize()) {
			t.Errorf("heads %+v", l)
		}
		x, ok := s.ReadParameters(p)
		if !ok || x.ImagePath != `C:\a\one.exe` || x.CommandLine != "one.exe -x" || x.CurrentDirectory != "" || !x.EnvironmentWhole {
			t.Errorf("%+v %v", x, ok)
		}
		if !slices.Equal(x.Environment, []string{`=C:=C:\a`, `PATH=C:\a;C:\b`, `Empty=`}) {
			t.Errorf("%q", x.Environment)
		}
		if v, ok := x.Variable("path"); v != `C:\a;C:\b` || !ok {
			t.Errorf("%q %v", v, ok)
		}
		if _, ok := x.Variable("none"); ok {
			t.Error("a variable that there is not")
		}
	}
}

// TestLoaderDamage: lists that end early, come back to themselves, or have a
// wrong link back. What is before the damage is read.
func TestLoaderDamage(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(m *synth.Image, head uint64)
		read   int
		whole  bool
		class  diag.Class
	}{
		{"loop", func(m *synth.Image, head uint64) {
			first := m.Ptr(head)
			second := m.Ptr(first)
			m.PutU64(second, first)
		}, 2, false, diag.Corrupt},
		{"entry outside the dump", func(m *synth.Image, head uint64) {
			m.PutU64(m.Ptr(head), 0x123456789000)
		}, 1, false, diag.Incomplete},
		{"link back", func(m *synth.Image, head uint64) {
			second := m.Ptr(m.Ptr(head))
			m.PutU64(second+8, 0x1000)
		}, 3, true, diag.Corrupt},
	} {
		s, p := loaded(t, synth.X64, func(b *synth.Built, head uint64) { c.change(b.Image, head) })
		var list diag.List
		l, ok := s.ReadLoader(p, list.Add)
		if !ok || len(l.Entries) != c.read || l.Whole != c.whole || len(list.Problems) != 1 || list.Problems[0].Class != c.class || list.Problems[0].Code != process.CodeLoader {
			t.Errorf("%s: %d entries, whole %v, %v", c.name, len(l.Entries), l.Whole, list.Problems)
		}
	}
	s, p := loaded(t, synth.X64, func(b *synth.Built, head uint64) { b.Image.PutU64(head, 0) })
	if l, ok := s.ReadLoader(p, nil); !ok || !l.Empty || l.Whole {
		t.Errorf("a list of zeros: %+v", l)
	}
	p.Ldr = 0
	if _, ok := s.ReadLoader(p, nil); ok {
		t.Error("a loader without an address")
	}
}

// TestThreadBlock: the TEB's fields at their places, and what is not there.
func TestThreadBlock(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		var teb uint64
		s, _ := loaded(t, a, func(b *synth.Built, _ uint64) {
			teb = b.Process.TEBs[0]
			last, status := teb+0x68, teb+0x1250
			if a == synth.X86 {
				last, status = teb+0x34, teb+0xbf4
			}
			b.Image.PutU32(last, 5)
			b.Image.PutU32(status, 0xc0000034)
		})
		all := s.ThreadBlocks(s.Threads[0])
		if len(all) != 1 {
			t.Fatalf("%d TEBs", len(all))
		}
		x := all[0]
		if uint64(x.Address) != teb || x.Self != x.Address || x.LastError != 5 || x.LastStatus != 0xc0000034 || x.ThreadID != uint64(s.Threads[0].ID) ||
			x.ProcessID != 0x1a2c || x.StackBase <= x.StackLimit || x.StackBase.Sub(x.DeallocationStack) != 0x40000 || x.PEB == 0 || !x.Knows("LastErrorValue") || x.Knows("Nothing") {
			t.Errorf("%+v", x)
		}
		if _, ok := s.ReadThreadBlock(0x1000, 64); ok {
			t.Error("a TEB where the dump has nothing")
		}
	}
}

// TestWOW64Thread: both TEBs and the 32-bit registers.
func TestWOW64Thread(t *testing.T) {
	p := synth.NewWOW64(synth.Win10v1809)
	f, err := minidump.Parse(p.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	s := process.Source{Space: f.Memory(nil), Bits: 64}
	th := f.Threads(nil)[0]
	all := s.ThreadBlocks(process.Thread{ID: th.ID, TEB: th.TEB})
	if len(all) != 2 || all[0].Bits != 64 || all[1].Bits != 32 || all[1].Address != all[0].Address+0x2000 || all[1].ThreadID != uint64(th.ID) {
		t.Fatalf("%+v", all)
	}
	ctx := s.WOW64Context(th.TEB)
	if len(ctx) != 0x2cc || ctx[0xb8] != 0x34 || ctx[0xb9] != 0x12 { // 0x77411234
		t.Errorf("%x", ctx)
	}
	if s.WOW64Context(0x1000) != nil {
		t.Error("registers where the dump has nothing")
	}
}
