package largeheap

import (
	"syscall"
	"unsafe"
)

// Go's heap grows by chunks, and a large page is as large on x86-64 and, with
// pages of 4 KiB, on ARM64. The advice is MADV_HUGEPAGE and MADV_COLLAPSE
// (madvise(2); the second since Linux 6.1), which package syscall has not on
// every processor.
const (
	chunk    = 4 << 20
	page     = 2 << 20
	advice   = 14
	collapse = 25
)

// inHeap is in the chunk that the heap grows in.
var inHeap *[64]byte

// The chunk is what large pages are asked for; the large page that the heap
// has begun to fill with small ones is put together at once. A system that
// declines leaves everything as it is.
func init() {
	inHeap = new([64]byte)
	at := uintptr(unsafe.Pointer(inHeap))
	_, _, _ = syscall.RawSyscall(syscall.SYS_MADVISE, at&^(chunk-1), chunk, advice)
	_, _, _ = syscall.RawSyscall(syscall.SYS_MADVISE, at&^(page-1), page, collapse)
}
