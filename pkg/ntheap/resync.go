package ntheap

import (
	"github.com/heapdump/heapdump/pkg/memory"
)

const (
	// resyncRounds bounds the work of finding the best place to go on, in
	// times of the segment's saved size. When it is used up, only the next
	// cheapUnits are searched for an exact answer, and the first chain is
	// taken: both cost no more than the walk itself.
	resyncRounds = 8
	cheapUnits   = 32
	// chain is how many entries in a row have to agree before user data is
	// taken for entries. One 8-bit checksum is no evidence.
	chain = 3
	// longChain is how many need no comparison with another chain.
	longChain = 64
	// extraUnits is how far the search for a better place goes on behind the first that could be one.
	extraUnits = 4096
)

// links reports whether n entries from a on confirm each other, or as many as
// there are up to end or up to memory that the dump lacks (at least two; one
// that ends where the entries have to end will do when it is encoded, or when
// backed says that its PreviousSize leads to where its predecessor must be).
func (k *walker) links(a, end memory.Addr, n int, backed bool) bool {
	w, ok := k.read(a, end)
	if !ok || !k.c.plausible(w) {
		return false
	}
	for i := range n {
		next := a + memory.Addr(k.c.bytes(w))
		if next == end {
			return i > 0 || k.c.encoded || backed
		}
		if next > end || next < a {
			return false
		}
		nw, ok := k.read(next, end)
		if !ok {
			return i > 0
		}
		if nw.prev() != w.size() || !k.c.plausible(nw) {
			return false
		}
		a, w = next, nw
	}
	return true
}

// chainLength counts the entries from a on that confirm each other, up to most.
// A chain that ends where the entries have to end counts as most.
func (k *walker) chainLength(a, end memory.Addr, most int) int {
	w, ok := k.read(a, end)
	if !ok || !k.c.plausible(w) {
		return 0
	}
	n := 1
	for ; n < most; n++ {
		next := a + memory.Addr(k.c.bytes(w))
		if next == end && n > 1 {
			return most
		}
		if next >= end || next < a {
			break
		}
		nw, ok := k.read(next, end)
		if !ok || nw.prev() != w.size() || !k.c.plausible(nw) {
			break
		}
		a, w = next, nw
	}
	return n
}

// exact finds the entry that points back to the one at at: then only at is
// damaged, and its size is known. A Size has 16 bits, so that the entry is not
// far.
func (k *walker) exact(at, end memory.Addr) (memory.Addr, bool) {
	unit := memory.Addr(k.c.unit)
	window := memory.Addr(0xffff)
	if k.budget < 0 {
		window = cheapUnits
	}
	stop := min(end, at+min(window*unit, ^at))
	lone := end
	for p := at + unit; p < stop; p += unit {
		k.budget--
		w, ok := k.read(p, end)
		if !ok {
			break // missing memory is gap's business
		}
		if w.prev() != p.Sub(at)>>k.c.shift {
			continue
		}
		if k.links(p, end, chain, true) {
			return p, true
		}
		if lone == end && k.c.encoded && k.c.plausible(w) && w.segment() == uint8(k.index) && w.flags()&^knownFlags == 0 {
			lone = p // with checksum, back pointer, segment and flags right: it will do when there is no chain
		}
	}
	return lone, lone != end
}

// forward finds where entries go on behind the damaged stretch that starts at
// at: at the entry that the longest chain confirms among those in reach, at
// missing memory, or at end. When the entry's predecessor lies in the stretch,
// the result is that one's start.
func (k *walker) forward(at, end memory.Addr) memory.Addr {
	unit := memory.Addr(k.c.unit)
	found, length := end, 0
	var back memory.Addr
	p := at + unit
	for ; p < end && length < longChain; p += unit {
		if found != end {
			if k.budget--; k.budget < 0 || p.Sub(found) > extraUnits*k.c.unit {
				break
			}
		}
		w, ok := k.read(p, end)
		if !ok {
			break
		}
		if !k.leadsBack(p, w, at) || !k.links(p, end, chain, false) {
			continue
		}
		if n := k.chainLength(p, end, longChain); n > length {
			found, length, back = p, n, p-memory.Addr(w.prev()<<k.c.shift)
		}
	}
	switch {
	case found == end:
		return min(p, end)
	case back > at:
		return back
	}
	return found
}

// leadsBack reports whether the entry at p claims a predecessor that starts
// at or behind from, as the first entry behind a damaged stretch has to.
func (k *walker) leadsBack(p memory.Addr, w word, from memory.Addr) bool {
	back := memory.Addr(w.prev() << k.c.shift)
	return back != 0 && back <= p-from
}

// resyncGap finds the first entry at or behind a gap [at, from): one that a
// chain confirms and whose predecessor starts in the gap. When there is none
// like that, the first that a chain confirms; else end.
func (k *walker) resyncGap(at, from, end memory.Addr) memory.Addr {
	unit := memory.Addr(k.c.unit)
	base := k.seg.Start
	p := base + (from-base+unit-1)/unit*unit
	weak := end
	for p < end {
		if weak != end {
			if k.budget--; k.budget < 0 || p.Sub(weak) > extraUnits*k.c.unit {
				break
			}
		}
		w, ok := k.read(p, end)
		if !ok {
			if weak != end {
				break
			}
			gap, _ := k.h.mem.Gap(p)
			from = min(max(gap.End, p+unit), end)
			p = base + (from-base+unit-1)/unit*unit
			continue
		}
		if k.c.sound(w) {
			start := p - memory.Addr(w.prev()<<k.c.shift)
			backed := w.prev() != 0 && start >= at && start < from
			confirmed := (backed || weak == end) && k.links(p, end, chain, backed)
			if confirmed && backed {
				return p
			}
			if confirmed {
				weak = p
			}
		}
		p += unit
	}
	return min(weak, end)
}
