package ntheap

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// CodeFailure: ntdll detected a corruption itself and left a record of it.
const CodeFailure diag.Code = "heap-failure"

// FailureCodes lists the codes of what ntdll recorded, which no walk reports,
// with their meanings in a few words.
func FailureCodes() map[diag.Code]string {
	return map[diag.Code]string{CodeFailure: "ntdll detected a corruption itself"}
}

// StatusHeapCorruption is the exception that ntdll raises where it detects a
// corruption and the process asked to be ended then. Its one parameter is the
// address of the _HEAP_FAILURE_INFORMATION.
const StatusHeapCorruption = 0xc0000374

// FailureType is _HEAP_FAILURE_INFORMATION.FailureType.
type FailureType uint32

// The types of failure that say who did what. Numbers and names are those of
// the public symbols of Windows 10 (17134 to 19041); the first thirteen are
// also what debuggers print of Vista's and 7's records.
const (
	FailureBufferOverrun  FailureType = 6
	FailureBufferUnderrun FailureType = 7
	FailureBlockNotBusy   FailureType = 8
	FailureUseAfterFree   FailureType = 11
	FailureLFHDoubleFree  FailureType = 17

	maxFailureType = 63 // beyond what any version of Windows has
)

var failureTypes = [...]struct{ name, says string }{
	{"INTERNAL", "the heap's own data contradict each other"},
	{"UNKNOWN", "a corruption of unknown kind"},
	{"GENERIC", "a corruption of no special kind"},
	{"ENTRY_CORRUPTION", "a block's header is damaged"},
	{"MULTIPLE_ENTRIES_CORRUPTION", "the headers of several blocks are damaged"},
	{"VIRTUAL_BLOCK_CORRUPTION", "the header of a virtual block is damaged"},
	{"BUFFER_OVERRUN", "bytes behind a block's data were overwritten"},
	{"BUFFER_UNDERRUN", "bytes before a block's data were overwritten"},
	{"BLOCK_NOT_BUSY", "a free, or another operation that needs a block in use, was asked for on a free block"},
	{"INVALID_ARGUMENT", "an argument was invalid, as a pointer that is no block's"},
	{"INVALID_ALLOCATION_TYPE", "the block is not of the type that the operation is for"},
	{"USAGE_AFTER_FREE", "a free block was written to"},
	{"CROSS_HEAP_OPERATION", "the block belongs to another heap than the one that was named"},
	{"FREELISTS_CORRUPTION", "the free lists are damaged"},
	{"LISTENTRY_CORRUPTION", "the links of a list are damaged"},
	{"LFH_BITMAP_MISMATCH", "a bitmap of the low-fragmentation heap contradicts the block"},
	{"SEGMENT_LFH_BITMAP_CORRUPTION", "a bitmap of the segment heap's low-fragmentation heap is damaged"},
	{"SEGMENT_LFH_DOUBLE_FREE", "a block was freed twice"},
	{"VS_SUBSEGMENT_CORRUPTION", "a subsegment of the segment heap is damaged"},
	{"NULL_HEAP", "the heap's handle was null"},
}

// String returns the name that debuggers print, "HEAP_FAILURE_BLOCK_NOT_BUSY".
func (t FailureType) String() string {
	if int(t) < len(failureTypes) {
		return "HEAP_FAILURE_" + failureTypes[t].name
	}
	return fmt.Sprintf("HEAP_FAILURE type %d", uint32(t))
}

// Says is what the type means, in a few words; empty when it is not known.
func (t FailureType) Says() string {
	if int(t) < len(failureTypes) {
		return failureTypes[t].says
	}
	return ""
}

// Failure is ntdll's record of a corruption that it detected
// (RtlpHeapFailureInfo, _HEAP_FAILURE_INFORMATION).
type Failure struct {
	At             memory.Addr // of the record
	Type           FailureType
	Heap, Address  memory.Addr // 0 when the record names none
	Params         [3]uint64
	Previous, Next memory.Addr   // the blocks beside, 0 when not recorded
	Stack          []memory.Addr // of the detection, innermost first
}

// The record's stack: 32 return addresses behind one entry header (Windows 10
// 17134 and later, public symbols) or two (14393, as published).
const failureFrames = 32

// sureFrames is how many return addresses must lie in code: ntdll's own, and
// the function that called it. Those further out may lie in code made at run
// time.
const sureFrames = 2

// ErrNoFailure says that no record of a failure stands at the address.
var ErrNoFailure = errors.New("no _HEAP_FAILURE_INFORMATION")

// ReadFailure reads the record at a. code reports whether code could be at an
// address: the stack must begin with such addresses, which also tells where it
// stands. The error is ErrNoFailure, or a *memory.MissingError when the dump
// has not got the record whole.
func ReadFailure(m heap.Memory, a memory.Addr, bits int, code func(memory.Addr) bool) (Failure, error) {
	ptr, entry := uint64(bits/8), uint64(8)
	if bits == 64 {
		entry = 16
	}
	head := (12 + ptr - 1) / ptr * ptr
	first := head + 7*ptr + entry // the stack behind one entry
	raw, err := m.View(a, first+failureFrames*ptr)
	if err != nil {
		return Failure{}, err
	}
	word := func(off uint64) uint64 {
		if ptr == 8 {
			return binary.LittleEndian.Uint64(raw[off:])
		}
		return uint64(binary.LittleEndian.Uint32(raw[off:]))
	}
	f := Failure{At: a, Type: FailureType(binary.LittleEndian.Uint32(raw[8:]))}
	// StructureSize: 976 and 1744 bytes in Windows 10; a page in none.
	size := uint64(binary.LittleEndian.Uint32(raw[4:]))
	if size < first+failureFrames*ptr || size > memory.PageSize || f.Type > maxFailureType {
		return Failure{}, ErrNoFailure
	}
	f.Heap, f.Address = memory.Addr(word(head)), memory.Addr(word(head+ptr))
	for i := range f.Params {
		f.Params[i] = word(head + uint64(2+i)*ptr)
	}
	f.Previous, f.Next = memory.Addr(word(head+5*ptr)), memory.Addr(word(head+6*ptr))
	for _, at := range [...]uint64{first, first + entry} {
		for off := at; off < first+failureFrames*ptr; off += ptr {
			x := memory.Addr(word(off))
			if x == 0 || len(f.Stack) < sureFrames && !code(x) {
				break
			}
			f.Stack = append(f.Stack, x)
		}
		if len(f.Stack) >= sureFrames {
			return f, nil
		}
		f.Stack = nil
	}
	return Failure{}, ErrNoFailure
}
