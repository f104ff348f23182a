package crash_test

import (
	"context"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/crash"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
)

// stage is the demonstration's crash with chosen code, registers and access.
type stage struct {
	code   string // at the instruction pointer
	rax    uint64
	access uint64
	status uint32
}

// blocks returns the first busy block of 72 bytes and the block behind it.
func blocks(b *synth.Built) (busy, next synth.Block) {
	all := b.Heaps[0].Blocks
	for i, x := range all {
		if x.State == synth.StateBusy && x.Size == 72 {
			return x, all[i+1]
		}
	}
	panic("no block")
}

// at stages a crash: the code stands in a large block, which the dump has.
func (s stage) at(b *synth.Built) {
	const ip = 0x1c0ac000100
	b.Image.Write(ip, []byte(s.code))
	e := b.Dump.Exception
	c := synth.Context(synth.X64, ip, 0x9d1e7ffb80, 0x9d1e7ffbc0)
	binary.LittleEndian.PutUint64(c[0x78:], s.rax) // Rax (winnt.h)
	e.Context, e.Address, e.Params = c, ip, []uint64{1, s.access}
	if s.status != 0 {
		e.Code = s.status
	}
}

// TestInstruction: the instruction at the exception, the address of its
// memory from the registers, and whether the exception is about it.
func TestInstruction(t *testing.T) {
	const store = "\x48\x89\x48\x18" // mov [rax+18h], rcx
	r := take(t, stage{code: store, rax: 0, access: 0x18}.at)
	if r.Code == nil || r.Code.Text != "mov qword ptr [rax+0x18], rcx" || len(r.Code.Operands) != 1 {
		t.Fatalf("%+v", r.Code)
	}
	if o := r.Code.Operands[0]; o.Address != 0x18 || o.Bytes != 8 || !o.Touched || !strings.HasPrefix(o.Says, "the null page") {
		t.Errorf("%+v", o)
	}
	// The twin: the exception is about other memory than the instruction's.
	r = take(t, stage{code: store, rax: 0x9d1e7ffb80, access: 0x30}.at)
	if o := r.Code.Operands[0]; o.Address != 0x9d1e7ffb98 || o.Touched || o.Says != "on the stack of thread 0x1a34" {
		t.Errorf("%+v", o)
	}
	// The last byte of the operand is its own, the next is not.
	if r = take(t, stage{code: store, rax: 0x10000, access: 0x1001f}.at); !r.Code.Operands[0].Touched {
		t.Errorf("%+v", r.Code.Operands[0])
	}
	if r = take(t, stage{code: store, rax: 0x10000, access: 0x10020}.at); r.Code.Operands[0].Touched {
		t.Errorf("%+v", r.Code.Operands[0])
	}
	// No instruction, and bytes that are not there.
	if r = take(t, stage{code: "\x06", access: 1}.at); r.Code.Text != "" || !strings.Contains(r.Code.Why, "no known instruction") {
		t.Errorf("%+v", r.Code)
	}
	if r = take(t, func(*synth.Built) {}); r.Code.Text != "" || !strings.Contains(r.Code.Why, "not in the dump") {
		t.Errorf("%+v", r.Code)
	}
	// Code under the selector of WOW64 has 32 bits: 40 is inc eax, no prefix.
	r = take(t, func(b *synth.Built) {
		stage{code: "\x40\x90", access: 1}.at(b)
		binary.LittleEndian.PutUint16(b.Dump.Exception.Context[0x38:], 0x23)
	})
	if r.Code.Text != "inc eax" {
		t.Errorf("%+v", r.Code)
	}
}

