package synth

// Module is an entry of the ModuleList.
type Module struct {
	Base                    uint64
	Size                    uint32
	CheckSum, TimeDateStamp uint32
	Name                    string
	FileVersion             [4]uint16
	CodeView                *CodeView
	RawCodeView             []byte // instead of CodeView
	Misc                    []byte
	PE                      *PE // the image that Process.Build maps; nil maps a page that is none
}

// CodeView is an RSDS record: which PDB file goes with a module.
type CodeView struct {
	GUID [16]byte
	Age  uint32
	PDB  string
}

// UnloadedModule is an entry of the UnloadedModuleList.
type UnloadedModule struct {
	Base                          uint64
	Size, CheckSum, TimeDateStamp uint32
	Name                          string
}

func (c *CodeView) record() []byte {
	var b buf
	b.bytes([]byte("RSDS"))
	b.bytes(c.GUID[:])
	b.u32(c.Age)
	b.bytes([]byte(c.PDB))
	b.u8(0)
	return b.b
}

func (d *Dump) moduleList(w *fileWriter) []byte {
	var b buf
	b.u32(uint32(len(d.Modules)))
	for i := range d.Modules {
		m := &d.Modules[i]
		name := w.blob(mdString(m.Name))
		cv := m.RawCodeView
		if cv == nil && m.CodeView != nil {
			cv = m.CodeView.record()
		}
		cvAt, miscAt := w.blob(cv), w.blob(m.Misc)
		b.u64(m.Base)
		b.u32(m.Size)
		b.u32(m.CheckSum)
		b.u32(m.TimeDateStamp)
		b.u32(name)
		m.version(&b)
		b.u32(uint32(len(cv)))
		b.u32(cvAt)
		b.u32(uint32(len(m.Misc)))
		b.u32(miscAt)
		b.zero(16)
	}
	return b.b
}

// version appends the VS_FIXEDFILEINFO, zero if no version is given.
func (m *Module) version(b *buf) {
	v := m.FileVersion
	if v == [4]uint16{} {
		b.zero(52)
		return
	}
	b.u32(0xfeef04bd)
	b.u32(0x10000)
	for range 2 { // file and product version
		b.u32(uint32(v[0])<<16 | uint32(v[1]))
		b.u32(uint32(v[2])<<16 | uint32(v[3]))
	}
	b.u32(0x3f)
	b.u32(0)
	b.u32(0x40004) // VOS_NT_WINDOWS32
	b.u32(2)       // VFT_DLL
	b.zero(12)
}

func (d *Dump) unloadedList(w *fileWriter) []byte {
	var b buf
	b.u32(12)
	b.u32(24)
	b.u32(uint32(len(d.Unloaded)))
	for _, m := range d.Unloaded {
		b.u64(m.Base)
		b.u32(m.Size)
		b.u32(m.CheckSum)
		b.u32(m.TimeDateStamp)
		b.u32(w.blob(mdString(m.Name)))
	}
	return b.b
}
