package ntheap_test

import (
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// TestFrontEndRegion: the region that the LFH of Windows 8 and later keeps
// outside the segments is whole pages from the _LFH_HEAP on, and no more than a
// segment can be; one that is not is told of and not counted.
func TestFrontEndRegion(t *testing.T) {
	eachLFH(t, func(t *testing.T, family synth.Family, arch synth.Arch) {
		if family < synth.Win8 {
			return
		}
		p := arch.PtrSize() // _LFH_HEAP: its lock, a list of zones, Heap, FirstUncommittedAddress, ReservedAddressLimit
		uncommitted, limit := frontEndAt+5*p, frontEndAt+6*p
		sound := newLFHPatient(family, arch, false)
		committed, end := sound.ptr(uncommitted), sound.ptr(limit)
		w := open(t, space(t, sound.built.Dump), damagedAt, ntheap.Options{})
		if f := w.heap.Header.FrontEnd; !f.Known || f.Reserved != (memory.Range{Start: frontEndAt, End: memory.Addr(end)}) || f.Committed != committed-frontEndAt {
			t.Fatalf("healthy: %+v, want up to %#x, committed to %#x", f, end, committed)
		}
		large := uint64(frontEndAt + 1<<41)
		if p == 4 {
			large = 0x1000 // wraps
		}
		for name, c := range map[string]struct{ committed, end uint64 }{
			"no whole pages committed": {committed + 8, end}, "no whole pages reserved": {committed, end + 0x10}, "an end before what is committed": {committed, committed - 0x1000},
			"committed before its beginning": {frontEndAt - 0x1000, end}, "larger than a segment": {committed, large},
			"nothing": {0, 0},
		} {
			x := newLFHPatient(family, arch, false)
			x.put(uncommitted, c.committed)
			x.put(limit, c.end)
			w := open(t, space(t, x.built.Redump()), damagedAt, ntheap.Options{})
			if w.heap.Header.FrontEnd.Known || !told(w, "_LFH_HEAP", "ReservedAddressLimit") {
				t.Errorf("%s: %+v, %v", name, w.heap.Header.FrontEnd, w.all())
			}
		}
		for name, c := range map[string]struct{ committed, end uint64 }{"all of it committed": {end, end}, "one page": {frontEndAt + 0x1000, end}} {
			x := newLFHPatient(family, arch, false)
			x.put(uncommitted, c.committed)
			w := open(t, space(t, x.built.Redump()), damagedAt, ntheap.Options{})
			if f := w.heap.Header.FrontEnd; !f.Known || f.Committed != c.committed-frontEndAt || told(w, "_LFH_HEAP", "ReservedAddressLimit") {
				t.Errorf("%s: %+v, %v", name, f, w.all())
			}
		}
	})
}

// told reports whether there is a problem with a field of a structure.
func told(w walked, object, field string) bool {
	for _, x := range w.all() {
		if x.Object == object && strings.Contains(x.Field, field) {
			return true
		}
	}
	return false
}

// TestReservationIntoFree: a large block's reservation that ends in address
// space which the dump says was free is told of, and counts as what is
// committed; one that is larger by less than a reservation can begin before
// its node is not, for it may be so.
func TestReservationIntoFree(t *testing.T) {
	eachFamily(t, func(t *testing.T, family synth.Family, arch synth.Arch) {
		for add, want := range map[uint64]bool{0: false, 0xf000: false, 0x20000: true, 0x70000: true} {
			p := synth.NewProcess(family, arch)
			p.AddHeap(large(family, arch, 0x4000000))
			b := p.Build()
			h := b.Heaps[0]
			was := h.Virtuals[0]
			b.Heaps[0].SetVirtual(0, "ReserveSize", was.Reserve+add)
			w := open(t, space(t, b.Redump()), 0x4000000, ntheap.Options{})
			got := w.heap.Virtuals[0].ReserveSize
			if said := told(w, "_HEAP_VIRTUAL_ALLOC_ENTRY", "ReserveSize"); said != want || want && got != was.Commit || !want && got != was.Reserve+add {
				t.Errorf("%#x more: said %v, reserve %#x of %#x, commit %#x: %v", add, said, got, was.Reserve, was.Commit, w.all())
			}
			for _, x := range w.all() {
				if x.Code == ntheap.CodeVirtualHeader && x.Class != diag.Corrupt {
					t.Errorf("%#x more: %v", add, x)
				}
			}
		}
	})
}
