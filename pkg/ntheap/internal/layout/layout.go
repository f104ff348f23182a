// Package layout places the fields of the NT heap's structures: one text file
// per family of Windows builds and pointer size, in the manner of a debugger's
// dt, bound to named Go fields. It reads no memory.
//
// A new Windows build is one new file here. Offsets and sizes are those of the
// public PDB symbols of ntdll, as the head of each file says.
package layout

import (
	"embed"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

//go:embed *.txt
var files embed.FS

// Field is where a field stands in its structure, in bytes. The zero Field is
// one that this family does not have.
type Field struct{ Off, Size uint16 }

// Has reports whether the family has the field.
func (f Field) Has() bool { return f.Size != 0 }

// Set is the layout of one family of builds.
type Set struct {
	Name string // file name without .txt, for example win7-x64
	Bits int    // 32 or 64

	Heap       Heap       `layout:"_HEAP"`
	Segment    Segment    `layout:"_HEAP_SEGMENT"`
	UCR        UCR        `layout:"_HEAP_UCR_DESCRIPTOR,optional"`
	OldUCR     OldUCR     `layout:"_HEAP_UNCOMMMTTED_RANGE,optional"`
	Virtual    Virtual    `layout:"_HEAP_VIRTUAL_ALLOC_ENTRY"`
	Counters   Counters   `layout:"_HEAP_COUNTERS,optional"`
	Tag        Tag        `layout:"_HEAP_TAG_ENTRY"`
	PseudoTag  PseudoTag  `layout:"_HEAP_PSEUDO_TAG_ENTRY"`
	Lock       Lock       `layout:"_RTL_CRITICAL_SECTION"`
	LockDebug  LockDebug  `layout:"_RTL_CRITICAL_SECTION_DEBUG"`
	LFH        LFH        `layout:"_LFH_HEAP,optional"`
	UserData   UserData   `layout:"_HEAP_USERDATA_HEADER"`
	SubSegment SubSegment `layout:"_HEAP_SUBSEGMENT"`
}

// Old reports whether this is the heap of Windows XP and Server 2003, with an
// array of segments, 128 free lists and plain headers.
func (s *Set) Old() bool { return s.Heap.Segments.Has() }

// Unit is the heap's granularity in bytes, 8 or 16; also the size of an entry.
func (s *Set) Unit() uint64 { return uint64(s.Bits) / 4 }

// Ptr is the size of a pointer in bytes.
func (s *Set) Ptr() uint64 { return uint64(s.Bits) / 8 }

// Heap places the fields of _HEAP.
type Heap struct {
	Size                       uint16
	Signature                  Field
	Flags                      Field
	ForceFlags                 Field
	CompatibilityFlags         Field `layout:"optional"`
	EncodeFlagMask             Field `layout:"optional"`
	Encoding                   Field `layout:"optional"`
	Interceptor                Field `layout:"optional"`
	VirtualMemoryThreshold     Field
	SegmentReserve             Field
	SegmentCommit              Field
	DeCommitFreeBlockThreshold Field
	DeCommitTotalFreeThreshold Field
	TotalFreeSize              Field
	MaximumAllocationSize      Field
	ProcessHeapsListIndex      Field
	NextAvailableTagIndex      Field
	MaximumTagIndex            Field
	TagEntries                 Field
	UCRList                    Field `layout:"optional"`
	UnusedUnCommittedRanges    Field `layout:"optional"`
	AlignMask                  Field
	VirtualAllocdBlocks        Field
	SegmentList                Field `layout:"optional"`
	Segments                   Field `layout:"optional"`
	AllocatorBackTraceIndex    Field
	PseudoTagEntries           Field
	FreeLists                  Field
	LockVariable               Field
	UserContext                Field `layout:"optional"`
	FrontEndHeap               Field
	FrontEndHeapType           Field
	Counters                   Field `layout:"optional"`
}

// Segment places the fields of _HEAP_SEGMENT.
type Segment struct {
	Size                      uint16
	SegmentSignature          Field `layout:"optional"`
	Signature                 Field `layout:"optional"`
	SegmentFlags              Field `layout:"optional"`
	Flags                     Field `layout:"optional"`
	SegmentListEntry          Field `layout:"optional"`
	Heap                      Field
	BaseAddress               Field
	NumberOfPages             Field
	FirstEntry                Field
	LastValidEntry            Field
	NumberOfUnCommittedPages  Field
	NumberOfUnCommittedRanges Field
	UCRSegmentList            Field `layout:"optional"`
	UnCommittedRanges         Field `layout:"optional"`
	LargestUnCommittedRange   Field `layout:"optional"`
}

// UCR places the fields of _HEAP_UCR_DESCRIPTOR (Vista and later).
type UCR struct {
	Size_        uint16 `layout:"sizeof"`
	ListEntry    Field
	SegmentEntry Field
	Address      Field
	Size         Field
}

// OldUCR places the fields of the uncommitted range of XP and 2003, whose
// name the symbols spell _HEAP_UNCOMMMTTED_RANGE.
type OldUCR struct {
	Size_   uint16 `layout:"sizeof"`
	Next    Field
	Address Field
	Size    Field
}

// Virtual places the fields of _HEAP_VIRTUAL_ALLOC_ENTRY.
type Virtual struct {
	Size        uint16
	Entry       Field
	ExtraStuff  Field
	CommitSize  Field
	ReserveSize Field
	BusyBlock   Field
}

// Counters places the fields of _HEAP_COUNTERS.
type Counters struct {
	Size                     uint16
	TotalMemoryReserved      Field
	TotalMemoryCommitted     Field
	TotalMemoryLargeUCR      Field
	TotalSizeInVirtualBlocks Field
	TotalSegments            Field
	TotalUCRs                Field
}

// Tag places the fields of _HEAP_TAG_ENTRY.
type Tag struct {
	Size_    uint16 `layout:"sizeof"`
	Allocs   Field
	Frees    Field
	Size     Field
	TagIndex Field
	TagName  Field
}

// PseudoTag places the fields of _HEAP_PSEUDO_TAG_ENTRY.
type PseudoTag struct {
	Size_  uint16 `layout:"sizeof"`
	Allocs Field
	Frees  Field
	Size   Field
}

// Lock places the fields of _RTL_CRITICAL_SECTION, the head of _HEAP_LOCK.
type Lock struct {
	Size           uint16
	DebugInfo      Field
	LockCount      Field
	RecursionCount Field
	OwningThread   Field
}

// LockDebug places the fields of _RTL_CRITICAL_SECTION_DEBUG.
type LockDebug struct {
	Size            uint16
	CriticalSection Field
	ContentionCount Field
}

// LFH places the fields of _LFH_HEAP. Buckets is an array of 128 _HEAP_BUCKET:
// BlockUnits u16, SizeIndex u8, flags u8.
type LFH struct {
	Size                    uint16
	SubSegmentZones         Field
	Heap                    Field
	Buckets                 Field
	FirstUncommittedAddress Field `layout:"optional"`
	ReservedAddressLimit    Field `layout:"optional"`
}

// UserData places the fields of _HEAP_USERDATA_HEADER, the head of a
// UserBlocks container. Windows 8.0 keeps FirstAllocationOffset and
// BlockStride plain where 8.1 and later have EncodedOffsets.
type UserData struct {
	Size           uint16
	SubSegment     Field
	SizeIndex      Field
	Signature      Field
	EncodedOffsets Field `layout:"optional"`
	BusyBitmap     Field `layout:"optional"`
	BitmapData     Field `layout:"optional"`
}

// SubSegment places the fields of _HEAP_SUBSEGMENT. The first two bytes of
// AggregateExchg are its Depth, the number of free slots.
type SubSegment struct {
	Size           uint16
	DelayFreeList  Field `layout:"optional"`
	UserBlocks     Field
	AggregateExchg Field
	BlockSize      Field
	BlockCount     Field
	SizeIndex      Field
	AffinityIndex  Field
}

// All returns the layouts of every family, in the files' order. It panics
// when a file and the Go fields do not match, which the tests rule out.
var All = sync.OnceValue(func() []*Set {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err)
	}
	var all []*Set
	for _, e := range entries {
		text, err := files.ReadFile(e.Name())
		if err != nil {
			panic(err)
		}
		set, err := Parse(strings.TrimSuffix(e.Name(), ".txt"), string(text))
		if err != nil {
			panic(err)
		}
		all = append(all, set)
	}
	return all
})

