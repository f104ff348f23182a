package crash

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/heapdump/heapdump/internal/analysis/locate"
	"github.com/heapdump/heapdump/internal/disasm"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
)

// Operand is memory that the instruction reads or writes, and what is there.
type Operand struct {
	disasm.Operand
	Says    string // what is at the address; empty when the address is not known
	Touched bool   // the exception is about this memory
}

// Instruction is the one at the instruction pointer.
type Instruction struct {
	At       memory.Addr
	Bytes    []byte // as many as it has; nil without Text
	Text     string // empty when it could not be read
	Why      string // why Text is empty
	Operands []Operand
}

// csOffset is where SegCs stands in the CONTEXT of x64 (winnt.h), and wow64CS
// the selector under which a processor in 64-bit Windows runs 32-bit code.
const (
	csOffset = 0x38
	wow64CS  = 0x23
)

// codeOf is the kind of code that a context was in; 0 when it is not read.
func codeOf(c minidump.Context) disasm.Arch {
	switch c.Arch {
	case minidump.X86:
		return disasm.X86
	case minidump.AMD64:
		if len(c.Raw) >= csOffset+2 && binary.LittleEndian.Uint16(c.Raw[csOffset:]) == wow64CS {
			return disasm.X86
		}
		return disasm.X64
	case minidump.ARM64, minidump.ARM64Old:
		return disasm.ARM64
	}
	return 0
}

// code reads the instruction at which the exception happened.
func (r *Result) code(ctx context.Context, t *target.Target) error {
	c := r.Exception.Context
	if w := r.Thread; w != nil && w.Context32 != nil && c.IP != r.Exception.Address && w.Context32.IP == r.Exception.Address {
		c = *w.Context32 // the 64-bit registers are those of the emulation
	}
	if c.IP == 0 {
		return ctx.Err()
	}
	x := &Instruction{At: c.IP}
	r.Code = x
	kind := codeOf(c)
	if kind == 0 {
		x.Why = "code of " + c.Arch.String() + " is not read"
		return ctx.Err()
	}
	var code []byte
	for run := range t.Space.Runs(c.IP.Span(disasm.MaxLen)) {
		if run.Start != c.IP.Add(uint64(len(code))) {
			break
		}
		code = append(code, run.Bytes...)
	}
	if len(code) == 0 {
		x.Why = "its bytes are not in the dump: " + t.Space.Why(c.IP).String()
		return ctx.Err()
	}
	in, err := disasm.Decode(kind, code, uint64(c.IP), r.register(c, kind))
	if err != nil {
		x.Why = fmt.Sprintf("%v in the bytes % x", err, code)
		return ctx.Err()
	}
	x.Bytes, x.Text = code[:in.Len], in.Text
	for _, o := range in.Operands {
		y := Operand{Operand: o}
		if o.Known {
			at, err := locate.At(ctx, t, memory.Addr(o.Address))
			if err != nil {
				return err
			}
			y.Says = r.hit(t, &at)
			y.Touched = r.Touched != nil && r.Touched.Address >= at.Address && r.Touched.Address.Sub(at.Address) < uint64(max(o.Bytes, 1))
		}
		x.Operands = append(x.Operands, y)
	}
	return ctx.Err()
}

// register gives an instruction the registers of a context, and the TEB for
// the segment that leads to it.
func (r *Result) register(c minidump.Context, kind disasm.Arch) disasm.Registers {
	values := map[string]uint64{}
	for _, x := range c.Registers() {
		values[x.Name] = x.Value
		if kind == disasm.X86 && strings.HasPrefix(x.Name, "r") { // 32-bit code in a context of x64
			values["e"+x.Name[1:]] = x.Value & 0xffffffff
		}
	}
	if th := r.Thread; th != nil {
		switch {
		case kind == disasm.X64 && th.TEB != nil:
			values["gs_base"] = uint64(th.TEB.Address)
		case kind == disasm.X86 && th.Block() != nil && th.Block().Bits == 32:
			values["fs_base"] = uint64(th.Block().Address)
		}
	}
	return func(name string) (uint64, bool) {
		v, ok := values[name]
		return v, ok
	}
}
