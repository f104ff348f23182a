package synth

// Failure is a _HEAP_FAILURE_INFORMATION of Windows 10: ntdll's record of a
// corruption that it detected.
type Failure struct {
	At       uint64
	Arch     Arch
	Type     uint32
	Heap     uint64
	Address  uint64
	Params   [3]uint64
	Previous uint64
	Next     uint64
	Stack    []uint64
	Encoded  bool   // as build 14393 has it: one entry more before the stack
	Size     uint32 // StructureSize; 0 is that of the form
}

// Write writes the record.
func (f *Failure) Write(m *Image) {
	ptr := f.Arch.PtrSize()
	head, stack, size := uint64(12), uint64(48), uint32(976)
	if f.Arch != X86 {
		head, stack, size = 16, 88, 1744
	}
	if f.Encoded {
		stack += f.Arch.Unit()
		size += uint32(f.Arch.Unit())
	}
	if f.Size != 0 {
		size = f.Size
	}
	m.PutU32(f.At, 1)
	m.PutU32(f.At+4, size)
	m.PutU32(f.At+8, f.Type)
	for i, v := range [...]uint64{f.Heap, f.Address, f.Params[0], f.Params[1], f.Params[2], f.Previous, f.Next} {
		m.putPtr(f.Arch, f.At+head+uint64(i)*ptr, v)
	}
	for i, v := range f.Stack {
		m.putPtr(f.Arch, f.At+stack+uint64(i)*ptr, v)
	}
}
