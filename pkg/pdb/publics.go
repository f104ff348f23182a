package pdb

import (
	"cmp"
	"iter"
	"slices"
)

const (
	kindPublic   = 0x110e // S_PUB32
	publicsHead  = 28     // bytes of the publics' stream before its hash table
	publicName   = 14     // offset of the name in a record, its length and kind included
	recordPrefix = 4      // length and kind
)

// publics are the public symbols, by RVA.
type publics struct {
	at      []uint32
	record  []uint32 // offset of each in records
	records string
}

// readPublics reads the public symbols: the publics' stream lists them by
// address. (The records hold others too, of builds before this one.)
func (f *File) readPublics(d dbi) {
	if d.publics == noStream || d.records == noStream {
		return
	}
	s, ok := f.msf.stream(d.publics)
	records, ok2 := f.msf.stream(d.records)
	if !ok || !ok2 || len(s) < publicsHead || uint64(u32(s, 0))+uint64(u32(s, 4)) > uint64(len(s)-publicsHead) {
		f.partial = true
		return
	}
	p := &f.publics
	p.records = records
	s = s[publicsHead+u32(s, 0):][:u32(s, 4)]
	type entry struct{ at, record uint32 }
	all := make([]entry, 0, len(s)/4)
	for ; len(s) >= 4; s = s[4:] {
		at := u32(s, 0)
		if uint64(at)+publicName > uint64(len(records)) || u16(records, int(at)+2) != kindPublic {
			f.partial = true
			continue
		}
		if rva, ok := f.address(u16(records, int(at)+12), u32(records, int(at)+8)); ok {
			all = append(all, entry{rva, at})
		}
	}
	slices.SortStableFunc(all, func(a, b entry) int { return cmp.Compare(a.at, b.at) })
	p.at, p.record = make([]uint32, len(all)), make([]uint32, len(all))
	for i, e := range all {
		p.at[i], p.record[i] = e.at, e.record
	}
}

// symbol is the n-th public symbol.
func (p *publics) symbol(n int) Symbol {
	r := p.records[p.record[n]:]
	r = r[:min(len(r), int(u16(r, 0))+2)]
	return Symbol{RVA: p.at[n], Name: text(r, publicName)}
}

// last returns the index of the last of sorted numbers at or below v; -1
// without one.
func last(sorted []uint32, v uint32) int {
	lo, hi := 0, len(sorted)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if sorted[mid] <= v {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}

// Public returns the public symbol at or below rva in the same section, unless
// a procedure begins between them: of several at one address the first. It
// allocates nothing once the compiland of rva was read.
func (f *File) Public(rva uint32) (Symbol, bool) {
	n := last(f.publics.at, rva)
	if n < 0 {
		return Symbol{}, false
	}
	if at := f.publics.at[n]; at > 0 {
		n = last(f.publics.at, at-1) + 1
	}
	if m := f.compiland(rva); m != nil {
		if k := last(m.starts, rva); k >= 0 && m.starts[k] > f.publics.at[n] {
			return Symbol{}, false
		}
	}
	for _, s := range f.sections {
		if in(s, rva) && in(s, f.publics.at[n]) {
			return f.publics.symbol(n), true
		}
	}
	return Symbol{}, false
}

// in reports whether rva is in the section.
func in(s section, rva uint32) bool { return rva >= s.rva && rva-s.rva < s.size }

// Publics are all public symbols by address.
func (f *File) Publics() iter.Seq[Symbol] {
	return func(yield func(Symbol) bool) {
		for i := range f.publics.at {
			if !yield(f.publics.symbol(i)) {
				return
			}
		}
	}
}

// Near returns the symbols round rva in address order, at least count at or
// below it and count above where there are as many: public symbols, and the procedures of the
// compiland that has rva, which stand for the public symbols of their
// addresses.
func (f *File) Near(rva uint32, count int) []Symbol {
	var out []Symbol
	if m := f.compiland(rva); m != nil {
		n := last(m.starts, rva)
		out = append(out, m.procedures[max(0, n-count+1):min(len(m.procedures), n+count+1)]...)
	}
	n := last(f.publics.at, rva)
	for i := max(0, n-count+1); i < len(f.publics.at) && i <= n+count; i++ {
		out = append(out, f.publics.symbol(i))
	}
	slices.SortStableFunc(out, func(a, b Symbol) int { return cmp.Compare(a.RVA, b.RVA) })
	return slices.CompactFunc(out, func(a, b Symbol) bool { return a.RVA == b.RVA })
}
