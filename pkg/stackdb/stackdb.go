// Package stackdb reads the stack traces that Windows keeps of allocations:
// those of the user-mode stack trace database (gflags +ust) and those of
// Application Verifier's. A block leads to its stack by a pointer (Windows 7
// and later, and page heap) or by an index (XP to Vista); a [Reader] decodes
// what a pointer leads to, a [Database] what an index does, and a [Set] keeps
// each distinct stack once. The package knows no dump format and no symbols.
//
// Sources: field offsets are those of public symbols. Which field of an
// entry is its depth is told differently by them and by two published tools:
// see [DepthFrom]. No dump with stack traces made by Windows was at hand.
package stackdb

import (
	"errors"

	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// ErrNoTrace says that what a pointer or an index leads to is no stack trace.
var ErrNoTrace = errors.New("no stack trace")

// MaxFrames is the most frames that an RTL_STACK_TRACE_ENTRY has room for.
const MaxFrames = 32

// Reader decodes stack traces. It is a value, immutable, and safe for many
// goroutines if Code is.
type Reader struct {
	Memory heap.Memory
	Bits   int // pointer size of the process (of the 32-bit side in WOW64)
	// Old says that entries are those of XP and 2003, where TraceCount has 32
	// bits and Index no high part.
	Old bool
	// Code says whether code could be at an address: in a module, loaded or
	// since unloaded, or in executable memory. It is what decides whether
	// bytes are a stack. When nil, nothing can be validated, and the Depth
	// field is taken at its word.
	Code func(memory.Addr) bool
}

// Shape is the structure that a trace was read from.
type Shape uint8

// The shapes of a trace.
const (
	Entry Shape = iota // RTL_STACK_TRACE_ENTRY, of the user-mode stack trace database
	Block              // RTL_TRACE_BLOCK, of a verifier's trace database
)

// String returns entry or block.
func (s Shape) String() string {
	if s == Block {
		return "block"
	}
	return "entry"
}

// DepthFrom is the field that a trace's depth was taken from. Public symbols
// put Depth after Index in an RTL_STACK_TRACE_ENTRY. Two tools, which read
// Windows 7 to 10, take the word before it, the Index of the symbols, where
// allocations are traced without page heap. Which one is right is decided for
// each entry by how many addresses of code follow; a tie goes to Depth.
type DepthFrom uint8

// The sources of a depth.
const (
	DepthField DepthFrom = iota // RTL_STACK_TRACE_ENTRY.Depth
	IndexField                  // the word that symbols call RTL_STACK_TRACE_ENTRY.Index
	SizeField                   // RTL_TRACE_BLOCK.Size
)

// DepthSources is the number of sources, for arrays indexed by DepthFrom.
const DepthSources = 3

// String returns Depth, Index or Size, the field's name.
func (d DepthFrom) String() string {
	return [...]string{"Depth", "Index", "Size", "?"}[d&3]
}

// Trace is one stack trace.
type Trace struct {
	At        memory.Addr // of the structure
	Shape     Shape
	Depth     DepthFrom
	BackTrace memory.Addr   // of the array of frames: what umdh prints after BackTrace
	Index     uint32        // of an Entry, IndexHigh included; 0 when the word is the depth
	Count     uint32        // TraceCount (since Vista 11 bits), of a Block Count: how often it was captured
	Frames    []memory.Addr // return addresses, innermost first
}
