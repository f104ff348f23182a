package refs

import (
	"encoding/binary"

	"github.com/heapdump/heapdump/pkg/memory"
)

// width is how memory is read for references.
type width uint8

const (
	words32 width = iota // pointers of 4 bytes
	words64              // pointers of 8 bytes
	mixed                // both: what a WOW64 process has outside its heaps
)

// widthOf is that of memory whose pointers have so many bits.
func widthOf(bits int) width {
	if bits == 32 {
		return words32
	}
	return words64
}

// words hands every word of b to hit that lies between the first and the last
// block of the index, with its offset, and returns how many words were looked
// at. unaligned looks at every byte offset.
func (x *Index) words(b []byte, w width, unaligned bool, hit func(off int, v uint64)) (n int) {
	lo, span := x.lo, x.hi-x.lo
	le := binary.LittleEndian
	step4, step8 := 4, 8
	if unaligned {
		step4, step8 = 1, 1
	}
	if w != words64 {
		for i := 0; i+4 <= len(b); i += step4 {
			if v := uint64(le.Uint32(b[i:])); v-lo < span {
				hit(i, v)
			}
		}
		n = len(b) / step4
	}
	if w == words32 {
		return n
	}
	for i := 0; i+8 <= len(b); i += step8 {
		if v := le.Uint64(b[i:]); v-lo < span && (w == words64 || v>>32 != 0) {
			hit(i, v)
		}
	}
	return max(n, len(b)/step8)
}

// aheadBytes is how much a window reads at a time: little enough to stay in a
// core's cache while it is scanned.
const aheadBytes = 256 << 10

// window is the bytes from the last block that was read on: blocks are read in
// order, and a window has many. Reading costs less than the page faults of a
// fresh mapping.
type window struct {
	space *memory.Space
	start uint64
	bytes []byte
	buf   []byte
}

// view hands out what the dump has of [at, at+n), in pieces, and returns how
// many bytes those are.
func (w *window) view(at, n uint64, do func(off uint64, b []byte)) uint64 {
	if off := at - w.start; off < uint64(len(w.bytes)) && n <= uint64(len(w.bytes))-off {
		do(0, w.bytes[off:off+n])
		return n
	}
	w.start, w.bytes = at, w.ahead(at, n)
	if n <= uint64(len(w.bytes)) {
		do(0, w.bytes[:n])
		return n
	}
	saved := uint64(0)
	for r := range w.space.Runs(memory.Addr(at).Span(n)) {
		saved += uint64(len(r.Bytes))
		do(uint64(r.Start)-at, r.Bytes)
	}
	return saved
}

// ahead returns the bytes from an address on: read when at least a few blocks
// fit into the buffer, else those of the mapping.
func (w *window) ahead(at, n uint64) []byte {
	if n > aheadBytes/4 {
		return w.space.Tail(memory.Addr(at))
	}
	if w.buf == nil {
		w.buf = make([]byte, aheadBytes)
	}
	if read := w.space.ReadAhead(memory.Addr(at), w.buf); read > 0 {
		return w.buf[:read]
	}
	return w.space.Tail(memory.Addr(at))
}
