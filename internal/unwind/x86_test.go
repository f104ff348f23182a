package unwind

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
	"github.com/heapdump/heapdump/pkg/process"
)

// The x86 program: its functions, in its image at 0x400000.
const (
	x86Base = 0x400000
	fMain   = 0x401000
	fMiddle = 0x401100
	fInner  = 0x401200
	fOther  = 0x401300
)

// program is an x86 process with code and a stack.
type program struct {
	code  map[uint32][]byte // by address
	stack []uint32          // from the stack pointer on
	regs  [3]uint32         // eip, esp, ebp
	blank bool              // the image's code is zeros
	name  string            // of the module
}

const stack86 = 0x230000 // the end of the first thread's stack in synth's x86 processes

// calls writes a call to a function that returns to ret.
func (p *program) calls(ret, to uint32) {
	p.code[ret-5] = binary.LittleEndian.AppendUint32([]byte{0xe8}, to-ret)
}

// newProgram has main call middle, and middle call inner; both also call
// other. The frames of main and middle have frame pointers.
func newProgram() *program {
	p := &program{code: map[uint32][]byte{}, name: "app.exe"}
	p.calls(0x401020, fMiddle)
	p.calls(0x401030, fOther)
	p.calls(0x401120, fInner)
	p.calls(0x401140, fOther)
	return p
}

// at puts words on the stack, from the end of which frames are counted down:
// the first thread's stack pointer is so far below it.
func (p *program) at(below uint32, words ...uint32) {
	p.regs[1], p.stack = stack86-below, words
}

