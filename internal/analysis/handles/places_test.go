package handles_test

import (
	"context"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/handles"
	"github.com/heapdump/heapdump/internal/synth"
)

// holding is a process whose heap has what item says, and whose handles are 60
// numbers from 0x100 on: of six types in turn.
func holding(t *testing.T, a synth.Arch, items []synth.Item, do func(p *synth.Process, b *synth.Built)) *handles.Result {
	t.Helper()
	p := synth.NewProcess(synth.Win10v1809, a)
	p.ImagePath, p.Command = `C:\app\app.exe`, "app"
	p.AddHeap(&synth.Heap{Address: 0x2000000, Segments: []synth.Segment{{Reserve: 0x100000, Items: items}}})
	if do != nil {
		p.Prepare = func(b *synth.Built) { do(p, b) }
	}
	d := p.Build().Dump
	d.Handles = &synth.HandleData{}
	for i := range uint64(60) {
		d.Handles.Handles = append(d.Handles.Handles, synth.Handle{Handle: 0x100 + 4*i, TypeName: []string{"Event", "File", "Key", "Mutant", "Section", "Thread"}[i%6]})
	}
	x := open(t, d)
	r := handles.Take(x, handles.Filter{})
	if err := r.FindHeld(context.Background(), x, nil); err != nil {
		t.Fatal(err)
	}
	return r
}

// with is a busy block of 40 words with a word in it.
func with(a synth.Arch, at, v uint64) synth.Item {
	w := a.PtrSize()
	x := synth.Busy(40 * w)
	x.Make = func(uint64) []byte {
		b := make([]byte, 40*w)
		for i := range 4 {
			b[at*w+uint64(i)] = byte(v >> (8 * i))
		}
		return b
	}
	return x
}

// TestPlaces: blocks of one size with handles of one type at one place, and
// what spoils that.
func TestPlaces(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		events := func(n int, extra ...synth.Item) []synth.Item {
			var out []synth.Item
			for i := range uint64(n) {
				out = append(out, with(a, 5, 0x100+24*i)) // each sixth is an Event
			}
			return append(append(out, with(a, 5, 0)), extra...)
		}
		for _, x := range []struct {
			name  string
			items []synth.Item
			held  bool
		}{
			{"ten of a type", events(10), true},
			{"and no handle in one", events(10, with(a, 5, 0xffffffff)), true},
			{"one of another type", events(10, with(a, 5, 0x104)), false},
			{"one that is no handle", events(10, with(a, 5, 0x50)), false},
			{"one that is a number", events(10, with(a, 5, 0x101)), false},
			{"two of a type", events(2), false},
			{"one handle ten times", append(append(events(1), events(1)...), append(events(1), events(1)...)...), false},
		} {
			if x.name == "and no handle in one" && a == synth.X64 {
				continue // -1 has 64 bits there
			}
			r := holding(t, a, x.items, nil)
			h := r.Handles[0].Held // 0x100
			if got := h.By != ""; got != x.held || (h.Verdict == handles.Referenced) != x.held && x.held {
				t.Errorf("%v, %s: %+v", a, x.name, h)
			}
			if x.held && !strings.Contains(h.By, "word 5 of 10 blocks") {
				t.Errorf("%v: %q", a, h.By)
			}
		}
	}
}

// TestDead: a number that only a free block, or a stack below its pointer,
// still has is held by nothing.
func TestDead(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		w := a.PtrSize()
		r := holding(t, a, []synth.Item{synth.Busy(64), synth.Free(0x200), synth.Busy(24)}, func(p *synth.Process, b *synth.Built) {
			done := false
			for _, x := range b.Heaps[0].Blocks {
				if x.State == synth.StateFree && !done {
					done = true
					b.Image.PutPtr(x.Entry+0x80, 0x104)
					b.Image.PutPtr(x.Entry+0x80+w, 0x108)
				}
			}
			b.Image.PutPtr(p.StackBase-0x20, 0x108)
		})
		dead, live := r.Handles[1].Held, r.Handles[2].Held
		if dead.Total() != 0 || dead.Dead != 1 || dead.Verdict != handles.Unreferenced || dead.At != 0 {
			t.Errorf("%v: %+v", a, dead)
		}
		if live.Stack != 1 || live.Dead != 1 || live.Verdict == handles.Unreferenced || live.At == 0 {
			t.Errorf("%v: %+v", a, live)
		}
	}
}

// TestNamed: the handles of the process parameters.
func TestNamed(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		params, input := uint64(0x10), uint64(0x18)
		if a == synth.X64 {
			params, input = 0x20, 0x20
		}
		r := holding(t, a, []synth.Item{synth.Busy(64)}, func(p *synth.Process, b *synth.Built) {
			at := b.Image.Ptr(p.PEB + params)
			b.Image.PutPtr(at+input, 0x110)
			b.Image.PutPtr(at+0x300, 0x114) // no field of a handle
		})
		if h := r.Handles[4].Held; h.Verdict != handles.Referenced || !strings.HasPrefix(h.By, "RTL_USER_PROCESS_PARAMETERS.StandardInput") {
			t.Errorf("%v: %+v", a, h)
		}
		if h := r.Handles[5].Held; h.By != "" {
			t.Errorf("%v: %+v", a, h)
		}
	}
}

// TestLostHolds: what a damaged header hides of a heap counts as the heap's.
func TestLostHolds(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		r := holding(t, a, []synth.Item{synth.Busy(64), with(a, 5, 0x118), synth.Busy(64)}, func(_ *synth.Process, b *synth.Built) {
			for _, x := range b.Heaps[0].Blocks {
				if x.State == synth.StateBusy && x.Size == 40*a.PtrSize() {
					b.Image.Write(x.Entry+a.Unit()-8, []byte{0x5a, 0x11, 0x99, 0xe7, 0x3c, 0x42, 0x81, 0x0f})
				}
			}
		})
		if h := r.Handles[6].Held; h.Heap != 1 || h.Total() != 1 {
			t.Errorf("%v: %+v", a, h)
		}
	}
}
