package ntheap

import (
	"errors"
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap/internal/layout"
)

// ErrNotNT is what a [KindError] is under errors.Is.
var ErrNotNT = errors.New("not an NT heap")

// KindError says that there is another kind of heap, or none that is known,
// where an NT heap was to be opened.
type KindError struct {
	At   memory.Addr
	Kind heap.Kind // what it is instead; Unknown when nothing is recognised
}

// Error names the address and what is there.
func (e *KindError) Error() string {
	switch e.Kind {
	case heap.Segment:
		return fmt.Sprintf("%v is a segment heap (signature 0xddeeddee), not an NT heap", e.At)
	case heap.Page:
		return fmt.Sprintf("%v is a page heap (_DPH_HEAP_ROOT behind it), not an NT heap", e.At)
	case heap.Wine:
		return fmt.Sprintf("%v is a heap of Wine's own, not an NT heap", e.At)
	}
	return fmt.Sprintf("%v is no heap of a known kind", e.At)
}

// Is reports whether target is ErrNotNT.
func (e *KindError) Is(target error) bool { return target == ErrNotNT }

// Options help to open a heap. The zero Options always work.
type Options struct {
	Bits     int                  // pointer size expected, 32 or 64; 0 when unknown
	Build    int                  // Windows build number; only breaks ties between layouts
	Virtuals map[memory.Addr]bool // nodes of virtual blocks that other heaps have; Open adds this heap's. May be nil
	Segments []memory.Addr        // _HEAP_SEGMENT structures found elsewhere; those that name this heap are added
}

// Open reads the _HEAP at a: its header, segments and virtual blocks. The
// layout is chosen by what the memory says. The error is a *KindError when
// something else is there, and a *memory.MissingError when the dump does not
// hold the header.
func Open(m heap.Memory, a memory.Addr, o Options) (*Heap, error) {
	kind, bits := Identify(m, a)
	if kind != heap.NT {
		if _, err := m.View(a, minHeader); err != nil {
			return nil, err
		}
		return nil, &KindError{At: a, Kind: kind}
	}
	if o.Bits != 0 && bits != o.Bits && score(m, a, best(m, a, o.Bits, o.Build)) >= enough {
		bits = o.Bits
	}
	set := best(m, a, bits, o.Build)
	raw, err := m.View(a, uint64(set.Heap.Size))
	if err != nil {
		return nil, fmt.Errorf("_HEAP at %v: %w", a, err)
	}
	h := &Heap{mem: m, set: set}
	h.readHeader(a, raw)
	h.settleKey(raw)
	h.readSegments(o.Segments)
	h.readVirtuals(o.Virtuals)
	h.checkHeader()
	return h, nil
}

// checkHeader reports what is wrong with _HEAP but did not keep it from being
// read.
func (h *Heap) checkHeader() {
	if h.Header.Signature != heapSignature {
		h.report(CodeHeaderField, h.Header.Address.Add(uint64(h.set.Heap.Signature.Off)), "_HEAP", "Signature",
			hex(heapSignature), hex(uint64(h.Header.Signature)))
	}
	if n := int(h.Header.FrontEndHeapType); n > 2 {
		h.report(CodeHeaderField, h.Header.Address, "_HEAP", "FrontEndHeapType", "0, 1 or 2", fmt.Sprint(n))
	}
}

func (h *Heap) readHeader(a memory.Addr, raw fields) {
	l := &h.set.Heap
	h.Header = Header{
		Address: a, Layout: h.set.Name, Bits: h.set.Bits, Unit: h.set.Unit(),
		Signature: uint32(raw.num(l.Signature)), Flags: Flags(raw.num(l.Flags)), ForceFlags: Flags(raw.num(l.ForceFlags)),
		CompatibilityFlags: uint32(raw.num(l.CompatibilityFlags)), EncodeFlagMask: uint32(raw.num(l.EncodeFlagMask)),
		Interceptor: uint32(raw.num(l.Interceptor)), VirtualMemoryThreshold: raw.num(l.VirtualMemoryThreshold),
		SegmentReserve: raw.num(l.SegmentReserve), SegmentCommit: raw.num(l.SegmentCommit),
		DeCommitFreeBlockThreshold: raw.num(l.DeCommitFreeBlockThreshold), DeCommitTotalFreeThreshold: raw.num(l.DeCommitTotalFreeThreshold),
		TotalFreeSize: raw.num(l.TotalFreeSize), MaximumAllocationSize: raw.num(l.MaximumAllocationSize),
		ProcessHeapsListIndex: uint16(raw.num(l.ProcessHeapsListIndex)), NextAvailableTagIndex: uint16(raw.num(l.NextAvailableTagIndex)),
		MaximumTagIndex: uint16(raw.num(l.MaximumTagIndex)), TagEntries: raw.addr(l.TagEntries), PseudoTagEntries: raw.addr(l.PseudoTagEntries),
		UCRList: a.Add(uint64(l.UCRList.Off + l.UnusedUnCommittedRanges.Off)), VirtualAllocdBlocks: a.Add(uint64(l.VirtualAllocdBlocks.Off)),
		FreeLists: a.Add(uint64(l.FreeLists.Off)), LockVariable: raw.addr(l.LockVariable),
		AllocatorBackTraceIndex: uint16(raw.num(l.AllocatorBackTraceIndex)),
		FrontEndHeap:            raw.addr(l.FrontEndHeap), FrontEndHeapType: uint8(raw.num(l.FrontEndHeapType)), UserContext: raw.addr(l.UserContext),
	}
	if h.Header.EncodeFlagMask != 0 {
		// On x64 the key is the second half of the 16-byte Encoding.
		half := l.Encoding
		half.Off, half.Size = half.Off+half.Size-8, 8
		h.Header.Key, h.Header.Encoded = raw.num(half), true
	}
	h.readCounters(raw)
	h.readLock()
	h.readFrontEnd()
}

