// Package structs has the layouts of the structures that dt shows: those of
// the NT heap, of page heap and of the process (PEB, TEB, process parameters,
// loader lists), as the public PDB symbols of ntdll place them, by family of
// Windows builds. It reads no memory.
//
// The heap walks do not use it: they are bound to the fields they need by
// pkg/ntheap, and a test keeps the two in agreement.
package structs

import (
	"embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

//go:embed x86.txt x64.txt
var files embed.FS

// Field is one field of a structure. Fields of a union share an offset.
type Field struct {
	Name string
	Off  uint64 // bytes from the structure's start
	Size uint64 // bytes
	Type string // "u8" to "u64", "i32", "i64", "wchar", "bytes", "*", "*_NAME", "_NAME"; "[N]" behind it for an array
	// First and End are the bits of a bit field within its Size bytes,
	// half-open; both are 0 for a whole field.
	First, End uint8
}

// Bits reports whether the field is a bit field.
func (f Field) Bits() bool { return f.End != 0 }

// Element returns the type without its array length, and the length, 1 for a
// field that is no array.
func (f Field) Element() (of string, n uint64) {
	name, rest, ok := strings.Cut(f.Type, "[")
	if !ok {
		return f.Type, 1
	}
	n, err := strconv.ParseUint(strings.TrimSuffix(rest, "]"), 10, 32)
	if err != nil || n == 0 {
		return name, 1
	}
	return name, n
}

// Structure is the layout of one structure in one family.
type Structure struct {
	Name   string // as in the symbols, "_HEAP"
	Size   uint64 // bytes
	Fields []Field
}

// Set is the structures of a family of builds and a pointer size.
type Set struct {
	Family     string // as pkg/ntheap names it, "win7-x64"
	Bits       int    // 32 or 64
	Structures []Structure
}

// Find returns the structure of a name as people write it: in any case, with
// or without the underscore, and with a module before it (ntdll!_HEAP).
func (s *Set) Find(name string) (*Structure, bool) {
	if i := strings.LastIndexByte(name, '!'); i >= 0 {
		name = name[i+1:]
	}
	name = strings.TrimLeft(name, "_")
	for i := range s.Structures {
		if x := &s.Structures[i]; strings.EqualFold(strings.TrimLeft(x.Name, "_"), name) {
			return x, true
		}
	}
	return nil, false
}

// All returns the sets of every family, 32-bit ones first, each in the order
// of Windows versions. It panics when a file is not understood, which the
// tests rule out.
var All = sync.OnceValue(func() []*Set {
	var all []*Set
	for i, name := range [...]string{"x86.txt", "x64.txt"} {
		text, err := files.ReadFile(name)
		if err != nil {
			panic(err)
		}
		sets, err := parse(32*(i+1), string(text))
		if err != nil {
			panic(fmt.Errorf("structs: %s: %w", name, err))
		}
		all = append(all, sets...)
	}
	return all
})

// Of returns the set of a family.
func Of(family string) (*Set, bool) {
	for _, s := range All() {
		if s.Family == family {
			return s, true
		}
	}
	return nil, false
}

// parse reads the notation: "struct NAME SIZE FAMILY…", then
// "FIELD OFFSET SIZE TYPE [FIRST:END]".
func parse(bits int, text string) ([]*Set, error) {
	var sets []*Set
	at := map[string]*Set{}
	var cur []*Structure
	for n, line := range strings.Split(text, "\n") {
		w := strings.Fields(line)
		var err error
		switch {
		case len(w) == 0 || strings.HasPrefix(w[0], "#"):
		case w[0] == "struct" && len(w) > 3:
			var size uint64
			size, err = strconv.ParseUint(w[2], 0, 32)
			cur = cur[:0]
			for _, family := range w[3:] {
				s := at[family]
				if s == nil {
					s = &Set{Family: family, Bits: bits}
					at[family], sets = s, append(sets, s)
				}
				s.Structures = append(s.Structures, Structure{Name: w[1], Size: size})
				cur = append(cur, &s.Structures[len(s.Structures)-1])
			}
		case len(cur) > 0 && (len(w) == 4 || len(w) == 5):
			var f Field
			f, err = field(w)
			for _, x := range cur {
				x.Fields = append(x.Fields, f)
			}
		default:
			err = fmt.Errorf("not understood")
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %q: %w", n+1, line, err)
		}
	}
	return sets, nil
}

// field reads the words of a field's line.
func field(w []string) (Field, error) {
	f := Field{Name: w[0], Type: w[3]}
	var err error
	if f.Off, err = strconv.ParseUint(w[1], 0, 32); err != nil {
		return f, err
	}
	if f.Size, err = strconv.ParseUint(w[2], 0, 32); err != nil {
		return f, err
	}
	if len(w) == 5 {
		first, end, _ := strings.Cut(w[4], ":")
		a, err1 := strconv.ParseUint(first, 10, 8)
		b, err2 := strconv.ParseUint(end, 10, 8)
		if err1 != nil || err2 != nil || a >= b || b > 8*f.Size {
			return f, fmt.Errorf("bits %s", w[4])
		}
		f.First, f.End = uint8(a), uint8(b)
	}
	return f, nil
}
