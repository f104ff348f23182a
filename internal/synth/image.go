package synth

import (
	"encoding/binary"
	"slices"
)

// Page protections and region types and states, as Windows numbers them.
const (
	PageNoAccess         uint32 = 0x01
	PageReadOnly         uint32 = 0x02
	PageReadWrite        uint32 = 0x04
	PageWriteCopy        uint32 = 0x08
	PageExecuteRead      uint32 = 0x20
	PageExecuteReadWrite uint32 = 0x40
	PageGuard            uint32 = 0x100

	MemCommit  uint32 = 0x1000
	MemReserve uint32 = 0x2000
	MemFree    uint32 = 0x10000

	MemPrivate uint32 = 0x20000
	MemMapped  uint32 = 0x40000
	MemImage   uint32 = 0x1000000
)

// page is a committed page. A page without data is zero.
type page struct {
	data    []byte
	saved   bool
	protect uint32
}

// reservation is what one VirtualAlloc or mapping call took.
type reservation struct {
	base, size uint64
	typ        uint32
	protect    uint32
}

// Image is a sparse picture of a process's memory: pages by address, and the
// reservations they stand in. Writing to a page commits it.
type Image struct {
	Arch  Arch
	pages map[uint64]*page
	res   []reservation
}

// NewImage is an empty address space.
func NewImage(a Arch) *Image {
	return &Image{Arch: a, pages: map[uint64]*page{}}
}

// Reserve makes [base, base+size) one allocation of the given type and
// protection. No page of it is committed yet.
func (m *Image) Reserve(base, size uint64, typ, protect uint32) {
	m.res = append(m.res, reservation{base, alignUp(size, pageSize), typ, protect})
}

// Commit commits and saves the pages of [base, base+size).
func (m *Image) Commit(base, size uint64, protect uint32) {
	for a := alignDown(base, pageSize); a < base+size; a += pageSize {
		m.at(a).protect = protect
	}
}

// at is the page of an address; it is committed if it was not.
func (m *Image) at(addr uint64) *page {
	a := alignDown(addr, pageSize)
	p := m.pages[a]
	if p == nil {
		p = &page{saved: true, protect: PageReadWrite}
		m.pages[a] = p
	}
	return p
}

// Drop leaves the page at addr committed but does not save it.
func (m *Image) Drop(addr uint64) { m.at(addr).saved = false }

// DropRange drops every page of [base, base+size).
func (m *Image) DropRange(base, size uint64) {
	for a := alignDown(base, pageSize); a < base+size; a += pageSize {
		m.Drop(a)
	}
}

// Decommit makes the page at addr reserved or free again.
func (m *Image) Decommit(addr uint64) { delete(m.pages, alignDown(addr, pageSize)) }

// Committed says whether the page at addr is committed.
func (m *Image) Committed(addr uint64) bool { return m.pages[alignDown(addr, pageSize)] != nil }

// Write copies b to addr.
func (m *Image) Write(addr uint64, b []byte) {
	for len(b) > 0 {
		p := m.at(addr)
		if p.data == nil {
			p.data = make([]byte, pageSize)
		}
		n := copy(p.data[addr%pageSize:], b)
		b, addr = b[n:], addr+uint64(n)
	}
}

// Read copies n bytes at addr; what is not committed reads as zero.
func (m *Image) Read(addr uint64, n int) []byte {
	out := make([]byte, n)
	for done := 0; done < n; {
		a := addr + uint64(done)
		step := min(n-done, int(pageSize-a%pageSize))
		if p := m.pages[alignDown(a, pageSize)]; p != nil && p.data != nil {
			copy(out[done:done+step], p.data[a%pageSize:])
		}
		done += step
	}
	return out
}

// Fill writes n bytes of the repeated pattern at addr.
func (m *Image) Fill(addr, n uint64, pattern []byte) {
	b := make([]byte, n)
	for i := range b {
		b[i] = pattern[i%len(pattern)]
	}
	m.Write(addr, b)
}

// PutU8 writes a byte.
func (m *Image) PutU8(addr uint64, v uint8) { m.Write(addr, []byte{v}) }

// PutU16 writes a 16-bit word.
func (m *Image) PutU16(addr uint64, v uint16) {
	m.Write(addr, binary.LittleEndian.AppendUint16(nil, v))
}

// PutU32 writes a 32-bit word.
func (m *Image) PutU32(addr uint64, v uint32) {
	m.Write(addr, binary.LittleEndian.AppendUint32(nil, v))
}

// PutU64 writes a 64-bit word.
func (m *Image) PutU64(addr uint64, v uint64) {
	m.Write(addr, binary.LittleEndian.AppendUint64(nil, v))
}

// PutPtr writes a pointer of the image's architecture.
func (m *Image) PutPtr(addr, v uint64) { m.putPtr(m.Arch, addr, v) }

func (m *Image) putPtr(a Arch, addr, v uint64) {
	if a == X86 {
		m.PutU32(addr, uint32(v))
		return
	}
	m.PutU64(addr, v)
}

// U16 reads a 16-bit word.
func (m *Image) U16(addr uint64) uint16 { return binary.LittleEndian.Uint16(m.Read(addr, 2)) }

// U32 reads a 32-bit word.
func (m *Image) U32(addr uint64) uint32 { return binary.LittleEndian.Uint32(m.Read(addr, 4)) }

// U64 reads a 64-bit word.
func (m *Image) U64(addr uint64) uint64 { return binary.LittleEndian.Uint64(m.Read(addr, 8)) }

// Ptr reads a pointer of the image's architecture.
func (m *Image) Ptr(addr uint64) uint64 { return m.ptr(m.Arch, addr) }

func (m *Image) ptr(a Arch, addr uint64) uint64 {
	if a == X86 {
		return uint64(m.U32(addr))
	}
	return m.U64(addr)
}

// Run is a stretch of saved bytes.
type Run struct {
	Addr uint64
	Data []byte
}

// Runs is the saved memory in ascending order, neighbours joined.
func (m *Image) Runs() []Run {
	var runs []Run
	zero := make([]byte, pageSize)
	for _, a := range m.sorted() {
		p := m.pages[a]
		if !p.saved {
			continue
		}
		data := p.data
		if data == nil {
			data = zero
		}
		if n := len(runs); n > 0 && runs[n-1].Addr+uint64(len(runs[n-1].Data)) == a {
			runs[n-1].Data = append(runs[n-1].Data, data...)
			continue
		}
		runs = append(runs, Run{a, slices.Clone(data)})
	}
	return runs
}

func (m *Image) sorted() []uint64 {
	all := make([]uint64, 0, len(m.pages))
	for a := range m.pages {
		all = append(all, a)
	}
	slices.Sort(all)
	return all
}

// Apply adds the image's saved memory and its regions to a dump.
func (m *Image) Apply(d *Dump) {
	for _, r := range m.Runs() {
		d.AddMemory(r.Addr, r.Data)
	}
	for _, r := range m.Regions() {
		d.AddRegion(r)
	}
}
