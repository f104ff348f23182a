// Package largeheap has the first memory of Go's heap in large pages, where the
// system gives them on request: who imports it for its effect alone starts
// with one page fault for 2 MiB where there would be 512. A short command's
// time is mostly such faults, where they are dear: on virtual machines.
//
// It depends on next to nothing, so that its init runs before those of nearly
// all other packages, whose tables fill that memory.
package largeheap
