package refs

import "encoding/binary"

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
