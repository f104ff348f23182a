package minidump

import (
	"encoding/binary"
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
)

// part is a stream's bytes as far as the file has them, and what is needed to
// report on them.
type part struct {
	name string // as problems name it
	off  uint64 // file offset
	data []byte
	size uint64 // as the directory says
	sink diag.Sink
}

// open finds a stream and reports when the file does not have all of it.
// False when the dump has none, or none of its bytes.
func (f *File) open(t StreamType, sink diag.Sink) (part, bool) {
	s, ok := f.lookup(t)
	if !ok {
		return part{}, false
	}
	p := part{t.String(), uint64(s.Offset), f.from(uint64(s.Offset))[:s.Present], uint64(s.Size), sink}
	lost := p.size - s.Present
	switch {
	case s.Present == 0:
		p.report(CodeStreamOutsideFile, 0, "", fmt.Sprintf("an offset within the %d bytes of the file", len(f.data)),
			fmt.Sprintf("%#x", s.Offset), lost)
		return part{}, false
	case lost > 0:
		p.report(CodeStreamTruncated, 0, "", fmt.Sprintf("%d bytes", s.Size), fmt.Sprintf("%d bytes", s.Present), lost)
	}
	return p, true
}

// report hands a problem at an offset into the part to the sink.
func (p part) report(code diag.Code, off uint64, field, want, got string, lost uint64) {
	p.sink.Put(finding{code, p.off + off, p.name, field, want, got, lost}.problem())
}

// header returns the first n bytes, or reports that they are not there.
func (p part) header(n uint64) ([]byte, bool) {
	if uint64(len(p.data)) < n {
		if p.size < n { // else the cut was reported
			p.report(CodeStreamHeader, 0, "", fmt.Sprintf("at least %d bytes", n), fmt.Sprintf("%d bytes", p.size), 0)
		}
		return nil, false
	}
	return p.data[:n], true
}

func (p part) u32(off uint64) uint32 { return binary.LittleEndian.Uint32(p.data[off:]) }
func (p part) u64(off uint64) uint64 { return binary.LittleEndian.Uint64(p.data[off:]) }

// table is the entries of a list, all of them within the file.
type table struct {
	data []byte
	off  uint64 // file offset of the first
	size uint64 // bytes of one entry
	n    int
}

// entry returns the bytes of entry i.
func (t table) entry(i int) []byte { return t.data[uint64(i)*t.size:][:t.size] }

// at returns the file offset of entry i.
func (t table) at(i int) uint64 { return t.off + uint64(i)*t.size }

// table checks a list before anything is made of it: entries of size bytes
// from offset head on, count of them by the stream's word, need bytes of each
// to be understood. The table has the entries that the file has.
func (p part) table(head, size, need, count uint64) table {
	if head > uint64(len(p.data)) {
		if head > p.size {
			p.report(CodeStreamHeader, 0, "SizeOfHeader", fmt.Sprintf("at most %d", p.size), fmt.Sprint(head), 0)
		}
		return table{}
	}
	if count == 0 {
		return table{}
	}
	if size < need {
		p.report(CodeStreamEntrySize, 0, "", fmt.Sprintf("entries of at least %d bytes", need), fmt.Sprint(size), 0)
		return table{}
	}
	if room := (p.size - head) / size; count > room {
		p.report(CodeStreamCount, 0, "", fmt.Sprintf("at most %d entries of %d bytes", room, size), fmt.Sprint(count), 0)
		count = room
	}
	fit := (uint64(len(p.data)) - head) / size
	return table{p.data[head:], p.off + head, size, int(min(count, fit))}
}

// headed reads a list whose header says how long the header and an entry are,
// in its first two words. The header has least bytes at least: one said to be
// shorter would shift every entry.
func (p part) headed(least, need, count uint64) table {
	head := uint64(p.u32(0))
	if head < least {
		p.report(CodeStreamHeader, 0, "SizeOfHeader", fmt.Sprintf("at least %d", least), fmt.Sprint(head), 0)
		head = least
	}
	return p.table(head, uint64(p.u32(4)), need, count)
}

// counted reads a list that is a 32-bit count and entries of one fixed size.
// Some writers align the first entry to 8 bytes (folklore: ThreadList and
// ModuleList of procdump and Breakpad, told by 4 bytes over in the stream's
// size; test TestPaddedLists).
func (p part) counted(size uint64) table {
	if _, ok := p.header(4); !ok {
		return table{}
	}
	head, count := uint64(4), uint64(p.u32(0))
	if p.size == 8+count*size {
		head = 8
	}
	p.fewer(head, size, count)
	return p.table(head, size, size, count)
}

// fewer reports a list whose stream has room for more entries than it counts:
// a count that was damaged downwards hides entries that the file has. It is for
// lists that are all that their stream holds.
func (p part) fewer(head, size, count uint64) {
	if size == 0 || head > p.size {
		return
	}
	if room := (p.size - head) / size; room > count {
		p.report(CodeStreamCount, 0, "", fmt.Sprintf("%d entries of %d bytes, as the stream's size says", room, size), fmt.Sprint(count), 0)
	}
}

// location is a MINIDUMP_LOCATION_DESCRIPTOR: a size and a file offset.
type location struct{ size, off uint64 }

// loc decodes the descriptor at the start of b.
func loc(b []byte) location {
	return location{uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[4:]))}
}
