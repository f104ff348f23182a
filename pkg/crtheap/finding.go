package crtheap

import (
	"encoding/binary"
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/fill"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Finding is damage to one debug block: bytes that are not what the runtime
// left there. For a field At is its start, and Want and Got are all of it.
type Finding struct {
	Rule  diag.Code
	Block memory.Addr // the header
	Field string      // the field of _CrtMemBlockHeader; empty for the data and the fence after them
	fill.Difference
	Open bool // the last byte that could differ does: the write may have gone on beyond it

	// Context are bytes of the same block around At, for a reader to
	// recognise: at most 16 before it and 32 from it on.
	ContextAt memory.Addr
	Context   []byte
}

// number reports whether the finding is about a field with a number in it.
func (f *Finding) number() bool {
	switch f.Rule {
	case CodeSize, CodeType, CodeLink:
		return true
	}
	return false
}

// Problem renders the finding for a sink: numbers as numbers, bytes as hex
// and text.
func (f Finding) Problem(heap memory.Addr) diag.Problem {
	p := diag.Problem{Code: f.Rule, Class: diag.Corrupt, At: diag.At(f.At), Heap: heap, Object: "_CrtMemBlockHeader", Field: f.Field}
	if f.number() {
		p.Want, p.Got = hexNumber(f.Want), hexNumber(f.Got)
		return p
	}
	p.Want, p.Got = Hex(f.Want), fmt.Sprintf("%s %q (%d bytes differ)", Hex(f.Got), Text(f.Got), f.Bytes)
	return p
}

func hexNumber(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	var w [8]byte
	copy(w[:], b)
	return fmt.Sprintf("%#x", binary.LittleEndian.Uint64(w[:]))
}

// Hex returns bytes as hex in memory order: "41 42 fd fd".
func Hex(b []byte) string { return fmt.Sprintf("% x", b) }

// Text returns bytes as text: a dot for each that is not printable ASCII.
func Text(b []byte) string {
	out := make([]byte, len(b))
	for i, c := range b {
		if c < 0x20 || c > 0x7e {
			c = '.'
		}
		out[i] = c
	}
	return string(out)
}
