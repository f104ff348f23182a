// Package mmap gives the bytes of a file, mapped read-only where the system
// can and read whole elsewhere or on request. It knows nothing of what the
// bytes are.
package mmap

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Mapping is the bytes of a file. Data must not be written, and not be used
// after Close. Where it is mapped, a file that another program shortens makes
// reads beyond its new end fault; read the file whole where that can happen.
type Mapping struct {
	Data   []byte
	Mapped bool // false when the bytes are a copy in memory
	unmap  func() error
}

// Options says how Open goes about it. The zero value maps.
type Options struct {
	NoMmap bool // read the file whole instead
}

// Errors that Open can return, wrapped with the path and what to do.
var (
	ErrEmpty      = errors.New("the file is empty")
	ErrNotRegular = errors.New("not a regular file")
	ErrTooLarge   = errors.New("the file is too large for this build of the program")
)

// Open returns the bytes of the file at path. It refuses directories, pipes,
// devices and empty files ([ErrNotRegular], [ErrEmpty]) and, where int has 32
// bits, what does not fit ([ErrTooLarge]); errors of the system come wrapped.
// Every error begins with the path.
func Open(path string, o Options) (*Mapping, error) {
	info, err := os.Stat(path) // before opening: a pipe would block
	if err != nil {
		return nil, at(path, err)
	}
	if err := regular(path, info); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, at(path, err)
	}
	defer f.Close()
	info, err = f.Stat()
	if err != nil {
		return nil, at(path, err)
	}
	if err := regular(path, info); err != nil {
		return nil, err
	}
	if int64(int(info.Size())) != info.Size() {
		return nil, fmt.Errorf("%s: %w: %d bytes; use a 64-bit build", path, ErrTooLarge, info.Size())
	}
	if o.NoMmap {
		return readWhole(f, path, int(info.Size()))
	}
	m, err := File(f)
	if err != nil {
		return nil, fmt.Errorf("%s: mapping %d bytes: %w; --no-mmap reads the file into memory instead", path, info.Size(), err)
	}
	return m, nil
}

// regular refuses what is no file with bytes in it.
func regular(path string, info fs.FileInfo) error {
	what := ""
	switch mode := info.Mode(); {
	case mode.IsDir():
		what = "a directory; name the dump file in it"
	case mode&fs.ModeNamedPipe != 0:
		what = "a pipe; save what comes out of it to a file first"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	case mode&fs.ModeDevice != 0:
		what = "a device; save what is on it to a file first"
	case !mode.IsRegular():
		what = mode.String()
	case info.Size() == 0:
		return fmt.Errorf("%s: %w; see whether the disk was full when it was written", path, ErrEmpty)
	default:
		return nil
	}
	return fmt.Errorf("%s: %w but %s", path, ErrNotRegular, what)
}

// readWhole reads size bytes of f.
func readWhole(f *os.File, path string, size int) (*Mapping, error) {
	data := make([]byte, size)
	n, err := io.ReadFull(f, data)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, at(path, err)
	}
	return &Mapping{Data: data[:n]}, nil // the file may have shrunk since
}

// at puts the path before a system error that may have it already.
func at(path string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// Close gives the bytes back. A second Close does nothing.
func (m *Mapping) Close() error {
	if m == nil || m.unmap == nil {
		return nil
	}
	unmap := m.unmap
	m.unmap, m.Data = nil, nil
	return unmap()
}
