// Package breakpad reads Breakpad's symbol files (.sym): which build a file
// belongs to, its functions, public symbols and lines. It knows no images and
// no dumps. The format is that of Breakpad's document "The Breakpad Symbol
// File Format"; records that are not needed here (INLINE, STACK, INFO) are
// passed over.
package breakpad

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Errors of Open and Match, to be told with errors.Is.
var (
	ErrNotSymbols = errors.New("no Breakpad symbol file: it does not begin with MODULE, a system, an architecture, an identifier and a name")
	ErrMismatch   = errors.New("the symbol file is of another build")
)

// File is a symbol file. It may be used by several goroutines at once.
type File struct {
	OS, Arch string // of the MODULE record: "windows", "x86_64"
	ID       string // GUID and age as symbol servers write them, in capitals
	Name     string // of the PDB, of images without one the image's

	functions []function
	starts    []uint32
	publics   []Symbol
	publicAt  []uint32
	lines     []line
	lineAt    []uint32
	files     map[uint32]string
	bad       int
}

// Symbol is a name of a place in the image.
type Symbol struct {
	RVA  uint32
	Size uint32 // of a function, in bytes; 0 of a public symbol, which has none
	Name string
}

type function = Symbol

type line struct{ start, end, number, file uint32 }

// Open reads a file. Records that are not understood are counted and left
// out; a file that does not begin with a MODULE record is an ErrNotSymbols.
func Open(data []byte) (*File, error) {
	const first = "MODULE "
	if len(data) < len(first) || string(data[:len(first)]) != first {
		return nil, ErrNotSymbols
	}
	text := string(data)
	head, text := cut(text)
	words := strings.SplitN(head[len(first):], " ", 4)
	if len(words) < 4 || words[2] == "" {
		return nil, ErrNotSymbols
	}
	f := &File{OS: words[0], Arch: words[1], ID: strings.ToUpper(words[2]), Name: words[3], files: map[uint32]string{}}
	r := reader{f: f}
	for text != "" {
		var record string
		if record, text = cut(text); record != "" && !r.record(record) {
			f.bad++
		}
	}
	f.sort()
	return f, nil
}

// Match says whether the file belongs to the module of this identifier, GUID
// and age as symbol servers write them: nil, or an ErrMismatch that names
// both.
func (f *File) Match(id string) error {
	if id == "" || !strings.EqualFold(id, f.ID) {
		return fmt.Errorf("%w: its identifier is %s, the module's %s", ErrMismatch, f.ID, id)
	}
	return nil
}

// Partial reports whether some records were not understood.
func (f *File) Partial() bool { return f.bad > 0 }

// cut takes a line from a text.
func cut(text string) (line, rest string) {
	line, rest, _ = strings.Cut(text, "\n")
	return strings.TrimSuffix(line, "\r"), rest
}

// word takes a word from a record.
func word(record string) (first, rest string) {
	first, rest, _ = strings.Cut(record, " ")
	return first, rest
}

// number takes a number from a record.
func number(record string, base int) (n uint32, rest string, ok bool) {
	w, rest := word(record)
	v, err := strconv.ParseUint(w, base, 32)
	return uint32(v), rest, err == nil
}

// reader reads records. Lines belong to the function before them.
type reader struct {
	f  *File
	in bool // a function's lines may follow
}

// record reads one record; false when it is not understood.
func (r *reader) record(s string) bool {
	kind, rest := word(s)
	switch kind {
	case "FUNC":
		r.in = r.function(rest)
		return r.in
	case "PUBLIC":
		r.in = false
		return r.public(rest)
	case "FILE":
		n, name, ok := number(rest, 10)
		if ok && name != "" {
			r.f.files[n] = name
		}
		return ok && name != ""
	case "INLINE", "INLINE_ORIGIN", "STACK", "INFO", "MODULE":
		return true
	}
	return r.line(s)
}

// function reads "[m] ADDRESS SIZE PARAMETERS NAME"; m says that several
// functions were folded into one.
func (r *reader) function(s string) bool {
	s = strings.TrimPrefix(s, "m ")
	at, s, ok1 := number(s, 16)
	size, s, ok2 := number(s, 16)
	_, name, ok3 := number(s, 16)
	if !ok1 || !ok2 || !ok3 || name == "" || at > math.MaxUint32-size {
		return false
	}
	r.f.functions = append(r.f.functions, function{at, size, name})
	return true
}

// public reads "[m] ADDRESS PARAMETERS NAME".
func (r *reader) public(s string) bool {
	s = strings.TrimPrefix(s, "m ")
	at, s, ok1 := number(s, 16)
	_, name, ok2 := number(s, 16)
	if !ok1 || !ok2 || name == "" {
		return false
	}
	r.f.publics = append(r.f.publics, Symbol{RVA: at, Name: name})
	return true
}

// line reads "ADDRESS SIZE LINE FILE" of the function before.
func (r *reader) line(s string) bool {
	at, s, ok1 := number(s, 16)
	size, s, ok2 := number(s, 16)
	n, s, ok3 := number(s, 10)
	file, _, ok4 := number(s, 10)
	if !r.in || !ok1 || !ok2 || !ok3 || !ok4 || at > math.MaxUint32-size {
		return false
	}
	r.f.lines = append(r.f.lines, line{at, at + size, n, file})
	return true
}

// sort makes the records ready for searches. Of several functions or symbols
// at one address the first in the file stands.
func (f *File) sort() {
	f.functions, f.starts = byAddress(f.functions)
	f.publics, f.publicAt = byAddress(f.publics)
	slices.SortStableFunc(f.lines, func(a, b line) int { return cmp.Compare(a.start, b.start) })
	f.lineAt = make([]uint32, len(f.lines))
	for i, l := range f.lines {
		f.lineAt[i] = l.start
	}
}

func byAddress(s []Symbol) ([]Symbol, []uint32) {
	slices.SortStableFunc(s, func(a, b Symbol) int { return cmp.Compare(a.RVA, b.RVA) })
	s = slices.CompactFunc(s, func(a, b Symbol) bool { return a.RVA == b.RVA })
	at := make([]uint32, len(s))
	for i, x := range s {
		at[i] = x.RVA
	}
	return s, at
}
