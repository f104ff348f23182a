package refs

import "github.com/heapdump/heapdump/pkg/memory"

// shape names how the elements hang together, by where in the tree they are
// and how many references to elements an element has.
func (d *Dominators) shape(w uint32, depth []uint32, s *Suspect) string {
	element := func(id ID) bool {
		x := d.numberOf[id]
		return x > 0 && depth[x] > 0 && d.Size(id) == s.Element
	}
	flat, deepest, links, held := 0, uint32(0), 0, 0 // flat: directly below, or below the first element
	for x := w + 1; int(x) < len(d.vertex); x++ {
		if depth[x] == 0 || d.size(x) != s.Element {
			continue
		}
		deepest = max(deepest, depth[x])
		if depth[x] <= 2 {
			flat++
		}
		for _, to := range d.edges(d.vertex[x]) {
			if element(to &^ interior) {
				links++
			}
		}
	}
	if node := d.vertex[w]; node < uint32(d.n) {
		for _, to := range d.edges(node) {
			if element(to &^ interior) {
				held++
			}
		}
	}
	switch {
	case held >= s.Length/2 && d.inVector(w):
		return "vector"
	case held >= s.Length/2:
		return "table"
	case d.chains(w, depth, s, held, links), d.unordered(w, s.Length):
		return "hash table"
	case d.mapNodes(w, depth, s.Element):
		return "map"
	case int(deepest) >= s.Length/2:
		return "list"
	case flat >= s.Length/2 && links >= s.Length && links <= s.Length*9/4:
		return "doubly linked list"
	case links >= s.Length/2 && int(deepest) < s.Length/2 && flat < s.Length/2:
		return "tree"
	}
	return "blocks"
}

// fewBuckets is the fewest chains that make a hash table.
const fewBuckets = 8

// chains reports whether most elements hang in chains below elements that the
// holder itself points to: no element leads on to two others.
func (d *Dominators) chains(w uint32, depth []uint32, s *Suspect, held, links int) bool {
	if held < fewBuckets || links < (s.Length-held)/10*9 {
		return false
	}
	next := make([]bool, len(d.vertex)) // an element leads on to another
	below := 0
	for x := w + 1; int(x) < len(d.vertex); x++ {
		up := d.idom[x]
		if depth[x] < 2 || d.size(x) != s.Element || d.size(up) != s.Element {
			continue
		}
		if next[up] {
			return false
		}
		next[up] = true
		below++
	}
	return below >= (s.Length-held)/10*9
}

// inVector reports whether what leads to a block holds the three pointers of a
// std::vector: to its first byte, behind the last element, and behind the room
// for more, in a row and in order. (The layout is published with Microsoft's
// headers.)
func (d *Dominators) inVector(w uint32) bool {
	node, up := d.vertex[w], d.idom[w]
	if node >= uint32(d.n) || up == top {
		return false
	}
	at, width := memory.Range{}, words64
	switch by := d.vertex[up]; {
	case by < uint32(d.n):
		at, width = d.Range(by), widthOf(d.Heap(by).Bits)
	default:
		v := d.Variables[by-uint32(d.n)]
		at, width = v.Area.Range, v.Area.width
		if v.Area.Kind == Module {
			at = v.At.Span(3 * 8).Intersect(v.Area.Range)
		}
	}
	bits := d.Heap(node).Bits
	if width != mixed && width != widthOf(bits) {
		return false
	}
	data, end := d.data(node), d.Range(node).End
	found := false
	d.area(&Area{width: width}, at, func(word memory.Addr, v uint64) {
		if found || memory.Addr(v) != data {
			return
		}
		size := memory.Addr(bits / 8)
		last, err1 := d.target.Space.Pointer(word+size, bits)
		room, err2 := d.target.Space.Pointer(word+2*size, bits)
		found = err1 == nil && err2 == nil && data < last && last <= room && room <= end
	})
	return found
}

// data is where the program's bytes of a block begin.
func (d *Dominators) data(id ID) memory.Addr {
	a := d.User(id)
	if d.debug != nil && d.debug.light.get(id) {
		a = a.Add(lightOf(d.Heap(id).Bits))
	}
	if d.debug != nil && d.debug.has.get(id) {
		head, _ := headerOf(d.Heap(id).Bits)
		a = a.Add(head)
	}
	return a
}

// sampled is how many elements are looked at for what they are.
const sampled = 64

// mapNodes reports whether three quarters and more of the first elements are
// nodes of a std::map or its kin: left, parent and right, each a node, the
// parent leading back. (The layout is published with Microsoft's headers.)
func (d *Dominators) mapNodes(w uint32, depth []uint32, size uint64) bool {
	seen, nodes := 0, 0
	for x := w + 1; int(x) < len(d.vertex) && seen < sampled; x++ {
		if depth[x] == 0 || d.size(x) != size {
			continue
		}
		seen++
		if d.mapNode(d.vertex[x], size) {
			nodes++
		}
	}
	return nodes > 0 && nodes*4 >= seen*3
}

// mapNode reports whether a block is such a node among others of its size:
// its parent leads back to it, and so do its children, but for the end mark,
// which is the child of all that have none.
func (d *Dominators) mapNode(id ID, size uint64) bool {
	const left, parent, right = 0, 1, 2
	self, bits := d.data(id), d.Heap(id).Bits
	word := func(at memory.Addr, i int) memory.Addr {
		a, err := d.target.Space.Pointer(at.Add(uint64(i*bits/8)), bits)
		if err != nil {
			return 0
		}
		return a
	}
	for i := left; i <= right; i++ {
		at := word(self, i)
		to, ok := d.At(at)
		if !ok || d.Size(to) != size || d.data(to) != at {
			return false
		}
		marks, err := d.target.Space.View(at.Add(uint64(3*bits/8)), 2) // colour, and whether it is the end mark
		if err != nil || marks[0] > 1 || marks[1] > 1 || i != parent && marks[1] == 0 && word(at, parent) != self {
			return false
		}
	}
	up := word(self, parent)
	return up != self && (word(up, left) == self || word(up, right) == self || word(up, parent) == self)
}
