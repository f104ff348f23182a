package synth

// Thread is an entry of the ThreadList.
type Thread struct {
	ID, SuspendCount        uint32
	PriorityClass, Priority uint32
	TEB                     uint64
	StackStart, StackEnd    uint64 // the stack's saved range
	StackData               []byte // its bytes, if they are to be in the file once more
	Context                 []byte // see Context
	BackingStart            uint64 // ThreadEx only
}

// ThreadName is an entry of the ThreadNames stream.
type ThreadName struct {
	ID   uint32
	Name string
}

// ThreadInfo is an entry of the ThreadInfoList; times are in 100 ns since 1601.
type ThreadInfo struct {
	ID, DumpFlags, DumpError, ExitStatus       uint32
	CreateTime, ExitTime, KernelTime, UserTime uint64
	StartAddress, Affinity                     uint64
}

// Exception is the Exception stream.
type Exception struct {
	ThreadID    uint32
	Code, Flags uint32
	Record      uint64
	Address     uint64
	Params      []uint64
	Context     []byte
}

func (t *Thread) entry(w *fileWriter) []byte {
	stack := w.blob(t.StackData)
	ctx := w.blob(t.Context)
	size := uint32(t.StackEnd - t.StackStart)
	if t.StackData != nil {
		size = uint32(len(t.StackData))
	}
	var b buf
	b.u32(t.ID)
	b.u32(t.SuspendCount)
	b.u32(t.PriorityClass)
	b.u32(t.Priority)
	b.u64(t.TEB)
	b.u64(t.StackStart)
	b.u32(size)
	b.u32(stack)
	b.u32(uint32(len(t.Context)))
	b.u32(ctx)
	return b.b
}

func (d *Dump) threadList(w *fileWriter) []byte {
	var b buf
	b.u32(uint32(len(d.Threads)))
	if d.ThreadListPad8 {
		b.u32(0)
	}
	for i := range d.Threads {
		b.bytes(d.Threads[i].entry(w))
	}
	return b.b
}

func (d *Dump) threadExList(w *fileWriter) []byte {
	var b buf
	b.u32(uint32(len(d.ThreadsEx)))
	for i := range d.ThreadsEx {
		t := &d.ThreadsEx[i]
		b.bytes(t.entry(w))
		b.u64(t.BackingStart)
		b.u32(0)
		b.u32(0)
	}
	return b.b
}

func (d *Dump) threadNames(w *fileWriter) []byte {
	var b buf
	b.u32(uint32(len(d.Names)))
	for _, n := range d.Names {
		b.u32(n.ID)
		b.u64(uint64(w.blob(mdString(n.Name))))
	}
	return b.b
}

func (d *Dump) threadInfoList(*fileWriter) []byte {
	var b buf
	b.u32(12)
	b.u32(64)
	b.u32(uint32(len(d.Infos)))
	for _, t := range d.Infos {
		b.u32(t.ID)
		b.u32(t.DumpFlags)
		b.u32(t.DumpError)
		b.u32(t.ExitStatus)
		b.u64(t.CreateTime)
		b.u64(t.ExitTime)
		b.u64(t.KernelTime)
		b.u64(t.UserTime)
		b.u64(t.StartAddress)
		b.u64(t.Affinity)
	}
	return b.b
}

func (d *Dump) exception(w *fileWriter) []byte {
	e := d.Exception
	ctx := w.blob(e.Context)
	var b buf
	b.u32(e.ThreadID)
	b.u32(0)
	b.u32(e.Code)
	b.u32(e.Flags)
	b.u64(e.Record)
	b.u64(e.Address)
	b.u32(uint32(len(e.Params)))
	b.u32(0)
	for i := range 15 {
		if i < len(e.Params) {
			b.u64(e.Params[i])
		} else {
			b.u64(0)
		}
	}
	b.u32(uint32(len(e.Context)))
	b.u32(ctx)
	return b.b
}

// Context is a CONTEXT record with the given instruction, stack and frame
// pointers.
func Context(a Arch, ip, sp, fp uint64) []byte {
	switch a {
	case X86:
		b := make([]byte, 0x2cc)
		put32(b, 0, 0x1003f)
		put32(b, 0xb4, uint32(fp))
		put32(b, 0xb8, uint32(ip))
		put32(b, 0xbc, 0x1b) // SegCs
		put32(b, 0xc0, 0x202)
		put32(b, 0xc4, uint32(sp))
		put32(b, 0xc8, 0x23) // SegSs
		return b
	case ARM64:
		b := make([]byte, 0x390)
		put32(b, 0, 0x40001f)
		put64(b, 0xf0, fp)
		put64(b, 0x100, sp)
		put64(b, 0x108, ip)
		return b
	}
	b := make([]byte, 0x4d0)
	put32(b, 0x30, 0x10001f)
	put16(b, 0x38, 0x33) // SegCs
	put16(b, 0x42, 0x2b) // SegSs
	put32(b, 0x44, 0x202)
	put64(b, 0x98, sp)
	put64(b, 0xa0, fp)
	put64(b, 0xf8, ip)
	return b
}
