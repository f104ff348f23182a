package unwind

import (
	"math/rand/v2"
	"testing"

	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
	"github.com/heapdump/heapdump/pkg/process"
)

const imageBase = 0x7ff600000000

// function is a function in its parts, in the order in which they run.
type function []*synth.Code64

// maker makes random functions.
type maker struct{ *rand.Rand }

func (m maker) one(of ...[]byte) synth.Inst64 { return synth.Plain64(of[m.IntN(len(of))]...) }

func (m maker) yes() bool { return m.IntN(2) == 0 }

// function makes a function that saves what it uses, calls once, and returns.
func (m maker) function() function {
	regs := make([]int, len(synth.Kept64))
	for i, at := range m.Perm(len(regs)) {
		regs[i] = synth.Kept64[at]
	}
	pushes := m.IntN(5)
	pushed, saved := regs[:pushes], regs[pushes:pushes+m.IntN(3)]
	f := &synth.Code64{Version: byte(1 + m.IntN(2)), Pad: m.yes()}
	for _, r := range pushed {
		f.Prologue = append(f.Prologue, synth.Push64(r))
	}
	n := [...]uint32{0x60, 8, 0x78, 0x80, 0x88, 0x1238, 0x60 + 8*uint32(m.IntN(64))}[m.IntN(7)]
	if n == 8 {
		saved = nil
	}
	f.Prologue = append(f.Prologue, synth.Alloc64(n, m.IntN(4) == 0))
	var epilogue, restore []synth.Inst64
	epilogue = append(epilogue, synth.Free64(n))
	if n == 8 && m.yes() {
		epilogue[0] = synth.Pop64(1)
	}
	if pushes > 0 && n > 8 && m.yes() {
		f.Frame, f.FrameAt = pushed[m.IntN(pushes)], 16*uint32(m.IntN(6))
		f.Prologue = append(f.Prologue, synth.Frame64(f.Frame, f.FrameAt))
		epilogue[0] = synth.Unframe64(f.Frame, n-f.FrameAt)
	}
	base, shift := synth.RSP, uint32(0)
	if f.Frame != 0 {
		base, shift = f.Frame, f.FrameAt
	}
	for i, r := range saved {
		at := 0x20 + 8*uint32(i)
		f.Prologue = append(f.Prologue, synth.Save64(r, at, m.IntN(4) == 0))
		restore = append(restore, synth.Load64(r, base, at-shift))
	}
	if n > 8 && m.yes() {
		f.Prologue = append(f.Prologue, synth.SaveXMM64(0x40, m.yes()))
	}
	if f.Frame != 0 && m.yes() { // alloca
		sub := synth.Alloc64(16*uint32(1+m.IntN(20)), false)
		sub.Code = nil
		f.Body = append(f.Body, sub)
	}
	for _, r := range append(append([]int{synth.RAX}, pushed...), saved...) {
		if r != f.Frame {
			f.Body = append(f.Body, synth.Set64(r, m.Uint64()))
		}
	}
	for i := range pushed {
		epilogue = append(epilogue, synth.Pop64(pushed[pushes-1-i]))
	}
	epilogue = append(epilogue, m.one([]byte{0xc3}, []byte{0xf3, 0xc3}, []byte{0xc2, 0, 0}, []byte{0xe9, 0, 0x70, 0, 0},
		[]byte{0x48, 0xff, 0xe0}, []byte{0xff, 0x25, 0, 0x10, 0, 0}, []byte{0x49, 0xff, 0x63, 8}))
	if m.IntN(3) == 0 && n > 8 {
		return m.apart(f, regs[len(regs)-1], base, shift, restore, epilogue)
	}
	f.Body = append(append(append(f.Body, m.filling()...), synth.Call64()), m.filling()...)
	f.Body, f.Epilogue = append(f.Body, restore...), epilogue
	return function{f}
}

