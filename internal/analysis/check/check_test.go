package check_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/check"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
)

// checked builds a process with one heap of five blocks, lets damage change
// it, and checks it.
func checked(t *testing.T, a synth.Arch, damage func(b *synth.Built, h *synth.BuiltHeap)) *check.Result {
	t.Helper()
	p := synth.NewProcess(synth.Win7, a)
	p.AddHeap(&synth.Heap{Address: 0x250000, Flags: synth.FlagGrowable, Segments: []synth.Segment{{Items: []synth.Item{
		synth.Busy(0x48), synth.Busy(0x28), synth.Free(0x200), synth.Busy(0x38), synth.Free(0x300), synth.Busy(8),
	}}}})
	p.Prepare = func(b *synth.Built) { damage(b, b.Heaps[0]) }
	tg, err := target.Parse("test.dmp", p.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	r, err := check.Take(context.Background(), tg, tg.Heaps, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// victim is the second busy block, from whose entry the damages are counted.
func victim(h *synth.BuiltHeap) synth.Block {
	n := 0
	for _, b := range h.Blocks {
		if b.State == synth.StateBusy {
			if n++; n == 2 {
				return b
			}
		}
	}
	panic("no second busy block")
}

func TestStories(t *testing.T) {
	for _, c := range []struct {
		name   string
		story  string
		prefix string // of the rule
		damage func(b *synth.Built, h *synth.BuiltHeap)
	}{
		{"text runs over a header", "linear overrun from the block before", "entry-", func(b *synth.Built, h *synth.BuiltHeap) {
			v := victim(h)
			b.Image.Write(v.User-24, []byte("the quick brown fox jumps"[:24]))
		}},
		{"a fill runs over a header", "linear overrun from the block before", "entry-", func(b *synth.Built, h *synth.BuiltHeap) {
			v := victim(h)
			b.Image.Write(v.User-24, bytes.Repeat([]byte{0xcc}, 24))
		}},
		{"a header of noise", "", "entry-", func(b *synth.Built, h *synth.BuiltHeap) {
			v := victim(h)
			b.Image.Write(v.User-8, []byte{0x91, 0x03, 0xfe, 0x77, 0x10, 0xc4, 0x6b, 0xd2})
		}},
		{"a flipped bit", "bit flip", "entry-size", func(_ *synth.Built, h *synth.BuiltHeap) {
			h.EditEntry(victim(h).Entry, false, func(e *synth.Entry) { e.Size ^= 0x400 })
		}},
		{"a size", "single-field smash", "entry-size", func(_ *synth.Built, h *synth.BuiltHeap) {
			h.EditEntry(victim(h).Entry, false, func(e *synth.Entry) { e.Size = 0x7777 })
		}},
		{"a block freed twice at the end of the list", "double free", "free-list", func(b *synth.Built, h *synth.BuiltHeap) {
			// What the second insertion leaves of its Blink: it leads to itself.
			for _, x := range h.Blocks {
				if x.State == synth.StateFree {
					node := x.Entry + h.Arch.Unit()
					b.Image.PutPtr(node+h.Arch.PtrSize(), node)
					return
				}
			}
		}},
		{"a link", "list damage", "free-list", func(b *synth.Built, h *synth.BuiltHeap) {
			for _, x := range h.Blocks {
				if x.State == synth.StateFree {
					b.Image.PutPtr(x.Entry+h.Arch.Unit(), 0x10dbe00)
					return
				}
			}
		}},
	} {
		for _, a := range []synth.Arch{synth.X86, synth.X64} {
			r := checked(t, a, c.damage)
			if len(r.Findings) == 0 {
				t.Errorf("%s, %v: nothing found, not checked %v", c.name, a, r.NotChecked)
				continue
			}
			f := r.Findings[0]
			if f.Story != c.story || (f.Evidence == "") != (f.Story == "") || !strings.HasPrefix(string(f.Code), c.prefix) || f.Title == "" {
				t.Errorf("%s, %v: %v: %q because %q", c.name, a, f.Problem, f.Story, f.Evidence)
			}
			if len(f.Around) < 2 || f.Around[0].Which != "before" && c.prefix == "entry-" {
				t.Errorf("%s, %v: around it %+v", c.name, a, f.Around)
			}
		}
	}
}

// TestSound: a heap that nobody damaged has no findings, whatever its
// programs' data look like.
func TestSound(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		r := checked(t, a, func(b *synth.Built, h *synth.BuiltHeap) {
			for i, x := range h.Blocks {
				if x.State == synth.StateBusy {
					b.Image.Write(x.User, bytes.Repeat([]byte{0xfd, 0xdd, 0xab, 0xa0}[i%4:i%4+1], int(x.Size)))
				}
			}
		})
		if len(r.Findings) != 0 || len(r.NotChecked) != 0 || r.Heaps != 1 || r.Blocks < 6 {
			t.Errorf("%v: %+v", a, r)
		}
	}
}

// TestMissing: what the dump lacks is no finding.
func TestMissing(t *testing.T) {
	p := synth.NewProcess(synth.Win7, synth.X64)
	p.AddHeap(&synth.Heap{Address: 0x250000, Flags: synth.FlagGrowable, Segments: []synth.Segment{{Items: []synth.Item{
		synth.Busy(0x4000), synth.Busy(0x28), synth.Free(0x200), synth.Busy(0x38), synth.Busy(0x5000), synth.Free(0x300), synth.Busy(8),
	}}}})
	p.Prepare = func(b *synth.Built) { b.Image.Drop(0x254000) }
	tg, err := target.Parse("test.dmp", p.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	r, err := check.Take(context.Background(), tg, tg.Heaps, nil)
	if err != nil || len(r.Findings) != 0 || len(r.NotChecked) == 0 {
		t.Fatalf("%v, %+v", err, r)
	}
	for _, p := range r.NotChecked {
		if p.Class == diag.Corrupt {
			t.Error(p)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if r, err := check.Take(ctx, tg, tg.Heaps, nil); r != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v, %v", r, err)
	}
}

// TestLight: what light page heap keeps around a block of its normal heap.
func TestLight(t *testing.T) {
	for name, c := range map[string]struct {
		rule, story string
		damage      func([]byte)
	}{
		"sound":     {"", "", func([]byte) {}},
		"stamp":     {"lightpageheap-stamp", "", func(b []byte) { b[0] = 0x11 }},
		"after end": {"lightpageheap-suffix", "", func(b []byte) { b[len(b)-16] = 'x' }},
	} {
		p := synth.NewProcess(synth.Win7, synth.X64)
		make := synth.LightBlock(synth.X64, 0x900000, 40, 16, 0, false)
		content := func(user uint64) []byte {
			b := make(user)
			c.damage(b)
			return b
		}
		item := synth.Busy(uint64(len(make(0))))
		item.Make = content
		p.AddHeap(&synth.Heap{Address: 0x250000, Flags: synth.FlagGrowable, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(24), item, synth.Busy(30)}}}})
		p.Prepare = func(b *synth.Built) {
			(&synth.FullPageHeap{Address: 0x900000, Arch: synth.X64, NormalHeap: 0x250000, Allocs: []synth.PageAlloc{{Size: 10}}}).Build(b.Image)
		}
		tg, err := target.Parse("test.dmp", p.Build().Dump.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		r, err := check.Take(context.Background(), tg, tg.Heaps, nil)
		if err != nil || (len(r.Findings) == 0) != (c.rule == "") || r.Heaps != 2 {
			t.Errorf("%s: %v, %+v", name, err, r)
			continue
		}
		if c.rule != "" && (string(r.Findings[0].Code) != c.rule || r.Findings[0].Story != c.story || len(r.Findings) != 1) {
			t.Errorf("%s: %+v", name, r.Findings)
		}
	}
}
