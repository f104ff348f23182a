package memory

import (
	"fmt"
	"strings"
)

// State is the state of a region's pages, with the values of
// MEMORY_BASIC_INFORMATION.State.
type State uint32

// The states of pages (winnt.h).
const (
	MemCommit  State = 0x1000  // storage is allocated
	MemReserve State = 0x2000  // address space is set aside, without storage
	MemFree    State = 0x10000 // nothing is there
)

// String returns MEM_COMMIT, MEM_RESERVE or MEM_FREE, else the number in hex.
func (s State) String() string {
	switch s {
	case MemCommit:
		return "MEM_COMMIT"
	case MemReserve:
		return "MEM_RESERVE"
	case MemFree:
		return "MEM_FREE"
	}
	return fmt.Sprintf("%#x", uint32(s))
}

// Type is the type of a region's pages, with the values of
// MEMORY_BASIC_INFORMATION.Type; 0 for free regions and where it is unknown.
type Type uint32

// The types of pages (winnt.h).
const (
	MemPrivate Type = 0x20000   // VirtualAlloc: heaps, stacks, TEBs
	MemMapped  Type = 0x40000   // a mapped file or section
	MemImage   Type = 0x1000000 // a mapped executable
)

// String returns MEM_PRIVATE, MEM_MAPPED or MEM_IMAGE, the empty string for 0,
// else the number in hex.
func (t Type) String() string {
	switch t {
	case 0:
		return ""
	case MemPrivate:
		return "MEM_PRIVATE"
	case MemMapped:
		return "MEM_MAPPED"
	case MemImage:
		return "MEM_IMAGE"
	}
	return fmt.Sprintf("%#x", uint32(t))
}

// Protect is a region's page protection, with the values of
// MEMORY_BASIC_INFORMATION.Protect: one access and any number of modifiers;
// 0 for pages that are not committed and where it is unknown.
type Protect uint32

// The page protections (winnt.h): one of the first eight, with modifiers.
const (
	PageNoAccess         Protect = 0x01
	PageReadOnly         Protect = 0x02
	PageReadWrite        Protect = 0x04
	PageWriteCopy        Protect = 0x08
	PageExecute          Protect = 0x10
	PageExecuteRead      Protect = 0x20
	PageExecuteReadWrite Protect = 0x40
	PageExecuteWriteCopy Protect = 0x80
	PageGuard            Protect = 0x100
	PageNoCache          Protect = 0x200
	PageWriteCombine     Protect = 0x400
)

// String returns the protection as debuggers print it, for example
// PAGE_READWRITE|PAGE_GUARD; the empty string for 0. Bits without a name are
// added in hex.
func (p Protect) String() string {
	names := [...]string{
		"PAGE_NOACCESS", "PAGE_READONLY", "PAGE_READWRITE", "PAGE_WRITECOPY",
		"PAGE_EXECUTE", "PAGE_EXECUTE_READ", "PAGE_EXECUTE_READWRITE", "PAGE_EXECUTE_WRITECOPY",
		"PAGE_GUARD", "PAGE_NOCACHE", "PAGE_WRITECOMBINE",
	}
	var words []string
	for i, name := range names {
		if p&(1<<i) != 0 {
			words = append(words, name)
		}
	}
	if rest := p >> len(names) << len(names); rest != 0 {
		words = append(words, fmt.Sprintf("%#x", uint32(rest)))
	}
	return strings.Join(words, "|")
}

// Writable reports whether a program can write to pages of this protection
// (copy-on-write included, guard pages too).
func (p Protect) Writable() bool {
	return p&(PageReadWrite|PageWriteCopy|PageExecuteReadWrite|PageExecuteWriteCopy) != 0
}

// Executable reports whether a program can execute pages of this protection.
func (p Protect) Executable() bool {
	return p&(PageExecute|PageExecuteRead|PageExecuteReadWrite|PageExecuteWriteCopy) != 0
}

// Region is a run of pages that are alike: one MEMORY_BASIC_INFORMATION.
type Region struct {
	Range
	AllocationBase    Addr    // start of the VirtualAlloc or mapping it belongs to; 0 when free or unknown
	AllocationProtect Protect // protection asked for at allocation
	State             State
	Protect           Protect // 0 unless committed
	Type              Type    // 0 when free or unknown
}
