package minidump

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrNoStream says that the dump has no stream of the kind asked for.
var ErrNoStream = errors.New("the dump has no such stream")

// Platform is a VER_PLATFORM_* value, or one of Breakpad's from 0x8000 on.
type Platform uint32

// PlatformNT is Windows NT and everything since.
const PlatformNT Platform = 2

// String returns the name of the system.
func (p Platform) String() string {
	switch p {
	case 0:
		return "Win32s"
	case 1:
		return "Windows 9x"
	case PlatformNT:
		return "Windows NT"
	case 3:
		return "Windows CE"
	case 0x8000:
		return "Unix"
	case 0x8101:
		return "macOS"
	case 0x8102:
		return "iOS"
	case 0x8201:
		return "Linux"
	case 0x8202:
		return "Solaris"
	case 0x8203:
		return "Android"
	case 0x8204:
		return "PlayStation 3"
	case 0x8205:
		return "Native Client"
	case 0x8206:
		return "Fuchsia"
	}
	return fmt.Sprintf("platform %#x", uint32(p))
}

// SystemInfo is the SystemInfo stream (MINIDUMP_SYSTEM_INFO).
//
// Folklore: the version is the one that Windows told the process. A process
// without a manifest for Windows 10 is told 6.2.9200; PEB.OSBuildNumber is the
// better witness.
type SystemInfo struct {
	Arch                 Arch
	Level                uint16 // processor family
	Revision             uint16 // model and stepping
	Processors           uint8
	ProductType          uint8 // 1 workstation, 2 domain controller, 3 server
	Major, Minor, Build  uint32
	Platform             Platform
	ServicePack          string // CSDVersion, for example "Service Pack 1"
	SuiteMask            uint16
	CPUVendor            string // x86 and some x64 writers: CPUID vendor; empty otherwise
	CPUVersion, CPUFlags uint32 // with CPUVendor: CPUID version and feature words
}

// SystemInfo reads the SystemInfo stream. The error is [ErrNoStream] when the
// dump has none, and another when it is too short to be read.
func (f *File) SystemInfo() (SystemInfo, error) {
	p, ok := f.open(SystemInfoStream, nil)
	if !ok {
		return SystemInfo{}, fmt.Errorf("SystemInfo: %w", ErrNoStream)
	}
	b := p.data
	if len(b) < 32 {
		return SystemInfo{}, fmt.Errorf("SystemInfo: %d bytes at file offset %#x, 32 are needed", len(b), p.off)
	}
	le := binary.LittleEndian
	s := SystemInfo{
		Arch: Arch(le.Uint16(b)), Level: le.Uint16(b[2:]), Revision: le.Uint16(b[4:]),
		Processors: b[6], ProductType: b[7],
		Major: le.Uint32(b[8:]), Minor: le.Uint32(b[12:]), Build: le.Uint32(b[16:]),
		Platform: Platform(le.Uint32(b[20:])), SuiteMask: le.Uint16(b[28:]),
		ServicePack: f.texts("MINIDUMP_SYSTEM_INFO", nil).at(uint64(le.Uint32(b[24:])), "CSDVersionRva"),
	}
	if len(b) >= 56 && s.Arch == X86 {
		s.CPUVendor = vendor(b[32:44])
		s.CPUVersion, s.CPUFlags = le.Uint32(b[44:]), le.Uint32(b[48:])
	}
	return s, nil
}

// vendor returns a CPUID vendor such as GenuineIntel, empty when it is no text.
func vendor(b []byte) string {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return ""
		}
	}
	return string(b)
}