func (h *Heap) readCounters(raw fields) {
	l := &h.set.Counters
	if !h.set.Heap.Counters.Has() {
		return
	}
	c := raw[h.set.Heap.Counters.Off:]
	h.Header.Counters = Counters{
		Known: true, TotalMemoryReserved: c.num(l.TotalMemoryReserved), TotalMemoryCommitted: c.num(l.TotalMemoryCommitted),
		TotalMemoryLargeUCR: c.num(l.TotalMemoryLargeUCR), TotalSizeInVirtualBlocks: c.num(l.TotalSizeInVirtualBlocks),
		TotalSegments: uint32(c.num(l.TotalSegments)), TotalUCRs: uint32(c.num(l.TotalUCRs)),
	}
}

// readLock reads the critical section that guards the heap. A heap without
// one (HEAP_NO_SERIALIZE) has a null LockVariable.
func (h *Heap) readLock() {
	raw, ok := structure(h.mem, h.Header.LockVariable, h.set.Lock.Size)
	if h.Header.LockVariable == 0 || !ok {
		return
	}
	l, d := &h.set.Lock, &h.set.LockDebug
	lock := Lock{Known: true, OwningThread: raw.num(l.OwningThread), RecursionCount: uint32(raw.num(l.RecursionCount))}
	lock.Owned = lock.OwningThread != 0 || lock.RecursionCount != 0
	debug := raw.addr(l.DebugInfo)
	if dbg, ok := structure(h.mem, debug, d.Size); ok && dbg.addr(d.CriticalSection) == h.Header.LockVariable {
		lock.ContentionKnown, lock.ContentionCount = true, uint32(dbg.num(d.ContentionCount))
	}
	h.Header.Lock = lock
}

// readFrontEnd finds the region that the LFH of Windows 8 and later keeps
// outside the segments. Its size closes the heap's own counters exactly (four
// of four heaps seen).
func (h *Heap) readFrontEnd() {
	l := &h.set.LFH
	if h.Header.FrontEndHeapType != 2 || !l.ReservedAddressLimit.Has() {
		return
	}
	at := h.Header.FrontEndHeap
	size := l.ReservedAddressLimit.Off + l.ReservedAddressLimit.Size
	raw, ok := structure(h.mem, at, size)
	switch {
	case !ok:
		h.put(h.blame(at, uint64(size)), CodeHeaderField, h.field(h.set.Heap.FrontEndHeap.Off), "_HEAP", "FrontEndHeap", "the _LFH_HEAP, whose memory counts as the heap's", fmt.Sprintf("%v, which the dump does not hold", at))
		return
	case raw.addr(l.Heap) != h.Header.Address:
		h.report(CodeHeaderField, h.field(h.set.Heap.FrontEndHeap.Off), "_HEAP", "FrontEndHeap", "an _LFH_HEAP of this heap", fmt.Sprintf("%v, where one of %v would be", at, raw.addr(l.Heap)))
		return
	}
	committed, limit := raw.addr(l.FirstUncommittedAddress), raw.addr(l.ReservedAddressLimit)
	if at%memory.PageSize != 0 || limit%memory.PageSize != 0 || committed%memory.PageSize != 0 ||
		committed < at || limit < committed || limit.Sub(at) > maxSegment {
		h.report(CodeHeaderField, at.Add(uint64(l.FirstUncommittedAddress.Off)), "_LFH_HEAP", "FirstUncommittedAddress, ReservedAddressLimit",
			fmt.Sprintf("whole pages from %v on", at), fmt.Sprintf("%v, %v", committed, limit))
		return
	}
	h.Header.FrontEnd = FrontEnd{Known: true, Reserved: memory.Range{Start: at, End: limit}, Committed: committed.Sub(at)}
}

// Layouts returns the names of the families of builds that are known.
func Layouts() []string {
	var out []string
	for _, s := range layout.All() {
		out = append(out, s.Name)
	}
	return out
}

// Problems returns what was found wrong with the heap's structure when it was
// opened. Blocks hands the same problems to its sink.
func (h *Heap) Problems() []diag.Problem { return h.problems }
