package symbols

import "github.com/heapdump/heapdump/pkg/memory"

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
	if m.Image == nil || a.Sub(m.Start) >= m.Image.Size() {
		return x
	}
	if s, ok := m.Image.Section(a); ok {
		x.Section = s.Name
	}
	if m == t.loaded.at(a) {
		x.Class = NewTypes(t).TypeOf(a, m.Image.Bits)
	}
	n := m.load()
	x.Partial = n.partial
	k := n.below(uint32(a.Sub(m.Start)))
	for i := max(0, k-count+1); i < len(n.at) && i <= k+count; i++ {
		x.Symbols = append(x.Symbols, Symbol{m.Start.Add(uint64(n.at[i])), Name{Module: m.Name, Symbol: n.name[i], How: Exported}})
	}
	return x
}
