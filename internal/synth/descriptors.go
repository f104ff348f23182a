package synth

// describeHeaps does what Windows 11 24H2 does beside the PEB: each heap's
// UserContext leads to a _RTLP_PROCESS_HEAP_DESCRIPTOR, and these are in one
// list. The first stands in the process heap, the head in ntdll's data.
//
// The place of the head and of the further descriptors is a guess; all a
// reader may rely on is the links and the back pointers.
func (p *Process) describeHeaps(m *Image) {
	p.describe(m, p.Arch, p.ProcessHeaps, p.Heaps)
	if p.WOW64 {
		p.describe(m, X86, p.ProcessHeaps32, p.Heaps32)
	}
}

func (p *Process) describe(m *Image, a Arch, array uint64, heaps []*Heap) {
	ptr := a.PtrSize()
	size := 6 * ptr
	head := array + 0x400
	all := []uint64{head}
	for i, h := range heaps {
		at := head + 0x40 + uint64(i)*size
		if h.UserContext != 0 {
			at = h.UserContext
		}
		h.UserContext = at
		all = append(all, at)
		m.putPtr(a, at+2*ptr, h.Address)
	}
	for i, n := range all {
		next := all[(i+1)%len(all)]
		m.putPtr(a, n, next)
		m.putPtr(a, next+ptr, n)
	}
}

// AddNtdll adds an ntdll module round the heap array (two in a WOW64
// process), where its data would be.
func (p *Process) AddNtdll() {
	add := func(array uint64, name string) {
		for _, m := range p.Modules {
			if array >= m.Base && array < m.Base+uint64(m.Size) {
				return
			}
		}
		p.Modules = append(p.Modules, Module{
			Base: alignDown(array, 0x10000) - 0x160000, Size: 0x1f8000, Name: name, TimeDateStamp: 0x7b5414ec,
		})
	}
	if p.WOW64 {
		add(p.ProcessHeaps32, `C:\Windows\SysWOW64\ntdll.dll`)
	}
	add(p.ProcessHeaps, `C:\Windows\System32\ntdll.dll`)
}

// HideHeaps asks for what 24H2 does: the PEB lists the process heap alone,
// no heap has a list index, and all are in the descriptors' list.
func (p *Process) HideHeaps() {
	p.HiddenHeaps = true
	p.AddNtdll()
	for _, h := range append(append([]*Heap(nil), p.Heaps...), p.Heaps32...) {
		h.ListIndex = 0
	}
}
