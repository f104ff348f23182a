package minidump

import (
	"encoding/binary"
	"fmt"
)

// SystemMemory is the first part of the SystemMemoryInfo stream
// (MINIDUMP_SYSTEM_MEMORY_INFO_1): what the machine had. The performance
// counters after it are not decoded; Raw has them.
type SystemMemory struct {
	Revision, Flags       uint16
	PageSize              uint32 // bytes
	PhysicalPages         uint32
	AllocationGranularity uint32 // bytes
	MinimumUserAddress    uint64
	MaximumUserAddress    uint64
	Processors            uint32
	FileCacheBytes        uint64
	FileCachePeakBytes    uint64
	AvailablePages        uint64 // these four are pages of the whole machine
	CommittedPages        uint64
	CommitLimitPages      uint64
	PeakCommitmentPages   uint64
	Raw                   []byte // the whole stream, aliasing the file
}

// SystemMemory reads the SystemMemoryInfo stream. The error is [ErrNoStream]
// when the dump has none, and another when it is too short to be read.
func (f *File) SystemMemory() (SystemMemory, error) {
	p, ok := f.open(SystemMemoryInfoStream, nil)
	if !ok {
		return SystemMemory{}, fmt.Errorf("SystemMemoryInfo: %w", ErrNoStream)
	}
	b := p.data
	if len(b) < 148 {
		return SystemMemory{}, fmt.Errorf("SystemMemoryInfo: %d bytes at file offset %#x, 148 are needed", len(b), p.off)
	}
	le := binary.LittleEndian
	return SystemMemory{
		Revision: le.Uint16(b), Flags: le.Uint16(b[2:]),
		PageSize: le.Uint32(b[8:]), PhysicalPages: le.Uint32(b[12:]), AllocationGranularity: le.Uint32(b[24:]),
		MinimumUserAddress: le.Uint64(b[28:]), MaximumUserAddress: le.Uint64(b[36:]), Processors: le.Uint32(b[52:]),
		FileCacheBytes: le.Uint64(b[56:]), FileCachePeakBytes: le.Uint64(b[64:]),
		AvailablePages: le.Uint64(b[116:]), CommittedPages: le.Uint64(b[124:]),
		CommitLimitPages: le.Uint64(b[132:]), PeakCommitmentPages: le.Uint64(b[140:]),
		Raw: b[:len(b):len(b)],
	}, nil
}

// VMCounters is the ProcessVmCounters stream (MINIDUMP_PROCESS_VM_COUNTERS_1
// and _2), in bytes where not said otherwise. Revision 1 has neither virtual
// sizes nor what Flags say; what the dump does not have is 0.
type VMCounters struct {
	Revision              uint16
	Flags                 VMFlags
	PageFaults            uint32
	PeakWorkingSet        uint64
	WorkingSet            uint64
	PeakPagedPool         uint64
	PagedPool             uint64
	PeakNonPagedPool      uint64
	NonPagedPool          uint64
	Pagefile              uint64
	PeakPagefile          uint64
	PeakVirtualSize       uint64 // with VMVirtualSize
	VirtualSize           uint64 // with VMVirtualSize
	PrivateUsage          uint64 // revision 1, and with VMEx: private commit
	PrivateWorkingSet     uint64 // with VMEx2
	SharedCommit          uint64 // with VMEx2
	JobSharedCommit       uint64 // these five with VMJob
	JobPrivateCommit      uint64
	JobPeakPrivateCommit  uint64
	JobPrivateCommitLimit uint64
	JobTotalCommitLimit   uint64
}

// VMFlags say which fields of VMCounters are valid.
type VMFlags uint16

// The flags of VMCounters (MINIDUMP_PROCESS_VM_COUNTERS*).
const (
	VMCountersBase VMFlags = 0x01
	VMVirtualSize  VMFlags = 0x02
	VMEx           VMFlags = 0x04
	VMEx2          VMFlags = 0x08
	VMJob          VMFlags = 0x10
)

// VMCounters reads the ProcessVmCounters stream. The error is [ErrNoStream]
// when the dump has none, and another when it is too short to be read.
func (f *File) VMCounters() (VMCounters, error) {
	p, ok := f.open(ProcessVMCountersStream, nil)
	if !ok {
		return VMCounters{}, fmt.Errorf("ProcessVmCounters: %w", ErrNoStream)
	}
	b := p.data
	if len(b) < 80 {
		return VMCounters{}, fmt.Errorf("ProcessVmCounters: %d bytes at file offset %#x, 80 are needed", len(b), p.off)
	}
	le := binary.LittleEndian
	word := func(i int) uint64 {
		if off := 8 + 8*i; off+8 <= len(b) {
			return le.Uint64(b[off:])
		}
		return 0
	}
	v := VMCounters{
		Revision: le.Uint16(b), PageFaults: le.Uint32(b[4:]),
		PeakWorkingSet: word(0), WorkingSet: word(1), PeakPagedPool: word(2), PagedPool: word(3),
		PeakNonPagedPool: word(4), NonPagedPool: word(5), Pagefile: word(6), PeakPagefile: word(7),
	}
	if v.Revision < 2 {
		v.PrivateUsage = word(8)
		return v, nil
	}
	v.Flags = VMFlags(le.Uint16(b[2:]))
	for _, g := range [...]struct {
		flag  VMFlags
		first int
		to    []*uint64
	}{
		{VMVirtualSize, 8, []*uint64{&v.PeakVirtualSize, &v.VirtualSize}},
		{VMEx | VMEx2, 10, []*uint64{&v.PrivateUsage}},
		{VMEx2, 11, []*uint64{&v.PrivateWorkingSet, &v.SharedCommit}},
		{VMJob, 13, []*uint64{&v.JobSharedCommit, &v.JobPrivateCommit, &v.JobPeakPrivateCommit, &v.JobPrivateCommitLimit, &v.JobTotalCommitLimit}},
	} {
		for i, to := range g.to {
			if v.Flags&g.flag != 0 {
				*to = word(g.first + i)
			}
		}
	}
	return v, nil
}
