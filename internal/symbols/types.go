package symbols

import (
	"encoding/binary"
	"strconv"
	"sync"

	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/rtti"
)

// Evidence says what a type was read from.
type Evidence uint8

// The evidence of a type, from the weakest to the strongest.
const (
	NoType Evidence = iota
	Vtable          // a table of functions in constant data, without type information
	RTTI            // the compiler's run-time type information, all of which agrees
)

// String returns the evidence as it stands in reports.
func (e Evidence) String() string {
	switch e {
	case Vtable:
		return "vtable"
	case RTTI:
		return "rtti"
	}
	return "none"
}

// Class is the class whose virtual function table an address is.
type Class struct {
	rtti.Class        // its Name is the class's with RTTI, else module!vtable+0x1234
	Module     string // as in Name
	Evidence   Evidence
}

// Types finds the classes of objects by the pointer that they begin with. It
// may be used by several goroutines at once.
type Types struct {
	table *Table
	mu    sync.Mutex
	known map[memory.Addr]*Class // by table; nil for an address that is none
}

// maxKnown bounds what Types remembers: of a program's tables there are
// thousands, of addresses that a hostile dump makes up as many as it likes.
const maxKnown = 1 << 16

// NewTypes makes Types of the modules of a table.
func NewTypes(t *Table) *Types { return &Types{table: t, known: map[memory.Addr]*Class{}} }

// TypeOf returns the class whose virtual function table is at vtable; nil when
// there is none. bits is the pointer size of the program that uses it: the
// two halves of a WOW64 process have each their own. Each table is read once.
func (t *Types) TypeOf(vtable memory.Addr, bits int) *Class {
	m := t.table.loaded.at(vtable)
	if m == nil || m.Image == nil || m.Image.Bits != bits {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if c, ok := t.known[vtable]; ok {
		return c
	}
	c := m.class(vtable)
	if len(t.known) < maxKnown {
		t.known[vtable] = c
	}
	return c
}

// Object returns the class of the object at a, which begins with the pointer
// to its table; nil when there is none, or the pointer is that of a part
// further inside an object, so that a is not where one begins.
func (t *Types) Object(a memory.Addr, bits int) *Class { return t.ObjectIn(t.table.space, a, bits) }

// ObjectIn is Object, and reads the pointer from m: the dump's memory, as a
// walk has it at hand.
func (t *Types) ObjectIn(m heap.Memory, a memory.Addr, bits int) *Class {
	b, err := m.View(a, uint64(bits)/8)
	if err != nil {
		return nil
	}
	p := memory.Addr(0)
	if len(b) == 4 {
		p = memory.Addr(binary.LittleEndian.Uint32(b))
	} else {
		p = memory.Addr(binary.LittleEndian.Uint64(b))
	}
	if p == 0 {
		return nil
	}
	c := t.TypeOf(p, bits)
	if c == nil || c.Offset != 0 {
		return nil
	}
	return c
}

// class reads the class of a table in the module.
func (m *Module) class(vtable memory.Addr) *Class {
	if c, ok := rtti.Read(m.space, m.Image, vtable); ok {
		return &Class{Class: c, Module: m.Name, Evidence: RTTI}
	}
	if !rtti.Table(m.space, m.Image, vtable) {
		return nil
	}
	name := m.Name + "!vtable+0x" + strconv.FormatUint(vtable.Sub(m.Start), 16)
	return &Class{Class: rtti.Class{Name: name}, Module: m.Name, Evidence: Vtable}
}
