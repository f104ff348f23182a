//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd || solaris || windows

package mmap

import (
	"os"

	"github.com/edsrzf/mmap-go"
)

// File maps an open file, which may be closed afterwards.
func File(f *os.File) (*Mapping, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if int64(int(info.Size())) != info.Size() {
		return nil, ErrTooLarge
	}
	data, err := mmap.Map(f, mmap.RDONLY, 0)
	if err != nil {
		return nil, err
	}
	return &Mapping{Data: data, Mapped: true, unmap: data.Unmap}, nil
}
