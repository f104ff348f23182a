package check

import (
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// Held is a heap whose lock a thread held when the dump was taken: it may
// have been changing the heap.
type Held struct {
	Heap      memory.Addr
	Thread    uint64 // 0 when the lock does not say
	Listed    bool   // the dump has the thread
	Recursion uint32
	Detecting bool // the thread held it where ntdll detected a corruption: what is wrong is damage
	Findings  int  // of the heap that a change in progress could explain
}

// held finds the locks that are held.
func (c *checker) held(heaps []*target.Heap) {
	threads := map[uint64]bool{}
	for _, th := range c.t.File.Threads(nil) {
		threads[uint64(th.ID)] = true
	}
	for _, h := range heaps {
		if h.NT == nil || !h.NT.Header.Lock.Known || !h.NT.Header.Lock.Owned {
			continue
		}
		l := h.NT.Header.Lock
		x := Held{Heap: h.Address, Thread: l.OwningThread, Listed: threads[l.OwningThread], Recursion: l.RecursionCount}
		for _, d := range c.out.Detected {
			x.Detecting = x.Detecting || d.Failure != nil && d.Failure.Heap == h.Address || d.Failure == nil && uint64(d.Thread) == l.OwningThread
		}
		c.out.Held = append(c.out.Held, x)
	}
	for i := range c.out.Findings {
		if h := c.holding(&c.out.Findings[i]); h != nil {
			h.Findings++
		}
	}
}

// midUpdate reports whether a change in progress could explain a finding.
func (c *checker) midUpdate(f *Finding) bool { return c.holding(f) != nil }

// holding returns the held lock under which a finding may be a change in
// progress; nil when there is none.
func (c *checker) holding(f *Finding) *Held {
	if f.Heap == 0 || !changes(f.Code) {
		return nil
	}
	for i := range c.out.Held {
		if h := &c.out.Held[i]; h.Heap == f.Heap && !h.Detecting {
			return h
		}
	}
	return nil
}

// changes reports whether the heap breaks a rule itself for a moment, when it
// splits and joins blocks and links them in and out: never fills, fences,
// signatures, or headers that are destroyed.
func changes(c diag.Code) bool {
	switch c {
	case ntheap.CodeEntrySize, ntheap.CodeEntryPrevious, ntheap.CodeEntryUnused, ntheap.CodeEntryChecksum,
		ntheap.CodeFreeList, ntheap.CodeFreeCount, ntheap.CodeTotalFree, ntheap.CodeCounter,
		ntheap.CodeSegmentList, ntheap.CodeSegmentUnlisted, ntheap.CodeVirtualList,
		ntheap.CodeUCRList, ntheap.CodeUCRRange, ntheap.CodeUCRUnlisted, ntheap.CodeUCRCount:
		return true
	}
	return false
}
