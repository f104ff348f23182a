// Package clr recognises what a .NET runtime (clr.dll of the .NET Framework,
// coreclr.dll) has made of memory: garbage-collected objects, method tables,
// and code heaps. It names nothing and reads no metadata. Every answer rests
// on pointers that agree with each other; where they do not, there is none.
//
// The places of fields are those of the runtime's public source (dotnet/coreclr
// 1.0 to 3.1, dotnet/runtime 5 to 9). They have been held against no dump of a
// real .NET program, which is why nothing counts by itself.
package clr

import (
	"encoding/binary"

	"github.com/heapdump/heapdump/pkg/memory"
)

// Runtime is a process's .NET runtime.
type Runtime struct {
	Space *memory.Space
	Image memory.Range // of clr.dll, coreclr.dll, or the program that has the runtime in it
	Bits  int          // 32 or 64

	tables map[memory.Addr]Table
}

// New returns a runtime. It is to be used by one goroutine at a time.
func New(s *memory.Space, image memory.Range, bits int) *Runtime {
	return &Runtime{Space: s, Image: image, Bits: bits, tables: map[memory.Addr]Table{}}
}

func (r *Runtime) word() uint64 { return uint64(r.Bits) / 8 }

// Table is what a method table (MethodTable) says of its objects.
type Table struct {
	Address   memory.Addr
	Class     memory.Addr // its EEClass
	Base      uint64      // bytes of an object without its elements
	Component uint64      // bytes of an element; 0 of what is no array and no string
	Proved    bool        // its class leads back to it, and its module belongs to the runtime
	usable    bool        // sizes of objects can be computed with it
}

// maxTables bounds how many method tables are remembered.
const maxTables = 1 << 16

// Table reads the method table at an address, and whether it can be one: its
// base size is that of an object. Only a Proved one is evidence.
func (r *Runtime) Table(at memory.Addr) (Table, bool) {
	if t, ok := r.tables[at]; ok {
		return t, t.usable
	}
	t := r.read(at)
	if len(r.tables) < maxTables {
		r.tables[at] = t
	}
	return t, t.usable
}

// read reads a method table: {u32 flags, u32 BaseSize, …}, in the flags bit 31
// for arrays and strings, whose low half is then the size of an element. Base
// sizes are whole words but that of strings.
func (r *Runtime) read(at memory.Addr) Table {
	t := Table{Address: at}
	if uint64(at)%r.word() != 0 || at < memory.PageSize {
		return t
	}
	flags, err := r.Space.U32(at)
	base, err2 := r.Space.U32(at + 4)
	if err != nil || err2 != nil || base > 1<<30 {
		return t
	}
	t.Base = uint64(base)
	if flags>>31 != 0 {
		t.Component = uint64(flags & 0xffff)
	}
	switch smallest := 3 * r.word(); {
	case t.Component == 2 && t.Base == 2*r.word()+6: // a string: header, length and the zero at its end
	case t.Base < smallest || t.Base%r.word() != 0:
		return t
	}
	t.usable = true
	t.Class, t.Proved = r.class(at)
	t.Proved = t.Proved && r.module(at)
	return t
}

// class follows a method table's pointer to its class (EEClass) and back. Of
// types that share a class the pointer is marked in its low bits and leads to
// another method table, the canonical one, from where the class is one step on.
func (r *Runtime) class(at memory.Addr) (memory.Addr, bool) {
	field := at.Add(0x28)
	if r.Bits == 32 {
		field = at.Add(0x1c)
	}
	p, err := r.Space.Pointer(field, r.Bits)
	if err != nil || p == 0 {
		return 0, false
	}
	canon := at
	if tag := p & 3; tag != 0 {
		if p &^= 3; tag == 3 { // a cell that has the pointer
			if p, err = r.Space.Pointer(p, r.Bits); err != nil {
				return 0, false
			}
		}
		canon = p
		if p, err = r.Space.Pointer(canon+(field-at), r.Bits); err != nil || p == 0 || p&3 != 0 {
			return 0, false
		}
	}
	back := p.Add(2 * r.word())
	for _, to := range r.both(back) {
		if to == at || to == canon {
			return p, true
		}
	}
	return 0, false
}

