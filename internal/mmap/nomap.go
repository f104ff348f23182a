//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || solaris || windows)

package mmap

import (
	"io"
	"os"
)

// File reads an open file whole: this system has no mapping.
func File(f *os.File) (*Mapping, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return readWhole(f, f.Name(), int(info.Size()))
}
