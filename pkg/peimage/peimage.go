// Package peimage reads a PE image as the loader mapped it, from a dump's
// memory: its headers, sections and data directories. It knows no file
// offsets, no heap and no names of addresses.
package peimage

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/heapdump/heapdump/pkg/memory"
)

// Memory is where an image is read from; *memory.Space is one.
type Memory interface {
	// View returns n bytes at a, or an error (a *memory.MissingError when the
	// dump has not got them all).
	View(a memory.Addr, n uint64) ([]byte, error)
}

// The places and sizes of the PE format (Microsoft's "PE Format", public
// specification; the same since NT 3.1).
const (
	dosSize         = 0x40
	dosLfanew       = 0x3c
	fileHeaderSize  = 20
	sectionSize     = 40
	directorySize   = 8
	maxDirectories  = 16
	optional32      = 0x10b
	optional64      = 0x20b
	directories32At = 96  // in the optional header
	directories64At = 112 // in the optional header

	// maxSections is what the loader of Windows XP accepts; later ones accept
	// more, and no linker's images have as many.
	maxSections = 96
	// maxHeader bounds e_lfanew: headers lie in the image's first pages.
	maxHeader = 0x1000
)

// ErrNotPE says that no PE image starts at the address.
var ErrNotPE = errors.New("no PE image")

// Directory numbers an entry of the data directories.
type Directory uint8

// The data directories that readers here use, as winnt.h numbers them.
const (
	DirExport     Directory = 0
	DirImport     Directory = 1
	DirResource   Directory = 2
	DirException  Directory = 3
	DirDebug      Directory = 6
	DirTLS        Directory = 9
	DirLoadConfig Directory = 10
	DirIAT        Directory = 12
	DirCLR        Directory = 14
)

// Characteristics are a section's flags, IMAGE_SCN_*.
type Characteristics uint32

// The section flags that readers here use.
const (
	Code              Characteristics = 0x00000020
	InitializedData   Characteristics = 0x00000040
	UninitializedData Characteristics = 0x00000080
	Discardable       Characteristics = 0x02000000
	Execute           Characteristics = 0x20000000
	Read              Characteristics = 0x40000000
	Write             Characteristics = 0x80000000
)

// Section is one section of an image, where it stands in memory.
type Section struct {
	memory.Range    // from its address for VirtualSize bytes, cut at the image's end
	Name            string
	Characteristics Characteristics
}

// Writable reports whether the program may write to the section.
func (s Section) Writable() bool { return s.Characteristics&Write != 0 }

// Executable reports whether the section holds code.
func (s Section) Executable() bool { return s.Characteristics&Execute != 0 }

// Image is a mapped PE image. Its bytes are read when they are asked for.
type Image struct {
	memory.Range             // SizeOfImage bytes from its base
	Bits         int         // 32 or 64, by the optional header's magic
	Machine      uint16      // IMAGE_FILE_MACHINE_*: 0x14c x86, 0x8664 x64, 0xaa64 ARM64
	Timestamp    uint32      // seconds since 1970, or a hash in reproducible builds
	Entry        memory.Addr // AddressOfEntryPoint; 0 when it has none
	DLL          bool        // IMAGE_FILE_DLL
	LargeAddress bool        // IMAGE_FILE_LARGE_ADDRESS_AWARE: a 32-bit program may use addresses above 2 GiB
	Checksum     uint32
	// HeadersPartial says that the section table is not whole in the dump:
	// Sections holds those that are.
	HeadersPartial bool
	Sections       []Section // in the table's order

	directories [maxDirectories]memory.Range
}

// Open reads the headers of the image at base. limit is the size that others
// (the module list) give it, in bytes; 0 when nobody does. The error is
// ErrNotPE, or a *memory.MissingError when the headers are not in the dump.
func Open(m Memory, base memory.Addr, limit uint64) (*Image, error) {
	dos, err := m.View(base, dosSize)
	if err != nil {
		return nil, err
	}
	lfanew := uint64(binary.LittleEndian.Uint32(dos[dosLfanew:]))
	if dos[0] != 'M' || dos[1] != 'Z' || lfanew > maxHeader {
		return nil, fmt.Errorf("%w at %v: it does not begin with a DOS header", ErrNotPE, base)
	}
	at := base.Add(lfanew)
	head, err := m.View(at, 4+fileHeaderSize)
	if err != nil {
		return nil, err
	}
	if string(head[:4]) != "PE\x00\x00" {
		return nil, fmt.Errorf("%w at %v: no PE signature at %v", ErrNotPE, base, at)
	}
	flags := binary.LittleEndian.Uint16(head[22:])
	i := &Image{
		Machine:      binary.LittleEndian.Uint16(head[4:]),
		Timestamp:    binary.LittleEndian.Uint32(head[8:]),
		DLL:          flags&0x2000 != 0,
		LargeAddress: flags&0x20 != 0,
	}
	optional := at.Add(4 + fileHeaderSize)
	size := uint64(binary.LittleEndian.Uint16(head[20:]))
	if err := i.optional(m, base, optional, size, limit); err != nil {
		return nil, err
	}
	i.sections(m, optional.Add(size), binary.LittleEndian.Uint16(head[6:]))
	return i, nil
}

