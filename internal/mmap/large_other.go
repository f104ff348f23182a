//go:build !linux

package mmap

// inLargePages takes what there is: large pages are the system's own affair
// here.
func inLargePages[T any](n int) []T { return make([]T, n) }
