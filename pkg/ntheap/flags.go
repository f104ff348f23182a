package ntheap

import (
	"fmt"
	"strings"
)

// Flags are _HEAP.Flags and _HEAP.ForceFlags.
type Flags uint32

// The flags that heapdump acts on. The values up to 0x40 and the class mask
// are documented or published; CaptureStacks is inferred from +ust samples.
const (
	NoSerialize      Flags = 0x1
	Growable         Flags = 0x2
	GenerateExc      Flags = 0x4
	ZeroMemory       Flags = 0x8
	ReallocInPlace   Flags = 0x10
	TailChecking     Flags = 0x20
	FreeChecking     Flags = 0x40
	DisableCoalesce  Flags = 0x80
	classMask        Flags = 0xf000
	Align16          Flags = 0x10000
	CreateExecutable Flags = 0x40000
	PageHeapFlag     Flags = 0x01000000
	CaptureStacks    Flags = 0x08000000
	SkipValidation   Flags = 0x10000000
	ValidateAll      Flags = 0x20000000
	ValidateParams   Flags = 0x40000000
	LockUser         Flags = 0x80000000
)

var flagNames = []struct {
	bit  Flags
	name string
}{
	{NoSerialize, "NO_SERIALIZE"}, {Growable, "GROWABLE"}, {GenerateExc, "GENERATE_EXCEPTIONS"},
	{ZeroMemory, "ZERO_MEMORY"}, {ReallocInPlace, "REALLOC_IN_PLACE_ONLY"},
	{TailChecking, "TAIL_CHECKING"}, {FreeChecking, "FREE_CHECKING"}, {DisableCoalesce, "DISABLE_COALESCE_ON_FREE"},
	{Align16, "ALIGN_16"}, {CreateExecutable, "CREATE_ENABLE_EXECUTE"}, {PageHeapFlag, "PAGE_HEAP"},
	{CaptureStacks, "CAPTURE_STACK_BACKTRACES"}, {SkipValidation, "SKIP_VALIDATION_CHECKS"},
	{ValidateAll, "VALIDATE_ALL"}, {ValidateParams, "VALIDATE_PARAMETERS"}, {LockUser, "LOCK_USER_ALLOCATED"},
}

// The classes of heap, HEAP_CLASS_n of winnt.h and of the DDK, as ClassBits
// returns them.
const (
	ClassProcess Flags = 0x0000 // class 0: also a heap whose maker gave none
	ClassPrivate Flags = 0x1000 // HeapCreate's heaps
	ClassCSRPort Flags = 0x8000
)

// ClassBits returns the bits of the heap's class.
func (f Flags) ClassBits() Flags { return f & classMask }

var classNames = [...]string{"", "private", "kernel", "GDI", "user", "console", "user desktop", "CSR shared", "CSR port"}

// Class returns the heap's class in words: "private" for HeapCreate's heaps,
// "CSR port", and so on; empty for the process class.
func (f Flags) Class() string {
	if c := int(f&classMask) >> 12; c < len(classNames) {
		return classNames[c]
	}
	return fmt.Sprintf("class %d", int(f&classMask)>>12)
}

// String spells the flags out: "GROWABLE|VALIDATE_PARAMETERS, private".
func (f Flags) String() string {
	var words []string
	rest := f &^ classMask
	for _, n := range flagNames {
		if f&n.bit != 0 {
			words = append(words, n.name)
			rest &^= n.bit
		}
	}
	if rest != 0 {
		words = append(words, fmt.Sprintf("%#x", uint32(rest)))
	}
	s := strings.Join(words, "|")
	if s == "" {
		s = "0"
	}
	if c := f.Class(); c != "" {
		s += ", " + c + " class"
	}
	return s
}
