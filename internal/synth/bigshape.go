package synth

import "encoding/binary"

// Shape is how the blocks in use of a big dump hang together.
type Shape uint8

// The shapes. A variable in ntdll's data leads to the first block of List and
// Tree, and so to all of them.
const (
	Chains Shape = iota // each to the one before it in its segment; nothing leads to any
	List                // each to one that lies far away, once through all
	Tree                // each to two others
)

// bigRoot is where the variable is, from the heaps' array on.
const bigRoot = 0x800

// bigLinks are the blocks of a shape, eight bytes each; none of Chains.
type bigLinks struct {
	shape Shape
	users []uint64
	next  int // the block whose bytes come next

	stride int // of List
}

// take adds the blocks in use of a heap.
func (l *bigLinks) take(g *bigHeap, sizes []uint16) {
	if l.shape == Chains {
		return
	}
	for k := range g.segs {
		g.blocks(k, sizes, func(b bigBlock) {
			if l.holds(b) {
				l.users = append(l.users, g.segs[k].base+b.at+16)
			}
		})
	}
}

// holds reports whether a block is in use and has room for the links: those
// that have not are left out, and nothing leads to them.
func (l *bigLinks) holds(b bigBlock) bool {
	need := 8
	if l.shape == Tree {
		need = 16
	}
	return !b.free && int(b.units)*16-int(b.unused) >= need
}

// put writes the links of a block; data begins with its bytes.
func (l *bigLinks) put(b bigBlock, data []byte) {
	if l.shape == Chains || !l.holds(b) {
		return
	}
	le, i, n := binary.LittleEndian, l.next, len(l.users)
	l.next++
	set := func(word, to int) {
		v := uint64(0)
		if to < n && to > 0 {
			v = l.users[to]
		}
		le.PutUint64(data[8*word:], v)
	}
	switch l.shape {
	case List:
		if l.stride == 0 {
			l.stride = coprime(n)
		}
		set(0, (i+l.stride)%n)
	case Tree:
		set(0, 2*i+1)
		set(1, 2*i+2)
	}
}

// coprime is about 0.6 of n and has no divisor with it, so that steps of it
// pass through all.
func coprime(n int) int {
	s := max(n*6/10, 1)
	for gcd(s, n) != 1 {
		s++
	}
	return s
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
