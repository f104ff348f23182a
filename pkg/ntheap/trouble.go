package ntheap

import (
	"fmt"
	"slices"

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
		return k.gap(at, end)
	}
	next := at + memory.Addr(k.c.bytes(w))
	fits := k.c.sound(w) && next <= end
	if fits && k.acceptable(at, next, end, w, prev) {
		return k.accept(at, next, w, prev)
	}
	if r, ok := k.exact(at, end); ok && (!fits || r != next) {
		return k.repair(at, r, w, prev)
	}
	if fits && (k.c.encoded || w.prev() == prev || k.links(next, end, 2, false)) {
		return k.accept(at, next, w, prev) // it is the next that is damaged
	}
	p := k.problem(at, CodeEntryOverwritten, "", "an entry that its neighbours confirm", fmt.Sprintf("%#016x decoded", uint64(w)))
	r := k.forward(at, end)
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
		k.put(k.problem(at, CodeEntryPrevious, "PreviousSize", hex(prev<<k.c.shift)+" bytes", hex(w.prev()<<k.c.shift)+" bytes"))
	}
	return next, w.size(), k.emit(at, w)
}

// gap deals with an entry that the dump does not hold whole.
func (k *walker) gap(at, end memory.Addr) (memory.Addr, uint64, bool) {
	gap, why := k.h.mem.Gap(at)
	if gap.Empty() { // the first bytes of the entry are there, the rest is not
		gap, why = k.h.mem.Gap(at + memory.Addr(len(k.h.mem.Tail(at))))
	}
	gap.End = min(gap.End, end)
	r := k.resyncGap(at, gap.End, end)
	p := k.problem(at, CodeMemoryMissing, "", "entries", fmt.Sprintf("bytes %v missing: %v", gap, why))
	p.Class = diag.Incomplete
	return r, unknown, k.lose(at, r, p)
}

// repair hands out the block from at to r, where r's PreviousSize leads back
// to at: the size is certain, the rest is what the header's bytes still say,
// or what the free lists do.
func (k *walker) repair(at, r memory.Addr, w word, prev uint64) (memory.Addr, uint64, bool) {
	units := r.Sub(at) >> k.c.shift
	fixed, code, ok := k.mend(at, w, units, prev)
	if !ok {
		fixed = k.guess(at, units)
	}
	b, sane := k.block(at, fixed)
	p := k.problem(at, code, "", "", "")
	switch code {
	case CodeEntrySize:
		p.Field, p.Want, p.Got = "Size", hex(units<<k.c.shift)+" bytes", hex(k.c.bytes(w))+" bytes"
	case CodeEntryChecksum:
		p.Field, p.Want, p.Got = "SmallTagIndex", hex(uint64(w.checksum())), hex(uint64(w.tag()))
	default:
		p.Got = fmt.Sprintf("%#016x decoded; its neighbours say %#x bytes, ", uint64(w), r.Sub(at))
		if !ok && b.State == heap.Busy {
			p.Got += "and nothing says how many were asked for"
		} else {
			p.Got += b.State.String()
		}
	}
	if prev != unknown && w.prev() != prev && code != CodeEntryOverwritten {
		k.put(k.problem(at, CodeEntryPrevious, "PreviousSize", hex(prev<<k.c.shift)+" bytes", hex(w.prev()<<k.c.shift)+" bytes"))
	}
	if !sane || !ok && b.State == heap.Busy {
		// Its borders are certain, but not what the program asked for: a
		// size made up would look like any other.
		return r, units, k.lose(at, r, p)
	}
	k.put(p)
	b.Trust = heap.Repaired
	return r, units, k.give(b)
}

// least is the smallest number of unused bytes that a busy block has.
func (k *walker) least() uint64 {
	if k.c.old {
		return k.c.unit
	}
	return 8
}

// guess makes a header for a block of which only the size is known: it is
// free when a free list says so, a container of the front end when it has its
// signature, else busy.
func (k *walker) guess(at memory.Addr, units uint64) word {
	free := word(units)
	free |= word(free.checksum()) << 24
	busy := free.withFlags(heap.FlagBusy) | word(k.least())<<56
	if k.h.onFreeList(at) || slices.Contains(k.h.freeGaps(), at.Add(k.c.unit)) {
		return free
	}
	sig := memory.Addr(k.h.set.UserData.Signature.Off)
	if got, ok := u32(k.h.mem, at.Add(k.c.unit)+sig); ok && got == userBlocksSignature {
		return busy.withFlags(heap.FlagBusy | heap.FlagInternal)
	}
	return busy
}

// mend rebuilds a header whose true size is known. ok is false when nothing
// in it can be believed.
func (k *walker) mend(at memory.Addr, w word, units, prev uint64) (fixed word, code diag.Code, ok bool) {
	fixed = w.withSize(units)
	chained := prev == unknown || w.prev() == prev
	known := w.prev() == prev || chained && w.segment() == uint8(k.index)                         // more than chance
	if w.size() != units && known && (!k.c.encoded || w.size() != 0 && w.tag() == w.checksum()) { // only Size is wrong, and the checksum made for it
		fixed = fixed&^(0xff<<24) | word(fixed.checksum())<<24
		if k.c.old {
			fixed = w.withSize(units)
		}
	}
	if w.size() != units && (known || k.c.encoded) && k.c.plausible(fixed) {
		if _, sane := k.block(at, fixed); sane {
			return fixed, CodeEntrySize, true
		}
	}
	if w.size() == units && chained && k.c.encoded {
		if fixed, ok = k.mendFlags(at, w); ok {
			return fixed, CodeEntryChecksum, true
		}
	}
	return fixed, CodeEntryOverwritten, false
}

// knownFlags are those that Windows itself sets.
const knownFlags = heap.FlagBusy | heap.FlagExtra | heap.FlagFill | heap.FlagInternal | heap.FlagLast

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
		if f&^knownFlags == 0 && k.c.plausible(try) {
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
