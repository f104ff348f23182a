package symbols

import (
	"bytes"
	"math"
	"sync/atomic"

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
	exports   peimage.ExportNames
	functions peimage.Functions
	whole     []uint32 // a bit for each function that is known to be part of no other

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
			n.exports = m.Image.ExportNames(m.space)
			n.functions = m.Image.Functions(m.space)
			n.whole = make([]uint32, n.functions.Len()/32+1)
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

// find names an address of the module.
func (m *Module) find(a memory.Addr) Name {
	off := a.Sub(m.Start)
	plain := Name{Module: m.Name, Offset: off, How: InModule}
	if off >= m.extent() {
		return plain
	}
	n, rva := m.load(), uint32(off)
	k := n.exports.Below(rva)
	if n.file != nil {
		if name, ok := m.inFile(n, k, rva); ok {
			name.File, name.Line, _ = n.file.line(rva)
			return name
		}
	}
	if k < 0 {
		return plain
	}
	if how := m.endOf(n, k).how(n.exports.At(k), rva); how != InModule {
		return Name{Module: m.Name, Symbol: n.exports.Name(k), Offset: uint64(rva - n.exports.At(k)), How: how}
	}
	// A part of an exported function that was moved away from it.
	if begin, ok := m.partOf(n, rva); ok {
		if whole := n.exports.Below(begin); whole >= 0 && n.exports.At(whole) == begin {
			return Name{Module: m.Name, Symbol: n.exports.Name(whole), Offset: uint64(rva - begin), How: Exported}
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

// end is the RVA where a symbol's name ends. Below it an address is named by
// the symbol: surely, when it is the function that the symbol begins, else only
// because nothing says otherwise.
type end struct {
	rva  uint32
	sure bool
}

// how says how an address at or above a symbol is named by it.
func (e end) how(from, rva uint32) How {
	switch {
	case rva == from, rva < e.rva && e.sure:
		return Exported
	case rva < e.rva:
		return Nearest
	}
	return InModule
}

// sureBit marks a sure end among the marks of exports. An image of 2 GiB and
// more cannot be.
const sureBit = 1 << 31

// endOf is the end of an export, which is looked for once: padding is found by
// a search in the code.
func (m *Module) endOf(n *names, k int) end {
	if v := n.exports.Mark(k); v != 0 {
		return end{v &^ sureBit, v&sureBit != 0}
	}
	from, next := n.exports.At(k), uint32(sureBit-1)
	if k+1 < n.exports.Len() {
		next = min(next, n.exports.At(k+1))
	}
	e := m.symbolEnd(n, from, next)
	v := max(e.rva, 1)
	if e.sure {
		v |= sureBit
	}
	n.exports.SetMark(k, v) // whoever else does it at once sets the same
	return e
}

// reaches says whether what stands at from goes on until rva: Exported,
// Nearest, or InModule when it does not.
func (m *Module) reaches(n *names, from, rva uint32) How {
	if from == rva {
		return Exported
	}
	return m.symbolEnd(n, from, rva+1).how(from, rva)
}

// symbolEnd finds the end of the symbol at from; limit when it is not below
// that.
func (m *Module) symbolEnd(n *names, from, limit uint32) end {
	if m.Image == nil {
		return end{clip(from, farthestData, limit), false}
	}
	s, ok := m.Image.Section(m.Start.Add(uint64(from)))
	if !ok {
		return end{}
	}
	limit = min(limit, uint32(min(s.End.Sub(m.Start), math.MaxUint32)))
	if !s.Executable() {
		return end{clip(from, farthestData, limit), false}
	}
	f, next, ok := n.functions.Around(from)
	if next != 0 {
		limit = min(limit, next)
	}
	if ok && from < f.End {
		return end{min(f.End, limit), true}
	}
	return end{m.padding(from, clip(from, farthest, limit)), false}
}

// clip is n bytes above from, but not above limit.
func clip(from, n, limit uint32) uint32 {
	if limit <= from || limit-from < n {
		return limit
	}
	return from + n
}

// padding returns the RVA behind the first padding in [from, to) that linkers
// put between functions: int3, on Windows XP's images nop; to without any.
// Code that is not in the dump shows none.
func (m *Module) padding(from, to uint32) uint32 {
	if to <= from {
		return to
	}
	b, err := m.space.View(m.Start.Add(uint64(from)), uint64(to-from))
	if err != nil {
		b = m.space.Tail(m.Start.Add(uint64(from)))
		b = b[:min(len(b), int(to-from))]
	}
	for _, p := range [...]string{"\xcc\xcc\xcc", "\x90\x90\x90\x90\x90"} {
		if at := bytes.Index(b, []byte(p)); at >= 0 {
			to = min(to, from+uint32(at+len(p)))
			b = b[:at]
		}
	}
	return to
}

// partOf finds where the function begins that the code at rva is a moved part
// of, by the chain of its unwind information; false when it is of none.
func (m *Module) partOf(n *names, rva uint32) (uint32, bool) {
	i := n.functions.Below(rva)
	if i < 0 || atomic.LoadUint32(&n.whole[i/32])>>(i%32)&1 != 0 {
		return 0, false
	}
	f := n.functions.At(i)
	if rva >= f.End {
		return 0, false
	}
	whole, ok := n.functions.Whole(f)
	if whole == f || !ok {
		atomic.OrUint32(&n.whole[i/32], 1<<(i%32))
		return 0, false
	}
	return whole.Begin, whole.Begin <= rva
}
