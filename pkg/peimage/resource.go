package peimage

import (
	"encoding/binary"
	"unicode/utf16"

	"github.com/heapdump/heapdump/pkg/memory"
)

// A resource directory (IMAGE_RESOURCE_DIRECTORY of the PE format): 16 bytes,
// of which the last four count its entries with names and with numbers, and
// entries of 8 bytes behind it.
const (
	resourceHead  = 16
	resourceEntry = 8
	maxEntries    = 1 << 12
	resourceDeep  = 1 << 31 // of an entry's offset: it leads to a directory; of its name: to a string
)

// Resource returns where the resource of a type and name is, in the language
// that its table has first; false when the image has none, or the dump lacks
// what leads to it.
func (i *Image) Resource(m Memory, typ uint32, name string) (memory.Range, bool) {
	d := i.Directory(DirResource)
	r := resources{m, d}
	types, ok := r.find(0, func(e uint32) bool { return e == typ })
	if !ok || types&resourceDeep == 0 {
		return memory.Range{}, false
	}
	names, ok := r.find(types&^resourceDeep, func(e uint32) bool { return e&resourceDeep != 0 && r.text(e&^resourceDeep) == name })
	if !ok || names&resourceDeep == 0 {
		return memory.Range{}, false
	}
	at, ok := r.find(names&^resourceDeep, func(uint32) bool { return true })
	if !ok || at&resourceDeep != 0 {
		return memory.Range{}, false
	}
	b, ok := r.view(at, 8)
	if !ok {
		return memory.Range{}, false
	}
	out := i.RVA(binary.LittleEndian.Uint32(b), uint64(binary.LittleEndian.Uint32(b[4:])))
	return out, !out.Empty()
}

// resources is a resource table; offsets count from its start.
type resources struct {
	m  Memory
	at memory.Range
}

func (r resources) view(off uint32, n uint64) ([]byte, bool) {
	if uint64(off)+n > r.at.Size() {
		return nil, false
	}
	b, err := r.m.View(r.at.Start.Add(uint64(off)), n)
	return b, err == nil
}

// find returns where the first entry of a directory leads whose name or number
// is wanted.
func (r resources) find(dir uint32, want func(uint32) bool) (uint32, bool) {
	h, ok := r.view(dir, resourceHead)
	if !ok {
		return 0, false
	}
	n := min(uint64(binary.LittleEndian.Uint16(h[12:]))+uint64(binary.LittleEndian.Uint16(h[14:])), maxEntries)
	for i := range n {
		off := uint64(dir) + resourceHead + i*resourceEntry
		if off > r.at.Size() {
			break
		}
		b, ok := r.view(uint32(off), resourceEntry)
		if !ok {
			break
		}
		if want(binary.LittleEndian.Uint32(b)) {
			return binary.LittleEndian.Uint32(b[4:]), true
		}
	}
	return 0, false
}

// text reads a name: its length in UTF-16 units, then these.
func (r resources) text(off uint32) string {
	b, ok := r.view(off, 2)
	if !ok {
		return ""
	}
	n := uint64(binary.LittleEndian.Uint16(b))
	if b, ok = r.view(off, 2+2*n); !ok {
		return ""
	}
	u := make([]uint16, n)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(b[2+2*i:])
	}
	return string(utf16.Decode(u))
}
