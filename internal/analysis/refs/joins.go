package refs

import "math/bits"

// joins are the blocks that more than one reference leads to, and the numbers
// of what those come from. Variables are none: only the tree's root leads to
// them.
type joins struct {
	set   bitmap
	ranks []uint32 // joins before each word of set
	n     int
	start []uint32 // where the numbers of each join begin, and the end
	from  []uint32
}

// rank numbers the joins.
func (j *joins) rank(id ID) uint32 {
	w := id >> 6
	return j.ranks[w] + uint32(bits.OnesCount64(j.set[w]&(1<<(id&63)-1)))
}

// before returns the numbers of what leads to a node; none when that is its
// parent in the walk alone.
func (j *joins) before(node uint32) []uint32 {
	if w := int(node >> 6); w >= len(j.set) || !j.set.get(node) {
		return nil
	}
	r := j.rank(node)
	return j.from[j.start[r]:j.start[r+1]]
}

// each calls do for every edge between reached nodes, but those from the top:
// in the order of blocks, which is the one of the edges in memory.
func (d *domBuilder) each(do func(from uint32, to ID)) {
	for id := range ID(d.n) {
		if w := d.numberOf[id]; w != 0 {
			for _, to := range d.edges(id) {
				do(w, to&^interior)
			}
		}
	}
	for _, h := range d.hits {
		do(d.numberOf[uint32(d.n)+h.root], h.to)
	}
}

// findJoins finds the blocks that are led to more than once.
func (d *domBuilder) findJoins() {
	once, set := newBitmap(d.n), newBitmap(d.n)
	d.each(func(_ uint32, to ID) {
		if once.get(to) {
			set.set(to)
		}
		once.set(to)
	})
	j := joins{set: set, ranks: make([]uint32, len(set))}
	for w := range set {
		j.ranks[w] = uint32(j.n)
		j.n += bits.OnesCount64(set[w])
	}
	d.joins = j
}

// invert makes the other direction of the edges to joins.
func (d *domBuilder) invert() {
	j := &d.joins
	j.start = make([]uint32, j.n+1)
	d.each(func(_ uint32, to ID) {
		if j.set.get(to) {
			j.start[j.rank(to)]++
		}
	})
	for i := 1; i < len(j.start); i++ {
		j.start[i] += j.start[i-1]
	}
	j.from = make([]uint32, j.start[j.n])
	d.each(func(from uint32, to ID) { // each start moves down to where it belongs
		if j.set.get(to) {
			r := j.rank(to)
			j.start[r]--
			j.from[j.start[r]] = from
		}
	})
}
