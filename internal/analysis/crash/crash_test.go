package crash_test

import (
	"context"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/crash"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
)

// take reads the exception of the demonstration, changed.
func take(t *testing.T, change func(*synth.Built)) *crash.Result {
	t.Helper()
	p := synth.Demo()
	prepare := p.Prepare
	p.Prepare = func(b *synth.Built) {
		prepare(b)
		change(b)
	}
	x, err := target.Parse("test", p.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	r, err := crash.Take(context.Background(), x)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestHit: what an access hits, for each thing it can be.
func TestHit(t *testing.T) {
	var busy, free uint64
	take(t, func(b *synth.Built) {
		for _, x := range b.Heaps[0].Blocks {
			if x.State == synth.StateBusy && busy == 0 && x.Size == 72 {
				busy = x.User
			}
			if x.State == synth.StateFree && free == 0 {
				free = x.Entry + 0x18
			}
		}
	})
	for _, c := range []struct {
		name string
		at   uint64
		want string
	}{
		{"null", 0x18, "the null page: a null pointer, or 24 bytes behind one"},
		{"busy", busy + 8, "in a busy block"},
		{"free", free, "in a free block"},
		{"unloaded", 0x7ffa11000123, "where blight.dll was before it was unloaded, at +0x123"},
		{"module", 0x7ffa10000010, "in the module picker.dll"},
		{"not canonical", 0xffffffffffffffff, "no address that a program can have"},
	} {
		r := take(t, func(b *synth.Built) { b.Dump.Exception.Params = []uint64{0, c.at} })
		if !strings.HasPrefix(r.Hit, c.want) || r.Touched == nil || uint64(r.Touched.Address) != c.at {
			t.Errorf("%s: %q, want %q", c.name, r.Hit, c.want)
		}
	}
}

func TestTake(t *testing.T) {
	r := take(t, func(b *synth.Built) { b.Dump.Exception.Params = []uint64{1, 0x18} })
	if !r.Has || r.Name != "STATUS_ACCESS_VIOLATION" || r.Meaning != "access violation: writing 0x18" || r.Thread == nil || r.Thread.Name != "picker" || len(r.Registers) != 17 {
		t.Errorf("%+v", r)
	}
	says := map[string]string{}
	for _, x := range r.Registers {
		says[x.Register.Name] = x.Says
	}
	if says["rip"] != "in the module ntdll.dll" || says["rsp"] != "on the stack of thread 0x1a34" || says["rax"] != "" {
		t.Errorf("%v", says)
	}
	r = take(t, func(b *synth.Built) {
		b.Dump.Exception.Code, b.Dump.Exception.Params = 0xc0000006, []uint64{8, 0x7ffa10000010, 0xc000009a}
	})
	if r.Meaning != "a page could not be read from its file: executing 0x7ffa10000010, because of 0xc000009a STATUS_INSUFFICIENT_RESOURCES" {
		t.Errorf("%q", r.Meaning)
	}
	r = take(t, func(b *synth.Built) {
		b.Dump.Exception.Code, b.Dump.Exception.Params = 0xe06d7363, []uint64{0x19930520, 1, 2, 3}
	})
	if r.Name != "C++ exception" || r.Touched != nil || r.Hit != "" {
		t.Errorf("%+v", r)
	}
	r = take(t, func(b *synth.Built) { b.Dump.Exception.Params = []uint64{1} })
	if r.Touched != nil || r.Meaning != "access violation" {
		t.Errorf("an access without an address: %+v", r)
	}
	if r.Assertion != nil {
		t.Errorf("an assertion: %+v", r.Assertion)
	}
	stream := make([]byte, 776)
	stream[0], stream[772] = 'x', 2
	r = take(t, func(b *synth.Built) {
		b.Dump.Exception.Code, b.Dump.Exception.Address = 0xc000000d, 0
		b.Dump.AddStream(0x47670002, stream)
	})
	if r.Assertion == nil || r.Assertion.Expression != "x" || r.Assertion.Type != 2 || r.At.Says != "no address: the dump's writer recorded none" {
		t.Errorf("%+v, %q", r.Assertion, r.At.Says)
	}
	if r = take(t, func(b *synth.Built) { b.Dump.Exception.Address = 0 }); r.At.Says != "the null page: a null pointer" {
		t.Errorf("a call of a null pointer: %q", r.At.Says)
	}
	if r = take(t, func(b *synth.Built) { b.Dump.Exception = nil }); r.Has || len(r.Registers) > 0 {
		t.Errorf("%+v", r)
	}
}

// TestRegisters: what a register points at that is no heap's and no module's:
// whose PEB, TEB and stack, on which side of the stack pointer; and beside it
// what is nobody's.
func TestRegisters(t *testing.T) {
	for rax, want := range map[uint64]string{
		0x9d1e4e1010:       "64-bit process environment block, at +0x10",
		0x9d1e4e2008:       "64-bit thread environment block of thread 0x1a30, at +0x8",
		0x9d1e7ffb80:       "on the stack of thread 0x1a34",
		0x9d1e7ffb7f:       "on the stack of thread 0x1a34, below its stack pointer",
		0x7ffe0000:         "data shared with the kernel (KUSER_SHARED_DATA)",
		0x9d00000000:       "",
		0xffff800000000000: "",
	} {
		r := take(t, func(b *synth.Built) {
			b.Image.Reserve(0x7ffe0000, 0x10000, synth.MemPrivate, synth.PageReadOnly)
			b.Image.Commit(0x7ffe0000, 0x1000, synth.PageReadOnly)
			stage{code: "\x90", rax: rax, access: 0x10}.at(b)
		})
		if x := r.Registers[0]; x.Register.Name != "rax" || x.Says != want {
			t.Errorf("%#x: %s %q, want %q", rax, x.Register.Name, x.Says, want)
		}
	}
}