// Parse reads one layout file and binds it. A field that the Go structures
// ask for and the file lacks is an error, unless it is marked optional.
func Parse(name, text string) (*Set, error) {
	bits, structs, err := scan(name, text)
	if err != nil {
		return nil, err
	}
	set := &Set{Name: name, Bits: bits}
	v := reflect.ValueOf(set).Elem()
	for i := range v.NumField() {
		tag, ok := v.Type().Field(i).Tag.Lookup("layout")
		if !ok {
			continue
		}
		structName, optional := strings.CutSuffix(tag, ",optional")
		st, ok := structs[structName]
		if !ok {
			if optional {
				continue
			}
			return nil, fmt.Errorf("layout %s: no struct %s", name, structName)
		}
		if err := bind(v.Field(i), st); err != nil {
			return nil, fmt.Errorf("layout %s: %s: %w", name, structName, err)
		}
	}
	return set, nil
}

type structure struct {
	size   uint16
	fields map[string]Field
}

func bind(v reflect.Value, st *structure) error {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		tag := f.Tag.Get("layout")
		if f.Type.Kind() == reflect.Uint16 {
			v.Field(i).SetUint(uint64(st.size))
			continue
		}
		at, ok := st.fields[f.Name]
		if !ok && tag != "optional" {
			return fmt.Errorf("no field %s", f.Name)
		}
		v.Field(i).Set(reflect.ValueOf(at))
	}
	return nil
}

