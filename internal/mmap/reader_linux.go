//go:build linux && (amd64 || arm64)

package mmap

import (
	"io"
	"os"
	"syscall"
	"unsafe"
)

// Reader returns f for reads that are many and short, and that nearly always
// find the bytes in the system's memory. The scheduler is not told of them: to
// give the processor to another goroutine for some 50 µs, and to take it back,
// costs as much again.
func Reader(f *os.File) io.ReaderAt { return reader{f} }

type reader struct{ f *os.File }

// ReadAt is io.ReaderAt's.
func (r reader) ReadAt(b []byte, off int64) (int, error) {
	if len(b) == 0 || off < 0 {
		return r.f.ReadAt(b, off)
	}
	n, _, e := syscall.RawSyscall6(syscall.SYS_PREAD64, r.f.Fd(), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), uintptr(off), 0, 0)
	if e != 0 || int(n) < len(b) { // interrupted, at the end, or an error: the long way says which
		return r.f.ReadAt(b, off)
	}
	return int(n), nil
}
