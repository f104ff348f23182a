// Package pdb reads Microsoft's program databases (PDB 7.00): which build a
// file belongs to, its public symbols, its procedures with their sizes, and
// its tables of lines. It knows no images, no dumps and no types.
//
// The format is described by LLVM's documentation of it ("The PDB File
// Format") and by the headers that Microsoft published (microsoft-pdb,
// cvinfo.h). Nothing in a file is trusted: every page is used by one stream
// at most, so that all that is read of a file is no larger than the file.
package pdb

import (
	"errors"
	"fmt"
	"strings"
)

// Errors of Open and Match, to be told with errors.Is.
var (
	ErrNotPDB      = errors.New("no program database (PDB 7.00)")
	ErrDamaged     = errors.New("the program database is damaged")
	ErrUnsupported = errors.New("a program database of a kind that is not read")
	ErrMismatch    = errors.New("the program database is of another build")
)

// The streams whose numbers are fixed.
const (
	streamInfo = 1
	streamDBI  = 3
	noStream   = 0xffff
)

// File is an open program database. It may be used by several goroutines at
// once; the symbols and lines of a compiland are read when first asked for.
type File struct {
	msf      container
	guid     [16]byte
	infoAge  uint32
	dbiAge   uint32
	sections []section
	publics  publics
	modules  []*module
	pieces   []piece
	texts    string // the file names, NUL-terminated
	partial  bool
}

// Symbol is a name of a place in the image.
type Symbol struct {
	RVA  uint32
	Size uint32 // of a procedure, in bytes; 0 of a public symbol, which has none
	Name string // a public symbol's is decorated, a procedure's is qualified
}

// Line is a line of source text.
type Line struct {
	File string // as the compiler wrote it: most often a whole path
	Line uint32 // from 1
}

// Open reads what names addresses of the file: a directory, publics and the
// list of compilands. data must not change while the File is used. The error
// is one of ErrNotPDB, ErrDamaged, ErrUnsupported, with what is wrong.
func Open(data []byte) (*File, error) {
	f := &File{}
	var err error
	if f.msf, err = openContainer(data); err != nil {
		return nil, err
	}
	named, err := f.info()
	if err != nil {
		return nil, err
	}
	d, err := f.dbi()
	if err != nil {
		return nil, err
	}
	f.texts = f.names(named["/names"])
	f.readPublics(d)
	return f, nil
}

// GUID is the file's identity, as it lies in memory.
func (f *File) GUID() [16]byte { return f.guid }

// Age is the number that goes with the identity: that of the DBI stream,
// which the linker wrote into the image too. Tools that change the file later
// (to index sources) count up the info stream's alone; linkers that write no
// age into the DBI stream leave 0 there, and then the info stream's counts.
func (f *File) Age() uint32 {
	if f.dbiAge != 0 {
		return f.dbiAge
	}
	return f.infoAge
}

// Match says whether the file belongs to the image of this identity: nil, or
// an ErrMismatch that names both. Debuggers take a file when the identity is
// the same and its age that of the image; a file of another age is of another
// link of the same program, whose addresses are others.
func (f *File) Match(guid [16]byte, age uint32) error {
	if guid != f.guid {
		return fmt.Errorf("%w: its GUID is %s, the image's %s", ErrMismatch, guidText(f.guid), guidText(guid))
	}
	if age != f.Age() {
		return fmt.Errorf("%w: its age is %d, the image's %d", ErrMismatch, f.Age(), age)
	}
	return nil
}

// Partial reports whether a part of the file could not be read, so that names
// may be missing.
func (f *File) Partial() bool { return f.partial }

// guidText writes a GUID as Windows does, without braces.
func guidText(g [16]byte) string {
	s := string(g[:])
	return fmt.Sprintf("%08X-%04X-%04X-%X-%X", u32(s, 0), u16(s, 4), u16(s, 6), g[8:10], g[10:])
}

// u16 and u32 read little-endian numbers; the caller has made sure that the
// bytes are there.
func u16(s string, at int) uint16 { return uint16(s[at]) | uint16(s[at+1])<<8 }

func u32(s string, at int) uint32 {
	return uint32(s[at]) | uint32(s[at+1])<<8 | uint32(s[at+2])<<16 | uint32(s[at+3])<<24
}

// longest bounds a text, in bytes: names are cut at 64 KiB by their records'
// lengths, and paths are shorter still.
const longest = 1 << 16

// text is the text at an offset, up to its NUL; empty when there is none.
func text(s string, at uint32) string {
	if uint64(at) >= uint64(len(s)) {
		return ""
	}
	s = s[at:]
	s = s[:min(len(s), longest)]
	return s[:max(0, strings.IndexByte(s, 0))]
}
