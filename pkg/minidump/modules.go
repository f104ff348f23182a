package minidump

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
)

const moduleSize = 108 // MINIDUMP_MODULE

// Module is a loaded module: a ModuleList entry.
type Module struct {
	memory.Range          // of the image in memory
	Name         string   // full path, as the process saw it
	Checksum     uint32   // of the PE header
	Timestamp    uint32   // of the PE header: seconds since 1970, or a hash in reproducible builds
	Version      Version  // of the version resource; zero when it has none
	CodeView     CodeView // which PDB belongs to it; zero when the dump does not say
}

// Version is a VS_FIXEDFILEINFO, as far as it is of use.
type Version struct {
	File, Product [4]uint16 // major, minor, build, revision
	Flags         uint32    // dwFileFlags: VS_FF_DEBUG 1, VS_FF_PRERELEASE 2, …
}

// String returns the file version, for example 10.0.19041.1; empty for none.
func (v Version) String() string {
	if v == (Version{}) {
		return ""
	}
	return fmt.Sprintf("%d.%d.%d.%d", v.File[0], v.File[1], v.File[2], v.File[3])
}

// CodeView names the symbol file of a module.
type CodeView struct {
	Kind string   // "RSDS" (PDB 7), "NB10" (PDB 2), "BpEL" (Breakpad ELF), else the signature in hex; empty for none
	GUID [16]byte // RSDS: as it lies in the file
	Time uint32   // NB10: the PDB's time stamp
	Age  uint32
	PDB  string // name or path of the PDB
}

// ID returns the identifier under which symbol servers keep the PDB: GUID and
// age, or time stamp and age, in upper-case hex; empty when there is none.
func (c CodeView) ID() string {
	le := binary.LittleEndian
	switch c.Kind {
	case "RSDS":
		return fmt.Sprintf("%08X%04X%04X%X%X", le.Uint32(c.GUID[:]), le.Uint16(c.GUID[4:]), le.Uint16(c.GUID[6:]), c.GUID[8:], c.Age)
	case "NB10":
		return fmt.Sprintf("%08X%X", c.Time, c.Age)
	}
	return ""
}

// Modules returns the modules of ModuleList, in its order. The range of a
// module that would wrap is cut at the top of the address space.
func (f *File) Modules(sink diag.Sink) []Module {
	p, ok := f.open(ModuleListStream, sink)
	if !ok {
		return nil
	}
	t := p.counted(moduleSize)
	text := f.texts("MINIDUMP_MODULE", sink)
	out := make([]Module, t.n)
	for i := range out {
		e := t.entry(i)
		le := binary.LittleEndian
		out[i] = Module{
			Range:     memory.Addr(le.Uint64(e)).Span(uint64(le.Uint32(e[8:]))),
			Checksum:  le.Uint32(e[12:]),
			Timestamp: le.Uint32(e[16:]),
			Name:      text.path(uint64(le.Uint32(e[20:])), "ModuleNameRva"),
			Version:   version(e[24:76]),
			CodeView:  f.codeView(loc(e[76:]), text),
		}
	}
	return out
}

// version decodes a VS_FIXEDFILEINFO; one without its signature 0xfeef04bd is none.
func version(b []byte) Version {
	le := binary.LittleEndian
	if le.Uint32(b) != 0xfeef04bd {
		return Version{}
	}
	quad := func(off int) [4]uint16 {
		hi, lo := le.Uint32(b[off:]), le.Uint32(b[off+4:])
		return [4]uint16{uint16(hi >> 16), uint16(hi), uint16(lo >> 16), uint16(lo)}
	}
	return Version{File: quad(8), Product: quad(16), Flags: le.Uint32(b[28:]) & le.Uint32(b[24:])}
}

// codeView decodes a module's CodeView record. A record of no size is none,
// and no problem.
func (f *File) codeView(l location, text *texts) CodeView {
	if l.size == 0 {
		return CodeView{}
	}
	bad := func(want, got string) CodeView {
		text.sink.Put(finding{CodeCodeView, l.off, "MINIDUMP_MODULE", "CvRecord", want, got, 0}.problem())
		return CodeView{}
	}
	b, ok := f.at(l.off, l.size)
	if !ok {
		return bad(fmt.Sprintf("%d bytes within the %d of the file", l.size, len(f.data)), fmt.Sprintf("offset %#x", l.off))
	}
	if len(b) < 4 {
		return bad("a signature", fmt.Sprintf("%d bytes", len(b)))
	}
	switch kind := string(b[:4]); {
	case kind == "RSDS" && len(b) >= 24:
		return CodeView{Kind: kind, GUID: [16]byte(b[4:20]), Age: binary.LittleEndian.Uint32(b[20:]), PDB: text.bytes(b[24:])}
	case kind == "NB10" && len(b) >= 16:
		return CodeView{Kind: kind, Time: binary.LittleEndian.Uint32(b[8:]), Age: binary.LittleEndian.Uint32(b[12:]), PDB: text.bytes(b[16:])}
	case kind == "RSDS" || kind == "NB10":
		return bad("a whole "+kind+" record", fmt.Sprintf("%d bytes", len(b)))
	case kind == "BpEL":
		return CodeView{Kind: kind}
	default:
		return CodeView{Kind: fmt.Sprintf("%#x", binary.LittleEndian.Uint32(b))}
	}
}

// bytes makes a string of bytes up to the first zero, within the budget.
func (t *texts) bytes(b []byte) string {
	if i := bytes.IndexByte(b[:min(len(b), maxString)], 0); i >= 0 {
		b = b[:i]
	}
	b = b[:min(len(b), maxString, t.budget)]
	t.budget -= len(b)
	return string(bytes.ToValidUTF8(b, []byte("\ufffd")))
}

// UnloadedModule is a module that the process had unloaded.
type UnloadedModule struct {
	memory.Range
	Name      string // file name without path
	Checksum  uint32
	Timestamp uint32
}

// Time returns the time stamp of the PE header as a time.
func (u UnloadedModule) Time() time.Time { return unix(u.Timestamp) }

// UnloadedModules returns the entries of UnloadedModuleList; Windows keeps the
// last 64 at most.
func (f *File) UnloadedModules(sink diag.Sink) []UnloadedModule {
	p, ok := f.open(UnloadedModuleListStream, sink)
	if !ok {
		return nil
	}
	if _, ok := p.header(12); !ok {
		return nil
	}
	t := p.headed(12, 24, uint64(p.u32(8)))
	text := f.texts("MINIDUMP_UNLOADED_MODULE", sink)
	out := make([]UnloadedModule, t.n)
	for i := range out {
		e := t.entry(i)
		le := binary.LittleEndian
		out[i] = UnloadedModule{
			Range:     memory.Addr(le.Uint64(e)).Span(uint64(le.Uint32(e[8:]))),
			Checksum:  le.Uint32(e[12:]),
			Timestamp: le.Uint32(e[16:]),
			Name:      text.path(uint64(le.Uint32(e[20:])), "ModuleNameRva"),
		}
	}
	return out
}
