package ntheap

import (
	"encoding/binary"

	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap/internal/layout"
)

// fields reads the fields of one structure whose bytes are at hand.
type fields []byte

// num returns the field's value, 0 when the family lacks the field. The bytes
// hold the whole structure, so that it cannot lie outside.
func (b fields) num(f layout.Field) uint64 {
	switch f.Size {
	case 1:
		return uint64(b[f.Off])
	case 2:
		return uint64(binary.LittleEndian.Uint16(b[f.Off:]))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b[f.Off:]))
	case 8:
		return binary.LittleEndian.Uint64(b[f.Off:])
	}
	return 0
}

func (b fields) addr(f layout.Field) memory.Addr { return memory.Addr(b.num(f)) }

// pair reads the two pointers of a _LIST_ENTRY field.
func (b fields) pair(f layout.Field) (flink, blink memory.Addr) {
	half := f.Size / 2
	return b.addr(layout.Field{Off: f.Off, Size: half}), b.addr(layout.Field{Off: f.Off + half, Size: half})
}

// structure reads a structure of n bytes at a; ok is false when a byte of it
// is missing.
func structure(m heap.Memory, a memory.Addr, n uint16) (fields, bool) {
	b, err := m.View(a, uint64(n))
	return b, err == nil
}

// pointer reads a pointer at a.
func (h *Heap) pointer(a memory.Addr) (memory.Addr, bool) { return pointer(h.mem, a, h.Header.Bits) }

func pointer(m heap.Memory, a memory.Addr, bits int) (memory.Addr, bool) {
	b, err := m.View(a, uint64(bits)/8)
	if err != nil {
		return 0, false
	}
	if bits == 32 {
		return memory.Addr(binary.LittleEndian.Uint32(b)), true
	}
	return memory.Addr(binary.LittleEndian.Uint64(b)), true
}

func u32(m heap.Memory, a memory.Addr) (uint32, bool) {
	b, err := m.View(a, 4)
	if err != nil {
		return 0, false
	}
	return binary.LittleEndian.Uint32(b), true
}
