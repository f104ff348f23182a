package synth

import (
	"encoding/binary"
	"sort"
)

// PEExport is a function or variable that a PE exports.
type PEExport struct {
	Name    string // empty: by its ordinal alone
	Ordinal uint16 // the table's index: the ordinal without its base
	RVA     uint32
	Forward string // "DLL.Name" instead of RVA
}

// PEExports is an export table. The linker writes it as one piece: directory,
// functions, names, ordinals, then the strings.
type PEExports struct {
	DLL  string
	Base uint32 // the first ordinal
	List []PEExport
}

// Bytes lays the table out at rva. Its length is the size that the export
// directory's entry has.
func (x *PEExports) Bytes(rva uint32) []byte {
	le := binary.LittleEndian
	count := 0
	var named []PEExport
	for _, e := range x.List {
		count = max(count, int(e.Ordinal)+1)
		if e.Name != "" {
			named = append(named, e)
		}
	}
	sort.Slice(named, func(i, j int) bool { return named[i].Name < named[j].Name })
	functions := 40
	names := functions + 4*count
	ordinals := names + 4*len(named)
	b := make([]byte, ordinals+2*len(named))
	text := func(s string) uint32 {
		at := rva + uint32(len(b))
		b = append(append(b, s...), 0)
		return at
	}
	dll := text(x.DLL)
	le.PutUint32(b[12:], dll)
	le.PutUint32(b[16:], x.Base)
	le.PutUint32(b[20:], uint32(count))
	le.PutUint32(b[24:], uint32(len(named)))
	le.PutUint32(b[28:], rva+uint32(functions))
	le.PutUint32(b[32:], rva+uint32(names))
	le.PutUint32(b[36:], rva+uint32(ordinals))
	for _, e := range x.List {
		at := e.RVA
		if e.Forward != "" {
			at = text(e.Forward)
		}
		le.PutUint32(b[functions+4*int(e.Ordinal):], at)
	}
	for i, e := range named {
		at := text(e.Name)
		le.PutUint32(b[names+4*i:], at)
		le.PutUint16(b[ordinals+2*i:], e.Ordinal)
	}
	return b
}

// PEFunction is the code of a function in an exception directory. Chain is
// the function that it is a part of, which lies elsewhere; nil for a whole one.
type PEFunction struct {
	Begin, End uint32
	Chain      *PEFunction
}

// PEFunctions lays out an x64 exception directory at rva, and behind it the
// unwind information of its functions: none to undo, or chained. It returns
// all bytes, and how many of them are the directory.
func PEFunctions(rva uint32, list []PEFunction) (b []byte, directory uint32) {
	le := binary.LittleEndian
	directory = uint32(12 * len(list))
	b = make([]byte, directory)
	plain := rva + directory
	b = append(b, 1, 0, 0, 0) // version 1, no flags, no codes
	for i, f := range list {
		info := plain
		if f.Chain != nil {
			info = rva + uint32(len(b))
			b = append(b, 1|4<<3, 0, 0, 0) // UNW_FLAG_CHAININFO
			b = le.AppendUint32(b, f.Chain.Begin)
			b = le.AppendUint32(b, f.Chain.End)
			b = le.AppendUint32(b, plain)
		}
		le.PutUint32(b[12*i:], f.Begin)
		le.PutUint32(b[12*i+4:], f.End)
		le.PutUint32(b[12*i+8:], info)
	}
	return b, directory
}
