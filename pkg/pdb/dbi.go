package pdb

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

const (
	dbiHead          = 64
	moduleHead       = 64 // bytes of a compiland's entry before its names
	sectionHead      = 40 // IMAGE_SECTION_HEADER
	contributionV1   = 0xf12eba2d
	contributionV2   = 0xf13151e4
	contributionCode = 0x20 // IMAGE_SCN_CNT_CODE
)

// The streams that the DBI stream's last part numbers.
const (
	debugOmapFrom = 4
	debugSections = 5
)

// dbi are the parts of the DBI stream that others need.
type dbi struct {
	publics, records int // stream numbers; noStream for none
}

// section is a section of the image, whose number and offset symbols have.
type section struct{ rva, size uint32 }

// piece is what a compiland contributed to the image's code.
type piece struct {
	start, end uint32
	module     int
}

// dbi reads the DBI stream: the compilands, the sections, and who contributed
// what.
func (f *File) dbi() (dbi, error) {
	s, ok := f.msf.stream(streamDBI)
	if !ok || len(s) < dbiHead {
		if ok && len(s) == 0 { // of types alone, as the compiler writes it
			return dbi{noStream, noStream}, fmt.Errorf("%w: it has no symbols (the compiler's file of types, not the linker's)", ErrUnsupported)
		}
		return dbi{}, fmt.Errorf("%w: its DBI stream cannot be read", ErrDamaged)
	}
	f.dbiAge = u32(s, 8)
	d := dbi{publics: int(u16(s, 16)), records: int(u16(s, 20))}
	var parts [7]string // modules, contributions, section map, sources, type servers, edit and continue, debug streams
	rest := s[dbiHead:]
	for i, at := range [...]int{24, 28, 32, 36, 40, 52, 48} {
		n := uint64(u32(s, at))
		if n > uint64(len(rest)) {
			return d, fmt.Errorf("%w: part %d of its DBI stream has %d bytes, and %d are left", ErrDamaged, i, n, len(rest))
		}
		parts[i], rest = rest[:n], rest[n:]
	}
	debug := func(n int) int {
		if len(parts[6]) < 2*n+2 {
			return noStream
		}
		return int(u16(parts[6], 2*n))
	}
	if omap := debug(debugOmapFrom); omap != noStream && omap != 0 {
		return d, fmt.Errorf("%w: the image's parts were moved after linking, and its addresses are those before (OMAP)", ErrUnsupported)
	}
	f.readSections(debug(debugSections))
	f.readModules(parts[0])
	f.readPieces(parts[1])
	return d, nil
}

// readSections reads the image's section headers; without them no address can
// be told.
func (f *File) readSections(n int) {
	s, ok := f.msf.stream(n)
	if !ok {
		f.partial = true
		return
	}
	for ; len(s) >= sectionHead; s = s[sectionHead:] {
		f.sections = append(f.sections, section{rva: u32(s, 12), size: max(u32(s, 8), u32(s, 16))})
	}
}

// address turns a section's number, from 1, and an offset in it into an RVA.
func (f *File) address(number uint16, off uint32) (uint32, bool) {
	if number == 0 || int(number) > len(f.sections) {
		return 0, false
	}
	s := f.sections[number-1]
	if off >= s.size || s.rva > math.MaxUint32-off {
		return 0, false
	}
	return s.rva + off, true
}

// readModules reads the list of compilands. A stream belongs to the first
// compiland that names it.
func (f *File) readModules(s string) {
	claimed := map[int]bool{noStream: true}
	for len(s) >= moduleHead {
		m := &module{stream: int(u16(s, 34)), symbols: u32(s, 36), c11: u32(s, 40), c13: u32(s, 44)}
		if claimed[m.stream] {
			f.partial = f.partial || m.stream != noStream
			m.stream = noStream
		}
		claimed[m.stream] = true
		n := moduleHead
		for range 2 { // the names of the compiland and of its object file
			k := strings.IndexByte(s[n:], 0)
			if k < 0 {
				f.partial = true
				return
			}
			n += k + 1
		}
		f.modules = append(f.modules, m)
		n = (n + 3) &^ 3
		s = s[min(n, len(s)):]
	}
}

// readPieces reads which compiland contributed which code.
func (f *File) readPieces(s string) {
	if len(s) < 4 {
		f.partial = f.partial || len(f.modules) > 0
		return
	}
	size := 28
	switch u32(s, 0) {
	case contributionV1:
	case contributionV2:
		size = 32
	default:
		f.partial = true
		return
	}
	for s = s[4:]; len(s) >= size; s = s[size:] {
		start, ok := f.address(u16(s, 0), u32(s, 4))
		n, flags, m := u32(s, 8), u32(s, 12), int(u16(s, 16))
		if !ok || flags&contributionCode == 0 || m >= len(f.modules) || n == 0 || start > math.MaxUint32-n {
			continue
		}
		f.pieces = append(f.pieces, piece{start, start + n, m})
	}
	slices.SortFunc(f.pieces, func(a, b piece) int { return cmp.Compare(a.start, b.start) })
}

// compiland returns the compiland whose code is at rva; nil when none is.
func (f *File) compiland(rva uint32) *module {
	lo, hi := 0, len(f.pieces)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if f.pieces[mid].start <= rva {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 || rva >= f.pieces[lo-1].end {
		return nil
	}
	m := f.modules[f.pieces[lo-1].module]
	m.once.Do(func() { m.read(f) })
	return m
}
