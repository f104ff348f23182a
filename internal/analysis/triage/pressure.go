package triage

import (
	"context"
	"fmt"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/analysis/vmmap"
	"github.com/heapdump/heapdump/internal/finding"
	"github.com/heapdump/heapdump/internal/thousands"
	"github.com/heapdump/heapdump/pkg/memory"
)

// What of a heap is worth a finding. A heap that has freed most of what it had
// is fragmented only if that is much.
const (
	fragmentedPercent = 50
	fragmentedBytes   = 32 << 20
	manyRanges        = 1000
	rangesPercent     = 75
)

// pressure makes findings of how heaps use their memory, and the figures.
func (x *taker) pressure(cs *census.Census) {
	var reserved, committed, busy, free, lost, overhead uint64
	walked := 0
	for i := range cs.Heaps {
		h := &cs.Heaps[i]
		if !h.Walked {
			continue
		}
		walked++
		reserved += h.Reserved
		committed += h.Committed
		busy += h.BusyUser
		free += h.Free
		lost += h.Lost
		overhead += h.Overhead
		x.fragmented(h)
	}
	if walked == 0 {
		return
	}
	for name, n := range map[string]uint64{"heap.reserved": reserved, "heap.committed": committed, "heap.busy": busy, "heap.free": free, "heap.lost": lost, "heap.overhead": overhead} {
		x.out.Figures[name] = float64(n)
	}
}

// fragmented looks at one heap. Heaps have no name but their place in the list
// and what they are: the process heap, or one of its flags.
func (x *taker) fragmented(h *census.Heap) {
	which := "a private heap"
	if h.Target.Default {
		which = "the process heap"
	}
	if p := h.External; p.Known && p.Value >= fragmentedPercent && h.Free >= fragmentedBytes {
		x.add(finding.Finding{Rule: finding.Fragmented, Severity: finding.Medium, Confidence: finding.Sure,
			Title: fmt.Sprintf("Most of what %s has committed is free", which),
			Evidence: fmt.Sprintf("Heap %v: %.1f percent of its committed memory are free, %s bytes in %s of which the largest has %s bytes; %s bytes are in use.",
				h.Target.Address, p.Value, thousands.Grouped(h.Free), blocks(h.FreeBlocks), thousands.Grouped(h.LargestFree), thousands.Grouped(h.BusyUser))}, which)
	}
	if p := h.VirtualAddress; p.Known && p.Value >= rangesPercent && h.UncommittedRanges >= manyRanges {
		x.add(finding.Finding{Rule: finding.ManyRanges, Severity: finding.Low, Confidence: finding.Sure,
			Title: fmt.Sprintf("The address space of %s is broken into very many pieces", which),
			Evidence: fmt.Sprintf("Heap %v: %s uncommitted ranges, %.1f percent of its %s reserved bytes.",
				h.Target.Address, thousands.Grouped(h.UncommittedRanges), p.Value, thousands.Grouped(h.Reserved))}, which)
	}
}

// What of a 32-bit address space is worth a finding.
const (
	gib            = 1 << 30
	nearlyNothing  = 16 << 20 // the largest free range: a heap's next segment no longer fits
	little         = 64 << 20
	unusableShare  = 16 // a sixteenth of the address space
	lastReserved   = 64 << 10
	lowestProgram  = 64 << 10
	wow64FourGiB   = 4*gib - lastReserved
	nativeTwoGiB   = 2*gib - lastReserved
	nativeThreeGiB = 3*gib - lastReserved
)

// space looks at the address space of a 32-bit process.
func (x *taker) space(ctx context.Context) error {
	limit, ok := x.limit()
	if !ok || !x.t.Space.RegionsKnown() {
		return ctx.Err()
	}
	var free, largest, unusable uint64
	ranges := 0
	program := memory.Range{Start: lowestProgram, End: limit}
	for _, r := range x.t.Space.Regions() {
		if r.State != memory.MemFree {
			continue
		}
		in := r.Intersect(program)
		if in.Empty() {
			continue
		}
		skip := vmmap.Unusable(in)
		ranges++
		free += in.Size()
		unusable += skip
		largest = max(largest, in.Size()-skip)
	}
	x.out.Figures["address.free"] = float64(free)
	x.out.Figures["address.largest_free"] = float64(largest)
	x.out.Figures["address.unusable"] = float64(unusable)
	x.exhausted(program, free, largest, ranges)
	if unusable >= program.Size()/unusableShare {
		x.add(finding.Finding{Rule: finding.Unusable, Severity: finding.Medium, Confidence: finding.Sure,
			Title: "Much address space is lost between allocations",
			Evidence: fmt.Sprintf("%s bytes of free address space of the %s that a 32-bit process of this kind has cannot be allocated, since they begin off a multiple of 64 KiB.",
				thousands.Grouped(unusable), thousands.Grouped(program.Size()))})
	}
	return ctx.Err()
}

// exhausted judges the largest free range.
func (x *taker) exhausted(program memory.Range, free, largest uint64, ranges int) {
	f := finding.Finding{Rule: finding.AddressSpace, Severity: finding.Medium, Confidence: finding.Sure,
		Title: "The address space of the 32-bit process is nearly used up",
		Evidence: fmt.Sprintf("Of %s bytes of address space below %v %s are free in %d ranges; the largest that can be allocated has %s bytes.",
			thousands.Grouped(program.Size()), program.End, thousands.Grouped(free), ranges, thousands.Grouped(largest))}
	switch {
	case largest < nearlyNothing:
		f.Severity = finding.High
	case largest >= little:
		return
	}
	x.add(f)
}

// limit is the end of the address space of a 32-bit process: 2 GiB, or of a
// program that is linked for large addresses 4 GiB under WOW64. A native
// 32-bit system gives such a program 2 or 3 GiB by how it was started, which
// the highest region shows. Not known for other processes, and without the
// program's headers.
func (x *taker) limit() (memory.Addr, bool) {
	wow64 := x.t.File.Arch().Bits() == 64
	for _, p := range x.t.PEBs {
		if p.Bits != 32 {
			continue
		}
		for _, m := range x.t.Modules() {
			if m.Start != p.ImageBaseAddress || m.Image == nil {
				continue
			}
			switch {
			case !m.Image.LargeAddress:
				return nativeTwoGiB, true
			case wow64:
				return wow64FourGiB, true
			}
			return x.native()
		}
	}
	return 0, false
}

// native is the limit of a 32-bit system, by where its list of regions ends.
func (x *taker) native() (memory.Addr, bool) {
	r := x.t.Space.Regions()
	if len(r) == 0 {
		return 0, false
	}
	switch end := r[len(r)-1].End; {
	case end > 3*gib || end <= gib:
		return 0, false
	case end > 2*gib:
		return nativeThreeGiB, true
	}
	return nativeTwoGiB, true
}
