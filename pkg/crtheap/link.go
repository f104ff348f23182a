package crtheap

import "github.com/heapdump/heapdump/pkg/memory"

// link is what a header's link leads to.
type link uint8

// The kinds of link.
const (
	linkNone      link = iota // NULL
	linkGood                  // a header, whose link leads back
	linkSound                 // the same, and that header's block has its tail where its size says
	linkBack                  // leads back, but is itself damaged or no header
	linkElsewhere             // a header that is linked with another one
	linkAstray                // a header, whose link leads to no header: the damage is there
	linkWild                  // no header
	linkMissing               // the dump does not hold what is there
)

// follow judges a link of the header at x.at. back is the offset of the field
// in the other header that has to lead back.
func (x *examiner) follow(to memory.Addr, back int) link {
	l := x.l
	switch {
	case to == 0:
		return linkNone
	case uint64(to)%l.unit != 0 || to >= l.top || to == x.at:
		return linkWild
	}
	raw, err := x.m.View(to, l.head)
	if err != nil {
		return x.absent(to)
	}
	answer := l.addr(raw, back)
	switch {
	case answer == x.at && l.header(raw):
		if x.tailed(to, raw) {
			return linkSound
		}
		return linkGood
	case answer == x.at:
		return linkBack
	case !l.header(raw):
		return linkWild
	}
	other, err := x.m.View(answer, l.head)
	forward := l.forms[0].prev - back // the offset of the opposite link
	if err == nil && l.header(other) && l.addr(other, forward) == to {
		return linkElsewhere
	}
	return linkAstray
}

// good reports whether the link leads to a header that leads back.
func (k link) good() bool { return k == linkGood || k == linkSound }

// tailed reports whether the header at a, whose first bytes are raw, has a
// fence where one of the forms says that its data end.
func (x *examiner) tailed(a memory.Addr, raw []byte) bool {
	for _, p := range x.l.forms {
		size := x.l.num(raw, p.size)
		if !Use(u32(raw, p.use)).Valid() || size > uint64(x.l.top-a) {
			continue
		}
		if whole, _ := x.fenceAt(a.Add(x.l.head + size)); whole {
			return true
		}
	}
	return false
}

// absent tells a link into memory that the dump lacks from one that leads to
// where the process had none.
func (x *examiner) absent(to memory.Addr) link {
	if _, why := x.m.Gap(to); why == memory.Free || why == memory.Reserved {
		return linkWild
	}
	return linkMissing
}

// hops is how far a form is looked for along the list.
const hops = 8

// neighbours returns the form that the nearest blocks on h's list have.
func (x *examiner) neighbours(h Header) Form {
	for _, back := range []int{x.l.forms[0].prev, 0} {
		on := x.l.forms[0].prev - back // the offset of the link that is followed
		at, to := x.at, answering(h, back)
		for range hops {
			y := examiner{m: x.m, l: x.l, at: at}
			if !y.follow(to, back).good() {
				break
			}
			raw, _ := x.m.View(to, x.l.head)
			if f := x.l.only(raw); f != Either {
				return f
			}
			at, to = to, x.l.addr(raw, on)
		}
	}
	return Either
}

// answering returns the link whose answer stands at offset back.
func answering(h Header, back int) memory.Addr {
	if back == 0 {
		return h.Prev
	}
	return h.Next
}

// only returns the one form in which a header's type exists.
func (l *layout) only(raw []byte) Form {
	out := Either
	for _, p := range l.forms {
		if Use(u32(raw, p.use)).Valid() {
			if out != Either {
				return Either
			}
			out = p.form
		}
	}
	return out
}
