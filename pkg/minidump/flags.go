package minidump

import (
	"fmt"
	"strings"
)

// Flags are the MINIDUMP_TYPE flags that the writer was asked for. They tell
// the wish, not what the file has.
type Flags uint64

// The flags (MINIDUMP_TYPE of minidumpapiset.h, with their MiniDump prefix
// left off).
const (
	WithDataSegs                   Flags = 0x1
	WithFullMemory                 Flags = 0x2
	WithHandleData                 Flags = 0x4
	FilterMemory                   Flags = 0x8
	ScanMemory                     Flags = 0x10
	WithUnloadedModules            Flags = 0x20
	WithIndirectlyReferencedMemory Flags = 0x40
	FilterModulePaths              Flags = 0x80
	WithProcessThreadData          Flags = 0x100
	WithPrivateReadWriteMemory     Flags = 0x200
	WithoutOptionalData            Flags = 0x400
	WithFullMemoryInfo             Flags = 0x800
	WithThreadInfo                 Flags = 0x1000
	WithCodeSegs                   Flags = 0x2000
	WithoutAuxiliaryState          Flags = 0x4000
	WithFullAuxiliaryState         Flags = 0x8000
	WithPrivateWriteCopyMemory     Flags = 0x10000
	IgnoreInaccessibleMemory       Flags = 0x20000
	WithTokenInformation           Flags = 0x40000
	WithModuleHeaders              Flags = 0x80000
	FilterTriage                   Flags = 0x100000
	WithAvxXStateContext           Flags = 0x200000
	WithIptTrace                   Flags = 0x400000
	ScanInaccessiblePartialPages   Flags = 0x800000
	FilterWriteCombinedMemory      Flags = 0x1000000
)

// Names returns the names of the flags that are set, without their MiniDump
// prefix, lowest first; bits that have no name come last as one hex number.
func (f Flags) Names() []string {
	names := [...]string{
		"WithDataSegs", "WithFullMemory", "WithHandleData", "FilterMemory", "ScanMemory",
		"WithUnloadedModules", "WithIndirectlyReferencedMemory", "FilterModulePaths",
		"WithProcessThreadData", "WithPrivateReadWriteMemory", "WithoutOptionalData",
		"WithFullMemoryInfo", "WithThreadInfo", "WithCodeSegs", "WithoutAuxiliaryState",
		"WithFullAuxiliaryState", "WithPrivateWriteCopyMemory", "IgnoreInaccessibleMemory",
		"WithTokenInformation", "WithModuleHeaders", "FilterTriage", "WithAvxXStateContext",
		"WithIptTrace", "ScanInaccessiblePartialPages", "FilterWriteCombinedMemory",
	}
	var set []string
	for i, name := range names {
		if f&(1<<i) != 0 {
			set = append(set, name)
		}
	}
	if rest := f >> len(names) << len(names); rest != 0 {
		set = append(set, fmt.Sprintf("%#x", uint64(rest)))
	}
	return set
}

// String joins the names with |; MiniDumpNormal is "Normal".
func (f Flags) String() string {
	if f == 0 {
		return "Normal"
	}
	return strings.Join(f.Names(), "|")
}
