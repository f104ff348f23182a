package stackdb

import (
	"encoding/binary"

	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Extension is the extended header that an interceptor puts between a block's
// entry and its user data (Windows 7 and later; two secondary sources, never
// seen in a dump of ours).
type Extension struct {
	Stack         memory.Addr // the stack trace; 0 when the interceptor kept none
	FunctionIndex uint16      // 1 says that the interceptor is the one that captures stacks (one secondary source)
	Context       uint16
}

// unusedExtended is ExtendedBlockSignature, in the place of UnusedBytes.
const unusedExtended = 5

// ExtensionOf returns the extended header of a busy block, in the back end,
// in the low-fragmentation heap or large. bits is the pointer size of the
// heap. ok is false for a block without one, which is recognised by its
// Header: the walk of the heap has found it already.
//
//	x86: entry +0, stack trace +8, FunctionIndex +10, ContextValue +12,
//	     UnusedBytesLength +14, EntryOffset +16, signature +17, user data +18
//	x64: entry +0, stack trace +10, FunctionIndex +28, ContextValue +2a,
//	     UnusedBytesLength +2c, EntryOffset +2e, signature +2f, user data +30
func ExtensionOf(m heap.Memory, b heap.Block, bits int) (x Extension, ok bool) {
	unit := uint64(16)
	if bits == 32 {
		unit = 8
	}
	head := uint64(b.Header)
	if b.State != heap.Busy || head < 2*unit || head%unit != 0 || b.Origin == heap.PageHeap {
		return x, false
	}
	raw, err := m.View(b.Addr, head)
	if err != nil {
		return x, false
	}
	last := raw[head-8:]
	if last[7] != unusedExtended || uint64(last[6])*unit != head-unit {
		return x, false
	}
	x = Extension{FunctionIndex: binary.LittleEndian.Uint16(last), Context: binary.LittleEndian.Uint16(last[2:])}
	if head >= 3*unit {
		if x.Stack = memory.Addr(binary.LittleEndian.Uint64(raw[unit:])); bits == 32 {
			x.Stack = memory.Addr(binary.LittleEndian.Uint32(raw[unit:]))
		}
	}
	return x, true
}

// Extra is the _HEAP_ENTRY_EXTRA at the end of a block (XP to Vista; public
// symbols have the layout, its place is from published articles).
type Extra struct {
	BackTrace uint16 // AllocatorBackTraceIndex: 0 without a stack
	Tag       uint16
	Settable  uint64 // HeapSetUserValue
}

// ExtraOf returns the _HEAP_ENTRY_EXTRA of a busy block of XP, 2003 or Vista:
// its last unit. ok is false for a block whose flags promise none.
func ExtraOf(m heap.Memory, b heap.Block, bits int) (x Extra, ok bool) {
	unit := uint64(16)
	if bits == 32 {
		unit = 8
	}
	if b.State != heap.Busy || b.Flags&heap.FlagExtra == 0 || b.Origin == heap.LFH || b.Origin == heap.PageHeap || b.Size < 2*unit {
		return x, false
	}
	at := b.End() - memory.Addr(unit)
	if b.Origin == heap.Virtual { // ExtraStuff stands in the node, behind its list links
		at = b.Addr - memory.Addr(2*unit)
	}
	raw, err := m.View(at, unit)
	if err != nil {
		return x, false
	}
	x = Extra{BackTrace: binary.LittleEndian.Uint16(raw), Tag: binary.LittleEndian.Uint16(raw[2:])}
	if x.Settable = uint64(binary.LittleEndian.Uint32(raw[4:])); bits != 32 {
		x.Settable = binary.LittleEndian.Uint64(raw[8:])
	}
	return x, true
}
