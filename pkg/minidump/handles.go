package minidump

import (
	"encoding/binary"
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
)

// Handle is one open handle of the process (MINIDUMP_HANDLE_DESCRIPTOR, _2).
// Type is empty where the writer named none, and where the name cannot be read.
type Handle struct {
	Handle        uint64
	Type          string // of the object: Event, File, Key, …
	TypeAt        uint32 // file offset of its name (TypeNameRva); 0 where the writer gave none
	Name          string // of the object; empty for none
	Attributes    uint32
	GrantedAccess uint32
	HandleCount   uint32
	PointerCount  uint32
	Info          []ObjectInfo // of version 2 descriptors, in the order of the chain
}

// Handles returns the entries of HandleData, in its order.
func (f *File) Handles(sink diag.Sink) []Handle {
	p, ok := f.open(HandleDataStream, sink)
	if !ok {
		return nil
	}
	if _, ok := p.header(16); !ok {
		return nil
	}
	t := p.headed(16, 32, uint64(p.u32(8)))
	text := f.texts("MINIDUMP_HANDLE_DESCRIPTOR", sink)
	chains := chains{f: f, sink: sink, budget: len(f.data) / objectInfoSize}
	out := make([]Handle, t.n)
	for i := range out {
		e := t.entry(i)
		le := binary.LittleEndian
		out[i] = Handle{
			Handle:     le.Uint64(e),
			TypeAt:     le.Uint32(e[8:]),
			Type:       text.at(uint64(le.Uint32(e[8:])), "TypeNameRva"),
			Name:       text.at(uint64(le.Uint32(e[12:])), "ObjectNameRva"),
			Attributes: le.Uint32(e[16:]), GrantedAccess: le.Uint32(e[20:]),
			HandleCount: le.Uint32(e[24:]), PointerCount: le.Uint32(e[28:]),
		}
		if t.size >= 40 {
			out[i].Info = chains.follow(uint64(le.Uint32(e[32:])))
		}
	}
	return out
}

// ObjectInfoType is a MINIDUMP_HANDLE_OBJECT_INFORMATION_TYPE.
type ObjectInfoType uint32

// String returns the type's name without its Mini prefix.
func (t ObjectInfoType) String() string {
	names := [...]string{
		"None", "ThreadInformation1", "MutantInformation1", "MutantInformation2", "ProcessInformation1",
		"ProcessInformation2", "EventInformation1", "SectionInformation1", "SemaphoreInformation1",
	}
	if int64(t) < int64(len(names)) {
		return names[t]
	}
	return fmt.Sprintf("type %d", uint32(t))
}

// ObjectInfo is a MINIDUMP_HANDLE_OBJECT_INFORMATION: what the kernel said
// about the object of a handle.
type ObjectInfo struct {
	Type   ObjectInfoType
	Raw    []byte        // aliasing the file
	Fields []ObjectField // what Raw says, where the layout is known
}

// ObjectField is one decoded number of an ObjectInfo.
type ObjectField struct {
	Name  string
	Value int64
}

// objectInfoSize is the size of the fixed part.
const objectInfoSize = 12

// chains follows chains of object information. All chains of a stream
// together cannot have more links than the file has room for.
type chains struct {
	f      *File
	sink   diag.Sink
	budget int
}

// follow returns the chain that begins at a file offset; 0 ends it.
func (c *chains) follow(off uint64) []ObjectInfo {
	var out []ObjectInfo
	var seen map[uint64]bool
	for off != 0 {
		bad := func(want, got string) {
			c.sink.Put(finding{CodeStreamLink, off, "MINIDUMP_HANDLE_OBJECT_INFORMATION", "NextInfoRva", want, got, 0}.problem())
		}
		head, ok := c.f.at(off, objectInfoSize)
		if !ok {
			bad(fmt.Sprintf("an offset within the %d bytes of the file", len(c.f.data)), fmt.Sprintf("%#x", off))
			break
		}
		if seen[off] || c.budget == 0 {
			bad("a chain that ends", "one that comes back")
			break
		}
		c.budget--
		le := binary.LittleEndian
		size := uint64(le.Uint32(head[8:]))
		raw, ok := c.f.at(off+objectInfoSize, size)
		if !ok {
			bad(fmt.Sprintf("information within the %d bytes of the file", len(c.f.data)), fmt.Sprintf("%d bytes at %#x", size, off+objectInfoSize))
			break
		}
		info := ObjectInfo{Type: ObjectInfoType(le.Uint32(head[4:])), Raw: raw[:len(raw):len(raw)]}
		info.Fields = objectFields(info.Type, raw)
		out = append(out, info)
		next := uint64(le.Uint32(head))
		if next != 0 && seen == nil {
			seen = map[uint64]bool{}
		}
		if next != 0 {
			seen[off] = true
		}
		off = next
	}
	return out
}
