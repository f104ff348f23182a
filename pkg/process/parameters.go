package process

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"

	"github.com/heapdump/heapdump/pkg/memory"
)

// Parameters is an RTL_USER_PROCESS_PARAMETERS: how the process was started.
// Strings are empty when the dump lacks them.
type Parameters struct {
	Address          memory.Addr
	CurrentDirectory string
	DLLPath          string
	ImagePath        string
	CommandLine      string
	WindowTitle      string
	Desktop          string
	ShellInfo        string
	EnvironmentAt    memory.Addr
	Environment      []string // NAME=value, in the order of memory
	EnvironmentWhole bool     // its end was reached
}

// maxEnvironment bounds an environment, in bytes. One of XP has at most
// 32,767 characters; later ones of a megabyte have not been seen.
const maxEnvironment = 1 << 20

// ReadParameters reads the process parameters of a PEB; false when the dump
// holds no byte of them. Places are those of public symbols, the same from XP
// to 11.
func (s Source) ReadParameters(p PEB) (Parameters, bool) {
	at := p.ProcessParameters
	out := Parameters{Address: at}
	if at == 0 || !p.Knows("ProcessParameters") || s.Space.Why(at) != memory.Present {
		return out, false
	}
	off := [...]memory.Addr{0x24, 0x30, 0x38, 0x40, 0x70, 0x78, 0x80, 0x48}
	if p.Bits == 64 {
		off = [...]memory.Addr{0x38, 0x50, 0x60, 0x70, 0xb0, 0xc0, 0xd0, 0x80}
	}
	for i, to := range []*string{&out.CurrentDirectory, &out.DLLPath, &out.ImagePath, &out.CommandLine, &out.WindowTitle, &out.Desktop, &out.ShellInfo} {
		*to = s.unicodeString(at+off[i], p.Bits)
	}
	if env, err := s.Space.Pointer(at+off[7], p.Bits); err == nil && env != 0 {
		out.EnvironmentAt = env
		out.Environment, out.EnvironmentWhole = s.environment(env)
	}
	return out, true
}

// environment reads strings that end in a zero each, up to an empty one, and
// reports whether that was reached. A last string that is cut is left out.
func (s Source) environment(at memory.Addr) ([]string, bool) {
	var out []string
	var text []uint16
	for done := 0; done < maxEnvironment; {
		part := s.page(at.Add(uint64(done)))
		if len(part) < 2 {
			return out, false
		}
		for i := 0; i+1 < len(part); i += 2 {
			c := binary.LittleEndian.Uint16(part[i:])
			switch {
			case c != 0:
				text = append(text, c)
			case len(text) == 0:
				return out, true
			default:
				out, text = append(out, string(utf16.Decode(text))), text[:0]
			}
		}
		done += len(part) &^ 1
	}
	return out, false
}

// page returns the bytes from a to the end of its page, as many as the dump
// has without a gap.
func (s Source) page(a memory.Addr) []byte {
	return s.prefix(a, memory.PageSize-uint64(a)%memory.PageSize)
}

// Variable returns the value of an environment variable, whose name may be in
// any case.
func (p Parameters) Variable(name string) (string, bool) {
	for _, v := range p.Environment {
		if n, value, ok := strings.Cut(v, "="); ok && strings.EqualFold(n, name) {
			return value, true
		}
	}
	return "", false
}

// Head is the first fields of a PEB, which say how the process was started.
type Head struct {
	Inherited   bool // InheritedAddressSpace
	ReadOptions bool // ReadImageFileExecOptions
	Debugged    bool // BeingDebugged
	SubSystem   memory.Addr
}

// ReadHead reads the first fields of a PEB (public symbols, the same from XP
// to 11); false when the dump lacks them.
func (s Source) ReadHead(p PEB) (Head, bool) {
	off := memory.Addr(0x14)
	if p.Bits == 64 {
		off = 0x28
	}
	b, err := s.Space.View(p.Address, 3)
	sub, err2 := s.Space.Pointer(p.Address+off, p.Bits)
	if err != nil || err2 != nil {
		return Head{}, false
	}
	return Head{b[0] != 0, b[1] != 0, b[2] != 0, sub}, true
}
