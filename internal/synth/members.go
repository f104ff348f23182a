package synth

// member is one field of a structure as a header file would list it.
type member struct {
	name string
	kind memberKind
}

type memberKind uint8

const (
	mU8 memberKind = iota
	mU16
	mU32
	mPtr    // a pointer or a size
	mPair   // two pointers: LIST_ENTRY
	mLinks  // RTL_BALANCED_LINKS
	mTable  // RTL_AVL_TABLE
	mLock   // what begins a STACK_TRACE_DATABASE: 0x38 or 0x68 bytes
	mHeads  // 32 pointers
	mHeads2 // 32 pairs of pointers
)

// pack lays the members out with natural alignment and returns where each
// is and the size of the whole.
func pack(a Arch, ms []member) (fields, uint64) {
	p := a.PtrSize()
	out := fields{}
	at := uint64(0)
	for _, m := range ms {
		size, align := p, p
		switch m.kind {
		case mU8:
			size, align = 1, 1
		case mU16:
			size, align = 2, 2
		case mU32:
			size, align = 4, 4
		case mPair:
			size = 2 * p
		case mLinks:
			size = 4 * p
		case mTable:
			_, size = pack(a, avlTable)
		case mLock:
			size = 0x68
			if p == 4 {
				size = 0x38
			}
		case mHeads:
			size = 32 * p
		case mHeads2:
			size = 64 * p
		}
		at = alignUp(at, align)
		out[m.name] = fieldAt{off: at, size: size}
		at += size
	}
	return out, alignUp(at, p)
}

// avlTable is RTL_AVL_TABLE.
var avlTable = []member{
	{"BalancedRoot", mLinks},
	{"OrderedPointer", mPtr},
	{"WhichOrderedElement", mU32},
	{"NumberGenericTableElements", mU32},
	{"DepthOfTree", mU32},
	{"RestartKey", mPtr},
	{"DeleteCount", mU32},
	{"CompareRoutine", mPtr},
	{"AllocateRoutine", mPtr},
	{"FreeRoutine", mPtr},
	{"TableContext", mPtr},
}

// put writes v into a field of size 1, 2, 4 or 8 at base; of a longer field
// the first word.
func (m *Image) put(a Arch, base uint64, f fields, name string, v uint64) {
	p := place(f, name)
	switch p.size {
	case 1:
		m.PutU8(base+p.off, uint8(v))
	case 2:
		m.PutU16(base+p.off, uint16(v))
	case 4:
		m.PutU32(base+p.off, uint32(v))
	default:
		m.putPtr(a, base+p.off, v)
	}
}
