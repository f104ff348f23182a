package synth

// HandleData is the HandleDataStream.
type HandleData struct {
	Version int // 1 or 2; 0 is 2
	Handles []Handle
}

// Handle is one handle descriptor.
type Handle struct {
	Handle                    uint64
	TypeName, ObjectName      string
	Attributes, GrantedAccess uint32
	HandleCount, PointerCount uint32
	Info                      []HandleInfo // version 2 only
}

// HandleInfo is one MINIDUMP_HANDLE_OBJECT_INFORMATION of a handle's chain.
type HandleInfo struct {
	Type uint32
	Data []byte
}

func (d *Dump) handleData(w *fileWriter) []byte {
	size := 40
	if d.Handles.Version == 1 {
		size = 32
	}
	var b buf
	b.u32(16)
	b.u32(uint32(size))
	b.u32(uint32(len(d.Handles.Handles)))
	b.u32(0)
	for _, h := range d.Handles.Handles {
		name, object := w.text(h.TypeName), w.text(h.ObjectName)
		b.u64(h.Handle)
		b.u32(name)
		b.u32(object)
		b.u32(h.Attributes)
		b.u32(h.GrantedAccess)
		b.u32(h.HandleCount)
		b.u32(h.PointerCount)
		if size == 40 {
			b.u32(h.infoChain(w))
			b.u32(0)
		}
	}
	return b.b
}

// infoChain writes the chain last link first, so that each can say where the
// next one is.
func (h *Handle) infoChain(w *fileWriter) uint32 {
	next := uint32(0)
	for i := len(h.Info) - 1; i >= 0; i-- {
		var b buf
		b.u32(next)
		b.u32(h.Info[i].Type)
		b.u32(uint32(len(h.Info[i].Data)))
		b.bytes(h.Info[i].Data)
		next = w.blob(b.b)
	}
	return next
}

// Token is one entry of the Token stream.
type Token struct {
	ID     uint32
	Handle uint64
	Data   []byte
}

// token makes a MINIDUMP_TOKEN_INFO_LIST: sizes and counts, then entries of
// {size, id, handle} each followed by its data.
func (d *Dump) token(*fileWriter) []byte {
	var body buf
	for _, t := range d.Tokens {
		body.u32(uint32(16 + len(t.Data)))
		body.u32(t.ID)
		body.u64(t.Handle)
		body.bytes(t.Data)
	}
	var b buf
	b.u32(uint32(16 + len(body.b)))
	b.u32(uint32(len(d.Tokens)))
	b.u32(16)
	b.u32(16)
	b.bytes(body.b)
	return b.b
}

// MiscInfo is the MiscInfo stream in one of its five versions.
type MiscInfo struct {
	Version                          int    // 1 to 5; 0 is 5
	Flags                            uint32 // which parts are valid; 0 is all of the version
	ProcessID                        uint32
	CreateTime, UserTime, KernelTime uint32
	MaxMhz, CurrentMhz               uint32
	IntegrityLevel                   uint32
	ExecuteFlags, Protected          uint32
	TimeZoneID                       uint32
	BuildString, DebugBuildString    string
	ProcessCookie                    uint32
}

// flags is which parts are valid: all that the version has, if the script
// does not say.
func (m *MiscInfo) flags() uint32 {
	if m.Flags != 0 {
		return m.Flags
	}
	return [...]uint32{0x3f7, 0x3, 0x7, 0xf7, 0x1f7, 0x3f7}[m.Version]
}

func (d *Dump) miscInfo(*fileWriter) []byte {
	m := d.Misc
	size := map[int]int{1: 24, 2: 44, 3: 232, 4: 832, 5: 1364, 0: 1364}[m.Version]
	var b buf
	b.u32(uint32(size))
	b.u32(m.flags())
	b.u32(m.ProcessID)
	b.u32(m.CreateTime)
	b.u32(m.UserTime)
	b.u32(m.KernelTime)
	b.u32(m.MaxMhz)
	b.u32(m.CurrentMhz)
	b.u32(m.MaxMhz)
	b.u32(2)
	b.u32(1)
	b.u32(m.IntegrityLevel)
	b.u32(m.ExecuteFlags)
	b.u32(m.Protected)
	b.u32(m.TimeZoneID)
	b.zero(172)
	b.fixed(utf16le(m.BuildString), 520)
	b.fixed(utf16le(m.DebugBuildString), 80)
	b.zero(528)
	b.u32(m.ProcessCookie)
	return b.b[:size]
}

// FunctionTable is the FunctionTable stream: one table of raw entries.
type FunctionTable struct {
	MinAddress, MaxAddress, BaseAddress uint64
	EntrySize                           uint32
	Entries                             []byte
}

func (d *Dump) functionTable(*fileWriter) []byte {
	t := d.Functions
	var b buf
	b.u32(24) // header
	b.u32(32) // descriptor
	b.u32(24) // native descriptor
	b.u32(t.EntrySize)
	b.u32(1)
	b.u32(0)
	b.u64(t.MinAddress)
	b.u64(t.MaxAddress)
	b.u64(t.BaseAddress)
	b.u32(uint32(len(t.Entries)) / max(t.EntrySize, 1))
	b.u32(0)
	b.zero(24)
	b.bytes(t.Entries)
	return b.b
}

// VmCounters is a ProcessVmCounters stream, revision 1, of the four numbers
// that matter: working set, its peak, pagefile use and its peak.
func VmCounters(workingSet, peakWorkingSet, pagefile, peakPagefile uint64) []byte {
	var b buf
	b.u16(1)
	b.u16(0)
	b.u32(0x1234) // page faults
	b.u64(peakWorkingSet)
	b.u64(workingSet)
	b.zero(4 * 8) // quotas
	b.u64(pagefile)
	b.u64(peakPagefile)
	b.u64(pagefile) // private use
	return b.b
}

// SystemMemoryInfo is a SystemMemoryInfo stream, revision 1, that gives the
// page size, the number of physical pages and the number available.
func SystemMemoryInfo(physicalPages, availablePages uint64) []byte {
	b := make([]byte, 0x1ec)
	put16(b, 0, 1)
	put16(b, 2, 0xf)
	const basic = 4 // SYSTEM_BASIC_INFORMATION
	put32(b, basic+4, pageSize)
	put32(b, basic+8, uint32(physicalPages))
	put32(b, basic+20, 0x10000)
	const perf = 4 + 52 + 60 // after basic and file cache information
	put64(b, perf, availablePages)
	return b
}

// SystemCommit adds to a SystemMemoryInfo stream how many pages all processes
// have committed, and may commit.
func SystemCommit(b []byte, committedPages, limitPages uint64) []byte {
	const perf = 4 + 52 + 60 // available pages, committed pages, commit limit
	put64(b, perf+8, committedPages)
	put64(b, perf+16, limitPages)
	return b
}