// scan reads the notation: "bits 64", "struct NAME SIZE", "  FIELD OFFSET SIZE".
func scan(name, text string) (bits int, structs map[string]*structure, err error) {
	structs = map[string]*structure{}
	var cur *structure
	for n, line := range strings.Split(text, "\n") {
		w := strings.Fields(line)
		if len(w) == 0 || strings.HasPrefix(w[0], "#") {
			continue
		}
		nums, bad := numbers(w[len(w)-min(len(w), 3)+1:])
		switch {
		case bad != nil && w[0] != "struct":
			err = bad
		case w[0] == "bits" && len(w) == 2:
			bits, err = strconv.Atoi(w[1])
		case w[0] == "struct" && len(w) == 3:
			size, e := strconv.ParseUint(w[2], 0, 16)
			cur, err = &structure{uint16(size), map[string]Field{}}, e
			structs[w[1]] = cur
		case cur != nil && len(w) == 3:
			cur.fields[w[0]] = Field{nums[0], nums[1]}
		default:
			err = fmt.Errorf("not understood")
		}
		if err != nil {
			return 0, nil, fmt.Errorf("layout %s:%d: %q: %w", name, n+1, line, err)
		}
	}
	if bits != 32 && bits != 64 {
		return 0, nil, fmt.Errorf("layout %s: no bits line", name)
	}
	return bits, structs, nil
}

func numbers(words []string) ([]uint16, error) {
	var out []uint16
	for _, w := range words {
		n, err := strconv.ParseUint(w, 0, 16)
		if err != nil {
			return nil, err
		}
		out = append(out, uint16(n))
	}
	return out, nil
}

// Fields returns the fields of every structure of a family's file by name;
// nil when there is no such family.
func Fields(family string) map[string]map[string]Field {
	text, err := files.ReadFile(family + ".txt")
	if err != nil {
		return nil
	}
	_, structs, err := scan(family, string(text))
	if err != nil {
		return nil
	}
	out := map[string]map[string]Field{}
	for name, s := range structs {
		out[name] = s.fields
	}
	return out
}
