// Package minidump reads the minidump file format of Windows: header,
// directory and streams to values. It takes the file as bytes and knows no
// heap. What it cannot read costs only itself: a stream that is cut or
// nonsense becomes problems for the caller's sink, and the entries that are
// sound.
//
// The format is Microsoft's minidumpapiset.h (MINIDUMP_HEADER and following),
// documented at learn.microsoft.com under "MiniDumpWriteDump"; records are
// packed to 4 bytes and little-endian.
package minidump

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Header is the MINIDUMP_HEADER at the start of the file.
type Header struct {
	Version   uint32 // low word 0xa793, high word the writer's own
	Streams   uint32 // entries of the directory, as the header says
	Directory uint32 // file offset of the directory
	Checksum  uint32 // usually 0
	Timestamp uint32 // seconds since 1970, UTC; see Time
	Flags     Flags
}

// Time returns when the dump was written, UTC; the zero time when the header
// does not say.
func (h Header) Time() time.Time { return unix(h.Timestamp) }

// File is a minidump. Its methods may be called in any order, by any number of
// goroutines; each reads its stream anew and reports the problems of that
// stream anew, so call each once.
type File struct {
	Header
	data    []byte
	streams []Stream
	arch    Arch
	found   []finding // of Parse, for Check
}

const (
	headerSize    = 32
	directorySize = 12
	signature     = 0x504d444d // "MDMP"
	versionWord   = 0xa793
)

// Parse reads the header and the directory of a minidump; no stream is read
// but SystemInfo, for the processor. The bytes are kept and must not change.
// When the file is something else, or a minidump of another system than
// Windows, the error is a [*KindError], which is [ErrNotMinidump].
func Parse(data []byte) (*File, error) {
	if err := notMinidump(data); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	f := &File{data: data, Header: Header{
		Version:   le.Uint32(data[4:]),
		Streams:   le.Uint32(data[8:]),
		Directory: le.Uint32(data[12:]),
		Checksum:  le.Uint32(data[16:]),
		Timestamp: le.Uint32(data[20:]),
		Flags:     Flags(le.Uint64(data[24:])),
	}}
	f.readDirectory()
	if err := f.otherSystem(); err != nil {
		return nil, err
	}
	f.arch = f.findArch()
	return f, nil
}

// readDirectory reads as many directory entries as the header announces and
// the file has.
func (f *File) readDirectory() {
	if f.Version&0xffff != versionWord {
		f.note(CodeHeaderVersion, 4, "MINIDUMP_HEADER", "Version", fmt.Sprintf("low word %#x", versionWord), fmt.Sprintf("%#x", f.Version), 0)
	}
	entries := f.from(uint64(f.Directory))
	n := uint64(f.Header.Streams)
	if fit := uint64(len(entries)) / directorySize; n > fit {
		f.note(CodeDirectoryTruncated, uint64(f.Directory), "MINIDUMP_HEADER", "NumberOfStreams",
			fmt.Sprintf("at most %d, the entries that the file has", fit), fmt.Sprint(n), 0)
		n = fit
	}
	f.streams = make([]Stream, n)
	for i := range f.streams {
		e := entries[i*directorySize:]
		s := Stream{
			Type:   StreamType(binary.LittleEndian.Uint32(e)),
			Size:   binary.LittleEndian.Uint32(e[4:]),
			Offset: binary.LittleEndian.Uint32(e[8:]),
		}
		s.Present = min(uint64(s.Size), uint64(len(f.from(uint64(s.Offset)))))
		f.streams[i] = s
	}
}

// Size returns the length of the file in bytes.
func (f *File) Size() uint64 { return uint64(len(f.data)) }

// Arch returns the processor of the dumped process as SystemInfo has it, else
// as the thread contexts look, else UnknownArch. A WOW64 process dumped by a
// 64-bit writer is AMD64 (or ARM64) here.
func (f *File) Arch() Arch { return f.arch }

// Streams returns every entry of the directory that the file has, in order,
// the unused ones included.
func (f *File) Streams() []Stream { return append([]Stream(nil), f.streams...) }

// HasFullMemory reports whether the dump was written with all accessible
// memory: its flags say so and it has a Memory64List.
func (f *File) HasFullMemory() bool {
	_, ok := f.lookup(Memory64ListStream)
	return ok && f.Flags&WithFullMemory != 0
}

// from returns the file's bytes from an offset on, none when it is beyond the end.
func (f *File) from(off uint64) []byte {
	if off >= uint64(len(f.data)) {
		return nil
	}
	return f.data[off:]
}

// at returns the size bytes at a file offset, if the file has them all.
func (f *File) at(off, size uint64) ([]byte, bool) {
	b := f.from(off)
	if size > uint64(len(b)) {
		return nil, false
	}
	return b[:size], true
}

// unix converts a 32-bit time_t; 0 is the zero time.
func unix(t uint32) time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.Unix(int64(t), 0).UTC()
}

// filetime converts a FILETIME, 100 ns since 1601; 0 is the zero time.
func filetime(t uint64) time.Time {
	const epoch = 116444736000000000 // 1970 as a FILETIME
	if t == 0 || t > 1<<63-1 {
		return time.Time{}
	}
	d := int64(t) - epoch
	return time.Unix(d/1e7, d%1e7*100).UTC()
}

// ticks converts a duration in 100 ns; longer than Go can say becomes the longest.
func ticks(t uint64) time.Duration { return time.Duration(min(t, (1<<63-1)/100) * 100) }
