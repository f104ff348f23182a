//go:build unix

package main

import (
	"os"
	"syscall"
)

// stored is how many bytes the file takes on the disk.
func stored(path string) (uint64, bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return uint64(s.Blocks) * 512, true
}
