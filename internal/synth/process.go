package synth

// Process is the script of a process: its heaps and the structures that lead
// to them. Build makes memory and a dump of it.
type Process struct {
	Family Family
	Arch   Arch

	Major, Minor, BuildNumber uint32 // of the PEB and of SystemInfo
	NtGlobalFlag              uint32
	SegmentReserve            uint64
	SegmentCommit             uint64
	DeCommitTotal             uint64
	DeCommitFreeBlock         uint64

	Heaps    []*Heap
	Heaps32  []*Heap // WOW64: the heaps of the 32-bit PEB
	Others   []Other // heaps of other kinds, behind Heaps
	Others32 []Other
	WOW64    bool // Arch X64, with a second, 32-bit PEB and TEBs

	PEB, PEB32         uint64
	TEBs               []uint64 // one thread each
	StackBase          uint64   // of the first thread
	ProcessHeaps       uint64   // the array
	ProcessHeaps32     uint64
	MaximumHeaps       uint32
	ImageBase          uint64
	ImagePath, Command string // not "": ProcessParameters
	Environment        []string
	Modules            []Module
	Loader             bool // the modules are also in PEB.Ldr's lists
	HiddenHeaps        bool // 24H2: only the first heap in the PEB, the rest by descriptors
	PID                uint32

	// Prepare is called with the image and the heaps before the dump is
	// made of them: the place for damage.
	Prepare func(*Built)
}

// Built is a process that was built.
type Built struct {
	Process *Process
	Image   *Image
	Dump    *Dump
	Heaps   []*BuiltHeap
	Heaps32 []*BuiltHeap
}

// NewProcess is a process without heaps, with one thread.
func NewProcess(f Family, a Arch) *Process {
	p := &Process{Family: f, Arch: a, PID: 0x1a2c, MaximumHeaps: 16}
	p.Major, p.Minor, p.BuildNumber = f.OS(a)
	if a == X86 {
		p.PEB, p.TEBs, p.StackBase = 0x7ffd3000, []uint64{0x7ffdf000}, 0x230000
		p.ProcessHeaps, p.ImageBase = 0x77498500, 0x1030000
		p.SegmentReserve, p.SegmentCommit = 0x100000, 0x2000
		return p
	}
	p.PEB, p.TEBs, p.StackBase = 0x9d1e4e1000, []uint64{0x9d1e4e2000}, 0x9d1e700000
	p.ProcessHeaps, p.ImageBase = 0x7ffa3d3cb4c0, 0x7ff6c0010000
	p.SegmentReserve, p.SegmentCommit = 0x100000, 0x2000
	return p
}

// NewWOW64 is a 32-bit process on 64-bit Windows.
func NewWOW64(f Family) *Process {
	p := NewProcess(f, X64)
	p.WOW64 = true
	p.PEB, p.TEBs, p.StackBase = 0x2f1000, []uint64{0x2f4000}, 0x8e000
	p.PEB32, p.ProcessHeaps32 = 0x2f2000, 0x77ef3a20
	p.ImageBase = 0x400000
	return p
}

// AddHeap adds a heap to the process's own PEB. Its family, architecture and
// list index are set.
func (p *Process) AddHeap(h *Heap) *Heap {
	p.Heaps = append(p.Heaps, p.adopt(h, p.Arch, len(p.Heaps)))
	return h
}

// AddHeap32 adds a heap to the 32-bit PEB of a WOW64 process.
func (p *Process) AddHeap32(h *Heap) *Heap {
	p.Heaps32 = append(p.Heaps32, p.adopt(h, X86, len(p.Heaps32)))
	return h
}

func (p *Process) adopt(h *Heap, a Arch, n int) *Heap {
	h.Family, h.Arch = p.Family, a
	if a == ARM64 {
		h.Arch = X64 // laid out alike
	}
	if h.ListIndex == 0 && !p.HiddenHeaps {
		h.ListIndex = uint16(n + 1)
	}
	return h
}
