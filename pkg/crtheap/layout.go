package crtheap

import (
	"encoding/binary"

	"github.com/heapdump/heapdump/pkg/memory"
)

// place says where the fields of a _CrtMemBlockHeader are.
//
//	            next prev file line size use  request gap  data
//	classic x86   0    4    8    c   10   14    18     1c   20
//	ucrt    x86   0    4    8    c   14   10    18     1c   20
//	both    x64   0    8   10   18   20   1c    28     2c   30
//
// From the headers that Microsoft published with the runtimes, as mirrored
// (primary); the offsets, though not the runtimes, are in the test dumps.
type place struct {
	form                                 Form
	prev, file, line, size, use, request int
}

// layout is what one pointer size has: its header's size, and its forms.
type layout struct {
	ptr   int    // bytes of a pointer, and of the size
	gap   int    // offset of the fence before the data
	head  uint64 // bytes of the header, the fence included
	unit  uint64 // what header addresses are multiples of
	top   memory.Addr
	forms []place
}

// fence is the length of the fences, in bytes.
const fence = 4

// over is what the runtime adds to a request, in bytes.
func (l *layout) over() uint64 { return l.head + fence }

var (
	layout32 = layout{ptr: 4, gap: 0x1c, head: 0x20, unit: 8, top: 0xffff0000, forms: []place{
		{form: Classic, prev: 4, file: 8, line: 0xc, size: 0x10, use: 0x14, request: 0x18},
		{form: UCRT, prev: 4, file: 8, line: 0xc, size: 0x14, use: 0x10, request: 0x18},
	}}
	layout64 = layout{ptr: 8, gap: 0x2c, head: 0x30, unit: 16, top: 0x7fffffff0000, forms: []place{
		{form: Either, prev: 8, file: 0x10, line: 0x18, size: 0x20, use: 0x1c, request: 0x28},
	}}
)

func layoutOf(bits int) *layout {
	if bits == 32 {
		return &layout32
	}
	return &layout64
}

// num reads a number as wide as a pointer.
func (l *layout) num(b []byte, off int) uint64 {
	if l.ptr == 4 {
		return uint64(binary.LittleEndian.Uint32(b[off:]))
	}
	return binary.LittleEndian.Uint64(b[off:])
}

func (l *layout) addr(b []byte, off int) memory.Addr { return memory.Addr(l.num(b, off)) }

func u32(b []byte, off int) uint32 { return binary.LittleEndian.Uint32(b[off:]) }

// The runtime's fills (documented: crtdbg.h's description of the debug heap).
const (
	fillClean = 0xcd // new memory
	fillDead  = 0xdd // freed memory
	fenceWord = 0xfdfdfdfd
)

// gapWhole reports whether the fence at the end of a header is whole.
func (l *layout) gapWhole(raw []byte) bool { return u32(raw, l.gap) == fenceWord }

// header reports whether raw, the first bytes of a block, could be a header:
// its fence is whole and its type is one that exists, in one of the forms.
func (l *layout) header(raw []byte) bool {
	if !l.gapWhole(raw) {
		return false
	}
	for _, p := range l.forms {
		if Use(u32(raw, p.use)).Valid() {
			return true
		}
	}
	return false
}

// decode reads the fields of a header in form p.
func (l *layout) decode(raw []byte, p place) Header {
	return Header{
		Form: p.form, Next: l.addr(raw, 0), Prev: l.addr(raw, p.prev), File: l.addr(raw, p.file),
		Line: u32(raw, p.line), Use: Use(u32(raw, p.use)), Request: u32(raw, p.request),
		size: l.num(raw, p.size), bits: uint8(8 * l.ptr),
	}
}