// optional reads the optional header of size bytes.
func (i *Image) optional(m Memory, base, at memory.Addr, size, limit uint64) error {
	o, err := m.View(at, size)
	if err != nil {
		return err
	}
	directories := uint64(directories32At)
	if len(o) >= 2 {
		switch binary.LittleEndian.Uint16(o) {
		case optional32:
			i.Bits = 32
		case optional64:
			i.Bits, directories = 64, directories64At
		}
	}
	if i.Bits == 0 || size < directories {
		return fmt.Errorf("%w at %v: its optional header is neither PE32 nor PE32+", ErrNotPE, base)
	}
	n := uint64(binary.LittleEndian.Uint32(o[56:]))
	if limit != 0 && n > limit {
		n = limit
	}
	i.Range = base.Span(n)
	i.Checksum = binary.LittleEndian.Uint32(o[64:])
	if entry := binary.LittleEndian.Uint32(o[16:]); entry != 0 && uint64(entry) < i.Size() {
		i.Entry = base.Add(uint64(entry))
	}
	count := min(uint64(binary.LittleEndian.Uint32(o[directories-4:])), maxDirectories, (size-directories)/directorySize)
	for d := range count {
		e := o[directories+d*directorySize:]
		i.directories[d] = i.RVA(binary.LittleEndian.Uint32(e), uint64(binary.LittleEndian.Uint32(e[4:])))
	}
	return nil
}

// sections reads the section table, as much of it as the dump has.
func (i *Image) sections(m Memory, at memory.Addr, count uint16) {
	if count > maxSections {
		i.HeadersPartial = true
		count = maxSections
	}
	for n := range uint64(count) {
		b, err := m.View(at.Add(n*sectionSize), sectionSize)
		if err != nil {
			i.HeadersPartial = true
			return
		}
		r := i.RVA(binary.LittleEndian.Uint32(b[12:]), uint64(sectionExtent(b)))
		if r.Empty() {
			continue
		}
		i.Sections = append(i.Sections, Section{
			Range:           r,
			Name:            sectionName(b[:8]),
			Characteristics: Characteristics(binary.LittleEndian.Uint32(b[36:])),
		})
	}
}

// sectionExtent is VirtualSize; very old linkers leave it 0 and mean
// SizeOfRawData.
func sectionExtent(b []byte) uint32 {
	if n := binary.LittleEndian.Uint32(b[8:]); n != 0 {
		return n
	}
	return binary.LittleEndian.Uint32(b[16:])
}

// sectionName is the name up to its first NUL; a byte that is no printable
// ASCII becomes '?'.
func sectionName(b []byte) string {
	var out []byte
	for _, c := range b {
		if c == 0 {
			break
		}
		if c < 0x20 || c > 0x7e {
			c = '?'
		}
		out = append(out, c)
	}
	return string(out)
}

// RVA returns the n bytes at the offset rva from the image's base, cut at the
// image's end; empty when they lie beyond it or n is 0.
func (i *Image) RVA(rva uint32, n uint64) memory.Range {
	off := uint64(rva)
	if off >= i.Size() {
		return memory.Range{}
	}
	return i.Start.Add(off).Span(min(n, i.Size()-off))
}

// Directory returns where the directory's data is; empty when the image has
// none.
func (i *Image) Directory(d Directory) memory.Range {
	if int(d) >= len(i.directories) {
		return memory.Range{}
	}
	return i.directories[d]
}

// Section returns the section that has a.
func (i *Image) Section(a memory.Addr) (Section, bool) {
	for _, s := range i.Sections {
		if s.Contains(a) {
			return s, true
		}
	}
	return Section{}, false
}
