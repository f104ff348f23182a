// Package layout places the fields of the NT heap's structures: one text file
// per family of Windows builds and pointer size, in the manner of a debugger's
// dt, bound to named Go fields. It reads no memory.
//
// A new Windows build is one new file here. Offsets and sizes are those of the
// public PDB symbols of ntdll, as the head of each file says.
package layout

import (
	"cmp"
	"embed"
	"fmt"
	"reflect"
	"slices"
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

// plan is what Set asks of a file: its structures, by their places in Set.
var plan = sync.OnceValue(func() []wanted {
	var out []wanted
	t := reflect.TypeFor[Set]()
	for i := range t.NumField() {
		tag, ok := t.Field(i).Tag.Lookup("layout")
		if !ok {
			continue
		}
		w := wanted{at: i}
		w.name, w.optional = strings.CutSuffix(tag, ",optional")
		st := t.Field(i).Type
		for k := range st.NumField() {
			f := st.Field(k)
			w.fields = append(w.fields, wanted{at: k, name: f.Name, optional: f.Tag.Get("layout") == "optional", size: f.Type.Kind() == reflect.Uint16})
		}
		out = append(out, w)
	}
	return out
})

// wanted is a structure or a field that a file is to have.
type wanted struct {
	at       int // its place in Set, or in its structure
	name     string
	optional bool
	size     bool // not a field, but the structure's size
	fields   []wanted
}

// Parse reads one layout file and binds it. A field that the Go structures
// ask for and the file lacks is an error, unless it is marked optional.
func Parse(name, text string) (*Set, error) {
	bits, structs, err := scan(name, text)
	if err != nil {
		return nil, err
	}
	set := &Set{Name: name, Bits: bits}
	v := reflect.ValueOf(set).Elem()
	for _, w := range plan() {
		i := slices.IndexFunc(structs, func(s structure) bool { return s.name == w.name })
		if i < 0 {
			if w.optional {
				continue
			}
			return nil, fmt.Errorf("layout %s: no struct %s", name, w.name)
		}
		if err := bind(v.Field(w.at), w.fields, &structs[i]); err != nil {
			return nil, fmt.Errorf("layout %s: %s: %w", name, w.name, err)
		}
	}
	return set, nil
}

type structure struct {
	name   string
	size   uint16
	fields []named
}

type named struct {
	name string
	Field
}

func bind(v reflect.Value, fields []wanted, st *structure) error {
	for _, w := range fields {
		if w.size {
			v.Field(w.at).SetUint(uint64(st.size))
			continue
		}
		i := slices.IndexFunc(st.fields, func(f named) bool { return f.name == w.name })
		switch {
		case i >= 0:
			*v.Field(w.at).Addr().Interface().(*Field) = st.fields[i].Field
		case !w.optional:
			return fmt.Errorf("no field %s", w.name)
		}
	}
	return nil
}

// scan reads the notation: "bits 64", "struct NAME SIZE", "  FIELD OFFSET SIZE".
func scan(name, text string) (bits int, structs []structure, err error) {
	structs = make([]structure, 0, 32)
	for n := 1; text != ""; n++ {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		w, words := fields(line)
		if words == 0 || w[0][0] == '#' {
			continue
		}
		switch {
		case w[0] == "bits" && words == 2:
			bits, err = strconv.Atoi(w[1])
		case w[0] == "struct" && words == 3:
			var size uint64
			size, err = strconv.ParseUint(w[2], 0, 16)
			structs = append(structs, structure{name: w[1], size: uint16(size)})
		case len(structs) > 0 && words == 3:
			st := &structs[len(structs)-1]
			off, bad := strconv.ParseUint(w[1], 0, 16)
			size, bad2 := strconv.ParseUint(w[2], 0, 16)
			err = cmp.Or(bad, bad2)
			st.fields = append(st.fields, named{w[0], Field{uint16(off), uint16(size)}})
		default:
			err = fmt.Errorf("not understood")
		}
		if err != nil {
			return 0, nil, fmt.Errorf("layout %s:%d: %q: %w", name, n, line, err)
		}
	}
	if bits != 32 && bits != 64 {
		return 0, nil, fmt.Errorf("layout %s: no bits line", name)
	}
	return bits, structs, nil
}

// fields returns the first words of a line and how many it has; those of a
// comment are counted as one.
func fields(line string) (w [3]string, n int) {
	for {
		line = strings.TrimLeft(line, " \t\r")
		if line == "" || n == 1 && w[0][0] == '#' {
			return w, n
		}
		end := strings.IndexAny(line, " \t\r")
		if end < 0 {
			end = len(line)
		}
		if n < len(w) {
			w[n] = line[:end]
		}
		n++
		line = line[end:]
	}
}
