package synth

import "encoding/binary"

// Section flags, as Windows numbers them.
const (
	SecCode    uint32 = 0x60000020 // code, execute, read
	SecRData   uint32 = 0x40000040 // initialized, read
	SecData    uint32 = 0xc0000040 // initialized, read, write
	SecDiscard uint32 = 0x42000040 // initialized, discardable, read
)

// PESection is one section of a PE. Its pages are Data, then zeros up to Size.
type PESection struct {
	Name  string
	RVA   uint32
	Size  uint32 // VirtualSize; 0 takes Data's length
	Flags uint32
	Data  []byte
}

// PE is a PE image as the loader maps it. Directories are [rva, size] pairs by
// number (0 exports, 3 exceptions, 6 debug …).
type PE struct {
	Arch        Arch
	Base        uint64
	Entry       uint32
	Timestamp   uint32
	Checksum    uint32
	DLL         bool
	Sections    []PESection
	Directories [16][2]uint32
	SizeOfImage uint32 // 0 takes the end of the last section
}

// Size is SizeOfImage: what the image takes in memory.
func (p *PE) Size() uint32 {
	if p.SizeOfImage != 0 {
		return p.SizeOfImage
	}
	end := uint32(pageSize)
	for _, s := range p.Sections {
		end = max(end, uint32(alignUp(uint64(s.RVA)+uint64(s.size()), pageSize)))
	}
	return end
}

func (s *PESection) size() uint32 {
	if s.Size != 0 {
		return s.Size
	}
	return uint32(len(s.Data))
}

// Headers are the bytes of the image's first page up to the section table's
// end.
func (p *PE) Headers() []byte {
	const lfanew = 0x80
	b := make([]byte, lfanew)
	copy(b, "MZ")
	binary.LittleEndian.PutUint32(b[0x3c:], lfanew)
	b = append(b, "PE\x00\x00"...)
	machine, magic, optional, chars := uint16(0x14c), uint16(0x10b), 0xe0, uint16(0x102)
	if p.Arch == X64 {
		machine, magic, optional, chars = 0x8664, 0x20b, 0xf0, 0x22
	}
	if p.DLL {
		chars |= 0x2000
	}
	le := binary.LittleEndian
	b = le.AppendUint16(b, machine)
	b = le.AppendUint16(b, uint16(len(p.Sections)))
	b = le.AppendUint32(b, p.Timestamp)
	b = append(b, make([]byte, 8)...)
	b = le.AppendUint16(b, uint16(optional))
	b = le.AppendUint16(b, chars)
	o := make([]byte, optional)
	le.PutUint16(o, magic)
	le.PutUint32(o[16:], p.Entry)
	le.PutUint32(o[32:], pageSize)
	le.PutUint32(o[36:], 0x200)
	le.PutUint32(o[56:], p.Size())
	le.PutUint32(o[60:], 0x400)
	le.PutUint32(o[64:], p.Checksum)
	at := optional - 16*8
	if p.Arch == X64 {
		le.PutUint64(o[24:], p.Base)
	} else {
		le.PutUint32(o[28:], uint32(p.Base))
	}
	le.PutUint32(o[at-4:], 16)
	for i, d := range p.Directories {
		le.PutUint32(o[at+8*i:], d[0])
		le.PutUint32(o[at+8*i+4:], d[1])
	}
	b = append(b, o...)
	for i := range p.Sections {
		b = p.Sections[i].header(b)
	}
	return b
}

func (s *PESection) header(b []byte) []byte {
	h := make([]byte, 40)
	copy(h[:8], s.Name)
	le := binary.LittleEndian
	le.PutUint32(h[8:], s.size())
	le.PutUint32(h[12:], s.RVA)
	le.PutUint32(h[16:], uint32(len(s.Data)))
	le.PutUint32(h[36:], s.Flags)
	return append(b, h...)
}

// Write maps the image: its reservation, headers and sections.
func (p *PE) Write(m *Image) {
	m.Reserve(p.Base, uint64(p.Size()), MemImage, PageExecuteRead)
	m.Commit(p.Base, pageSize, PageReadOnly)
	m.Write(p.Base, p.Headers())
	for i := range p.Sections {
		s := &p.Sections[i]
		m.Commit(p.Base+uint64(s.RVA), alignUp(uint64(s.size()), pageSize), s.protect())
		m.Write(p.Base+uint64(s.RVA), s.Data)
	}
}

func (s *PESection) protect() uint32 {
	switch {
	case s.Flags&0x20000000 != 0:
		return PageExecuteRead
	case s.Flags&0x80000000 != 0:
		return PageReadWrite
	}
	return PageReadOnly
}
