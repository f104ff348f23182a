package synth

import "strings"

// unicodeString writes a UNICODE_STRING at a place and its text at another,
// and says where the text ends.
func unicodeString(m *Image, a Arch, at, text uint64, s string) uint64 {
	b := utf16le(s)
	m.PutU16(at, uint16(len(b)))
	m.PutU16(at+2, uint16(len(b)+2))
	m.putPtr(a, at+a.PtrSize(), text)
	m.Write(text, append(b, 0, 0))
	return alignUp(text+uint64(len(b))+2, 8)
}

// scratch is where the process's loose structures stand.
func (p *Process) scratch() uint64 {
	if p.Arch == X86 || p.WOW64 {
		return 0x7f0e0000
	}
	return 0x9d1e300000
}

// writeParameters writes RTL_USER_PROCESS_PARAMETERS if the script has any.
func (p *Process) writeParameters(m *Image) uint64 {
	if p.ImagePath == "" && p.Command == "" {
		return 0
	}
	at := p.scratch()
	m.Reserve(at, 2*pageSize, MemPrivate, PageReadWrite)
	path, cmd := at+0x60, at+0x70
	if p.Arch == X86 {
		path, cmd = at+0x38, at+0x40
	}
	m.PutU32(at, pageSize)
	m.PutU32(at+4, pageSize)
	m.PutU32(at+8, 1) // normalized
	text := unicodeString(m, p.Arch, path, at+0x500, p.ImagePath)
	unicodeString(m, p.Arch, cmd, text, p.Command)
	p.writeEnvironment(m, at)
	return at
}

// writeEnvironment writes the environment, strings that end in a zero each and
// an empty one at the end, behind the parameters at the given place.
func (p *Process) writeEnvironment(m *Image, parameters uint64) {
	if len(p.Environment) == 0 {
		return
	}
	field := parameters + 0x80
	if p.Arch == X86 {
		field = parameters + 0x48
	}
	at := parameters + 0x4000
	m.Reserve(at, 0x4000, MemPrivate, PageReadWrite)
	m.putPtr(p.Arch, field, at)
	for _, v := range p.Environment {
		b := append(utf16le(v), 0, 0)
		m.Write(at, b)
		at += uint64(len(b))
	}
	m.PutU16(at, 0)
}

// writeLoader writes PEB_LDR_DATA and an LDR_DATA_TABLE_ENTRY for each
// module.
func (p *Process) writeLoader(m *Image) uint64 {
	if !p.Loader {
		return 0
	}
	a, ptr := p.Arch, p.Arch.PtrSize()
	at := p.scratch() + 0x10000
	m.Reserve(at, 0x10000, MemPrivate, PageReadWrite)
	first := at + alignUp(4+4+ptr, ptr) // InLoadOrderModuleList
	m.PutU32(at, 0x58)
	m.PutU8(at+4, 1)
	entry := at + 0x100
	var entries []uint64
	for _, mod := range p.Modules {
		base := mod.Name[strings.LastIndexByte(mod.Name, '\\')+1:]
		m.putPtr(a, entry+6*ptr, mod.Base)
		m.putPtr(a, entry+7*ptr, mod.Base+0x1000)
		m.PutU32(entry+8*ptr, mod.Size)
		text := unicodeString(m, a, entry+9*ptr, entry+0x120, mod.Name)
		unicodeString(m, a, entry+11*ptr, text, base)
		entries = append(entries, entry)
		entry = alignUp(text+0x100, 0x100)
	}
	for list := range uint64(3) { // load, memory and initialization order
		nodes := []uint64{first + list*2*ptr}
		for _, e := range entries {
			nodes = append(nodes, e+list*2*ptr)
		}
		for i, n := range nodes {
			next := nodes[(i+1)%len(nodes)]
			m.putPtr(a, n, next)
			m.putPtr(a, next+ptr, n)
		}
	}
	return at
}
