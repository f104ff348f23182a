package refs

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/heapdump/heapdump/internal/mmap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Suspect is an accumulator: a block or variable that alone leads to very many
// blocks of one size.
type Suspect struct {
	Rule     string   // accumulator
	Shape    string   // list, doubly linked list, vector, table, hash table, map, tree, blocks
	Length   int      // blocks of the size
	Element  uint64   // that size
	Bytes    uint64   // of those blocks
	Retained uint64   // bytes that only the accumulator leads to
	Path     []string // from the root: a variable, then blocks with their sizes
	Holder   memory.Addr
	Root     string // the variable, without addresses
	Place    string // the same whatever symbols there are, for fingerprints
	Type     string // of the first element by address; empty when not known

	first ID // that element
}

// Limits of what is worth a word: below, every program would have suspects.
const (
	suspectBlocks = 100 // of one size
	suspectShare  = 20  // a retained share of at least 1/20 of the reachable bytes
	maxSuspects   = 10
)

func addressOf(a memory.Addr) string { return fmt.Sprintf("%v", a) }

// Suspects returns the accumulators, by what they retain, the most first.
// types, which may be nil, says what their elements are.
func (d *Dominators) Suspects(types Namer) []Suspect {
	var heads []uint32
	for w := uint32(top + 1); int(w) < len(d.vertex); w++ {
		if d.idom[w] == top && d.blocks[w] >= suspectBlocks && d.kept(w) >= d.kept(top)/suspectShare {
			heads = append(heads, w)
		}
	}
	slices.SortFunc(heads, func(a, b uint32) int { return cmp.Or(cmp.Compare(d.kept(b), d.kept(a)), cmp.Compare(a, b)) })
	if len(heads) == 0 {
		return nil
	}
	heads = heads[:min(len(heads), maxSuspects)]
	scratch := mmap.Large[uint32](len(d.vertex)) // one array for both: memory is what a large graph lacks
	d.heaviest(scratch)
	for i, w := range heads {
		heads[i] = d.descend(w, scratch)
	}
	var out []Suspect
	for _, w := range heads {
		if s, ok := d.suspect(w, scratch); ok {
			if types != nil {
				s.Type, _ = types(s.first)
			}
			out = append(out, s)
		}
	}
	return out
}

// heaviest sets for each number the one that it dominates next to and that
// retains the most; 0 for none.
func (d *Dominators) heaviest(heavy []uint32) {
	for w := uint32(top + 1); int(w) < len(d.vertex); w++ {
		if up := d.idom[w]; heavy[up] == 0 || d.kept(w) > d.kept(heavy[up]) {
			heavy[up] = w
		}
	}
}

// descend goes on to what retains nine tenths of the bytes, but not from one
// block to another of its size, which are two elements already.
func (d *Dominators) descend(w uint32, heavy []uint32) uint32 {
	for {
		next := heavy[w]
		if next == 0 || d.kept(next) < d.kept(w)/10*9 || d.size(next) == d.size(heavy[next]) {
			return w
		}
		w = next
	}
}

// size is the user bytes of a number's block; 0 of a variable's.
func (d *Dominators) size(w uint32) uint64 {
	if w > top && d.vertex[w] < uint32(d.n) {
		return d.Size(d.vertex[w])
	}
	return 0
}

// under sets what a number dominates, itself not included, and how deep.
func (d *Dominators) under(w uint32, depth []uint32) {
	clear(depth)
	for x := w + 1; int(x) < len(d.vertex); x++ {
		switch up := d.idom[x]; {
		case up == w:
			depth[x] = 1
		case depth[up] > 0:
			depth[x] = depth[up] + 1
		}
	}
}

// suspect looks at what a number dominates; false when that is not many
// blocks of one size that hold most of the bytes with what hangs on them.
func (d *Dominators) suspect(w uint32, depth []uint32) (Suspect, bool) {
	d.under(w, depth)
	s := Suspect{Rule: "accumulator", Retained: d.kept(w)}
	if s.Element, s.Length = d.commonest(w, depth); s.Length < suspectBlocks {
		return s, false
	}
	s.Bytes = uint64(s.Length) * s.Element
	s.first = ID(d.n)
	for x := w + 1; int(x) < len(d.vertex); x++ {
		if depth[x] > 0 && d.size(x) == s.Element {
			s.first = min(s.first, d.vertex[x])
		}
	}
	s.Shape = d.shape(w, depth, &s)
	s.Path, s.Root, s.Place = d.path(w)
	if d.vertex[w] < uint32(d.n) {
		s.Holder = d.User(d.vertex[w])
	}
	return s, true
}

// commonest returns the size that most of what a number dominates has, and how
// many have it; of several the largest.
func (d *Dominators) commonest(w uint32, depth []uint32) (size uint64, n int) {
	small, large := make([]int, 1<<14), map[uint64]int{}
	for x := w + 1; int(x) < len(d.vertex); x++ {
		if depth[x] == 0 {
			continue
		}
		if s := d.size(x); s < uint64(len(small)) {
			small[s]++
		} else {
			large[s]++
		}
	}
	for s, k := range small {
		if k > 0 && k >= n {
			size, n = uint64(s), k
		}
	}
	for s, k := range large {
		if k > n || k == n && s > size {
			size, n = s, k
		}
	}
	return size, n
}

// severalRoots is what stands for a root where there is no single one.
const severalRoots = "several roots"

// maxPath bounds the steps of a path that are told.
const maxPath = 12

// path goes from the root to a number, by dominators.
func (d *Dominators) path(w uint32) (path []string, root, place string) {
	root, place = severalRoots, severalRoots
	for steps := 0; w != top; w = d.idom[w] {
		node := d.vertex[w]
		switch {
		case node >= uint32(d.n):
			v := d.Variables[node-uint32(d.n)]
			root, place = v.Text(), v.Place()
			if v.Area.Kind != Module {
				root, place = v.Area.Kind.String(), v.Area.Kind.String()
			}
			path = append(path, v.Name())
		case steps < maxPath:
			path = append(path, fmt.Sprintf("block %v of %d bytes", d.User(node), d.Size(node)))
		case steps == maxPath:
			path = append(path, "…")
		}
		steps++
	}
	if root == severalRoots {
		path = append(path, root)
	}
	slices.Reverse(path)
	return path, root, place
}
