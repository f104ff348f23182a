//go:build !linux || (!amd64 && !arm64)

package mmap

import (
	"io"
	"os"
)

// Reader returns f.
func Reader(f *os.File) io.ReaderAt { return f }
