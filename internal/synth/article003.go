package synth

// Article003 is the process of a published search for a leak on 64-bit
// Windows 7 with stack traces on: heap 23 at 0x29fb0000 has large blocks, the
// first with its node at 0x43500000 and 0x1000040 user bytes at 0x43500060.
//
// The article's heap has 189 such blocks and nine segments; here are four
// and three. Only the first page of a large block is saved, though all of it
// is committed.
func Article003() *Process {
	p := NewProcess(Win7, X64)
	p.NtGlobalFlag = 0x1000
	p.PEB, p.TEBs, p.StackBase = 0x7fffffd8000, []uint64{0x7fffffde000}, 0x230000
	p.ProcessHeaps, p.ImageBase, p.MaximumHeaps = 0x8820000, 0x13f0000, 32
	p.Modules = []Module{
		{Base: 0x13f0000, Size: 0x8000, Name: `D:\app\app.exe`, TimeDateStamp: 0x5f3a1102},
		{Base: 0x7fed22b0000, Size: 0x2200000, Name: `D:\app\halcon.dll`, TimeDateStamp: 0x56cd7aa0},
		{Base: 0x77570000, Size: 0x1aa000, Name: `C:\Windows\SYSTEM32\ntdll.dll`, TimeDateStamp: 0x521eaf24},
	}
	const st = FlagStackTrace | FlagGrowable
	p.AddHeap(small(0x60000, st))
	csr := small(0x10000, FlagStackTrace|FlagClassCSRPort)
	csr.Mapped = true
	p.AddHeap(csr)
	p.AddHeap(small(0x8810000, st|FlagClassPrivate))
	for i := range uint64(19) {
		p.AddHeap(small(0x9000000+i*0x10000, st|FlagClassPrivate))
	}
	p.AddHeap(article003Heap())
	p.AddHeap(small(0x29870000, st|FlagClassPrivate))
	p.Prepare = func(b *Built) {
		m := b.Image
		m.Reserve(0x7fe83e30000, 0x10000, MemPrivate, PageExecuteReadWrite) // compiled when it ran: in no module
		m.Commit(0x7fe83e3b000, pageSize, PageExecuteReadWrite)
		m.Reserve(article003Traces, 0x30000, MemPrivate, PageReadWrite) // up to the stack
		StackTrace(m, X64, article003Traces+0x1000, 1,
			0x775bc35b, 0x7fed230483b, 0x7fed22dd81d, 0x7fed22d6bd0, 0x7fed44a346a, 0x7fed2386b8f, 0x7fe83e3bcf6)
		StackTrace(m, X64, article003Traces+0x1200, 2,
			0x775bc35b, 0x7fed230483b, 0x7fed22dd900, 0x7fed44a346a, 0x7fe83e3bcf6)
	}
	return p
}

const article003Traces = 0x1c0000

func article003Heap() *Heap {
	const one, two = article003Traces + 0x1000, article003Traces + 0x1200
	return &Heap{
		Address: 0x29fb0000, Flags: FlagStackTrace | FlagClassPrivate | FlagGrowable, Interceptor: 1,
		Segments: []Segment{
			{Reserve: 0x800000, Items: []Item{
				Busy(0x40).WithStack(one), Busy(0x128).WithStack(two), Free(0x80),
				Busy(0x2000).WithStack(two), Free(0x500), Busy(8).WithStack(one),
			}},
			{Address: 0x26070000, Reserve: 0x100000, Items: []Item{
				Busy(0x800).WithStack(two), Busy(0x801).WithStack(two), Busy(0x80f).WithStack(two),
			}},
			{Address: 0x5c380000, Reserve: 0xfd0000, Items: []Item{
				Busy(100).WithStack(one), Uncommitted(0x100000), Busy(100).WithStack(two),
			}},
		},
		Virtual: []Virtual{
			{Address: 0x43500000, Size: 0x1000040, Stack: one, FirstPage: true},
			{Address: 0x47240000, Size: 0x1000040, Stack: one, FirstPage: true},
			{Address: 0x4ee90000, Size: 0x5800010, Stack: two, FirstPage: true},
			{Address: 0x32970000, Size: 0x5800010, Stack: two, FirstPage: true},
		},
	}
}
