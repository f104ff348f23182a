package refs

import (
	"encoding/binary"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// HashTable is an object of std::unordered_map or its kin: a std::list of the
// elements, and an array with the first and the last node of each bucket.
type HashTable struct {
	Head   memory.Addr // the list's end mark, which is a node as well
	Array  memory.Addr // of the buckets
	Length int         // elements
	Bits   int
}

// What an object of a hash table is held to, word by word. Behind the hash
// function and the maximum load it has the list's end mark and length, the
// bucket array's three pointers, and the number of buckets less one and as it is.
// (The layout is published with Microsoft's headers, since Visual Studio 2010;
// without iterator debugging, which puts proxies between.)
const (
	tableHead = iota
	tableLength
	tableFirst
	tableLast
	tableEnd
	tableMask
	tableBuckets
	tableWords
)

const (
	leastBuckets = 8       // that a table has
	tableLook    = 4 << 10 // how many bytes of a block are looked through
)

// HashTables finds hash tables by what must hold among all their parts.
type HashTables struct {
	x      *Index
	space  *memory.Space
	starts func(memory.Addr) bool // the program's bytes of a block begin there
	// left is how many more nodes and buckets are looked at: each is looked at
	// twice for the one table that has it, and a dump in which very many words
	// lead to the same list must not cost their product.
	left int
}

// NewHashTables looks for hash tables of an index's blocks; starts says whether
// the program's bytes of a block begin at an address.
func NewHashTables(t *target.Target, x *Index, starts func(memory.Addr) bool) *HashTables {
	return &HashTables{x: x, space: t.Space, starts: starts, left: 8*x.Len() + 1<<16}
}

// In calls found with each table whose object is within bytes of memory.
func (h *HashTables) In(r memory.Range, width int, found func(HashTable)) {
	step := uint64(width / 8)
	for run := range h.space.Runs(r) {
		skip := min(-uint64(run.Start)%step, uint64(len(run.Bytes))) // objects are aligned
		h.words(run.Bytes[skip:], width, found)
	}
}

// InBlock is In of the first bytes of a block.
func (h *HashTables) InBlock(id ID, found func(HashTable)) {
	r := h.x.Range(id)
	if width := h.x.Heap(id).Bits; r.Size() >= tableWords*uint64(width/8) {
		b := h.space.Tail(r.Start)
		h.words(b[:min(uint64(len(b)), r.Size(), tableLook)], width, found)
	}
}

// words looks for the pair of numbers that every table has, which hardly
// anything else has, before anything is looked up.
func (h *HashTables) words(b []byte, width int, found func(HashTable)) {
	step := width / 8
	try := func(at int) {
		if t, ok := h.table(b[at-tableMask*step:], width); ok {
			found(t)
		}
	}
	if width == 32 {
		for at := tableMask * 4; at+8 <= len(b); at += 4 {
			n := uint64(binary.LittleEndian.Uint32(b[at+4:]))
			if mask := uint64(binary.LittleEndian.Uint32(b[at:])); n-mask == 1 && n&mask == 0 && n >= leastBuckets {
				try(at)
			}
		}
		return
	}
	for at := tableMask * 8; at+16 <= len(b); at += 8 {
		n := binary.LittleEndian.Uint64(b[at+8:])
		if mask := binary.LittleEndian.Uint64(b[at:]); n-mask == 1 && n&mask == 0 && n >= leastBuckets {
			try(at)
		}
	}
}

func (h *HashTables) table(b []byte, width int) (HashTable, bool) {
	var w [tableWords]uint64
	step := uint64(width / 8)
	for i := range w {
		w[i] = loadWord(b[uint64(i)*step:], width)
	}
	buckets := w[tableBuckets]
	head, first := memory.Addr(w[tableHead]), memory.Addr(w[tableFirst])
	if w[tableLength] >= uint64(h.x.Len()) || buckets > 1<<40 || !h.starts(head) || !h.starts(first) || head == first {
		return HashTable{}, false
	}
	array := first.Span(2 * buckets * step)
	id, _ := h.x.At(first)
	end := memory.Addr(w[tableEnd])
	if memory.Addr(w[tableLast]) != array.End || end < array.End || end > h.x.Range(id).End {
		return HashTable{}, false
	}
	t := HashTable{Head: head, Array: first, Length: int(w[tableLength]), Bits: width}
	return t, h.ring(t) && h.buckets(t, array)
}

// ring reports whether the list comes back to its end mark after as many nodes
// as it is said to have.
func (h *HashTables) ring(t HashTable) bool {
	n := 0
	for at, ok := h.next(t.Head, t.Bits); ok; at, ok = h.next(at, t.Bits) {
		if at == t.Head {
			return n == t.Length
		}
		if n++; n > t.Length {
			return false
		}
	}
	return false
}

// Nodes calls do with each node of a table that was found, the end mark first.
func (h *HashTables) Nodes(t HashTable, do func(memory.Addr)) {
	do(t.Head)
	for at, n := h.load(t.Head, 0, t.Bits), 0; at != t.Head && n < t.Length; at, n = h.load(at, 0, t.Bits), n+1 {
		do(at)
	}
}

// next is the node behind a node, which leads back to it.
func (h *HashTables) next(at memory.Addr, width int) (memory.Addr, bool) {
	h.left--
	to := h.load(at, 0, width)
	return to, h.left > 0 && h.starts(to) && h.load(to, 1, width) == at
}

// buckets reports whether the buckets' stretches of the list are all of it.
func (h *HashTables) buckets(t HashTable, array memory.Range) bool {
	b, err := h.space.View(array.Start, array.Size())
	if err != nil {
		return false
	}
	step, sum := t.Bits/8, 0
	for ; len(b) > 0; b = b[2*step:] {
		at, last := memory.Addr(loadWord(b, t.Bits)), memory.Addr(loadWord(b[step:], t.Bits))
		h.left--
		if h.left <= 0 || (at == t.Head) != (last == t.Head) {
			return false
		}
		if at == t.Head { // an empty bucket
			continue
		}
		if !h.starts(at) {
			return false
		}
		for sum++; at != last; sum++ {
			var ok bool
			if at, ok = h.next(at, t.Bits); !ok || at == t.Head || sum > t.Length {
				return false
			}
		}
	}
	return sum == t.Length
}

func (h *HashTables) load(at memory.Addr, i, width int) memory.Addr {
	a, err := h.space.Pointer(at.Add(uint64(i*width/8)), width)
	if err != nil {
		return 0
	}
	return a
}

// unordered reports whether a block holds a std::unordered_map, or one of its
// kin, of at least half as many elements.
func (d *Dominators) unordered(w uint32, length int) bool {
	node := d.vertex[w]
	if node >= uint32(d.n) {
		return false
	}
	h := NewHashTables(d.target, d.Index, func(a memory.Addr) bool {
		id, ok := d.At(a)
		return ok && d.data(id) == a
	})
	found := false
	h.InBlock(node, func(t HashTable) { found = found || t.Length >= length/2 })
	return found
}

// loadWord is the word of the given width at the beginning of b.
func loadWord(b []byte, width int) uint64 {
	if width == 32 {
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}
