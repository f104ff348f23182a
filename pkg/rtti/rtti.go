// Package rtti reads the run-time type information that Microsoft's compiler
// (and clang for its ABI) puts before every virtual function table: the class
// of an object, from the image alone. The structures are documented by the
// compiler's own rttidata.h and by what clang writes; a class is believed only
// when all of them agree.
package rtti

import (
	"encoding/binary"
	"strings"

	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/peimage"
	"github.com/heapdump/heapdump/pkg/undname"
)

// The structures' sizes and bounds.
const (
	locator32 = 20 // RTTICompleteObjectLocator with pointers
	locator64 = 24 // with RVAs, its own last
	hierarchy = 16 // RTTIClassHierarchyDescriptor
	base      = 24 // RTTIBaseClassDescriptor as far as it is read

	maxBases = 256  // direct and indirect
	maxName  = 4096 // Microsoft's compiler ends names there
	// fewestEntries is how many pointers to code in a row make a table of
	// functions where no type information says that it is one.
	fewestEntries = 3
)

// Base is a base class, direct or not.
type Base struct {
	Name    string
	Offset  int32 // of it in the object, in bytes; of a virtual base not fixed
	Virtual bool
}

// Class is the class whose objects carry a table.
type Class struct {
	Name    string // "ns::C"
	Mangled string // ".?AVC@ns@@"
	Bases   []Base // in the order of the hierarchy, the class itself left out
	// Offset is how far into the complete object the pointer to the table
	// stands, in bytes: 0 for the first one.
	Offset uint32
}

// reader reads the structures of one image.
type reader struct {
	m Memory
	i *peimage.Image
}

// Memory is where an image is read from.
type Memory = peimage.Memory

// Read returns the class whose virtual function table is at vtable. False when
// the image has no type information there, or it does not hold together.
func Read(m Memory, i *peimage.Image, vtable memory.Addr) (Class, bool) {
	r := reader{m, i}
	if r.entries(vtable, 1) != 1 {
		return Class{}, false
	}
	loc, ok := r.pointer(vtable - memory.Addr(r.width()))
	if !ok || !r.constant(loc) {
		return Class{}, false
	}
	b, ok := r.locator(loc)
	if !ok {
		return Class{}, false
	}
	le := binary.LittleEndian
	c := Class{Offset: le.Uint32(b[4:])}
	td := r.ref(b[12:])
	var kind memory.Addr
	if c.Mangled, c.Name, kind, ok = r.descriptor(td); !ok || uint64(c.Offset) >= 1<<24 {
		return Class{}, false
	}
	if c.Bases, ok = r.bases(r.ref(b[16:]), td, kind); !ok {
		return Class{}, false
	}
	return c, true
}

// Table reports whether a table of functions could be at a: at a pointer's
// alignment in constant data, three pointers to the image's own code in a row.
// That is no proof of a class.
func Table(m Memory, i *peimage.Image, a memory.Addr) bool {
	r := reader{m, i}
	return r.entries(a, fewestEntries) == fewestEntries
}

func (r reader) width() uint64 { return uint64(r.i.Bits / 8) }

// constant reports whether a is in data or code that the program cannot write.
func (r reader) constant(a memory.Addr) bool {
	s, ok := r.i.Section(a)
	return ok && !s.Writable()
}

// entries counts pointers to code from a on, at most n.
func (r reader) entries(a memory.Addr, n int) int {
	s, ok := r.i.Section(a)
	if !ok || s.Writable() || uint64(a)%r.width() != 0 {
		return 0
	}
	for k := range n {
		p, ok := r.pointer(a.Add(uint64(k) * r.width()))
		if !ok {
			return k
		}
		if code, ok := r.i.Section(p); !ok || !code.Executable() {
			return k
		}
	}
	return n
}

