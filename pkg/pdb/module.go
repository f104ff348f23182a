package pdb

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"sync"
)

// The records that procedures have, each with the same fields (PROCSYM32).
const (
	kindLocal    = 0x110f // S_LPROC32
	kindGlobal   = 0x1110 // S_GPROC32
	kindLocalID  = 0x1146
	kindGlobalID = 0x1147
	procedure    = 39 // offset of the name in such a record, its length and kind included

	signatureC13 = 4 // of a compiland's stream
)

// module is a compiland: an object file that was linked.
type module struct {
	stream            int
	symbols, c11, c13 uint32 // bytes of the stream's parts

	once       sync.Once
	procedures []Symbol // by RVA
	starts     []uint32 // theirs
	lines      lines
}

// read reads the compiland's procedures and lines. What is not whole is left
// out.
func (m *module) read(f *File) {
	if m.stream == noStream {
		return
	}
	s, ok := f.msf.stream(m.stream)
	if !ok || uint64(m.symbols)+uint64(m.c11)+uint64(m.c13) > uint64(len(s)) || m.symbols < 4 || u32(s, 0) != signatureC13 {
		return
	}
	m.readProcedures(f, s[4:m.symbols])
	m.lines.read(f, s[m.symbols+m.c11:][:m.c13])
}

func (m *module) readProcedures(f *File, s string) {
	for len(s) >= recordPrefix {
		n := int(u16(s, 0)) + 2
		if n < recordPrefix || n > len(s) {
			break
		}
		r := s[:n]
		s = s[n:]
		switch u16(r, 2) {
		case kindLocal, kindGlobal, kindLocalID, kindGlobalID:
		default:
			continue
		}
		if len(r) < procedure {
			continue
		}
		rva, ok := f.address(u16(r, 36), u32(r, 32))
		size := u32(r, 16)
		if !ok || rva > math.MaxUint32-size {
			continue
		}
		m.procedures = append(m.procedures, Symbol{rva, size, text(r, procedure)})
	}
	slices.SortStableFunc(m.procedures, func(a, b Symbol) int { return cmp.Compare(a.RVA, b.RVA) })
	// Of procedures that were folded into one the first stands.
	m.procedures = slices.CompactFunc(m.procedures, func(a, b Symbol) bool { return a.RVA == b.RVA })
	m.starts = make([]uint32, len(m.procedures))
	for i, p := range m.procedures {
		m.starts[i] = p.RVA
	}
}

// Function returns the procedure that rva is in. It allocates nothing once
// its compiland was read.
func (f *File) Function(rva uint32) (Symbol, bool) {
	m := f.compiland(rva)
	if m == nil {
		return Symbol{}, false
	}
	n := last(m.starts, rva)
	if n < 0 {
		return Symbol{}, false
	}
	if p := m.procedures[n]; rva-p.RVA < p.Size || rva == p.RVA {
		return p, true
	}
	return Symbol{}, false
}

// Functions are all procedures, compiland by compiland, each one's by
// address. It reads every compiland.
func (f *File) Functions() iter.Seq[Symbol] {
	return func(yield func(Symbol) bool) {
		for _, m := range f.modules {
			m.once.Do(func() { m.read(f) })
			for _, p := range m.procedures {
				if !yield(p) {
					return
				}
			}
		}
	}
}
