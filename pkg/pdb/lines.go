package pdb

import (
	"cmp"
	"iter"
	"math"
	"slices"
)

// The parts of a compiland's C13 debug information that lines need
// (DEBUG_S_*), and what their numbers are made of.
const (
	partLines     = 0xf2
	partChecksums = 0xf4
	partIgnore    = 0x80000000

	hasColumns = 1
	lineMask   = 0xffffff
	// Lines that say "step over this" and "step into what this calls", not
	// which line it is.
	lineNever  = 0xfeefee
	lineAlways = 0xf00f00
)

// lines is a compiland's table of lines, by RVA. An entry goes on until the
// next; a line of 0 is the end of a function, or begins code of no line.
type lines struct {
	entries []lineEntry
}

type lineEntry struct {
	rva  uint32
	line uint32
	file uint32 // offset of its name among the file's texts
}

// read reads the table from the C13 information.
func (l *lines) read(f *File, s string) {
	var tables []string
	checksums := ""
	for len(s) >= 8 {
		kind, n := u32(s, 0), uint64(u32(s, 4))
		s = s[8:]
		if n > uint64(len(s)) {
			break
		}
		switch part := s[:n]; kind {
		case partLines:
			tables = append(tables, part)
		case partChecksums:
			checksums = part
		}
		s = s[min((n+3)&^3, uint64(len(s))):]
	}
	for _, t := range tables {
		l.table(f, t, checksums)
	}
	// The end of a function gives way to what begins there; of several lines
	// at one address the last is that of the code.
	slices.SortStableFunc(l.entries, func(a, b lineEntry) int {
		return cmp.Or(cmp.Compare(a.rva, b.rva), cmp.Compare(min(a.line, 1), min(b.line, 1)))
	})
}

// table reads one function's lines: blocks, one for each file that it has
// text of.
func (l *lines) table(f *File, s, checksums string) {
	if len(s) < 12 {
		return
	}
	base, ok := f.address(u16(s, 4), u32(s, 0))
	columns, size := u16(s, 6)&hasColumns != 0, u32(s, 8)
	if !ok || base > math.MaxUint32-size {
		return
	}
	entry := uint64(8)
	if columns {
		entry += 4
	}
	for s = s[12:]; len(s) >= 12; {
		file, count, n := u32(s, 0), uint64(u32(s, 4)), uint64(u32(s, 8))
		if n < 12 || n > uint64(len(s)) || count > (n-12)/entry {
			return
		}
		name, named := fileName(checksums, file)
		for i := range int(count) {
			off, line := u32(s, 12+8*i), u32(s, 16+8*i)&lineMask
			if off >= size {
				continue
			}
			if !named || line == lineNever || line == lineAlways {
				line = 0
			}
			l.entries = append(l.entries, lineEntry{base + off, line, name})
		}
		s = s[n:]
	}
	l.entries = append(l.entries, lineEntry{rva: base + size})
}

// fileName returns where the name of a file is, whose checksum is at an
// offset.
func fileName(checksums string, at uint32) (uint32, bool) {
	if uint64(at)+6 > uint64(len(checksums)) {
		return 0, false
	}
	return u32(checksums, int(at)), true
}

// Line returns the line of the code at rva. It allocates nothing once its
// compiland was read.
func (f *File) Line(rva uint32) (Line, bool) {
	m := f.compiland(rva)
	if m == nil {
		return Line{}, false
	}
	e := m.lines.entries
	lo, hi := 0, len(e)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if e[mid].rva <= rva {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 || e[lo-1].line == 0 {
		return Line{}, false
	}
	name := text(f.texts, e[lo-1].file)
	return Line{name, e[lo-1].line}, name != ""
}

// LineEntry is an entry of a table of lines: the code from RVA on is of Line.
type LineEntry struct {
	RVA uint32
	Line
}

// Lines are all entries, compiland by compiland, each one's by address. It
// reads every compiland.
func (f *File) Lines() iter.Seq[LineEntry] {
	return func(yield func(LineEntry) bool) {
		for _, m := range f.modules {
			m.once.Do(func() { m.read(f) })
			for _, e := range m.lines.entries {
				if e.line != 0 && !yield(LineEntry{e.rva, Line{text(f.texts, e.file), e.line}}) {
					return
				}
			}
		}
	}
}
