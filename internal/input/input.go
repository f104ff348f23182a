// Package input opens the file that the user named: as it is, or what is
// compressed in it. It knows the containers (zstd, gzip, zip) and not what the
// bytes mean.
package input

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/heapdump/heapdump/internal/mmap"
)

// Options says how Open goes about it. The zero value has sensible limits.
type Options struct {
	NoMmap   bool            // read the file into memory instead of mapping it
	MaxInput uint64          // refuse to decompress beyond this many bytes; 0 is DefaultMaxInput, with a bound on the ratio besides
	Context  context.Context // cancels decompression; nil never does
}

const (
	// DefaultMaxInput is the size beyond which a compressed file is refused
	// when the user set no limit, in bytes.
	DefaultMaxInput = 64 << 30
	// MaxRatio is how many times its compressed size a file may grow when the
	// user set no limit, once it is beyond RatioFrom bytes.
	MaxRatio = 1000
	// RatioFrom is where MaxRatio begins to count, in bytes.
	RatioFrom = 1 << 30
	// MaxWindow is the greatest zstd window that is accepted, in bytes: what
	// `zstd --long=27` makes.
	MaxWindow = 128 << 20
)

// Input is the bytes of a dump. Data must not be written, and not be used
// after Close.
type Input struct {
	Path       string
	Data       []byte
	Size       uint64      // bytes of Data
	FileSize   uint64      // bytes of the file, before decompression
	Compressed string      // "zstd", "gzip" or "zip"; empty for a plain file
	Member     string      // name of the zip's member, as it stands there
	Truncated  string      // why Data is only the first part of what was compressed, or not what was; empty when all is well
	File       io.ReaderAt // the same bytes by reading, which is cheaper than page faults where all are wanted; nil when Data is a copy in memory
	close      func() error
}

// Open opens a plain file, or decompresses a zstd or gzip file or a zip with
// one member, told by how the file begins. What is decompressed lies in a
// temporary file that has no name any more (or, when it is small, in memory),
// not in memory that grows with the dump. A compressed file that is cut short
// or damaged gives what can be decompressed, and Truncated says so. Errors
// begin with the path and say what to do.
func Open(path string, o Options) (*Input, error) {
	m, err := mmap.Open(path, mmap.Options{NoMmap: o.NoMmap})
	if err != nil {
		return nil, err
	}
	in := &Input{Path: path, FileSize: uint64(len(m.Data)), Data: m.Data, close: m.Close}
	if err := in.decompress(m, o); err != nil {
		_ = m.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	in.Size = uint64(len(in.Data))
	if in.Compressed == "" && m.Mapped {
		in.readable(m)
	}
	return in, nil
}

// readable opens the mapped file for reading besides. That it cannot be is no
// fault: the mapping has all of it.
func (in *Input) readable(m *mmap.Mapping) {
	f, err := os.Open(in.Path)
	if err != nil {
		return
	}
	in.File = mmap.Reader(f)
	in.close = func() error { return firstError(m.Close(), f.Close()) }
}

// decompress replaces the Data of a compressed file, and closes what it
// replaces. It leaves any other file alone.
func (in *Input) decompress(m *mmap.Mapping, o Options) error {
	r, err := in.reader(m.Data)
	if r == nil || err != nil {
		return err
	}
	defer r.Close()
	out := &spill{limit: limitOf(o, uint64(len(m.Data)))}
	defer out.discard()
	n, err := io.Copy(out, &cancelled{r, o.Context})
	if err != nil {
		if fatal(err) || n == 0 {
			return in.failed(err)
		}
		in.Truncated = in.note(err, n)
	}
	if n == 0 {
		return fmt.Errorf("the %s data in it is empty", in.Compressed)
	}
	data, file, closeData, err := out.finish()
	if err != nil {
		return err
	}
	_ = m.Close()
	in.Data, in.close = data, closeData
	if file != nil {
		in.File = mmap.Reader(file)
	}
	return nil
}

// reader returns the decompressed stream of data, nil when it is not compressed.
func (in *Input) reader(data []byte) (io.ReadCloser, error) {
	switch {
	case bytes.HasPrefix(data, []byte("\x28\xb5\x2f\xfd")) || skippable(data):
		in.Compressed = "zstd"
		d, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderMaxWindow(MaxWindow),
			zstd.WithDecoderLowmem(true), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, in.failed(err)
		}
		return d.IOReadCloser(), nil
	case bytes.HasPrefix(data, []byte("\x1f\x8b")):
		in.Compressed = "gzip"
		d, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, in.failed(err)
		}
		return d, nil
	case bytes.HasPrefix(data, []byte("PK\x03\x04")) || bytes.HasPrefix(data, []byte("PK\x05\x06")):
		in.Compressed = "zip"
		return in.zipMember(data)
	}
	return nil, nil
}

// skippable reports whether data begins with a skippable zstd frame, as
// parallel compressors write them, and a zstd frame after it.
func skippable(data []byte) bool {
	if len(data) < 12 || data[0]&0xf0 != 0x50 || !bytes.Equal(data[1:4], []byte("\x2a\x4d\x18")) {
		return false
	}
	n := uint64(data[4]) | uint64(data[5])<<8 | uint64(data[6])<<16 | uint64(data[7])<<24
	rest := data[8:]
	return n < uint64(len(rest)) && (bytes.HasPrefix(rest[n:], []byte("\x28\xb5\x2f\xfd")) || skippable(rest[n:]))
}

// Close gives the bytes back and removes the temporary file, if there is one.
// A second Close does nothing.
func (in *Input) Close() error {
	if in == nil || in.close == nil {
		return nil
	}
	c := in.close
	in.close, in.Data = nil, nil
	return c()
}
