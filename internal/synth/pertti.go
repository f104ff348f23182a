package synth

import "encoding/binary"

// RTTIClass is a class with run-time type information.
type RTTIClass struct {
	Mangled string // ".?AVC@@"
	Bases   []RTTIBase
	Offset  uint32 // of the table's pointer in the object
}

// RTTIBase is a base of a class: its decorated name, and where it is.
type RTTIBase struct {
	Mangled string
	Offset  uint32
	Virtual bool
}

// rttiWriter lays structures out behind each other, at rva of an image.
type rttiWriter struct {
	arch      Arch
	imageBase uint64
	rva       uint32
	b         []byte
}

// ref is how a structure refers to an RVA: by address on x86, by RVA on x64.
func (w *rttiWriter) ref(at uint32) uint32 {
	if w.arch == X86 {
		return uint32(w.imageBase) + at
	}
	return at
}

// here aligns, and returns the RVA of what comes next.
func (w *rttiWriter) here() uint32 {
	for len(w.b)%8 != 0 {
		w.b = append(w.b, 0)
	}
	return w.rva + uint32(len(w.b))
}

// word appends a pointer-sized number.
func (w *rttiWriter) word(v uint64) {
	if w.arch == X86 {
		w.b = binary.LittleEndian.AppendUint32(w.b, uint32(v))
		return
	}
	w.b = binary.LittleEndian.AppendUint64(w.b, v)
}

func (w *rttiWriter) u32(v ...uint32) {
	for _, x := range v {
		w.b = binary.LittleEndian.AppendUint32(w.b, x)
	}
}

// descriptor writes a type descriptor and returns its RVA.
func (w *rttiWriter) descriptor(typeInfo uint64, name string) uint32 {
	at := w.here()
	w.word(typeInfo)
	w.word(0)
	w.b = append(append(w.b, name...), 0)
	return at
}

// base writes the record of the i-th of n bases, the class itself the first,
// and returns its RVA.
func (w *rttiWriter) base(td uint32, i, n int, x RTTIBase) uint32 {
	pdisp := ^uint32(0)
	if x.Virtual {
		pdisp = 0
	}
	at := w.here()
	w.u32(w.ref(td), uint32(n-1-i), x.Offset, pdisp, 0, 0x40)
	return at
}

// RTTI lays out, at rva of an image at imageBase, a table of functions with
// the type information before it, and returns the bytes and the RVA of the
// table. typeInfo is the address of type_info's table, functions are RVAs.
func RTTI(a Arch, imageBase uint64, rva uint32, typeInfo uint64, c RTTIClass, functions []uint32) (b []byte, table uint32) {
	w := &rttiWriter{arch: a, imageBase: imageBase, rva: rva}
	self := w.descriptor(typeInfo, c.Mangled)
	all := append([]RTTIBase{{Mangled: c.Mangled}}, c.Bases...)
	var records []uint32
	for i, x := range all {
		td := self
		if i > 0 {
			td = w.descriptor(typeInfo, x.Mangled)
		}
		records = append(records, w.base(td, i, len(all), x))
	}
	array := w.here()
	for _, r := range records {
		w.u32(w.ref(r))
	}
	tree := w.here()
	w.u32(0, 0, uint32(len(all)), w.ref(array))
	locator := w.here()
	if a == X86 {
		w.u32(0, c.Offset, 0, w.ref(self), w.ref(tree))
	} else {
		w.u32(1, c.Offset, 0, self, tree, locator)
	}
	w.here()
	w.word(imageBase + uint64(locator))
	table = rva + uint32(len(w.b))
	for _, f := range functions {
		w.word(imageBase + uint64(f))
	}
	return w.b, table
}
