package breakpad

import (
	"cmp"
	"slices"
)

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

// Function returns the function that rva is in. It allocates nothing.
func (f *File) Function(rva uint32) (Symbol, bool) {
	n := last(f.starts, rva)
	if n < 0 {
		return Symbol{}, false
	}
	if s := f.functions[n]; rva-s.RVA < s.Size || rva == s.RVA {
		return s, true
	}
	return Symbol{}, false
}

// Public returns the public symbol at or below rva, unless a function begins
// between them. It allocates nothing.
func (f *File) Public(rva uint32) (Symbol, bool) {
	n := last(f.publicAt, rva)
	if n < 0 {
		return Symbol{}, false
	}
	s := f.publics[n]
	if k := last(f.starts, rva); k >= 0 && f.starts[k] > s.RVA {
		return Symbol{}, false
	}
	return s, true
}

// Line returns the file and the line, from 1, of the code at rva. It
// allocates nothing.
func (f *File) Line(rva uint32) (file string, line uint32, ok bool) {
	n := last(f.lineAt, rva)
	if n < 0 || rva >= f.lines[n].end {
		return "", 0, false
	}
	l := f.lines[n]
	name := f.files[l.file]
	return name, l.number, name != "" && l.number != 0
}

// Near returns the symbols round rva in address order, at least count at or
// below it and count above where there are as many: functions, and public
// symbols at other addresses.
func (f *File) Near(rva uint32, count int) []Symbol {
	n := last(f.starts, rva)
	out := slices.Clone(f.functions[max(0, n-count+1):min(len(f.functions), n+count+1)])
	n = last(f.publicAt, rva)
	out = append(out, f.publics[max(0, n-count+1):min(len(f.publics), n+count+1)]...)
	slices.SortStableFunc(out, func(a, b Symbol) int { return cmp.Compare(a.RVA, b.RVA) })
	return slices.CompactFunc(out, func(a, b Symbol) bool { return a.RVA == b.RVA })
}
