package ntheap

import (
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/fill"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// The rules of the debug heap's fills. They are findings about the program's
// writes and not problems of a walk, so that Codes does not list them.
const (
	// CodeTailFill: a program wrote behind the end of a block.
	CodeTailFill diag.Code = "tail-fill"
	// CodeFreeFill: a program wrote to a block that is free.
	CodeFreeFill diag.Code = "free-fill"
)

// FillCodes lists the rules of CheckFills with their meaning in a few words.
func FillCodes() map[diag.Code]string {
	return map[diag.Code]string{
		CodeTailFill: "the fill behind a busy block's user data is overwritten",
		CodeFreeFill: "the fill in a free block is overwritten",
	}
}

// The debug heap's fills. The values are published; what they cover is
// confirmed on a dump of Windows 7, x86 and x64, for busy and for free blocks.
const (
	tailFill  = 0xabababab
	freeFill  = 0xfeeefeee
	allocFill = 0xbaadf00d
)

// Finding is a fill of the debug heap that was overwritten.
type Finding struct {
	Rule  diag.Code
	Block memory.Addr // the entry
	fill.Difference
	Fill memory.Range // where the fill has to be
}

// Open reports whether the write may have gone on beyond what can be judged:
// the last byte of the fill differs.
func (f Finding) Open() bool { return f.Last+1 == f.Fill.End }

// Problem renders the finding for a sink.
func (f Finding) Problem(h *Heap) diag.Problem {
	return diag.Problem{Code: f.Rule, Class: diag.Corrupt, At: diag.At(f.At), Heap: h.Header.Address, Object: "_HEAP_ENTRY",
		Want: fmt.Sprintf("% x", f.Want), Got: fmt.Sprintf("% x (%d of %d bytes differ)", f.Got, f.Bytes, f.Fill.Size())}
}

// CheckFills checks the fill that the debug heap promises in b, if it does:
// the flags of the heap ask for it, and the block's flags say that it was
// made (FlagFill). Of blocks whose header is damaged nothing is said, nor of
// bytes that the dump does not hold.
func (h *Heap) CheckFills(b heap.Block) (Finding, bool) {
	f, word, ok := h.promised(b)
	if !ok {
		return Finding{}, false
	}
	d, differs := fill.Compare(h.mem, f.Fill, word)
	f.Difference = d
	return f, differs
}

// promised returns where in b a fill has to be, and which.
//
// Tail checking writes a unit of AB right behind the user data, whatever
// follows in the block (slack, a _HEAP_ENTRY_EXTRA). Free checking fills a
// free block with FEEEFEEE from behind its list links up to the next entry,
// but for a _HEAP_FREE_ENTRY_EXTRA in its last unit.
func (h *Heap) promised(b heap.Block) (f Finding, word uint32, ok bool) {
	if b.Flags&heap.FlagFill == 0 || b.Trust != heap.Sound {
		return Finding{}, 0, false
	}
	unit := h.codec.unit
	switch {
	case b.State == heap.Busy && h.asks(TailChecking):
		// A block reaches 8 bytes less than a header behind its end, so that
		// on x64 the fill may cover the unused half of the next entry.
		f = Finding{Rule: CodeTailFill, Block: b.Addr, Fill: b.User().Add(b.UserBytes()).Span(unit)}
		return f, tailFill, uint64(b.Unused) >= uint64(b.Header)+8
	case b.State == heap.Free && b.Origin == heap.Backend && h.asks(FreeChecking):
		head, end := 2*unit, b.Size // the entry and the two links
		if b.Flags&heap.FlagExtra != 0 {
			end -= unit
		}
		f = Finding{Rule: CodeFreeFill, Block: b.Addr, Fill: memory.Range{Start: b.Addr.Add(head), End: b.Addr.Add(end)}}
		return f, freeFill, b.Size >= 3*unit
	}
	return Finding{}, 0, false
}

// asks reports whether the heap works with the flag, of its own or forced.
func (h *Heap) asks(f Flags) bool { return (h.Header.Flags|h.Header.ForceFlags)&f != 0 }

// NeverWritten returns how many bytes at the end of a busy block's user data
// are still BAADF00D, as the debug heap left them: all of them when nobody
// ever wrote to the block. It says nothing wrong of the program. Whole words
// count; fewer than two are no evidence, and count as none.
func (h *Heap) NeverWritten(b heap.Block) uint64 {
	if b.State != heap.Busy || b.Flags&heap.FlagFill == 0 || !h.asks(FreeChecking|TailChecking) {
		return 0
	}
	n := fill.Rest(h.mem, b.User().Span(b.UserBytes()&^3), allocFill) &^ 3
	if n < 8 {
		return 0
	}
	return n
}
