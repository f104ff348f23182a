// Package fill compares memory with the patterns that debug heaps write into
// it, and says where it is not what it should be. It knows no heap: who fills
// what with which pattern is for others.
package fill

import (
	"encoding/binary"
	"math/bits"

	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Difference says where memory is not the fill that it should be.
type Difference struct {
	At    memory.Addr // the first byte that differs
	Last  memory.Addr // the last byte that differs
	Bytes uint64      // how many differ

	// Want and Got are what should be from At on and what is there, up to the
	// end of the first stretch: where 16 bytes in a row are the fill. They
	// hold at most 64 bytes, and none that the dump lacks.
	Want, Got []byte
}

const (
	apart = 16 // bytes of fill that end a stretch
	shown = 64 // bytes of a stretch that are kept
)

// Word makes the word of a fill that is one byte.
func Word(b byte) uint32 { return uint32(b) * 0x01010101 }

// Compare returns where r differs from the fill, whose first word begins with
// r; false when it does not. Bytes that the dump does not hold are passed over.
func Compare(m heap.Memory, r memory.Range, word uint32) (Difference, bool) {
	c := comparison{word: word}
	for n := r.Size(); c.done < n; {
		at := r.Start.Add(c.done)
		b := m.Tail(at)
		if len(b) == 0 {
			gap, _ := m.Gap(at)
			if gap.Empty() {
				break
			}
			c.done += min(gap.End.Sub(at), n-c.done)
			continue
		}
		b = b[:min(uint64(len(b)), n-c.done)]
		c.piece(b)
		c.done += uint64(len(b))
	}
	if c.count == 0 {
		return Difference{}, false
	}
	return c.difference(m, r.Start), true
}

// comparison is what Compare has seen; offsets count from the range's start.
type comparison struct {
	word             uint32
	done             uint64
	first, end, last uint64 // of the first stretch, and of all
	count            uint64
}

// piece compares bytes that lie at c.done.
func (c *comparison) piece(b []byte) {
	w := bits.RotateLeft32(c.word, -8*int(c.done%4))
	long := uint64(w)<<32 | uint64(w)
	i := 0
	for ; i+8 <= len(b); i += 8 {
		if binary.LittleEndian.Uint64(b[i:]) != long {
			c.bytes(b[i:i+8], i, w)
		}
	}
	c.bytes(b[i:], i, w)
}

// bytes compares single bytes from b, which lies i bytes into a piece; i is a
// multiple of eight.
func (c *comparison) bytes(b []byte, i int, w uint32) {
	for k, v := range b {
		if v == byte(w>>(8*(k%4))) {
			continue
		}
		at := c.done + uint64(i+k)
		switch {
		case c.count == 0:
			c.first, c.end = at, at
		case at-c.end <= apart:
			c.end = at
		}
		c.last = at
		c.count++
	}
}

func (c *comparison) difference(m heap.Memory, start memory.Addr) Difference {
	d := Difference{At: start.Add(c.first), Last: start.Add(c.last), Bytes: c.count}
	d.Got = Copy(m, d.At, min(c.end-c.first+1, shown))
	for i := range d.Got {
		d.Want = append(d.Want, byte(c.word>>(8*((c.first+uint64(i))%4))))
	}
	return d
}

// Copy copies the bytes at a that the dump holds in one piece, at most n.
func Copy(m heap.Memory, a memory.Addr, n uint64) []byte {
	b := m.Tail(a)
	return append([]byte(nil), b[:min(uint64(len(b)), n)]...)
}

// Rest returns how many bytes at the end of r are still the fill, whose first
// word begins with r. Bytes that the dump does not hold end it.
func Rest(m heap.Memory, r memory.Range, word uint32) uint64 {
	n := r.Size()
	for step := uint64(64); n > 0; step = memory.PageSize {
		from := n - min(step, n)
		b, err := m.View(r.Start.Add(from), n-from)
		if err != nil {
			return r.Size() - n
		}
		for len(b) > 0 {
			i := len(b) - 1
			if b[i] != byte(word>>(8*((from+uint64(i))%4))) {
				return r.Size() - n
			}
			b, n = b[:i], n-1
		}
	}
	return r.Size()
}
