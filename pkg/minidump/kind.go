package minidump

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrNotMinidump is what every [KindError] is under errors.Is.
var ErrNotMinidump = errors.New("not a Windows minidump")

// KindError says what a file is that is not a minidump of a Windows process.
// It is [ErrNotMinidump].
type KindError struct {
	What   string // what the file is, for example "an ELF core dump (Linux or another Unix)"
	Advice string // how to get what is needed, in one line
}

// Error returns both on one line.
func (e *KindError) Error() string {
	return fmt.Sprintf("not a Windows minidump but %s; %s", e.What, e.Advice)
}

// Is reports whether target is ErrNotMinidump.
func (e *KindError) Is(target error) bool { return target == ErrNotMinidump }

// The pieces of advice.
const (
	adviceProcdump = "make a full dump of the Windows process with `procdump -ma PID`"
	adviceKernel   = "it holds the kernel's memory; make a full dump of the one process with `procdump -ma PID`"
	adviceUnpack   = "decompress it first"
)

// notMinidump returns a KindError unless data begins with a minidump's header.
func notMinidump(data []byte) error {
	if len(data) == 0 {
		return &KindError{"an empty file", "see whether the disk was full when it was written; " + adviceProcdump}
	}
	if bytes.HasPrefix(data, []byte("MDMP")) {
		if len(data) < headerSize {
			return &KindError{fmt.Sprintf("the first %d bytes of one, cut inside its 32-byte header", len(data)), "copy it again; else " + adviceProcdump}
		}
		return nil
	}
	for _, k := range [...]struct{ magic, what, advice string }{
		{"PAGEDU64", "a 64-bit Windows kernel memory dump (PAGEDU64)", adviceKernel},
		{"PAGEDUMP", "a 32-bit Windows kernel memory dump (PAGEDUMP)", adviceKernel},
		{"PAGE", "a Windows kernel memory dump (PAGE)", adviceKernel},
		{"PMDM", "a minidump with swapped byte order, of a big-endian system", adviceProcdump},
		{"MZ", "a Windows program or library (PE)", "it has no memory of a process in it; " + adviceProcdump},
		{"PK\x03\x04", "a zip archive", adviceUnpack},
		{"\x1f\x8b", "a gzip file", adviceUnpack},
		{"\x28\xb5\x2f\xfd", "a zstd file", adviceUnpack},
		{"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", adviceUnpack},
		{"\xfd7zXZ\x00", "an xz file", adviceUnpack},
		{"MSCF", "a Windows cabinet archive", "extract the .dmp file in it (`expand -F:*`)"},
		{"Microsoft C/C++ MSF 7.00", "a PDB symbol file", adviceProcdump},
	} {
		if bytes.HasPrefix(data, []byte(k.magic)) {
			return &KindError{k.what, k.advice}
		}
	}
	if e := unixKind(data); e != nil {
		return e
	}
	if isErrorReport(data) {
		return &KindError{"a Windows Error Reporting text file", "the dump is the .dmp or .hdmp file beside it, if one was kept; else " + adviceProcdump}
	}
	return &KindError{fmt.Sprintf("a file that begins with % x", data[:min(len(data), 4)]), adviceProcdump}
}

// unixKind recognises ELF and Mach-O files, cores and others.
func unixKind(data []byte) error {
	if bytes.HasPrefix(data, []byte("\x7fELF")) && len(data) >= 18 {
		kind := binary.LittleEndian.Uint16(data[16:])
		if data[5] == 2 {
			kind = binary.BigEndian.Uint16(data[16:])
		}
		if kind == 4 { // ET_CORE
			return &KindError{"an ELF core dump (Linux or another Unix)", "Windows heaps are not in it; " + adviceProcdump}
		}
		return &KindError{"an ELF program or library (Linux or another Unix)", adviceProcdump}
	}
	if len(data) < 16 {
		return nil
	}
	order := binary.ByteOrder(binary.LittleEndian)
	switch binary.LittleEndian.Uint32(data) {
	case 0xfeedface, 0xfeedfacf:
	case 0xcefaedfe, 0xcffaedfe:
		order = binary.BigEndian
	default:
		return nil
	}
	if order.Uint32(data[12:]) == 4 { // MH_CORE
		return &KindError{"a Mach-O core dump (macOS)", "Windows heaps are not in it; " + adviceProcdump}
	}
	return &KindError{"a Mach-O program or library (macOS)", adviceProcdump}
}

// isErrorReport recognises Report.wer: UTF-16 or ANSI lines Version=1, EventType=….
func isErrorReport(data []byte) bool {
	head := data[:min(len(data), 512)]
	head = bytes.TrimPrefix(bytes.TrimPrefix(head, []byte("\xff\xfe")), []byte("\xef\xbb\xbf"))
	head = bytes.ReplaceAll(head, []byte{0}, nil)
	return bytes.HasPrefix(head, []byte("Version=")) && bytes.Contains(head, []byte("EventType="))
}

// otherSystem refuses minidumps that Breakpad or Crashpad wrote on another
// system than Windows: by SystemInfo's platform, and without SystemInfo by a
// stream that only Linux dumps have.
func (f *File) otherSystem() error {
	if b, ok := f.Raw(SystemInfoStream); ok && len(b) >= 24 {
		if os := Platform(binary.LittleEndian.Uint32(b[20:])); os >= 0x8000 && os < 0x9000 {
			return &KindError{"a minidump of a " + os.String() + " process (Breakpad or Crashpad)", adviceProcdump}
		}
		return nil
	}
	for _, s := range f.streams {
		if s.Type >= 0x47670003 && s.Type <= 0x4767000a && s.used() && s.Whole() && s.Offset >= headerSize {
			return &KindError{"a minidump of a Linux or Android process (Breakpad)", adviceProcdump}
		}
	}
	return nil
}
