package minidump

import (
	"encoding/binary"
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
)

// FunctionTable is one dynamic function table of the process, of code that was
// made at run time (MINIDUMP_FUNCTION_TABLE_DESCRIPTOR).
type FunctionTable struct {
	memory.Range             // of the code
	Base         memory.Addr // that the entries count from
	Native       []byte      // the system's descriptor, aliasing the file
	Entries      []byte      // RUNTIME_FUNCTIONs, aliasing the file
	EntrySize    uint32      // bytes of one
}

// FunctionTables returns the tables of the FunctionTable stream. Its header
// says how large descriptors and entries are.
func (f *File) FunctionTables(sink diag.Sink) []FunctionTable {
	p, ok := f.open(FunctionTableStream, sink)
	if !ok {
		return nil
	}
	if _, ok := p.header(24); !ok {
		return nil
	}
	head, desc, native, entry := uint64(p.u32(0)), uint64(p.u32(4)), uint64(p.u32(8)), uint64(p.u32(12))
	count, pad := uint64(p.u32(16)), uint64(p.u32(20))
	if head < 24 || desc < 32 {
		p.report(CodeStreamEntrySize, 0, "SizeOfDescriptor", "a header of at least 24 and descriptors of at least 32 bytes",
			fmt.Sprintf("%d and %d", head, desc), 0)
		return nil
	}
	var out []FunctionTable
	at := head + pad
	for range count {
		if at > uint64(len(p.data)) || desc+native > uint64(len(p.data))-at {
			if p.size == uint64(len(p.data)) { // else the cut was reported
				p.report(CodeStreamCount, 16, "NumberOfDescriptors", fmt.Sprint(len(out)), fmt.Sprint(count), 0)
			}
			break
		}
		b := p.data[at:]
		le := binary.LittleEndian
		n, tail := uint64(le.Uint32(b[24:])), uint64(le.Uint32(b[28:]))
		entries := b[desc+native:]
		if n*entry > uint64(len(entries)) {
			if p.size == uint64(len(p.data)) {
				p.report(CodeStreamCount, at+24, "EntryCount", fmt.Sprintf("entries of %d bytes", len(entries)), fmt.Sprintf("%d of %d bytes", n, entry), 0)
			}
			break
		}
		out = append(out, FunctionTable{
			Range:  memory.Range{Start: memory.Addr(le.Uint64(b)), End: memory.Addr(le.Uint64(b[8:]))},
			Base:   memory.Addr(le.Uint64(b[16:])),
			Native: b[desc : desc+native : desc+native], Entries: entries[: n*entry : n*entry], EntrySize: uint32(entry),
		})
		at += desc + native + n*entry + tail
	}
	return out
}
