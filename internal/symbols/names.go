package symbols

import (
	"bytes"
	"math"
	"slices"
	"strconv"

	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
	"github.com/heapdump/heapdump/pkg/peimage"
)

const (
	// farthest is how far above an export its name is still used where the
	// image does not say where the function ends, in bytes: few functions are
	// longer, and the nearest export is often another one's.
	farthest = 0x4000
	// farthestData is the same of exported variables.
	farthestData = 0x1000
)

// names are the names of one module, by RVA.
type names struct {
	at        []uint32 // sorted, each once
	name      []string
	functions peimage.Functions
	partial   bool

	file   symbolFile // nil without one
	served File
}

// load reads the module's symbol file and export table at the first call.
func (m *Module) load() *names {
	m.once.Do(func() {
		n := &m.names
		if m.finder != nil {
			n.file, n.served = m.finder.find(m.codeView())
		}
		if m.Image != nil {
			n.exports(m.Image.Exports(m.space))
			n.functions = m.Image.Functions(m.space)
		}
		m.read.Store(true)
	})
	return &m.names
}

// codeView is which symbol file the module has: by the dump's list of
// modules, else by the image.
func (m *Module) codeView() minidump.CodeView {
	if m.list.Kind != "" || m.Image == nil {
		return m.list
	}
	c, ok := m.Image.CodeView(m.space)
	switch {
	case !ok:
		return minidump.CodeView{}
	case c.Time != 0:
		return minidump.CodeView{Kind: "NB10", Time: c.Time, Age: c.Age, PDB: c.PDB}
	}
	return minidump.CodeView{Kind: "RSDS", GUID: c.GUID, Age: c.Age, PDB: c.PDB}
}

// exports takes the names of an export table.
func (n *names) exports(x peimage.Exports) {
	n.partial = x.Partial
	n.at = make([]uint32, 0, len(x.List))
	n.name = make([]string, 0, len(x.List))
	for _, e := range x.List {
		if e.Forward != "" {
			continue
		}
		name := e.Name
		if k := len(n.at) - 1; k >= 0 && n.at[k] == e.RVA {
			// Of the names of one address the first in the alphabet stands,
			// so that a system call is Nt…, not Zw…; a number is the last
			// resort.
			if n.name[k] == "" {
				n.name[k] = name
			}
			continue
		}
		n.at, n.name = append(n.at, e.RVA), append(n.name, name)
	}
	ordinals(n, x.List)
}

// ordinals names the exports that have no name as debuggers do: Ordinal12.
func ordinals(n *names, list []peimage.Export) {
	for _, e := range list {
		if e.Name != "" || e.Forward != "" {
			continue
		}
		if k, ok := slices.BinarySearch(n.at, e.RVA); ok && n.name[k] == "" {
			n.name[k] = "Ordinal" + strconv.FormatUint(uint64(e.Ordinal), 10)
		}
	}
}

// below returns the index of the last name at or below rva; -1 without one.
func (n *names) below(rva uint32) int {
	lo, hi := 0, len(n.at)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if n.at[mid] <= rva {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}

// find names an address of the module.
func (m *Module) find(a memory.Addr) Name {
	off := a.Sub(m.Start)
	plain := Name{Module: m.Name, Offset: off, How: InModule}
	if off >= m.extent() {
		return plain
	}
	n, rva := m.load(), uint32(off)
	k := n.below(rva)
	if n.file != nil {
		if name, ok := m.inFile(n, k, rva); ok {
			name.File, name.Line, _ = n.file.line(rva)
			return name
		}
	}
	if k < 0 {
		return plain
	}
	name := Name{Module: m.Name, Symbol: n.name[k], Offset: uint64(rva - n.at[k])}
	name.How = m.reaches(n, n.at[k], rva)
	if name.How != InModule {
		return name
	}
	// A part of an exported function that was moved away from it.
	if begin, ok := m.partOf(n, rva); ok {
		if whole, ok := slices.BinarySearch(n.at, begin); ok {
			return Name{Module: m.Name, Symbol: n.name[whole], Offset: uint64(rva - begin), How: Exported}
		}
	}
	return plain
}

// extent is how many bytes of the module have names: those of its image.
func (m *Module) extent() uint64 {
	switch {
	case m.Image != nil:
		return m.Image.Size()
	case m.Unloaded || m.Size() > math.MaxUint32:
		return 0
	}
	return m.Size()
}

// reaches says whether what is exported at from goes on until rva: Exported,
// Nearest, or InModule when it does not.
func (m *Module) reaches(n *names, from, rva uint32) How {
	if from == rva {
		return Exported
	}
	if m.Image == nil {
		if rva-from < farthestData {
			return Nearest
		}
		return InModule
	}
	s, ok := m.Image.Section(m.Start.Add(uint64(rva)))
	if !ok || !s.Contains(m.Start.Add(uint64(from))) {
		return InModule
	}
	if !s.Executable() {
		if rva-from < farthestData {
			return Nearest
		}
		return InModule
	}
	if f, ok := n.functions.Last(rva); ok {
		switch {
		case rva < f.End && f.Begin <= from:
			return Exported
		case f.Begin >= from, f.End > from: // a function begins or ends between them
			return InModule
		}
	}
	if rva-from >= farthest || m.padded(from, rva) {
		return InModule
	}
	return Nearest
}

// padded reports whether the bytes between two addresses have the padding
// that linkers put between functions: int3, on Windows XP's images nop. Code
// that is not in the dump shows none.
func (m *Module) padded(from, to uint32) bool {
	b, err := m.space.View(m.Start.Add(uint64(from)), uint64(to-from))
	return err == nil && (bytes.Contains(b, []byte("\xcc\xcc\xcc")) || bytes.Contains(b, []byte("\x90\x90\x90\x90\x90")))
}

// partOf finds where the function begins that the code at rva is a moved part
// of, by the chain of its unwind information.
func (m *Module) partOf(n *names, rva uint32) (uint32, bool) {
	f, ok := n.functions.Last(rva)
	if !ok || rva >= f.End {
		return 0, false
	}
	whole, ok := n.functions.Whole(f)
	if !ok || whole.Begin > rva {
		return 0, false
	}
	return whole.Begin, true
}