// module reports whether the method table's module is an object of the
// runtime: the first word of it points to functions in the runtime's image.
func (r *Runtime) module(at memory.Addr) bool {
	field := at.Add(0x18)
	if r.Bits == 32 {
		field = at.Add(0x14)
	}
	for _, m := range r.both(field) {
		if v, err := r.Space.Pointer(m, r.Bits); err == nil && r.Image.Contains(v) {
			return true
		}
	}
	return false
}

// both decodes a field that holds a pointer, or in .NET Core 2 the distance
// from itself.
func (r *Runtime) both(field memory.Addr) []memory.Addr {
	v, err := r.Space.Pointer(field, r.Bits)
	if err != nil || v == 0 {
		return nil
	}
	far := field + v
	if r.Bits == 32 {
		far &= 1<<32 - 1
	}
	return []memory.Addr{v, far}
}

// Chain is objects one behind the other.
type Chain struct {
	memory.Range         // from the first to the end of the last
	Objects      int     // how many
	Proved       int     // of these, those whose method table is
	Tables       []Table // the proved method tables, each once
	seen         map[memory.Addr]bool
}

// How long a chain has to be to prove anything, and how far it is followed.
const (
	minProved  = 4
	maxObjects = 4096
)

// Objects follows objects from the start of a range: each begins with its
// method table, the low bits of which the collector uses for marks, and ends
// where the next begins. It stops at what is no object. False when fewer than
// four have a method table that is proved, or when more than half have none.
func (r *Runtime) Objects(in memory.Range) (Chain, bool) {
	c := Chain{Range: memory.Range{Start: in.Start, End: in.Start}, seen: map[memory.Addr]bool{}}
	for c.Objects < maxObjects && c.End < in.End {
		size, t, ok := r.object(c.End)
		if !ok || size > uint64(in.End-c.End) {
			break
		}
		c.Objects++
		c.End = c.End.Add(size)
		if !t.Proved {
			continue
		}
		if c.Proved++; !c.seen[t.Address] {
			c.seen[t.Address] = true
			c.Tables = append(c.Tables, t)
		}
	}
	return c, c.Proved >= minProved && 2*c.Proved >= c.Objects
}

// object returns the size of the object at an address and its method table. An
// object without a proved table is the collector's filler for free room, an
// array of bytes of the smallest base size.
func (r *Runtime) object(at memory.Addr) (uint64, Table, bool) {
	p, err := r.Space.Pointer(at, r.Bits)
	if err != nil {
		return 0, Table{}, false
	}
	t, ok := r.Table(p &^ memory.Addr(r.word()-1))
	if !ok || !t.Proved && (t.Component != 1 || t.Base != 3*r.word()) {
		return 0, t, false
	}
	size := t.Base
	if t.Component != 0 {
		n, err := r.Space.View(at.Add(r.word()), 4)
		if err != nil {
			return 0, t, false
		}
		size += t.Component * uint64(binary.LittleEndian.Uint32(n))
	}
	return (size + r.word() - 1) &^ (r.word() - 1), t, true
}

// Heap looks for objects where a collector's memory begins: from a few words
// into a region (.NET 7 and later) on, or one page behind a segment's start.
func (r *Runtime) Heap(in memory.Range) (Chain, bool) {
	const behind = 0x60 // bytes in which a region's first object begins; 0x28 in .NET 7 and 8
	try := func(off uint64) (Chain, bool) {
		if off >= in.Size() {
			return Chain{}, false
		}
		return r.Objects(memory.Range{Start: in.Start.Add(off), End: in.End})
	}
	if c, ok := try(memory.PageSize); ok {
		return c, true
	}
	for off := uint64(0); off <= behind; off += r.word() {
		if c, ok := try(off); ok {
			return c, true
		}
	}
	return Chain{}, false
}
