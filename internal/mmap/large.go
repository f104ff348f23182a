package mmap

// LargeBytes is from how many bytes on Large asks for large pages.
const LargeBytes = 4 << 20

// Large returns n zeroed elements, which must hold no pointers: memory of the
// program's own that is about to be filled, not a mapping. Where the system
// has large pages and gives them on request, it is asked for them: filling
// memory page by page costs a page fault for every 4 KiB.
func Large[T any](n int) []T { return inLargePages[T](n) }
