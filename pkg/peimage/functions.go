package peimage

import (
	"encoding/binary"

	"github.com/heapdump/heapdump/pkg/memory"
)

// The x64 exception directory, as Microsoft's "x64 exception handling"
// documents it: RUNTIME_FUNCTION is three RVAs, sorted by the first; the
// unwind information's first byte has its flags above bit 3.
const (
	machineX64   = 0x8664
	functionSize = 12
	chainInfo    = 4 // UNW_FLAG_CHAININFO: a RUNTIME_FUNCTION stands behind the codes
	// maxChain bounds a chain of functions' parts. Compilers make chains of
	// one or two.
	maxChain = 32
)

// Function is a piece of code in the exception directory (RUNTIME_FUNCTION):
// a function that uses the stack, or a part of one. All are RVAs.
type Function struct {
	Begin, End uint32 // half-open
	Unwind     uint32 // its UNWIND_INFO
}

// Functions is the exception directory of an x64 image.
type Functions struct {
	m     Memory
	i     *Image
	table []byte
	slots slots
}

// Functions returns the image's functions; none unless it is an x64 image
// whose directory the dump has whole. The table's bytes are not copied.
func (i *Image) Functions(m Memory) Functions {
	d := i.Directory(DirException)
	if i.Machine != machineX64 || d.Empty() {
		return Functions{}
	}
	b, err := m.View(d.Start, d.Size()/functionSize*functionSize)
	if err != nil {
		return Functions{}
	}
	for len(b) > 0 && binary.LittleEndian.Uint32(b[len(b)-functionSize:]) == 0 {
		b = b[:len(b)-functionSize] // linkers may fill up with zeros
	}
	f := Functions{m: m, i: i, table: b}
	f.slots = newSlots(f.Len(), func(n int) uint32 { return binary.LittleEndian.Uint32(b[n*functionSize:]) })
	return f
}

// Len is how many there are.
func (f Functions) Len() int { return len(f.table) / functionSize }

// At returns the n-th, in the table's order.
func (f Functions) At(n int) Function {
	b := f.table[n*functionSize:]
	le := binary.LittleEndian
	return Function{le.Uint32(b), le.Uint32(b[4:]), le.Uint32(b[8:])}
}

// Around returns the last function that begins at or below rva, false without
// one, and where the next begins, 0 without one.
func (f Functions) Around(rva uint32) (g Function, next uint32, ok bool) {
	n := f.Below(rva)
	if n+1 < f.Len() {
		next = f.At(n + 1).Begin
	}
	if n < 0 {
		return g, next, false
	}
	return f.At(n), next, true
}

// Below is the index of the last function that begins at or below rva, which
// need not reach it; -1 without one.
func (f Functions) Below(rva uint32) int {
	lo, hi := f.slots.around(rva)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if binary.LittleEndian.Uint32(f.table[mid*functionSize:]) <= rva {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}

// Whole returns the function that g is a part of: g itself unless its unwind
// information is chained. False when the chain is not in the dump, or has no
// end.
func (f Functions) Whole(g Function) (Function, bool) {
	for range maxChain {
		at := f.i.RVA(g.Unwind&^1, 4)
		if g.Unwind&1 != 0 { // an indirect entry: it names another one of the table
			next, ok := f.read(at.Start)
			if !ok {
				return g, false
			}
			g = next
			continue
		}
		info, err := f.m.View(at.Start, 4)
		if err != nil || at.Size() < 4 {
			return g, false
		}
		if info[0]>>3&chainInfo == 0 {
			return g, true
		}
		codes := (uint64(info[2]) + 1) &^ 1 // two bytes each, an even number of them
		next, ok := f.read(at.Start.Add(4 + 2*codes))
		if !ok {
			return g, false
		}
		g = next
	}
	return g, false
}

// read reads a RUNTIME_FUNCTION outside the table.
func (f Functions) read(a memory.Addr) (Function, bool) {
	b, err := f.m.View(a, functionSize)
	if err != nil || !f.i.Holds(a.Span(functionSize)) {
		return Function{}, false
	}
	return Functions{table: b}.At(0), true
}