// filling is instructions that do nothing: a jump within the function, which
// is no epilogue, and nops.
func (m maker) filling() []synth.Inst64 {
	return []synth.Inst64{m.one([]byte{0xeb, 0}, []byte{0x90}), synth.Plain64(0x0f, 0x1f, 0x40, 0)}
}

// apart puts the second half of a function elsewhere, where it saves one more
// register.
func (m maker) apart(f *synth.Code64, r, base int, shift uint32, restore, epilogue []synth.Inst64) function {
	part := &synth.Code64{Version: f.Version, Frame: f.Frame, FrameAt: f.FrameAt, Chain: f}
	if f.Frame == 0 { // with an alloca the stack pointer is not what saves count from
		part.Prologue = []synth.Inst64{synth.Save64(r, 0x38, false)}
		restore = append(restore, synth.Load64(r, base, 0x38-shift))
		part.Body = append(part.Body, synth.Set64(r, m.Uint64()))
	}
	f.Version = 1
	part.Body = append(append(append(part.Body, m.filling()...), synth.Call64()), restore...)
	part.Epilogue = epilogue
	return function{f, part}
}

// state is what the unwinder has to find of a frame.
type state struct {
	ip uint64
	r  [16]uint64
}

// chain is functions that called each other, and a processor that ran them.
type chain struct {
	list   []function
	states []state // outermost first; the last is where the thread stopped
	cpu    synth.CPU64
}

const stackTop = 0x9d1e700000 // of the first thread of synth's x64 processes

// run runs the functions. The last stops at a random instruction; machine says
// that the one before did too, since an exception called the last.
func (c *chain) run(m maker, machine bool) {
	c.cpu = synth.CPU64{Low: stackTop - 0x20000, Stack: make([]byte, 0x20000)}
	for i := range c.cpu.R {
		c.cpu.R[i] = m.Uint64()
	}
	c.cpu.R[synth.RSP] = stackTop - 0x100
	c.cpu.Push(0)
	for n, f := range c.list {
		last := n == len(c.list)-1
		stop := -1
		if last || machine && n == len(c.list)-2 {
			stop = m.stop(f)
		}
		ip := c.part(f, stop)
		c.states = append(c.states, state{ip, c.cpu.R})
		switch {
		case last:
		case stop < 0:
			c.cpu.Push(ip)
		default:
			c.interrupt(ip, c.list[n+1][0].Machine == 2)
		}
	}
}

// stop chooses an instruction of a function, of all its parts.
func (m maker) stop(f function) int {
	n := 0
	for _, p := range f {
		n += len(p.All())
		if f[0].Machine != 0 { // it would not end with a return
			n -= len(p.Epilogue)
		}
	}
	return m.IntN(n)
}

// part runs a function until its call, or before the instruction stop, and
// returns where it is.
func (c *chain) part(f function, stop int) uint64 {
	for _, p := range f {
		for i, inst := range p.All() {
			if stop == 0 {
				return imageBase + uint64(p.Begin) + uint64(p.Offset(i))
			}
			if stop--; inst.Call && stop < 0 {
				return imageBase + uint64(p.Begin) + uint64(p.Offset(i+1))
			}
			inst.Do(&c.cpu)
		}
	}
	panic("no call")
}

// interrupt is what the processor does at an exception.
func (c *chain) interrupt(ip uint64, code bool) {
	sp := c.cpu.R[synth.RSP]
	c.cpu.R[synth.RSP] = sp&^15 - 0x80
	for _, v := range []uint64{0x2b, sp, 0x246, 0x33, ip} {
		c.cpu.Push(v)
	}
	if code {
		c.cpu.Push(0)
	}
}

