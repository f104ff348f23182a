package synth

// pebFields is the part of _PEB that matters here; it has not moved since XP.
func pebFields(a Arch) fields {
	if a == X86 {
		return fields{
			"BeingDebugged": {2, 1}, "ImageBaseAddress": {8, 4}, "Ldr": {0xc, 4}, "ProcessParameters": {0x10, 4},
			"ProcessHeap": {0x18, 4}, "ReadOnlySharedMemoryBase": {0x4c, 4}, "NumberOfProcessors": {0x64, 4},
			"NtGlobalFlag": {0x68, 4}, "HeapSegmentReserve": {0x78, 4}, "HeapSegmentCommit": {0x7c, 4},
			"HeapDeCommitTotalFreeThreshold": {0x80, 4}, "HeapDeCommitFreeBlockThreshold": {0x84, 4},
			"NumberOfHeaps": {0x88, 4}, "MaximumNumberOfHeaps": {0x8c, 4}, "ProcessHeaps": {0x90, 4},
			"OSMajorVersion": {0xa4, 4}, "OSMinorVersion": {0xa8, 4}, "OSBuildNumber": {0xac, 2},
			"OSCSDVersion": {0xae, 2}, "OSPlatformId": {0xb0, 4},
		}
	}
	return fields{
		"BeingDebugged": {2, 1}, "ImageBaseAddress": {0x10, 8}, "Ldr": {0x18, 8}, "ProcessParameters": {0x20, 8},
		"ProcessHeap": {0x30, 8}, "ReadOnlySharedMemoryBase": {0x88, 8}, "NumberOfProcessors": {0xb8, 4},
		"NtGlobalFlag": {0xbc, 4}, "HeapSegmentReserve": {0xc8, 8}, "HeapSegmentCommit": {0xd0, 8},
		"HeapDeCommitTotalFreeThreshold": {0xd8, 8}, "HeapDeCommitFreeBlockThreshold": {0xe0, 8},
		"NumberOfHeaps": {0xe8, 4}, "MaximumNumberOfHeaps": {0xec, 4}, "ProcessHeaps": {0xf0, 8},
		"OSMajorVersion": {0x118, 4}, "OSMinorVersion": {0x11c, 4}, "OSBuildNumber": {0x120, 2},
		"OSCSDVersion": {0x122, 2}, "OSPlatformId": {0x124, 4},
	}
}

// PEBFieldAddr is where a field of the process's own PEB is.
func (p *Process) PEBFieldAddr(name string) uint64 {
	return p.PEB + place(pebFields(p.Arch), name).off
}

// pebOf is one PEB to write: a WOW64 process has two.
type pebOf struct {
	arch       Arch
	addr       uint64
	heaps      []uint64
	array      uint64
	imageBase  uint64
	parameters uint64
	loader     uint64
}

// writePEB writes a PEB and the array of its heaps.
func (p *Process) writePEB(m *Image, t pebOf) {
	ptr := t.arch.PtrSize()
	put := func(name string, v uint64) {
		at := place(pebFields(t.arch), name)
		switch at.size {
		case 1:
			m.PutU8(t.addr+at.off, uint8(v))
		case 2:
			m.PutU16(t.addr+at.off, uint16(v))
		case 4:
			m.PutU32(t.addr+at.off, uint32(v))
		default:
			m.PutU64(t.addr+at.off, v)
		}
	}
	n := len(t.heaps)
	if p.HiddenHeaps && n > 1 {
		n = 1
	}
	put("ImageBaseAddress", t.imageBase)
	put("Ldr", t.loader)
	put("ProcessParameters", t.parameters)
	put("NumberOfProcessors", 4)
	put("NtGlobalFlag", uint64(p.NtGlobalFlag))
	put("HeapSegmentReserve", p.SegmentReserve)
	put("HeapSegmentCommit", p.SegmentCommit)
	put("HeapDeCommitTotalFreeThreshold", orElse(p.DeCommitTotal, 0x10000))
	put("HeapDeCommitFreeBlockThreshold", orElse(p.DeCommitFreeBlock, 0x1000))
	put("NumberOfHeaps", uint64(n))
	put("MaximumNumberOfHeaps", uint64(max(p.MaximumHeaps, uint32(n))))
	put("ProcessHeaps", t.array)
	put("OSMajorVersion", uint64(p.Major))
	put("OSMinorVersion", uint64(p.Minor))
	put("OSBuildNumber", uint64(p.BuildNumber))
	put("OSPlatformId", 2)
	if n > 0 {
		put("ProcessHeap", t.heaps[0])
	}
	m.Commit(t.array, uint64(max(p.MaximumHeaps, uint32(n)))*ptr, PageReadWrite)
	for i, h := range t.heaps[:n] {
		m.putPtr(t.arch, t.array+uint64(i)*ptr, h)
	}
}

func orElse(v, other uint64) uint64 {
	if v == 0 {
		return other
	}
	return v
}

// writeTEB writes a TEB of the given width, of a thread whose stack is all of
// its reservation.
func writeTEB(m *Image, a Arch, teb, peb, stackBase, stackLimit, stackStart uint64, pid, tid uint32) {
	p := a.PtrSize()
	m.putPtr(a, teb+p, stackBase)
	m.putPtr(a, teb+2*p, stackLimit)
	m.putPtr(a, teb+6*p, teb)
	m.putPtr(a, teb+8*p, uint64(pid))
	m.putPtr(a, teb+9*p, uint64(tid))
	m.putPtr(a, teb+12*p, peb)
	if a == X86 {
		m.PutU32(teb+0xe0c, uint32(stackStart))
		return
	}
	m.PutU64(teb+0x1478, stackStart)
}
