package memory

// windowBytes is how much a Window reads at a time: little enough to stay in a
// core's cache while it is looked at.
const windowBytes = 256 << 10

// Window hands out bytes to who passes over memory in order and looks at many
// small pieces: those are read ahead from the file, which costs less than the
// page faults of a fresh mapping. Pieces far from the one before are those of
// the mapping. It is not for several goroutines at once.
type Window struct {
	space *Space
	start Addr // of bytes
	bytes []byte
	buf   []byte
	next  Addr // end of the piece before
}

// NewWindow returns a window on a space.
func NewWindow(s *Space) Window { return Window{space: s} }

// Held returns the bytes [a, a+n) when they have been read ahead; it reads
// nothing. They are good until the next call of At.
func (w *Window) Held(a Addr, n uint64) ([]byte, bool) {
	off := uint64(a - w.start)
	if off >= uint64(len(w.bytes)) || n > uint64(len(w.bytes))-off {
		return nil, false
	}
	return w.bytes[off : off+n : off+n], true
}

// Ahead returns all that has been read ahead, and where it begins: for who
// takes many pieces out of it. It is good until the next call of At.
func (w *Window) Ahead() (start Addr, b []byte) { return w.start, w.bytes }

// At returns the bytes [a, a+n), false when the dump has not got all of them
// together. They are good until the next call.
func (w *Window) At(a Addr, n uint64) ([]byte, bool) {
	off := uint64(a - w.start)
	if off < uint64(len(w.bytes)) && n <= uint64(len(w.bytes))-off {
		w.next = a + Addr(n)
		return w.bytes[off : off+n : off+n], true
	}
	near := uint64(a-w.next) < windowBytes || len(w.bytes) > 0 && uint64(a-w.start)-uint64(len(w.bytes)) < windowBytes
	w.next = a + Addr(n)
	if near && n <= windowBytes/4 {
		if w.buf == nil {
			w.buf = make([]byte, windowBytes)
		}
		w.start, w.bytes = a, w.buf[:w.space.ReadAhead(a, w.buf)]
		if n <= uint64(len(w.bytes)) {
			return w.bytes[:n:n], true
		}
	}
	b := w.space.Tail(a)
	if n > uint64(len(b)) {
		return nil, false
	}
	return b[:n:n], true
}
