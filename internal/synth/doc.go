// Package synth builds Windows minidumps and NT heaps for tests.
//
// A test writes a script: which heaps a process has, which blocks stand in
// them, what is damaged. The package makes bytes of it that look like those
// Windows leaves behind, and a truth to compare a reader's findings with.
//
// It is the project's second witness. It has its own constants and its own
// tables of field offsets, and imports none of the project's packages, so a
// wrong number on one side shows as a failing test and not as an agreement.
// It never reads a dump, and it is not for use outside tests.
//
// # Example
//
//	p := synth.NewProcess(synth.Win10v1809, synth.X64)
//	h := p.AddHeap(&synth.Heap{Address: 0x1d0000, Segments: []synth.Segment{
//		{Items: []synth.Item{synth.Busy(100), synth.Free(0x200), synth.Busy(24)}},
//	}})
//	built := p.Build()
//	data := built.Dump.Bytes()  // the minidump
//	truth := built.Heaps[0].Blocks
package synth

// Arch is a processor architecture, with the number a minidump has for it.
type Arch uint16

// The architectures a dump can have.
const (
	X86   Arch = 0
	X64   Arch = 9
	ARM64 Arch = 12
)

// PtrSize is the size of a pointer in bytes.
func (a Arch) PtrSize() uint64 {
	if a == X86 {
		return 4
	}
	return 8
}

// String names the architecture the way test names want it.
func (a Arch) String() string {
	switch a {
	case X86:
		return "x86"
	case X64:
		return "x64"
	case ARM64:
		return "arm64"
	}
	return "arch?"
}

// Unit is the heap's granularity: the size of an entry header.
func (a Arch) Unit() uint64 { return 2 * a.PtrSize() }

const pageSize = 0x1000

func alignUp(n, to uint64) uint64   { return (n + to - 1) / to * to }
func alignDown(n, to uint64) uint64 { return n / to * to }
