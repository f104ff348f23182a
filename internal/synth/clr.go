package synth

import "encoding/binary"

// CLR is a .NET runtime in a process: its image, types with their classes,
// objects, and code heaps, as the runtime's public source lays them out.
type CLR struct {
	Arch     Arch
	Image    uint64 // where the runtime's image is
	Loader   uint64 // an allocation with method tables, their module and cells
	Classes  uint64 // an allocation with classes
	GC       uint64 // an allocation with objects; 0 without
	GCOffset uint64 // from where on
	Objects  int
	Code     uint64 // a code heap; 0 without
	Sections uint64 // an allocation with RangeSections; needed with Code
	Map      bool   // a map of RangeSections, as .NET 8 has, instead of a list
	Export   bool   // the table of variables is the export g_dacTable, as of .NET 7, instead of a resource
	Relative bool   // pointers of method tables and classes are distances, as in .NET Core 2
}

// Places in the image that Build makes.
const (
	clrData  = 0x2000
	clrRsrc  = 0x3000
	clrTable = clrData + 0x100 // the variables' RVAs, where they are exported
	clrVar   = clrData + 0x800 // the variable of the ranges: a pointer, or the map's first page
)

// MT returns where the method table of a type is: 0 a class of two fields, 1
// one that shares the class of 0 through a cell, 2 strings, 3 arrays of
// references, 4 the filler of free room.
func (c *CLR) MT(i int) uint64 { return c.Loader + 0x100 + uint64(i)*0x80 }

// Build writes it all.
func (c *CLR) Build(m *Image) {
	c.image(m)
	c.types(m)
	if c.GC != 0 {
		c.objects(m)
	}
	if c.Code != 0 {
		c.ranges(m)
	}
}

// image writes the runtime's image, with the resource or the export that leads
// to its variables.
func (c *CLR) image(m *Image) {
	data := make([]byte, 0x1000)
	rsrc := make([]byte, 0x1000)
	pe := &PE{Arch: c.Arch, Base: c.Image, DLL: true}
	text := make([]byte, 0x1000)
	if c.Export {
		binary.LittleEndian.PutUint32(data[0x100:], clrVar)
		x := (&PEExports{DLL: "coreclr.dll", List: []PEExport{{Name: "g_dacTable", RVA: clrTable}}}).Bytes(0x1100)
		copy(text[0x100:], x)
		pe.Directories[0] = [2]uint32{0x1100, uint32(len(x))}
	} else {
		copy(rsrc, c.resource())
		pe.Directories[2] = [2]uint32{clrRsrc, 0x1000}
	}
	pe.Sections = []PESection{{Name: ".text", RVA: 0x1000, Size: 0x1000, Flags: SecCode, Data: text},
		{Name: ".data", RVA: clrData, Size: 0x1000, Flags: SecData, Data: data}, {Name: ".rsrc", RVA: clrRsrc, Size: 0x1000, Flags: SecRData, Data: rsrc}}
	pe.Write(m)
}

// resource is a resource table of three levels with one leaf.
func (c *CLR) resource() []byte {
	const name = "COREXTERNALDATAACCESSRESOURCE"
	b := make([]byte, 0x400)
	le := binary.LittleEndian
	put := func(at int, w ...uint32) {
		for i, v := range w {
			le.PutUint32(b[at+4*i:], v)
		}
	}
	le.PutUint16(b[14:], 2)                // two types by number
	put(16, 3, 0x80000200, 10, 0x80000030) // icons, which are not looked at, and raw data
	le.PutUint16(b[0x30+12:], 1)           // one name
	put(0x40, 0x80000100, 0x80000060)
	le.PutUint16(b[0x60+14:], 1) // one language
	put(0x70, 0x409, 0x90)
	put(0x90, clrRsrc+0x180, 24+8*4)
	le.PutUint16(b[0x100:], uint16(len(name)))
	for i, r := range name {
		le.PutUint16(b[0x102+2*i:], uint16(r))
	}
	put(0x180, 8, 0, 0x12345678, 0, 0, 0, clrVar)
	return b
}

func (c *CLR) alloc(m *Image, at, size uint64, protect uint32) {
	if m.Committed(at) {
		return
	}
	m.Reserve(at, size, MemPrivate, protect)
	m.Commit(at, size, protect)
}

