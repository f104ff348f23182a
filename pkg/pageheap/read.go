package pageheap

import (
	"encoding/binary"
	"fmt"

	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// raw is the bytes of one structure, whole.
type raw []byte

func (b raw) u32(off uint64) uint32 { return binary.LittleEndian.Uint32(b[off:]) }

// word reads a pointer or a size at off.
func (b raw) word(off, ptr uint64) uint64 {
	if ptr == 4 {
		return uint64(b.u32(off))
	}
	return binary.LittleEndian.Uint64(b[off:])
}

func (b raw) addr(off, ptr uint64) memory.Addr { return memory.Addr(b.word(off, ptr)) }

// view reads n bytes at a, nil when a byte of them is missing.
func view(m heap.Memory, a memory.Addr, n uint64) raw {
	b, err := m.View(a, n)
	if err != nil {
		return nil
	}
	return b
}

func hex(v uint64) string { return fmt.Sprintf("%#x", v) }

func alignUp(a memory.Addr) memory.Addr { return (a + memory.PageSize - 1).Align(memory.PageSize) }