// pointer reads a pointer that is in the image.
func (r reader) pointer(a memory.Addr) (memory.Addr, bool) {
	w := r.width()
	if !r.i.Holds(a.Span(w)) {
		return 0, false
	}
	b, err := r.m.View(a, w)
	if err != nil {
		return 0, false
	}
	if w == 4 {
		return memory.Addr(binary.LittleEndian.Uint32(b)), true
	}
	return memory.Addr(binary.LittleEndian.Uint64(b)), true
}

// ref is what a structure refers to: a pointer on x86, an RVA elsewhere.
func (r reader) ref(b []byte) memory.Addr {
	n := binary.LittleEndian.Uint32(b)
	if r.i.Bits == 32 {
		return memory.Addr(n)
	}
	return r.i.Start.Add(uint64(n))
}

// bytes reads n bytes of the image.
func (r reader) bytes(a memory.Addr, n uint64) ([]byte, bool) {
	if !r.i.Holds(a.Span(n)) {
		return nil, false
	}
	b, err := r.m.View(a, n)
	return b, err == nil && uint64(len(b)) == n
}

// locator reads and checks a complete object locator.
func (r reader) locator(a memory.Addr) ([]byte, bool) {
	size, signature := uint64(locator32), uint32(0)
	if r.i.Bits == 64 {
		size, signature = locator64, 1
	}
	b, ok := r.bytes(a, size)
	if !ok || binary.LittleEndian.Uint32(b) != signature {
		return nil, false
	}
	if r.i.Bits == 64 && r.ref(b[20:]) != a {
		return nil, false
	}
	return b, true
}

// descriptor reads a type descriptor: the pointer to type_info's own table,
// which those of one image share, and the decorated name.
func (r reader) descriptor(a memory.Addr) (mangled, name string, kind memory.Addr, ok bool) {
	w := r.width()
	kind, ok = r.pointer(a)
	if !ok || kind == 0 {
		return "", "", 0, false
	}
	at := a.Add(2 * w)
	if !r.i.Contains(at) {
		return "", "", 0, false
	}
	mangled, ok = r.text(memory.Range{Start: at, End: r.i.End}.Intersect(at.Span(maxName)))
	if !ok || !strings.HasPrefix(mangled, ".?AV") && !strings.HasPrefix(mangled, ".?AU") {
		return "", "", 0, false
	}
	name, err := undname.Class(mangled)
	return mangled, name, kind, err == nil
}

// text reads printable text up to its NUL, which must be in the range.
func (r reader) text(at memory.Range) (string, bool) {
	const piece = 64
	var out []byte
	for a := at.Start; a < at.End; {
		n := min(at.End.Sub(a), piece-uint64(a)%piece)
		b, err := r.m.View(a, n)
		if err != nil {
			return "", false
		}
		for _, c := range b {
			switch {
			case c == 0:
				return string(out), true
			case c < 0x20 || c > 0x7e:
				return "", false
			}
			out = append(out, c)
		}
		a = a.Add(n)
	}
	return "", false
}

// bases reads a class hierarchy. Its first entry must be the class itself, and
// every descriptor must have the same table of type_info.
func (r reader) bases(at, td, kind memory.Addr) ([]Base, bool) {
	h, ok := r.bytes(at, hierarchy)
	le := binary.LittleEndian
	if !ok || le.Uint32(h) > 1 || le.Uint32(h[4:]) > 7 {
		return nil, false
	}
	n := le.Uint32(h[8:])
	if n == 0 || n > maxBases {
		return nil, false
	}
	array, ok := r.bytes(r.ref(h[12:]), uint64(n)*4)
	if !ok {
		return nil, false
	}
	var out []Base
	for k := range n {
		b, ok := r.bytes(r.ref(array[4*k:]), base)
		if !ok || k == 0 && r.ref(b) != td || le.Uint32(b[4:]) >= n {
			return nil, false
		}
		if k == 0 {
			continue
		}
		_, name, other, ok := r.descriptor(r.ref(b))
		if !ok || other != kind {
			return nil, false
		}
		out = append(out, Base{Name: name, Offset: int32(le.Uint32(b[8:])), Virtual: le.Uint32(b[12:]) != ^uint32(0)})
	}
	return out, true
}
