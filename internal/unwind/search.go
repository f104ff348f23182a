package unwind

import "github.com/heapdump/heapdump/pkg/memory"

// link is what a frame pointer leads to.
type link struct {
	next, ret memory.Addr // the caller's frame pointer and the return address
	fits      bool        // its call can have led to the frame's code, as far as that is known
	target    memory.Addr // of its call, as call has it
}

// chained reads the frame that a frame pointer leads to. It must lie above sp,
// and its return address follow a call; where the dump lacks the code, it must
// be in a module and the next frame pointer above this one. All zeros is the
// thread's first frame.
func (w *walk) chained(fp, sp, ip memory.Addr) (l link, ok bool) {
	if fp < sp || fp%w.width != 0 {
		return l, false
	}
	a, end := w.word(fp)
	b, end2 := w.word(fp + w.width)
	if end != nil || end2 != nil {
		return l, false
	}
	l = link{memory.Addr(a), memory.Addr(b), true, 0}
	if l.next == 0 && l.ret == 0 {
		return l, true
	}
	if !w.code(l.ret) {
		return l, false
	}
	switch c := w.callBefore(l.ret, int(w.width)*8); c.Call {
	case CallSeen:
		l.target, l.fits = c.target, c.target == 0 || w.calls(c.target, ip)
		return l, true
	case CallAbsent:
		return l, false
	}
	return l, l.next > fp && w.limits.Contains(l.next) || l.next == 0
}

// found is a return address on the stack.
type found struct{ at, ret memory.Addr }

// scan looks for a return address in [from, to): a word that leads behind a
// call instruction in executable memory. The first whose call can have led to
// ip is taken, for want of one the first of all; only the former when strict,
// and then only one to a function that begins behind after. A word into code that the dump has not got could be it, and ends the search.
func (w *walk) scan(from, to, ip, after memory.Addr, strict bool) (found, *stop) {
	var first found
	for at := (from + w.width - 1).Align(uint64(w.width)); at < to; at += w.width {
		v, end := w.word(at)
		if end != nil && end.end == Bounds {
			break
		}
		if end != nil {
			return first, end
		}
		ret := memory.Addr(v)
		if v <= 0xffff || !w.code(ret) {
			continue
		}
		switch c := w.callBefore(ret, int(w.width)*8); {
		case c.Call == CallUnknown && first.ret == 0:
			return first, stopf(Missing, "the word at %v may be a return address to %v, but the code there is not in the dump", at, ret)
		case c.Call == CallSeen && (c.target == 0 && !strict || c.target > after && w.calls(c.target, ip)):
			return found{at, ret}, nil
		case c.Call == CallSeen && first.ret == 0 && !strict:
			first = found{at, ret}
		}
	}
	if first.ret != 0 {
		return first, nil
	}
	return first, stopf(NoReturn, "no return address stands between %v and the end of the stack at %v", from, w.limits.End)
}

// above finds the caller of a function of which nothing but the registers is
// known: by its frame pointer, when that leads to a call of this function; by
// the words below that, since a function that sets up no frame pointer leaves
// its caller's; and at last by any call. Where the frame pointer leads to a call
// of a function before this one, but a word below it to a call of one between,
// the code is not the former's.
func (w *walk) above(fp, sp, ip memory.Addr) (link, found, How, *stop) {
	l, ok := w.chained(fp, sp, ip)
	if !ok {
		x, end := w.scan(sp, w.limits.End, ip, 0, false)
		return link{}, x, Scan, end
	}
	after := memory.Addr(0)
	if l.fits {
		after = l.target
	}
	if !l.fits || after != 0 && after <= ip {
		if x, end := w.scan(sp, fp, ip, after, true); end == nil {
			return link{}, x, Scan, nil
		}
	}
	return l, found{}, FramePointer, nil
}
