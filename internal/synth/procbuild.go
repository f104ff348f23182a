package synth

import "fmt"

const (
	stackSize    = 0x2000  // committed
	stackReserve = 0x40000 // in all
	// dummyIP is where threads stand when no ntdll is known.
	dummyIP = 0x77411234
)

// Build makes the process's memory, its heaps and a dump of all.
func (p *Process) Build() *Built {
	arch := p.Arch
	m := NewImage(arch)
	b := &Built{Process: p, Image: m}
	if p.Family == Win11v24H2 {
		p.AddNtdll()
	}
	p.reserveModules(m)
	own := pebOf{arch: arch, addr: p.PEB, array: p.ProcessHeaps, imageBase: p.ImageBase}
	if p.Family == Win11v24H2 {
		p.describeHeaps(m)
	}
	for _, h := range p.Heaps {
		b.Heaps = append(b.Heaps, h.Build(m))
		own.heaps = append(own.heaps, h.Address)
	}
	own.heaps = append(own.heaps, writeOthers(m, arch, p.Others)...)
	m.Reserve(p.PEB, pageSize, MemPrivate, PageReadWrite)
	own.parameters = p.writeParameters(m)
	own.loader = p.writeLoader(m)
	p.writePEB(m, own)
	if p.WOW64 {
		low := pebOf{arch: X86, addr: p.PEB32, array: p.ProcessHeaps32, imageBase: p.ImageBase}
		for _, h := range p.Heaps32 {
			b.Heaps32 = append(b.Heaps32, h.Build(m))
			low.heaps = append(low.heaps, h.Address)
		}
		low.heaps = append(low.heaps, writeOthers(m, X86, p.Others32)...)
		m.Reserve(p.PEB32, pageSize, MemPrivate, PageReadWrite)
		p.writePEB(m, low)
	}
	b.Dump = p.dump()
	for i := range p.TEBs {
		p.thread(m, b.Dump, i)
	}
	if p.Prepare != nil {
		p.Prepare(b)
	}
	m.Apply(b.Dump)
	return b
}

// Redump makes the dump of the image anew, after it was changed.
func (b *Built) Redump() *Dump {
	b.Dump.Memory, b.Dump.Regions = nil, nil
	b.Image.Apply(b.Dump)
	return b.Dump
}

// dump is the process's dump without threads and memory.
func (p *Process) dump() *Dump {
	d := NewDump(p.Arch)
	d.Major, d.Minor, d.Build = p.Major, p.Minor, p.BuildNumber
	d.Modules = p.Modules
	d.Misc = &MiscInfo{ProcessID: p.PID, CreateTime: 0x5eff0000, MaxMhz: 3600, CurrentMhz: 3600,
		BuildString: p.buildString(), IntegrityLevel: 0x2000}
	return d
}

// buildString is how Windows names the build in MiscInfo.
func (p *Process) buildString() string {
	cpu := map[Arch]string{X86: "x86fre", X64: "amd64fre", ARM64: "arm64fre"}[p.Arch]
	return fmt.Sprintf("%d.1 (%s)", p.BuildNumber, cpu)
}

// thread writes the i-th thread's TEB, or both its TEBs, and its stack.
func (p *Process) thread(m *Image, d *Dump, i int) {
	teb, tid := p.TEBs[i], p.PID+4+4*uint32(i)
	base := p.stackBase(i)
	limit := base - stackSize
	m.Reserve(base-stackReserve, stackReserve, MemPrivate, PageReadWrite)
	m.Commit(limit, stackSize, PageReadWrite)
	sp := base - 0x480
	size := uint64(pageSize)
	if p.Arch != X86 {
		size = 2 * pageSize
	}
	if p.WOW64 {
		size += pageSize
	}
	m.Reserve(teb, size, MemPrivate, PageReadWrite)
	top := base
	if p.WOW64 {
		top -= 0x2e0 // seen: the 64-bit base is not on a page
	}
	writeTEB(m, p.Arch, teb, p.PEB, top, limit, base-stackReserve, p.PID, tid)
	if p.WOW64 {
		p.wowThread(m, teb, base, sp, tid)
	}
	ip := uint64(dummyIP)
	if len(p.Modules) > 0 {
		ip = p.Modules[len(p.Modules)-1].Base + 0x1234
	}
	d.AddThread(Thread{
		ID: tid, PriorityClass: 0x20, Priority: 8, TEB: teb, StackStart: sp, StackEnd: base,
		Context: Context(p.Arch, ip, sp, sp+0x40),
	})
}

// stackBase is where the i-th thread's stack ends.
func (p *Process) stackBase(i int) uint64 {
	if i == 0 {
		return p.StackBase
	}
	if p.Arch == X86 || p.WOW64 {
		return 0x7c000000 + uint64(i)*0x200000
	}
	return p.StackBase + uint64(i)*0x100000
}

// wowThread writes the 32-bit TEB of a thread, the pointer to it, and the
// 32-bit register file.
func (p *Process) wowThread(m *Image, teb, base, sp uint64, tid uint32) {
	low := teb + 0x2000
	m.PutU64(teb, low)
	if p.Family >= Win10v1607 {
		m.PutU32(teb+0x180c, 0x2000)
	}
	stack := base + 0x100000
	m.Reserve(stack-stackReserve, stackReserve, MemPrivate, PageReadWrite)
	m.Commit(stack-stackSize, stackSize, PageReadWrite)
	writeTEB(m, X86, low, p.PEB32, stack, stack-stackSize, stack-stackReserve, p.PID, tid)
	regs := alignDown(base-0x1000, 16) // {u16 flags, u16 machine}, then the CONTEXT
	m.PutU64(teb+0x1488, regs)
	m.PutU16(regs+2, 0x14c)
	m.Write(regs+4, Context(X86, dummyIP, stack-0x200, stack-0x1c0))
}

// reserveModules makes the modules' headers known to the image.
func (p *Process) reserveModules(m *Image) {
	for _, mod := range p.Modules {
		if mod.PE != nil {
			mod.PE.Write(m)
			continue
		}
		m.Reserve(mod.Base, uint64(mod.Size), MemImage, PageExecuteReadWrite)
		m.Commit(mod.Base, pageSize, PageReadOnly)
		m.Write(mod.Base, []byte("MZ"))
	}
}

// writeOthers writes the heaps of other kinds and lists their addresses.
func writeOthers(m *Image, a Arch, all []Other) []uint64 {
	var at []uint64
	for _, o := range all {
		o.Write(m, a, o.Address)
		at = append(at, o.Address)
	}
	return at
}
