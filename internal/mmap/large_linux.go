package mmap

import (
	"math"
	"syscall"
	"unsafe"
)

// largePage is the size of a large page on x86-64 and, with pages of 4 KiB, on
// ARM64; largeAdvice is MADV_HUGEPAGE, which package syscall has not on every
// processor (madvise(2)).
const (
	largePage   = 2 << 20
	largeAdvice = 14
)

// inLargePages begins at a large page where n elements fill several. A system
// that declines leaves everything as it is.
func inLargePages[T any](n int) []T {
	element := int(unsafe.Sizeof(*new(T)))
	if n > math.MaxInt/2/max(element, 1) || n*element < LargeBytes {
		return make([]T, n)
	}
	b := make([]T, n+largePage/element)
	skip := int(-uintptr(unsafe.Pointer(&b[0]))&(largePage-1)) / element
	b = b[skip : skip+n : skip+n]
	start := uintptr(unsafe.Pointer(&b[0]))
	off := int(-start & (largePage - 1))
	raw := unsafe.Slice((*byte)(unsafe.Pointer(&b[0])), n*element)
	_ = syscall.Madvise(raw[off:off+(len(raw)-off)&^(largePage-1)], largeAdvice)
	return b
}
