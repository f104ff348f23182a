package synth

// Other is something that is no NT heap at an address in ProcessHeaps.
type Other struct {
	Address uint64
	Write   func(m *Image, a Arch, addr uint64)
}

// AddOther adds a heap of another kind, listed behind the NT heaps of the
// process's own PEB.
func (p *Process) AddOther(addr uint64, write func(m *Image, a Arch, addr uint64)) {
	p.Others = append(p.Others, Other{addr, write})
}

// AddOther32 adds a heap of another kind to the 32-bit PEB of a WOW64 process.
func (p *Process) AddOther32(addr uint64, write func(m *Image, a Arch, addr uint64)) {
	p.Others32 = append(p.Others32, Other{addr, write})
}

// SegmentHeap writes the first page of a segment heap: its signature, and no
// more that a reader could follow.
func SegmentHeap(m *Image, a Arch, addr uint64) {
	m.Reserve(addr, 16*pageSize, MemPrivate, PageReadWrite)
	m.Commit(addr, pageSize, PageReadWrite)
	m.PutU32(addr+2*a.PtrSize(), 0xddeeddee)
}

// PageHeap writes a page heap's handle page, filled with EE and with
// ForceFlags 01000000, and the page behind it with _DPH_HEAP_ROOT.
func PageHeap(m *Image, a Arch, addr uint64) {
	m.Reserve(addr, 16*pageSize, MemPrivate, PageReadWrite)
	m.Fill(addr, pageSize, []byte{0xee})
	f := heapFields(Win10v1809, a)
	m.PutU32(addr+f["SegmentSignature"].off, 0xeeeeeeee)
	m.PutU32(addr+f["Flags"].off, 2|0x01000000)
	m.PutU32(addr+f["ForceFlags"].off, 0x01000000)
	m.Commit(addr+pageSize, pageSize, PageReadWrite)
	root := addr + pageSize
	m.PutU32(root, 0xffeeddcc)
	m.PutU32(root+4, 2)
	table := root + 0x20 // BusyNodesTable: an empty tree
	if a != X86 {
		table = root + 0x38
	}
	m.putPtr(a, table, table)
}

// Wine writes the first page of a Wine heap: FFEEFFEE where Windows has its
// segment signature, and no EEFFEEFF.
func Wine(m *Image, a Arch, addr uint64) {
	m.Reserve(addr, 16*pageSize, MemPrivate, PageReadWrite)
	m.Commit(addr, 2*pageSize, PageReadWrite)
	f := heapFields(Win10v1809, a)
	m.PutU32(addr+f["SegmentSignature"].off, 0xffeeffee)
	m.PutU32(addr+f["Flags"].off, 2)
	m.PutU32(addr+f["ForceFlags"].off, 0)
	m.Write(addr+0x80, []byte("HEAP"))
}

// StackTrace writes an RTL_STACK_TRACE_ENTRY of Vista and later with the
// frames given and an index.
func StackTrace(m *Image, a Arch, addr uint64, index uint32, frames ...uint64) {
	p := a.PtrSize()
	count := addr + p // TraceCount
	m.PutU16(count, 1)
	m.PutU16(count+2, uint16(index>>16))
	m.PutU16(count+4, uint16(index))
	m.PutU16(count+6, uint16(len(frames)))
	for i, f := range frames {
		m.putPtr(a, count+8+uint64(i)*p, f)
	}
}
