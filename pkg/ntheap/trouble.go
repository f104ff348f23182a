package ntheap

import (
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

func hex(n uint64) string { return fmt.Sprintf("%#x", n) }

// trouble deals with the place at where the entry and its neighbours do not
// agree: it finds out which of them lies, hands out what can be known, and
// says where the walk goes on and with what previous size. It always advances.
func (k *walker) trouble(at, end memory.Addr, prev uint64) (memory.Addr, uint64, bool) {
	w, ok := k.read(at, end)
	if !ok {
		return k.hole(at, end)
	}
	next := at + memory.Addr(k.c.bytes(w))
	if k.c.sound(w) && next <= end {
		if k.acceptable(at, next, end, w, prev) {
			return k.accept(at, next, w, prev)
		}
		if r, exact := k.resync(at, end); exact && r != next {
			return k.repair(at, r, w, prev)
		}
		if k.c.encoded || w.prev() == prev || k.links(next, end, 2, false) {
			return k.accept(at, next, w, prev)
		}
	}
	r, exact := k.resync(at, end)
	if exact {
		return k.repair(at, r, w, prev)
	}
	p := k.problem(at, CodeEntryOverwritten, "", "an entry that its neighbours confirm", fmt.Sprintf("%#016x decoded", uint64(w)))
	return r, unknown, k.lose(at, r, p)
}

// acceptable reports whether the entry behind confirms the one at at, so that
// no more than its PreviousSize can be wrong.
func (k *walker) acceptable(at, next, end memory.Addr, w word, prev uint64) bool {
	if next == end {
		return k.c.encoded || w.prev() == prev
	}
	nw, ok := k.read(next, end)
	if !ok { // the dump lacks the next entry: nobody can contradict
		return k.c.encoded || w.prev() == prev || prev == unknown
	}
	if nw.prev() != w.size() || !k.c.plausible(nw) {
		return false
	}
	return w.prev() == prev || prev == unknown || k.c.encoded || k.links(at, end, 3, false)
}

// accept hands out the entry at at, with a word on its PreviousSize when that
// does not fit.
func (k *walker) accept(at, next memory.Addr, w word, prev uint64) (memory.Addr, uint64, bool) {
	if prev != unknown && w.prev() != prev {
		k.sink.Put(k.problem(at, CodeEntryPrevious, "PreviousSize", hex(prev<<k.c.shift)+" bytes", hex(w.prev()<<k.c.shift)+" bytes"))
	}
	return next, w.size(), k.emit(at, w)
}

// hole deals with an entry that the dump does not hold whole.
func (k *walker) hole(at, end memory.Addr) (memory.Addr, uint64, bool) {
	gap, why := k.h.mem.Gap(at)
	if gap.Empty() { // the first bytes of the entry are there, the rest is not
		gap, why = k.h.mem.Gap(at + memory.Addr(len(k.h.mem.Tail(at))))
	}
	gap.End = min(gap.End, end)
	noStorage := why == memory.Reserved || why == memory.Free
	if gap.Start == at && noStorage && at%memory.PageSize == 0 && gap.End%memory.PageSize == 0 {
		k.sink.Put(k.problem(at, CodeUCRUnlisted, "", "an uncommitted range in the segment's list",
			fmt.Sprintf("%#x bytes of %v", gap.Size(), why)))
		return gap.End, unknown, k.yield(k.uncommitted(memory.Range{Start: at, End: gap.End}))
	}
	r := k.resyncHole(at, gap.End, end)
	p := k.problem(at, CodeMemoryMissing, "", "entries", fmt.Sprintf("bytes %v missing: %v", gap, why))
	p.Class = diag.Incomplete
	return r, unknown, k.lose(at, r, p)
}

// repair hands out the block from at to r, where r's PreviousSize leads back
// to at: the size is certain, the rest is what the header's bytes still say.
func (k *walker) repair(at, r memory.Addr, w word, prev uint64) (memory.Addr, uint64, bool) {
	units := r.Sub(at) >> k.c.shift
	fixed, code, ok := k.mend(at, w, units, prev)
	b, sane := k.block(at, fixed)
	p := k.problem(at, code, "", "", "")
	switch code {
	case CodeEntrySize:
		p.Field, p.Want, p.Got = "Size", hex(units<<k.c.shift)+" bytes", hex(k.c.bytes(w))+" bytes"
	case CodeEntryChecksum:
		p.Field, p.Want, p.Got = "SmallTagIndex", hex(uint64(w.checksum())), hex(uint64(w.tag()))
	default:
		p.Got = fmt.Sprintf("%#016x decoded; its neighbours say %#x bytes", uint64(w), r.Sub(at))
	}
	if !ok || !sane {
		return r, units, k.lose(at, r, p)
	}
	if prev != unknown && w.prev() != prev && code != CodeEntryOverwritten {
		k.sink.Put(k.problem(at, CodeEntryPrevious, "PreviousSize", hex(prev<<k.c.shift)+" bytes", hex(w.prev()<<k.c.shift)+" bytes"))
	}
	k.sink.Put(p)
	b.Trust = heap.Repaired
	return r, units, k.yield(b)
}

// mend rebuilds a header whose true size is known. ok is false when nothing
// in it can be believed, and then only the block's borders are.
func (k *walker) mend(at memory.Addr, w word, units, prev uint64) (fixed word, code diag.Code, ok bool) {
	fixed = w.withSize(units)
	chained := prev == unknown || w.prev() == prev
	if w.size() != units && (!k.c.encoded && chained || k.c.encoded && fixed.tag() == fixed.checksum()) && k.c.plausible(fixed) {
		return fixed, CodeEntrySize, true
	}
	if w.size() == units && chained && k.c.encoded {
		if fixed, ok = k.mendFlags(at, w); ok {
			return fixed, CodeEntryChecksum, true
		}
	}
	if k.h.onFreeList(at) {
		free := word(units)
		return free | word(free.checksum())<<24, CodeEntryOverwritten, true
	}
	return fixed, CodeEntryOverwritten, false
}

// mendFlags settles an entry whose size is right and whose checksum is not:
// either Flags or the checksum are wrong. Where both readings are possible the
// block's own traces decide: the links of a free list, and UnusedBytes, which
// is 0 for no busy block.
func (k *walker) mendFlags(at memory.Addr, w word) (word, bool) {
	told := heap.Flags(w.tag() ^ uint8(w) ^ uint8(w>>8)) // what the checksum says that they were
	var fits []word
	for _, f := range []heap.Flags{told, w.flags()} {
		try := w.withFlags(f)
		try = try&^(0xff<<24) | word(try.checksum())<<24
		if f&^(heap.FlagBusy|heap.FlagExtra|heap.FlagFill|heap.FlagInternal|heap.FlagLast) == 0 && k.c.plausible(try) {
			fits = append(fits, try)
		}
	}
	switch {
	case len(fits) == 0:
		return w, false
	case len(fits) == 1 || fits[0].busy() == fits[1].busy():
		return fits[0], true
	}
	free := w.unused() == 0 || k.h.onFreeList(at)
	if fits[0].busy() == free {
		return fits[1], true
	}
	return fits[0], true
}

// onFreeList reports whether the list links behind the entry at a are those
// of a free block: two neighbours that point back.
func (h *Heap) onFreeList(a memory.Addr) bool {
	ptr := uint64(h.Header.Bits) / 8
	links := a.Add(h.Header.Unit)
	flink, ok1 := h.pointer(links)
	blink, ok2 := h.pointer(links.Add(ptr))
	if !ok1 || !ok2 {
		return false
	}
	back, ok1 := h.pointer(flink.Add(ptr))
	forth, ok2 := h.pointer(blink)
	return ok1 && ok2 && back == links && forth == links
}