// open makes a dump of the chain, and the walk of its stack.
func (c *chain) open(t testing.TB, p *synth.PE) *walk {
	proc := synth.NewProcess(synth.Win10v1809, synth.X64)
	proc.Modules = []synth.Module{{Base: imageBase, Size: p.Size(), Name: `C:\app\app.exe`, PE: p}}
	proc.Prepare = func(b *synth.Built) { b.Image.Write(c.cpu.Low, c.cpu.Stack) }
	tg, err := target.Parse("test.dmp", proc.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	u := New(tg, symbols.New(tg))
	th := tg.File.Threads(nil)[0]
	sp := memory.Addr(c.cpu.R[synth.RSP])
	return &walk{u, u.limits(th, sp, 64, tg.Source().ThreadBlocks(process.Thread{ID: th.ID, TEB: th.TEB})), 8}
}

// image is an image with the functions.
func image(list []function) *synth.PE {
	var all []*synth.Code64
	for _, f := range list {
		all = append(all, f...)
	}
	code, data, dir := synth.Layout64(0x1000, 0x9000, all)
	p := &synth.PE{Arch: synth.X64, Base: imageBase, Sections: []synth.PESection{
		{Name: ".text", RVA: 0x1000, Size: 0x8000, Flags: synth.SecCode, Data: code},
		{Name: ".pdata", RVA: 0x9000, Size: 0x2000, Flags: synth.SecRData, Data: data}}}
	p.Directories[3] = dir
	return p
}

// registers are a state's as a thread's context has them.
func (s state) registers() []minidump.Register {
	out := []minidump.Register{{Name: "rip", Value: s.ip}}
	for i, v := range s.r {
		out = append(out, minidump.Register{Name: order64[i], Value: v})
	}
	return out
}

// check unwinds the chain and compares every frame.
func (c *chain) check(t *testing.T, w *walk) bool {
	last := len(c.states) - 1
	cpu, how := newCPU64(c.states[last].registers()), step{Context, true}
	for n := last - 1; n >= 0; n-- {
		next, end := cpu.up(w, how)
		if how = next; end != nil {
			t.Errorf("frame %d of %d: %s", n, last, end.why)
			return false
		}
		want := c.states[n]
		if uint64(cpu.rip) != want.ip || cpu.r[rsp] != want.r[rsp] {
			t.Errorf("frame %d of %d, %v: %v %#x, want %#x %#x", n, last, how, cpu.rip, cpu.r[rsp], want.ip, want.r[rsp])
			return false
		}
		for _, r := range synth.Kept64 {
			if cpu.r[r] != want.r[r] || cpu.known>>r&1 == 0 {
				t.Errorf("frame %d of %d: %s %#x, want %#x", n, last, order64[r], cpu.r[r], want.r[r])
				return false
			}
		}
	}
	if _, end := cpu.up(w, how); end != nil || cpu.rip != 0 {
		t.Errorf("the last frame: %v %+v", cpu.rip, end)
		return false
	}
	return true
}

// TestChains: random functions that call each other, stopped at a random
// instruction of a prologue, body or epilogue, some by an exception in the
// middle of another: return address, stack pointer and all registers that
// functions keep are those that the processor had in every frame.
func TestChains(t *testing.T) {
	rounds := 500
	if testing.Short() {
		rounds = 100
	}
	for seed := range rounds {
		m := maker{rand.New(rand.NewPCG(uint64(seed), 7))}
		c := &chain{}
		for range 1 + m.IntN(5) {
			c.list = append(c.list, m.function())
		}
		machine := len(c.list) > 1 && m.IntN(4) == 0
		switch last := c.list[len(c.list)-1]; {
		case machine:
			last[0].Machine = 1 + m.IntN(2)
		case m.IntN(8) == 0:
			c.list[len(c.list)-1] = function{{Leaf: true, Body: []synth.Inst64{synth.Set64(synth.RAX, 1), synth.Plain64(0xc3)}}}
		}
		p := image(c.list)
		c.run(m, machine)
		if !c.check(t, c.open(t, p)) {
			t.Fatalf("seed %d: %d functions, machine frame %v", seed, len(c.list), machine)
		}
	}
}