// TestTwins: what an access hit, each beside the nearest that it did not hit.
func TestTwins(t *testing.T) {
	var busy, next, free synth.Block
	take(t, func(b *synth.Built) {
		busy, next = blocks(b)
		for _, x := range b.Heaps[0].Blocks {
			if x.State == synth.StateFree && free.Entry == 0 {
				free = x
			}
		}
	})
	const teb, base = 0x9d1e4e4000, 0x9d1e800000
	stack := func(s stage) func(*synth.Built) {
		return func(b *synth.Built) {
			b.Image.PutU64(teb+8, base)
			b.Image.PutU64(teb+0x10, base-0x4000)
			b.Image.PutU64(teb+0x1478, base-0x100000)
			s.at(b)
		}
	}
	for _, c := range []struct {
		name   string
		change func(*synth.Built)
		want   string
		not    string
	}{
		{"null", stage{access: 0}.at, "the null page: a null pointer", "behind"},
		{"end of the null page", stage{access: 0xffff}.at, "the null page: a null pointer, or 65535 bytes behind one", ""},
		{"behind the null page", stage{access: 0x10000}.at, "", "null"},
		{"past the end", stage{access: busy.User + 72}.at, "past the end of a busy block, 0 bytes behind the 72 at", ""},
		{"last byte", stage{access: busy.User + 71}.at, "in a busy block", "past"},
		{"next header", stage{access: next.Entry + 8}.at, "past the end of a busy block", ""},
		{"stack overflow", stack(stage{access: base - 0x4008, status: 0xc00000fd}), "the thread's stack below what is committed of it", ""},
		{"stack", stack(stage{access: base - 0x3ff8}), "", "below what is committed"},
		{"below the stack", stack(stage{access: base - 0x100008}), "", "below what is committed"},
		{"unloaded", stage{access: 0x7ffa11008fff}.at, "where blight.dll was before it was unloaded, at +0x8fff", ""},
		{"behind the unloaded", stage{access: 0x7ffa11009000}.at, "", "blight"},
		{"free block", stage{access: free.Entry + 0x18}.at, "in a free block", ""},
		{"guard page", func(b *synth.Built) {
			b.Image.Reserve(0x5000000, 0x10000, synth.MemPrivate, synth.PageReadWrite)
			b.Image.Commit(0x5000000, 0x1000, synth.PageReadWrite|0x100)
			stage{access: 0x5000010, status: 0x80000001}.at(b)
		}, "a guard page", ""},
		{"no guard page", func(b *synth.Built) {
			b.Image.Reserve(0x5000000, 0x10000, synth.MemPrivate, synth.PageReadWrite)
			b.Image.Commit(0x5000000, 0x1000, synth.PageReadWrite)
			stage{access: 0x5000010}.at(b)
		}, "in private memory", "guard"},
	} {
		r := take(t, c.change)
		if !strings.HasPrefix(r.Hit, c.want) || c.not != "" && strings.Contains(r.Hit, c.not) {
			t.Errorf("%s: %q", c.name, r.Hit)
		}
	}
}

// TestCorruption: ntdll's record of a corruption is read through the
// exception's parameter; another exception has none.
func TestCorruption(t *testing.T) {
	r := take(t, func(b *synth.Built) {
		b.Dump.Exception.Code, b.Dump.Exception.Params = 0xc0000374, []uint64{0x10}
	})
	if r.Detected == nil || r.Detected.Failure != nil || r.Detected.Why == "" {
		t.Errorf("%+v", r.Detected)
	}
	const record = 0x1c0ac000400
	r = take(t, func(b *synth.Built) {
		(&synth.Failure{At: record, Arch: synth.X64, Type: 8, Heap: 0x1c0aa400000, Address: 0x1c0aa400740, Stack: []uint64{0x7ffa3d261111, 0x7ffa3d262222, 0x7ffa10002210}}).Write(b.Image)
		b.Dump.Exception.Code, b.Dump.Exception.Params = 0xc0000374, []uint64{record}
	})
	if d := r.Detected; d == nil || d.Failure == nil || d.Failure.Type != 8 || d.Failure.Heap != 0x1c0aa400000 || d.Failure.Address != 0x1c0aa400740 || len(d.Frames) != 3 {
		t.Errorf("%+v", r.Detected)
	}
	if r = take(t, func(*synth.Built) {}); r.Detected != nil {
		t.Errorf("%+v", r.Detected)
	}
}

// TestTheOther32BitSide: a WOW64 thread's 32-bit registers are taken for the
// instruction where the exception is at their address, and only there.
func TestTheOther32BitSide(t *testing.T) {
	for _, at := range []uint64{0x90010, 0x77001234} {
		p := synth.NewWOW64(synth.Win10v1809)
		p.AddHeap(&synth.Heap{Address: 0x640000, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(24)}}}})
		p.Prepare = func(b *synth.Built) {
			b.Image.Reserve(0x90000, 0x10000, synth.MemPrivate, synth.PageReadWrite)
			b.Image.Commit(0x90000, 0x1000, synth.PageReadWrite)
			b.Image.Write(0x90010, []byte("\x40\x90")) // inc eax of 32 bits
			b.Image.PutU64(p.TEBs[0]+0x1488, 0x90200)  // TlsSlots[1]: WOW64's context
			b.Image.Write(0x90204, synth.Context(synth.X86, 0x90010, 0x90800, 0x90900))
			d := b.Dump
			d.Exception = &synth.Exception{ThreadID: d.Threads[0].ID, Code: 0xc0000005, Address: at, Params: []uint64{0, 0x18},
				Context: synth.Context(synth.X64, 0x77001234, 0x8e000, 0x8e000)}
		}
		x, err := target.Parse("test", p.Build().Dump.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		r, err := crash.Take(context.Background(), x)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Wow) == 0 || r.Wow[8].Register.Name != "eip" || r.Wow[8].Value != 0x90010 {
			t.Fatalf("%+v", r.Wow)
		}
		want := ""
		if at == 0x90010 {
			want = "inc eax"
		}
		if r.Code == nil || r.Code.Text != want {
			t.Errorf("exception at %#x: %+v", at, r.Code)
		}
	}
}
