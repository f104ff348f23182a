package ntheap

import (
	"github.com/heapdump/heapdump/pkg/memory"
)

const (
	// resyncRounds bounds the work of finding entries again, in times of
	// the segment's size: a segment of nothing but damage costs that much.
	resyncRounds = 8
	// chain is how many entries in a row have to agree before user data is
	// taken for entries. One 8-bit checksum is no evidence.
	chain = 3
	// extraUnits is how far the search for an entry that points back to
	// the damaged one goes on behind the first that could be one.
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

// resync finds where entries go on behind the damaged one at at. exact means
// that the entry found points back to at, so that only at is damaged.
// Otherwise it is the first that a chain of entries confirms, or end.
func (k *walker) resync(at, end memory.Addr) (r memory.Addr, exact bool) {
	unit := memory.Addr(k.c.unit)
	found := end
	for p := at + unit; p < end; p += unit {
		if k.budget--; k.budget < 0 {
			break
		}
		w, ok := k.read(p, end)
		if !ok {
			break // missing memory is hole's business
		}
		if !k.c.sound(w) {
			continue
		}
		if w.prev() == p.Sub(at)>>k.c.shift && k.links(p, end, chain, true) {
			return p, true
		}
		if found == end && k.leadsBack(p, w, at) && k.links(p, end, chain, false) {
			found = p
		}
		if found != end && p.Sub(found) > extraUnits*k.c.unit {
			break
		}
	}
	if found != end {
		return found, false
	}
	return k.afterHole(at+unit, end), false
}

// leadsBack reports whether the entry at p claims a predecessor that starts
// at or behind from, as the first entry behind a damaged stretch has to.
func (k *walker) leadsBack(p memory.Addr, w word, from memory.Addr) bool {
	back := memory.Addr(w.prev() << k.c.shift)
	return back != 0 && back <= p-from
}

// afterHole goes from a to the first missing byte before end and finds the
// entries behind it; end when all bytes are there.
func (k *walker) afterHole(a, end memory.Addr) memory.Addr {
	for a < end {
		if tail := k.h.mem.Tail(a); tail != nil {
			a += memory.Addr(len(tail))
			continue
		}
		gap, _ := k.h.mem.Gap(a)
		return k.resyncHole(a, min(gap.End, end), end)
	}
	return end
}

// resyncHole finds the first entry at or behind a hole [at, from): one that a
// chain confirms and whose predecessor starts in the hole. When there is none
// like that, the first that a chain confirms; else end.
func (k *walker) resyncHole(at, from, end memory.Addr) memory.Addr {
	unit := memory.Addr(k.c.unit)
	base := k.seg.Start
	p := base + (from-base+unit-1)/unit*unit
	weak := end
	for p < end {
		if k.budget--; k.budget < 0 {
			break
		}
		w, ok := k.read(p, end)
		if !ok {
			gap, why := k.h.mem.Gap(p)
			if weak != end {
				break
			}
			if !gap.Empty() && (why == memory.Reserved || why == memory.Free) && p%memory.PageSize == 0 {
				return p // no storage: an uncommitted range that hole will find
			}
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
		if weak != end && p.Sub(weak) > extraUnits*k.c.unit {
			break
		}
		p += unit
	}
	return min(weak, end)
}
