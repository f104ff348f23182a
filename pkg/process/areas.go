package process

import "github.com/heapdump/heapdump/pkg/memory"

// Area is memory that a field of the PEB, or a law of Windows, says what it is
// for.
type Area struct {
	Name    string      // what it is, in words: "process parameters"
	Field   string      // what says so: "PEB.ProcessParameters"
	Address memory.Addr // where the pointer leads
	Size    uint64      // bytes from there; 0: the whole allocation that it leads into
}

// SharedUserData is where every process has KUSER_SHARED_DATA, a page that the
// kernel writes (ntddk.h; the same on x86, x64 and ARM64).
const SharedUserData memory.Addr = 0x7ffe0000

// areaFields are pointers of the PEB to mapped sections, and one to memory of
// its own. Their places are
// those of public symbols, from XP to 11.
var areaFields = []struct {
	name, field  string
	off32, off64 memory.Addr
	fits         func(s Source, p PEB, at memory.Addr) bool // nil: any
}{
	{"memory shared with CSRSS", "PEB.ReadOnlySharedMemoryBase", 0x4c, 0x88, nil},
	{"handle table shared with GDI", "PEB.GdiSharedHandleTable", 0x94, 0xf8, nil},
	{"language tables (NLS)", "PEB.AnsiCodePageData", 0x58, 0xa0, nil},
	{"language tables (NLS)", "PEB.OemCodePageData", 0x5c, 0xa8, nil},
	{"language tables (NLS)", "PEB.UnicodeCaseTableData", 0x60, 0xb0, nil},
	{"API set map", "PEB.ApiSetMap", 0x38, 0x68, Source.isAPISetMap},
	{"data of application compatibility shims", "PEB.pShimData", 0x1e8, 0x2d8, Source.isAllocation},
	{"activation context", "PEB.ActivationContextData", 0x1f8, 0x2f8, Source.isActivationContext},
	{"activation context", "PEB.SystemDefaultActivationContextData", 0x200, 0x308, Source.isActivationContext},
}

// Areas returns the areas that the PEB names, those first that are in memory
// of their own. What a pointer leads to is looked at where it has a mark to
// know it by; what the dump does not hold is left out.
func Areas(s Source, p PEB) []Area {
	var out []Area
	out = append(out, s.parameterAreas(p)...)
	for _, f := range areaFields {
		off := f.off32
		if p.Bits == 64 {
			off = f.off64
		}
		at, err := s.Space.Pointer(p.Address+off, p.Bits)
		if err != nil || at == 0 || f.fits != nil && !f.fits(s, p, at) {
			continue
		}
		r, ok := s.Space.Region(at)
		if private := r.Type == memory.MemPrivate && f.field == "PEB.pShimData"; !ok || r.Type != memory.MemMapped && !private {
			continue
		}
		out = append(out, Area{Name: f.name, Field: f.field, Address: at})
	}
	return out
}

// parameterAreas are the process parameters and the environment. Since Vista
// both are usually blocks of the process heap. MaximumLength is the first word
// of RTL_USER_PROCESS_PARAMETERS; Environment stands at 0x48 and 0x80, and
// since Vista EnvironmentSize at 0x290 and 0x3f0 (public symbols).
func (s Source) parameterAreas(p PEB) []Area {
	at := p.ProcessParameters
	if at == 0 || !p.Knows("ProcessParameters") {
		return nil
	}
	size := uint64(1)
	if n, err := s.Space.U32(at); err == nil {
		size = uint64(min(max(n, 1), maxParameters))
	}
	out := []Area{{"process parameters", "PEB.ProcessParameters", at, size}}
	envOff, sizeOff := memory.Addr(0x48), memory.Addr(0x290)
	if p.Bits == 64 {
		envOff, sizeOff = 0x80, 0x3f0
	}
	env, err := s.Space.Pointer(at+envOff, p.Bits)
	if err != nil || env == 0 {
		return out
	}
	size = 1
	if uint64(sizeOff)+8 <= out[0].Size { // the structure reaches that far
		if n, err := s.Space.Pointer(at+sizeOff, p.Bits); err == nil {
			size = uint64(min(max(n, 1), maxParameters))
		}
	}
	return append(out, Area{"environment", "RTL_USER_PROCESS_PARAMETERS.Environment", env, size})
}

// maxParameters bounds what process parameters and environments say of their
// size, in bytes: an environment has at most 32,767 characters on XP, and no
// limit but memory later; text of a megabyte has not been seen.
const maxParameters = 1 << 20

// activationMagic begins an ACTIVATION_CONTEXT_DATA: "Actx".
const activationMagic = 0x78746341

func (s Source) isActivationContext(_ PEB, at memory.Addr) bool {
	return IsActivationContext(s.Space, at, ^uint64(0))
}

// IsActivationContext reports whether an ACTIVATION_CONTEXT_DATA of at most
// limit bytes stands at an address: {Magic "Actx", HeaderSize 0x20,
// FormatVersion 1, TotalSize} (public symbols).
func IsActivationContext(m *memory.Space, at memory.Addr, limit uint64) bool {
	var w [4]uint32
	for i := range w {
		v, err := m.U32(at + memory.Addr(4*i))
		if err != nil {
			return false
		}
		w[i] = v
	}
	return w[0] == activationMagic && w[1] == 0x20 && w[2] == 1 && w[3] > 0x20 && uint64(w[3]) <= limit
}

// isAllocation reports whether an allocation begins at an address.
func (s Source) isAllocation(_ PEB, at memory.Addr) bool {
	r, ok := s.Space.Region(at)
	return ok && r.State != memory.MemFree && r.AllocationBase == at
}

// isAPISetMap reports whether the pointer leads to an API_SET_NAMESPACE: its
// first word is the version, 2 on Windows 7, 4 on 8.1, 6 on 10 and later. The
// PEB's field was another before Windows 7.
func (s Source) isAPISetMap(_ PEB, at memory.Addr) bool {
	v, err := s.Space.U32(at)
	return err == nil && (v == 2 || v == 3 || v == 4 || v == 6)
}
