package threads_test

import (
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/threads"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
)

func take(t *testing.T, p *synth.Process) *threads.Result {
	t.Helper()
	x, err := target.Parse("test", p.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return threads.Take(x)
}

// TestDemo: synth's stacks end at their base, with 0x2000 bytes committed and
// the stack pointer 0x480 below the base.
func TestDemo(t *testing.T) {
	r := take(t, synth.Demo())
	if len(r.Threads) != 3 || len(r.Problems) > 0 {
		t.Fatalf("%+v", r)
	}
	x := r.Threads[1]
	s := x.Stack()
	if x.Name != "picker" || !x.Crashed || r.Threads[0].Crashed || x.TEB == nil || x.TEB32 != nil || x.Context32 != nil {
		t.Errorf("%+v", x)
	}
	if !s.KnowCommitted || s.Committed != 0x2000 || !s.KnowUsed || s.Used != 0x480 {
		t.Errorf("%+v", s)
	}
	if x.At.Module != "ntdll" || x.At.Offset != 0x1234 || x.Start.Module != "orchard" || x.Start.Offset != 0x1000 {
		t.Errorf("%+v %+v", x.At, x.Start)
	}
}

// TestWOW64: the 32-bit stack and registers are the thread's own.
func TestWOW64(t *testing.T) {
	r := take(t, synth.NewWOW64(synth.Win10v1809))
	x := r.Threads[0]
	if x.TEB == nil || x.TEB32 == nil || x.Context32 == nil || x.Block() != x.TEB32 {
		t.Fatalf("%+v", x)
	}
	c := x.Registers()
	if c.IP != 0x77411234 || x.TEB32.StackBase-c.SP != 0x200 || x.Stack().Used != 0x200 || x.Stack().Committed != 0x2000 {
		t.Errorf("%+v %+v", c, x.Stack())
	}
}

// TestNoStack: a stack pointer elsewhere uses no part of the stack, and a
// thread without its TEB has none that is known.
func TestNoStack(t *testing.T) {
	r := take(t, synth.Demo())
	if s := threads.StackOf(r.Threads[0].TEB, 0x1000); s.KnowUsed || !s.KnowCommitted {
		t.Errorf("%+v", s)
	}
	if s := threads.StackOf(nil, 0x1000); s != (threads.Stack{}) {
		t.Errorf("%+v", s)
	}
}