// unwinder opens a dump of the program.
func (p *program) unwinder(t *testing.T) *Unwinder {
	t.Helper()
	text := make([]byte, 0x1000)
	for i := range text {
		if text[i] = 0x90; p.blank {
			text[i] = 0
		}
	}
	for at, b := range p.code {
		if !p.blank {
			copy(text[at-fMain:], b)
		}
	}
	pe := &synth.PE{Arch: synth.X86, Base: x86Base, Sections: []synth.PESection{{Name: ".text", RVA: 0x1000, Size: 0x1000, Flags: synth.SecCode, Data: text}}}
	proc := synth.NewProcess(synth.Win7, synth.X86)
	proc.Modules = []synth.Module{{Base: x86Base, Size: pe.Size(), Name: `C:\app\` + p.name, PE: pe}}
	proc.Prepare = func(b *synth.Built) {
		for i, v := range p.stack {
			b.Image.PutU32(uint64(p.regs[1])+4*uint64(i), v)
		}
	}
	tg, err := target.Parse("test.dmp", proc.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return New(tg, symbols.New(tg))
}

// walk reads the stack of its thread.
func (p *program) walk(t *testing.T) Stack {
	t.Helper()
	u := p.unwinder(t)
	th := u.t.File.Threads(nil)[0]
	return u.walk(th, FromThread, newCPU32([]minidump.Register{{Name: "eip", Value: uint64(p.regs[0])}, {Name: "esp", Value: uint64(p.regs[1])},
		{Name: "ebp", Value: uint64(p.regs[2])}}), u.t.Source().ThreadBlocks(process.Thread{ID: th.ID, TEB: th.TEB}))
}

// top is main's frame: saved ebp 0, return address 0.
const top = stack86 - 0x40

// x86Cases are stacks, with each way to a frame and its nearest innocent twin.
var x86Cases = []struct {
	name string
	make func(*program)
	want []string
	end  End
}{
	{"frame pointers", func(p *program) { // inner's own frame, middle's, main's
		p.at(0x60, 7, stack86-0x50, 0x401120, 9, top, 0x401020, 1, 2, 0, 0)
		p.regs[0], p.regs[2] = fInner+0x10, stack86-0x5c
	}, []string{"0x401210 context", "0x401120 frame pointer", "0x401020 frame pointer"}, Start},
	{"inner has no frame pointer", func(p *program) { // 0x401140 is a leftover
		p.at(0x60, 0x401140, 0x401120, 8, 9, top, 0x401020, 1, 2, 0, 0)
		p.regs[0], p.regs[2] = fInner+0x10, stack86-0x50
	}, []string{"0x401210 context", "0x401120 scan", "0x401020 frame pointer"}, Start},
	{"about to return", func(p *program) {
		p.code[fInner+0x10] = []byte{0x83, 0xc4, 8, 0x5e, 0xc2, 4, 0} // add esp,8; pop esi; ret 4
		p.at(0x64, 0x401140, 0x401140, 0x401140, 0x401120, 5, top, 0x401020, 1, 2, 0, 0)
		p.regs[0], p.regs[2] = fInner+0x10, stack86-0x50
	}, []string{"0x401210 context", "0x401120 instructions", "0x401020 frame pointer"}, Start},
	{"just begun", func(p *program) {
		p.code[fInner] = []byte{0x8b, 0xff, 0x55, 0x8b, 0xec}
		p.at(0x54, 0x401120, top, 0x401020, 1, 2, 0, 0)
		p.regs[0], p.regs[2] = fInner, stack86-0x50
	}, []string{"0x401200 context", "0x401120 instructions", "0x401020 frame pointer"}, Start},
	{"begun and pushed", func(p *program) {
		p.code[fInner] = []byte{0x8b, 0xff, 0x55, 0x8b, 0xec}
		p.at(0x58, stack86-0x50, 0x401120, top, 0x401020, 1, 2, 0, 0)
		p.regs[0], p.regs[2] = fInner+3, 0x1234
	}, []string{"0x401203 context", "0x401120 instructions", "0x401020 frame pointer"}, Start},
	{"a return address without a call", func(p *program) { // 0x401180 follows none
		p.at(0x60, 7, stack86-0x50, 0x401180, 9, top, 0x401020, 1, 2, 0, 0)
		p.regs[0], p.regs[2] = fInner+0x10, stack86-0x5c
	}, []string{"0x401210 context", "0x401020 scan"}, Start},
	{"nothing above", func(p *program) {
		p.at(0x20, 1, 2, 3, 4, 5, 6, 7, 8)
		p.regs[0], p.regs[2] = fInner+0x10, 0x12345678
	}, []string{"0x401210 context"}, NoReturn},
	{"a frame pointer that leads down", func(p *program) {
		p.at(0x20, 1, 2, 3, 4, 5, 6, 7, 8)
		p.regs[0], p.regs[2] = fInner+0x10, stack86-0x40
	}, []string{"0x401210 context"}, NoReturn},
	{"code that is blank", func(p *program) { // frame pointers are followed, words are not guessed
		p.blank = true
		p.at(0x60, 0x401140, stack86-0x50, 0x401120, 9, top, 0x401020, 1, 2, 0, 0)
		p.regs[0], p.regs[2] = fInner+0x10, stack86-0x5c
	}, []string{"0x401210 context", "0x401120 frame pointer", "0x401020 frame pointer"}, Start},
	{"code that is blank and no frame pointer", func(p *program) {
		p.blank = true
		p.at(0x60, 3, 0x401140, 0x401120, 9, top, 0x401020, 1, 2, 0, 0)
		p.regs[0], p.regs[2] = fInner+0x10, 0x1234
	}, []string{"0x401210 context"}, Missing},
	{"frame pointer 0 in a program's own code", func(p *program) { // a register like any other
		p.at(0x60, 7, 0, 0x401120, 9, top, 0x401020, 1, 2, 0, 0)
		p.regs[0], p.regs[2] = fInner+0x10, stack86-0x5c
	}, []string{"0x401210 context", "0x401120 frame pointer", "0x401020 scan"}, Start},
	{"frame pointer 0 in kernel32", func(p *program) { // its first function
		p.name = "KERNEL32.dll"
		p.at(0x60, 7, 0, 0x401120, 9, top, 0x401020, 1, 2, 0, 0)
		p.regs[0], p.regs[2] = fInner+0x10, stack86-0x5c
	}, []string{"0x401210 context", "0x401120 frame pointer"}, Start},
}

// TestX86: each way to a frame, and its nearest innocent twin.
func TestX86(t *testing.T) {
	for _, x := range x86Cases {
		t.Run(x.name, func(t *testing.T) {
			p := newProgram()
			x.make(p)
			s := p.walk(t)
			var got []string
			for _, f := range s.Frames {
				got = append(got, fmt.Sprint(f.IP, " ", f.How))
			}
			if !slices.Equal(got, x.want) || s.End != x.end {
				t.Errorf("%q %v (%s), want %q %v", got, s.End, s.Why, x.want, x.end)
			}
		})
	}
}

// TestCalls: the forms of call instructions, and bytes that are none.
func TestCalls(t *testing.T) {
	for _, x := range []struct {
		code []byte
		bits int
		want Call
	}{
		{[]byte{0xff, 0xd0}, 64, CallSeen},                      // call rax
		{[]byte{0x41, 0xff, 0xd4}, 64, CallSeen},                // call r12
		{[]byte{0xff, 0x15, 1, 2, 3, 4}, 64, CallSeen},          // call [rip+n]
		{[]byte{0xff, 0x15, 1, 2, 3, 4}, 32, CallSeen},          // call [n]
		{[]byte{0xff, 0x50, 0x18}, 32, CallSeen},                // call [eax+18h]
		{[]byte{0xff, 0x90, 0, 1, 0, 0}, 32, CallSeen},          // call [eax+100h]
		{[]byte{0xff, 0x54, 0x24, 0x28}, 64, CallSeen},          // call [rsp+28h]
		{[]byte{0xff, 0x94, 0x24, 0, 1, 0, 0}, 64, CallSeen},    // call [rsp+100h]
		{[]byte{0xff, 0x14, 0x85, 0, 0, 0x40, 0}, 32, CallSeen}, // call [eax*4+400000h]
		{[]byte{0x64, 0xff, 0x15, 0xc0, 0, 0, 0}, 32, CallSeen}, // call fs:[0c0h]
		{[]byte{0x9a, 0, 0, 0x40, 0, 0x33, 0}, 32, CallSeen},    // call 33:400000
		{[]byte{0x9a, 0, 0, 0x40, 0, 0x33, 0}, 64, CallAbsent},  // no such call there
		{[]byte{0xe8, 0xfb, 0xff, 0xff, 0xff}, 64, CallSeen},    // call of itself
		{[]byte{0xe8, 0xfb, 0xff, 0xff, 0x7f}, 64, CallAbsent},  // of no code
		{[]byte{0xff, 0xe0}, 64, CallAbsent},                    // jmp rax
		{[]byte{0xff, 0x70, 0x18}, 32, CallAbsent},              // push [eax+18h]
		{[]byte{0xff, 0x50, 0x18, 0x90}, 32, CallAbsent},        // a nop between
		{[]byte{0x90, 0x90, 0x90, 0x90, 0x90, 0x90}, 64, CallAbsent},
	} {
		p := newProgram()
		p.code = map[uint32][]byte{0x401500: x.code}
		p.regs = [3]uint32{fInner, stack86 - 0x40, 0}
		s := p.unwinder(t)
		if got := s.callBefore(memory.Addr(0x401500+len(x.code)), x.bits).Call; got != x.want {
			t.Errorf("% x (%d bits): %v, want %v", x.code, x.bits, got, x.want)
		}
	}
}
