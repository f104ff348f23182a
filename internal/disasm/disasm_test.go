package disasm

import (
	"errors"
	"testing"
)

// regs is registers whose values tell them apart.
func regs(name string) (uint64, bool) {
	v, ok := map[string]uint64{"rax": 0xaaaa00001000, "rcx": 0xffffffff00000010, "rsp": 0x7000, "rbp": 0x7100, "r8": 0x1_00000020, "gs_base": 0x50000,
		"eax": 0x1000, "ecx": 0xfffffff0, "esp": 0x2000, "ebp": 0x2100, "fs_base": 0x7ffd0000, "edi": 0x3000, "esi": 0x4000,
		"x0": 0x1000, "x1": 0xfffffffc, "sp": 0x8000, "fp": 0x9000, "lr": 0xa000}[name]
	return v, ok
}

// TestOperands: instructions by their encoding in the processors' manuals, and
// the address of their memory computed by hand.
func TestOperands(t *testing.T) {
	for _, c := range []struct {
		arch  Arch
		code  string
		text  string
		at    []uint64
		known bool
	}{
		{X64, "\x48\x8b\x40\x18", "mov rax, qword ptr [rax+0x18]", []uint64{0xaaaa00001018}, true},
		{X64, "\x48\x89\x44\xc8\xf8", "mov qword ptr [rax+8*rcx-0x8], rax", []uint64{0xaaa200001078}, true},
		{X64, "\x8b\x05\x10\x00\x00\x00", "mov eax, dword ptr [rip+0x10]", []uint64{0x400016}, true},
		{X64, "\xc7\x04\x25\x00\x00\x00\x00\x01\x00\x00\x00", "mov dword ptr [0x0], 0x1", []uint64{0}, true},
		{X64, "\xc7\x04\x24\x0d\x00\x00\xc0", "mov dword ptr [rsp], 0xc000000d", []uint64{0x7000}, true},
		{X64, "\x67\x8b\x01", "mov eax, dword ptr [ecx]", []uint64{0x10}, true},
		{X64, "\x67\x41\x8b\x00", "mov eax, dword ptr [r8d]", []uint64{0x20}, true},
		{X64, "\x65\x48\x8b\x04\x25\x30\x00\x00\x00", "mov rax, qword ptr gs:[0x30]", []uint64{0x50030}, true},
		{X64, "\x48\x8b\x02", "mov rax, qword ptr [rdx]", []uint64{0}, false},
		{X64, "\x48\x8d\x40\x18", "lea rax, ptr [rax+0x18]", nil, true},
		{X64, "\x50", "push rax", []uint64{0x6ff8}, true},
		{X64, "\x58", "pop rax", []uint64{0x7000}, true},
		{X64, "\xc9", "leave", []uint64{0x7100}, true},
		{X64, "\xe8\x00\x00\x00\x00", "call 0x400005", []uint64{0x6ff8}, true},
		{X64, "\x48\x01\xc8", "add rax, rcx", nil, true},
		{X86, "\x8b\x40\x18", "mov eax, dword ptr [eax+0x18]", []uint64{0x1018}, true},
		{X86, "\x8b\x44\x08\x20", "mov eax, dword ptr [eax+ecx+0x20]", []uint64{0x1010}, true},
		{X86, "\x64\xa1\x18\x00\x00\x00", "mov eax, dword ptr fs:[0x18]", []uint64{0x7ffd0018}, true},
		{X86, "\xa5", "movsd dword ptr [edi], dword ptr [esi]", []uint64{0x3000, 0x4000}, true},
		{X86, "\x50", "push eax", []uint64{0x1ffc}, true},
		{ARM64, "\x00\x08\x40\xf9", "ldr x0, [x0,#16]", []uint64{0x1010}, true},
		{ARM64, "\x00\x80\x5f\xf8", "ldur x0, [x0,#-8]", []uint64{0xff8}, true},
		{ARM64, "\xfd\x7b\xbf\xa9", "stp x29, x30, [sp,#-16]!", []uint64{0x7ff0}, true},
		{ARM64, "\x00\x84\x40\xf8", "ldr x0, [x0],#8", []uint64{0x1000}, true},
		{ARM64, "\x00\xd8\x61\xf8", "ldr x0, [x0,w1,sxtw #3]", []uint64{0xfe0}, true},
		{ARM64, "\x42\x00\x00\x58", "ldr x2, .+0x8", []uint64{0x400008}, true},
		{ARM64, "\x02\x00\x00\x94", "bl .+0x8", nil, true},
	} {
		in, err := Decode(c.arch, []byte(c.code+"\x90\x90\x90\x90"), 0x400000, regs)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if in.Text != c.text || in.Len != len(c.code) || len(in.Operands) != len(c.at) {
			t.Errorf("%s: %+v", c.text, in)
			continue
		}
		for i, o := range in.Operands {
			if o.Known != c.known || c.known && o.Address != c.at[i] {
				t.Errorf("%s: %+v, want %#x", c.text, o, c.at[i])
			}
		}
	}
}

// TestUnknown: what is no instruction, or not all of one.
func TestUnknown(t *testing.T) {
	for _, c := range []struct {
		arch Arch
		code string
	}{{X64, ""}, {X64, "\x48"}, {X64, "\x06"}, {X86, "\x8b"}, {ARM64, "\x00\x00\x00"}, {ARM64, "\x00\x00\x00\x00"}, {0, "\x90"}} {
		if in, err := Decode(c.arch, []byte(c.code), 0, regs); !errors.Is(err, ErrUnknown) {
			t.Errorf("%v %x: %+v, %v", c.arch, c.code, in, err)
		}
	}
}

// FuzzDecode: no bytes make the decoders fail, and an instruction is no longer
// than what it was read from.
func FuzzDecode(f *testing.F) {
	f.Add(uint8(1), []byte("\x48\x8b\x40\x18"))
	f.Add(uint8(2), []byte("\x62\xf1\x7c\x48\x10\x00"))
	f.Add(uint8(3), []byte("\xfd\x7b\xbf\xa9"))
	f.Fuzz(func(t *testing.T, a uint8, code []byte) {
		in, err := Decode(Arch(a%4), code, 0x400000, regs)
		switch {
		case err != nil && !errors.Is(err, ErrUnknown):
			t.Fatal(err)
		case err == nil && (in.Len < 1 || in.Len > len(code) || in.Text == ""):
			t.Fatalf("%x: %+v", code, in)
		}
	})
}
