package peimage

import (
	"bytes"
	"encoding/binary"
)

// CodeView is the debug directory's record of the PDB that belongs to an image.
type CodeView struct {
	GUID [16]byte // as it lies in memory; zero for NB10
	Time uint32   // NB10: the PDB's time stamp; 0 for RSDS
	Age  uint32
	PDB  string // name or path of the PDB
}

const (
	debugEntry     = 28   // bytes of an IMAGE_DEBUG_DIRECTORY
	debugCodeView  = 2    // IMAGE_DEBUG_TYPE_CODEVIEW
	maxDebug       = 64   // entries that are looked at; compilers write up to a dozen
	maxCodeView    = 1024 // bytes of a record that are read: a path of 260 characters is the longest usual
	codeViewRSDS   = 0x53445352
	codeViewNB10   = 0x3031424e
	sizeOfRSDSHead = 24
	sizeOfNB10Head = 16
)

// CodeView reads the debug directory of the image; false when it has no record
// of a PDB, or the dump does not hold it.
func (i *Image) CodeView(m Memory) (CodeView, bool) {
	dir := i.Directory(DirDebug)
	for n := uint64(0); n < maxDebug && (n+1)*debugEntry <= dir.Size(); n++ {
		e, err := m.View(dir.Start.Add(n*debugEntry), debugEntry)
		if err != nil {
			return CodeView{}, false
		}
		le := binary.LittleEndian
		if le.Uint32(e[12:]) != debugCodeView {
			continue
		}
		at := i.RVA(le.Uint32(e[20:]), uint64(min(le.Uint32(e[16:]), maxCodeView)))
		raw, err := m.View(at.Start, at.Size())
		if err != nil {
			continue
		}
		if c, ok := codeView(raw); ok {
			return c, true
		}
	}
	return CodeView{}, false
}

// codeView decodes a record: {"RSDS", GUID, age, name} of PDB 7, or {"NB10",
// offset, time, age, name} of PDB 2.
func codeView(raw []byte) (CodeView, bool) {
	le := binary.LittleEndian
	text := func(b []byte) string {
		b, _, _ = bytes.Cut(b, []byte{0})
		return string(b)
	}
	switch {
	case len(raw) > sizeOfRSDSHead && le.Uint32(raw) == codeViewRSDS:
		return CodeView{GUID: [16]byte(raw[4:20]), Age: le.Uint32(raw[20:]), PDB: text(raw[24:])}, true
	case len(raw) > sizeOfNB10Head && le.Uint32(raw) == codeViewNB10:
		return CodeView{Time: le.Uint32(raw[8:]), Age: le.Uint32(raw[12:]), PDB: text(raw[16:])}, true
	}
	return CodeView{}, false
}
