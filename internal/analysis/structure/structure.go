// Package structure reads a structure of the built-in layouts at an address:
// every field with its value, entry headers decoded with their heap's key.
package structure

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf16"

	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/structs"
)

// Query says what is read.
type Query struct {
	Set       *structs.Set
	Structure *structs.Structure
	Placed    bool // At is given; without it the fields have no values
	At        memory.Addr
	Depth     int // how many levels of nested structures are shown field by field
}

// Field is one field, in the order of offsets; those of a nested structure
// follow it.
type Field struct {
	structs.Field
	Depth   int    // 0 for the structure's own
	Path    string // "Counters.TotalSegments"
	Off     uint64 // from the structure that was asked for, bytes
	Value   *uint64
	Decoded *uint64 // with the heap's key, where Value is of an encoded entry
	Text    string  // the value in words; empty where there is none
	Missing string  // why there is no value, where bytes are missing
}

// Result is a structure as read.
type Result struct {
	Query
	Heap   *target.Heap // whose memory holds the address; nil when in none
	Fields []Field
	Notes  []string
}

// reader reads the fields of one structure.
type reader struct {
	*Result
	space *memory.Space
	names *symbols.Table
	seen  map[string]bool // notes
	key   *entryKey       // of the entry that fields are read of; nil outside of entries
}

// Take reads the structure.
func Take(t *target.Target, q Query) *Result {
	r := &Result{Query: q}
	x := &reader{Result: r, space: t.Space, seen: map[string]bool{}}
	if q.Placed {
		x.names = symbols.Of(t)
		r.Heap = heapAt(t, q.At)
	}
	x.structure(q.Structure, q.At, "", 0, 0)
	return r
}

// structure appends the fields of a structure at an address. It recurses over
// layouts, which are ours, not over what the dump says.
func (x *reader) structure(s *structs.Structure, at memory.Addr, path string, off uint64, depth int) {
	outer := x.key
	defer func() { x.key = outer }()
	if x.Placed && isEntry(s.Name) && x.key == nil && path != "Encoding." {
		x.key = x.entry(at)
	}
	for _, f := range s.Fields {
		x.field(f, at.Add(f.Off), path+f.Name, off+f.Off, depth, s.Name)
	}
}

// field appends a field and, where asked for, what is nested in it.
func (x *reader) field(f structs.Field, at memory.Addr, path string, off uint64, depth int, in string) {
	out := Field{Field: f, Depth: depth, Path: path, Off: off}
	of, n := f.Element()
	nested, _ := x.Set.Find(of)
	if of == "" || of[0] != '_' {
		nested = nil
	}
	if x.Placed {
		x.read(&out, at, of, n, nested, in)
	}
	x.Fields = append(x.Fields, out)
	levels := x.Depth - depth
	if nested == nil || levels <= 0 || (n > 1 || oneLine(of)) && levels < 2 {
		return
	}
	if n == 1 {
		x.structure(nested, at, path+".", off, depth+1)
		return
	}
	for i := range n {
		e := f
		e.Name, e.Type, e.Size = fmt.Sprintf("%s[%d]", f.Name, i), of, nested.Size
		x.field(e, at.Add(i*nested.Size), fmt.Sprintf("%s[%d]", path, i), off+i*nested.Size, depth+1, in)
	}
}

// oneLine reports whether a structure's text says all of it.
func oneLine(name string) bool {
	switch name {
	case "_LIST_ENTRY", "_SINGLE_LIST_ENTRY", "_UNICODE_STRING", "_STRING", "_CLIENT_ID", "_HEAP_ENTRY":
		return true
	}
	return false
}

// read fills in a field's value and its words.
func (x *reader) read(f *Field, at memory.Addr, of string, n uint64, nested *structs.Structure, in string) {
	b, err := x.space.View(at, f.Size)
	if err != nil {
		f.Missing = reason(err)
		return
	}
	switch {
	case nested != nil && n == 1:
		f.Text = x.summary(of, b, at, f.Path)
	case nested != nil:
	case of == "wchar":
		f.Text = quoted(text(b))
	case n > 1 || of == "bytes":
		f.Text = list(b, of, int(f.Size/n))
	default:
		x.number(f, b, of, in)
	}
}

// number reads a number or a pointer.
func (x *reader) number(f *Field, b []byte, of, in string) {
	v := word(b)
	if f.Bits() {
		v = v >> f.First & (1<<(f.End-f.First) - 1)
	}
	f.Value = &v
	shown := v
	if d, ok := x.key.decode(f); ok {
		f.Decoded, shown = &d, d
	}
	f.Text = x.words(f, shown, of, in)
}

// word reads 1 to 8 bytes.
func word(b []byte) uint64 {
	var w [8]byte
	copy(w[:], b)
	return binary.LittleEndian.Uint64(w[:])
}

// reason says why bytes are missing.
func reason(err error) string {
	var m *memory.MissingError
	if errors.As(err, &m) {
		return m.Why.String()
	}
	return err.Error()
}

// text decodes UTF-16 up to its first zero.
func text(b []byte) string {
	var u []uint16
	for ; len(b) >= 2; b = b[2:] {
		c := binary.LittleEndian.Uint16(b)
		if c == 0 {
			break
		}
		u = append(u, c)
	}
	return string(utf16.Decode(u))
}

// quoted puts text between quotes; it is the dump's, and renderers escape it.
func quoted(s string) string { return `"` + s + `"` }

// maxListed is how many elements of an array of numbers are shown.
const maxListed = 8

// list shows the first numbers of an array, or the first bytes.
func list(b []byte, of string, size int) string {
	if of == "bytes" {
		size = 1
	}
	out, n := "", len(b)/size
	for i := range min(n, maxListed) {
		v := word(b[i*size : (i+1)*size])
		if size == 1 {
			out += fmt.Sprintf("%02x ", v)
		} else {
			out += fmt.Sprintf("%#x ", v)
		}
	}
	if n > maxListed {
		return fmt.Sprintf("%s… of %d", out, n)
	}
	return out[:len(out)-1]
}

// note adds a note once.
func (x *reader) note(s string) {
	if !x.seen[s] {
		x.seen[s] = true
		x.Notes = append(x.Notes, s)
	}
}
