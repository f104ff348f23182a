package symbols

import (
	"cmp"
	"slices"

	"github.com/heapdump/heapdump/pkg/memory"
)

// Symbol is a name and its address.
type Symbol struct {
	Addr memory.Addr
	Name Name
}

// Near is an address among the symbols of its module.
type Near struct {
	Name    Name
	Module  *Module // nil when in none
	Section string  // of the image; empty when in none, or not known
	Symbols []Symbol
	Partial bool   // the module's export table is not whole in the dump
	Class   *Class // whose virtual function table stands at the address, nil when none does
}

// Near returns the name of an address, and the symbols at or below it and
// above it: at most count of each, in address order, whatever lies between.
func (t *Table) Near(a memory.Addr, count int) Near {
	m := t.Module(a)
	if m == nil {
		return Near{}
	}
	x := Near{Name: m.find(a), Module: m}
	off := a.Sub(m.Start)
	if off >= m.extent() {
		return x
	}
	if m.Image != nil {
		if s, ok := m.Image.Section(a); ok {
			x.Section = s.Name
		}
		if m == t.loaded.at(a) {
			x.Class = NewTypes(t).TypeOf(a, m.Image.Bits)
		}
	}
	x.Partial = m.load().exports.Partial
	x.Symbols = m.around(uint32(off), count)
	return x
}

// around are the symbols round rva, of the symbol file before those of the
// export table.
func (m *Module) around(rva uint32, count int) []Symbol {
	n := m.load()
	var all []place
	if n.file != nil {
		all = n.file.near(rva, count)
	}
	filed := len(all)
	k := n.exports.Below(rva)
	for i := max(0, k-count+1); i < n.exports.Len() && i <= k+count; i++ {
		all = append(all, place{n.exports.At(i), n.exports.Name(i)})
	}
	out := make([]Symbol, len(all))
	for i, p := range all {
		name := Name{Module: m.Name, Symbol: p.name, How: Exported}
		if i < filed {
			name.Source = n.served.Source
			name.Symbol = m.undecorated(p.name, name.Source)
			name.File, name.Line, _ = n.file.line(p.rva)
		}
		out[i] = Symbol{m.Start.Add(uint64(p.rva)), name}
	}
	slices.SortStableFunc(out, func(a, b Symbol) int { return cmp.Compare(a.Addr, b.Addr) })
	out = slices.CompactFunc(out, func(a, b Symbol) bool { return a.Addr == b.Addr })
	here := m.Start.Add(uint64(rva))
	above, _ := slices.BinarySearchFunc(out, here+1, func(s Symbol, a memory.Addr) int { return cmp.Compare(s.Addr, a) })
	return out[max(0, above-count):min(len(out), above+count)]
}
