package minidump

import (
	"encoding/binary"
	"fmt"
)

// Arch is a processor architecture, with the values of SYSTEM_INFO's
// wProcessorArchitecture (PROCESSOR_ARCHITECTURE_*).
type Arch uint16

// The architectures that a Windows minidump can have. Heaps are known for the
// first three.
const (
	X86         Arch = 0
	AMD64       Arch = 9
	ARM64       Arch = 12
	MIPS        Arch = 1
	Alpha       Arch = 2
	PowerPC     Arch = 3
	ARM         Arch = 5
	Itanium     Arch = 6
	X86OnWin64  Arch = 10
	ARM64Old    Arch = 0x8003 // Breakpad's own ARM64, before Windows had one
	UnknownArch Arch = 0xffff
)

// String returns the architecture as people write it: x86, x64, ARM64, …
func (a Arch) String() string {
	switch a {
	case X86, X86OnWin64:
		return "x86"
	case AMD64:
		return "x64"
	case ARM64:
		return "ARM64"
	case MIPS:
		return "MIPS"
	case Alpha:
		return "Alpha"
	case PowerPC:
		return "PowerPC"
	case ARM:
		return "ARM"
	case Itanium:
		return "Itanium"
	case ARM64Old:
		return "ARM64 (Breakpad)"
	case UnknownArch:
		return "unknown"
	}
	return fmt.Sprintf("processor %#x", uint16(a))
}

// Bits returns the width of a pointer, 32 or 64; 0 when it is not known.
func (a Arch) Bits() int {
	switch a {
	case X86, X86OnWin64, ARM, MIPS, PowerPC:
		return 32
	case AMD64, ARM64, ARM64Old, Itanium, Alpha:
		return 64
	}
	return 0
}

// findArch takes the architecture from SystemInfo, else from the first thread
// context that looks like one.
func (f *File) findArch() Arch {
	if b, ok := f.Raw(SystemInfoStream); ok && len(b) >= 2 {
		return Arch(binary.LittleEndian.Uint16(b))
	}
	p, ok := f.open(ThreadListStream, nil)
	if !ok {
		return UnknownArch
	}
	t := p.counted(threadSize)
	for i := range t.n {
		l := loc(t.entry(i)[40:])
		if raw, ok := f.at(l.off, l.size); ok {
			if a := archOf(raw, UnknownArch); a != UnknownArch {
				return a
			}
		}
	}
	return UnknownArch
}