// rel writes a pointer as the form has it.
func (c *CLR) rel(m *Image, at, to uint64) {
	if c.Relative && to != 0 {
		to -= at
	}
	m.PutPtr(at, to)
}

// types writes the method tables, and the classes of those that have one.
func (c *CLR) types(m *Image) {
	w := c.Arch.PtrSize()
	c.alloc(m, c.Loader, 0x3000, PageReadWrite)
	c.alloc(m, c.Classes, 0x3000, PageReadWrite)
	module := c.Loader + 0x800
	m.PutPtr(module, c.Image+0x1010) // its functions
	class, loader := uint64(0x28), uint64(0x18)
	if c.Arch == X86 {
		class, loader = 0x1c, 0x14
	}
	for i, t := range []struct {
		flags, base uint32
	}{{0, uint32(4 * w)}, {0, uint32(5 * w)}, {0x80000002, uint32(2*w + 6)}, {0x80000000 | uint32(w), uint32(3 * w)}, {0x80000001, uint32(3 * w)}} {
		mt, eeclass := c.MT(i), c.Classes+0x40+uint64(i)*0x80
		m.PutU32(mt, t.flags)
		m.PutU32(mt+4, t.base)
		if i == 4 {
			continue // the filler has neither module nor class
		}
		c.rel(m, mt+loader, module)
		if i == 1 { // through a cell to the type whose class it shares
			cell := c.Loader + 0x900
			m.PutPtr(cell, c.MT(0))
			m.PutPtr(mt+class, cell|3)
			continue
		}
		m.PutPtr(mt+class, eeclass)
		c.rel(m, eeclass+2*w, mt)
	}
}

// objects writes objects of every type in turn.
func (c *CLR) objects(m *Image) {
	w := c.Arch.PtrSize()
	c.alloc(m, c.GC, 0x4000, PageReadWrite)
	at := c.GC + c.GCOffset
	for i := range c.Objects {
		m.PutPtr(at, c.MT(i%5)|uint64(i&1)) // every other is marked
		size := []uint64{4 * w, 5 * w, 0, 0, 0}[i%5]
		switch n := uint64(i % 7); i % 5 {
		case 2:
			m.PutU32(at+w, uint32(n))
			size = 2*w + 6 + 2*n
		case 3:
			m.PutU32(at+w, uint32(n))
			size = 3*w + n*w
		case 4:
			m.PutU32(at+w, uint32(n))
			size = 3*w + n
		}
		at += alignUp(size, w)
	}
}

// ranges writes a RangeSection of an image, one of the code heap, its first
// HeapList, and what leads to them.
func (c *CLR) ranges(m *Image) {
	w := c.Arch.PtrSize()
	c.alloc(m, c.Sections, 0x8000, PageReadWrite)
	m.Reserve(c.Code, 0x10000, MemPrivate, PageExecuteReadWrite)
	m.Commit(c.Code, 0x2000, PageExecuteReadWrite)
	first, second, manager, heaps := c.Sections, c.Sections+0x80, c.Sections+0x100, c.Sections+0x140
	m.PutPtr(manager, c.Image+0x1020)
	for i, v := range []uint64{0, 0, c.Code + 0x40, c.Code + 0x1800, c.Code} {
		m.PutPtr(heaps+uint64(i)*w, v)
	}
	put := func(at uint64, v ...uint64) {
		for i, x := range v {
			m.PutPtr(at+uint64(i)*w, x)
		}
	}
	if !c.Map {
		put(first, c.Image, c.Image+0x3000, manager, second, 0, 0, c.Loader+0x800)
		put(second, c.Code, c.Code+0x10000, manager, 0, 0, 2, heaps)
		m.PutPtr(c.Image+clrVar, first)
		return
	}
	put(second, c.Code, c.Code+0x10000, 2, manager, 0, heaps)
	fragment := c.Sections + 0x1c0
	put(fragment, 0, c.Code, c.Code+0x10000, second)
	levels, shift := 5, uint(49)
	if c.Arch == X86 {
		levels, shift = 2, 24
	}
	page := c.Image + clrVar
	for l := levels; l > 0; l-- {
		next := c.Sections + 0x1000*uint64(levels-l+1)
		if l == 1 {
			next = fragment
		}
		m.PutPtr(page+(c.Code>>shift&0xff)*w, next|1) // marked, as what can be unloaded is
		page, shift = next, shift-8
	}
}
