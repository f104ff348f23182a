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

// RTTI lays out, at rva of an image at imageBase, a table of functions with
// the type information before it, and returns the bytes and the RVA of the
// table. typeInfo is the address of type_info's table, functions are RVAs.
func RTTI(a Arch, imageBase uint64, rva uint32, typeInfo uint64, c RTTIClass, functions []uint32) (b []byte, table uint32) {
	le := binary.LittleEndian
	ref := func(at uint32) uint32 {
		if a == X86 {
			return uint32(imageBase) + at
		}
		return at
	}
	here := func() uint32 {
		for len(b)%8 != 0 {
			b = append(b, 0)
		}
		return rva + uint32(len(b))
	}
	word := func(v uint64) {
		if a == X86 {
			b = le.AppendUint32(b, uint32(v))
		} else {
			b = le.AppendUint64(b, v)
		}
	}
	u32 := func(v ...uint32) {
		for _, x := range v {
			b = le.AppendUint32(b, x)
		}
	}
	descriptor := func(name string) uint32 {
		at := here()
		word(typeInfo)
		word(0)
		b = append(append(b, name...), 0)
		return at
	}
	self := descriptor(c.Mangled)
	all := append([]RTTIBase{{Mangled: c.Mangled}}, c.Bases...)
	var records []uint32
	for i, x := range all {
		td := self
		if i > 0 {
			td = descriptor(x.Mangled)
		}
		pdisp := ^uint32(0)
		if x.Virtual {
			pdisp = 0
		}
		records = append(records, here())
		u32(ref(td), uint32(len(all)-1-i), x.Offset, pdisp, 0, 0x40)
	}
	array := here()
	for _, r := range records {
		u32(ref(r))
	}
	tree := here()
	u32(0, 0, uint32(len(all)), ref(array))
	locator := here()
	if a == X86 {
		u32(0, c.Offset, 0, ref(self), ref(tree))
	} else {
		u32(1, c.Offset, 0, self, tree, locator)
	}
	here()
	word(imageBase + uint64(locator))
	table = rva + uint32(len(b))
	for _, f := range functions {
		word(imageBase + uint64(f))
	}
	return b, table
}
