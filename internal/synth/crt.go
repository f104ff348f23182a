package synth

import "bytes"

// CRTForm is a form of the debug C runtime's header.
type CRTForm uint8

// The forms. They differ on x86 only.
const (
	CRTClassic CRTForm = iota + 1 // msvcr80d to msvcr120d
	CRTUniversal
)

// String names the form for test names.
func (f CRTForm) String() string {
	if f == CRTUniversal {
		return "ucrt"
	}
	return "classic"
}

// The types of a debug block.
const (
	CRTFree   uint32 = 0
	CRTNormal uint32 = 1
	CRTOwn    uint32 = 2
	CRTIgnore uint32 = 3
	CRTClient uint32 = 4
)

// crtIgnoreLine is the line of ignored blocks.
const crtIgnoreLine = 0xfedcbabc

// CRTBlock is the script of one debug block, and where it came to stand.
type CRTBlock struct {
	Size    uint64
	Use     uint32 // type, and subtype in the high half
	Request uint32
	File    uint64 // where the file's name is
	Line    uint32
	Content []byte // nil is CD all over, or DD in free blocks
	Room    uint64 // user bytes of the NT block, if more than need be

	Header uint64 // set by Write
}

// CRTList is the list of blocks of one debug runtime, oldest first.
type CRTList struct {
	Arch   Arch
	Form   CRTForm
	Blocks []CRTBlock
}

// HeaderSize is the size of a header, the fence at its end included.
func (l *CRTList) HeaderSize() uint64 {
	if l.Arch == X86 {
		return 32
	}
	return 48
}

// RoomOf is how many bytes block i asks of the NT heap.
func (l *CRTList) RoomOf(i int) uint64 {
	return max(l.HeaderSize()+l.Blocks[i].Size+4, l.Blocks[i].Room)
}

// User is what the program got for block i.
func (l *CRTList) User(i int) uint64 { return l.Blocks[i].Header + l.HeaderSize() }

// Items is a heap's items for the blocks, in their order.
func (l *CRTList) Items() []Item {
	var out []Item
	for i := range l.Blocks {
		out = append(out, Busy(l.RoomOf(i)))
	}
	return out
}

// Write writes the blocks at the user addresses of NT blocks that have room
// for them, and links them.
func (l *CRTList) Write(m *Image, users []uint64) {
	for i := range l.Blocks {
		l.Blocks[i].Header = users[i]
	}
	for i := range l.Blocks {
		l.write(m, i)
	}
}

// FieldAddr is where a field of block i's header is: next, prev, file, line,
// size, use, request or gap; tail is the fence behind its data.
func (l *CRTList) FieldAddr(i int, name string) uint64 {
	at, p := l.Blocks[i].Header, l.Arch.PtrSize()
	off := map[string]uint64{"next": 0, "prev": p, "file": 2 * p, "line": 3 * p, "gap": l.HeaderSize() - 4, "request": l.HeaderSize() - 8}
	switch {
	case l.Arch != X86:
		off["use"], off["size"] = 28, 32
	case l.Form == CRTClassic:
		off["size"], off["use"] = 16, 20
	default:
		off["use"], off["size"] = 16, 20
	}
	off["tail"] = l.HeaderSize() + l.Blocks[i].Size
	n, ok := off[name]
	if !ok {
		panic("synth: no field " + name)
	}
	return at + n
}

// write writes one block.
func (l *CRTList) write(m *Image, i int) {
	b := &l.Blocks[i]
	ptr := func(name string, v uint64) { m.putPtr(l.Arch, l.FieldAddr(i, name), v) }
	word := func(name string, v uint32) { m.PutU32(l.FieldAddr(i, name), v) }
	ptr("next", l.neighbour(i, -1))
	ptr("prev", l.neighbour(i, +1))
	ptr("file", b.File)
	word("line", b.Line)
	word("use", b.Use)
	ptr("size", b.Size)
	word("request", b.Request)
	if b.Use == CRTIgnore {
		word("line", crtIgnoreLine)
		word("request", 0)
		ptr("file", 0)
	}
	fence := bytes.Repeat([]byte{0xfd}, 4)
	m.Write(l.FieldAddr(i, "gap"), fence)
	m.Write(l.FieldAddr(i, "tail"), fence)
	fill := byte(0xcd)
	if b.Use == CRTFree {
		fill = 0xdd
	}
	m.Fill(l.User(i), b.Size, []byte{fill})
	m.Write(l.User(i), b.Content)
}

// neighbour is the header that block i is linked with: ignored blocks are in
// no list.
func (l *CRTList) neighbour(i, step int) uint64 {
	if l.Blocks[i].Use == CRTIgnore {
		return 0
	}
	for i += step; i >= 0 && i < len(l.Blocks); i += step {
		if l.Blocks[i].Use != CRTIgnore {
			return l.Blocks[i].Header
		}
	}
	return 0
}
