package refs_test

import (
	"context"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
)

// container is a holder of blocks of 64 bytes: block 0 with first bytes, then
// n elements. fill plants what makes it one.
type container struct {
	want  string // shape; empty when it is no suspect
	first uint64 // size of block 0
	n     int
	odd   bool // every element has another size
	fill  func(b *synth.Built, u []uint64, w uint64)
}

// slots puts pointers to the elements into block 0.
func slots(b *synth.Built, u []uint64, w uint64) {
	for i, e := range u[1:] {
		put(b, u[0]+uint64(i)*w, e)
	}
}

// tree makes the elements a balanced tree with links at left, right and, where
// it is at least 0, parent; end stands for a child that there is not.
func tree(b *synth.Built, u []uint64, left, parent, right int, w, end uint64) {
	link := func(from uint64, at int, to uint64) {
		if to != 0 {
			put(b, from+uint64(at)*w, to)
		}
	}
	for i := range u {
		for side, at := range []int{left, right} {
			c := 2*i + 1 + side
			if c >= len(u) {
				link(u[i], at, end)
				continue
			}
			link(u[i], at, u[c])
			if parent >= 0 {
				link(u[c], parent, u[i])
			}
		}
	}
}

// stdMap makes the elements nodes of a std::map, the first of them its end mark.
func stdMap(b *synth.Built, u []uint64, w uint64) {
	head, nodes := u[1], u[2:]
	tree(b, nodes, 0, 1, 2, w, head)
	least, most := 0, 0
	for 2*least+1 < len(nodes) {
		least = 2*least + 1
	}
	for 2*most+2 < len(nodes) {
		most = 2*most + 2
	}
	put(b, head, nodes[least])
	put(b, head+w, nodes[0])
	put(b, head+2*w, nodes[most])
	put(b, nodes[0]+w, head)
	b.Image.Write(head+3*w, []byte{1, 1})
	put(b, u[0], head)
}

// vector puts the three pointers of a std::vector whose elements are block 0
// into the root.
func vector(b *synth.Built, u []uint64, w uint64, last uint64) {
	root(b, 0x40, u[0])
	put(b, data+0x40+w, u[0]+last)
	put(b, data+0x40+2*w, u[0]+400*w)
}

// buckets puts the elements into 60 buckets of block 0, five in each: 0 in
// chains, 1 in chains with links back, 2 in trees.
func buckets(kind int) func(b *synth.Built, u []uint64, w uint64) {
	return func(b *synth.Built, u []uint64, w uint64) {
		for k := range uint64(60) {
			e := u[1+5*k:][:5]
			put(b, u[0]+16+w*k, e[0])
			for i := 1; i < len(e); i++ {
				switch kind {
				case 2:
					put(b, e[(i-1)/2]+uint64(i%2)*w, e[i])
				case 1:
					put(b, e[i]+w, e[i-1])
					fallthrough
				default:
					put(b, e[i-1], e[i])
				}
			}
		}
	}
}

func containers() map[string]container {
	chain := func(back bool) func(b *synth.Built, u []uint64, w uint64) {
		return func(b *synth.Built, u []uint64, w uint64) {
			put(b, u[0], u[1])
			for i := 1; i+1 < len(u); i++ {
				put(b, u[i], u[i+1])
				if back {
					put(b, u[i+1]+w, u[i])
				}
			}
			if back { // std::list: a ring through its end mark
				put(b, u[len(u)-1], u[1])
				put(b, u[1]+w, u[len(u)-1])
			}
		}
	}
	return map[string]container{
		"table":                   {"table", 400 * 8, 300, false, slots},
		"table of few":            {"", 400 * 8, 99, false, slots},
		"table of many sizes":     {"", 400 * 8, 300, true, slots},
		"table of half the slots": {"table", 800 * 8, 300, false, slots},
		"vector": {"vector", 400 * 8, 300, false, func(b *synth.Built, u []uint64, w uint64) {
			slots(b, u, w)
			vector(b, u, w, 300*w)
		}},
		"table with an end behind its room": {"table", 400 * 8, 300, false, func(b *synth.Built, u []uint64, w uint64) {
			slots(b, u, w)
			vector(b, u, w, 401*w)
		}},
		"list":        {"list", 48, 300, false, chain(false)},
		"list of few": {"", 48, 99, false, chain(false)},
		"std::list":   {"doubly linked list", 48, 300, false, chain(true)},
		"intrusive list": {"doubly linked list", 48, 300, false, func(b *synth.Built, u []uint64, w uint64) { // LIST_ENTRY at 16
			for i := range u {
				next := u[(i+1)%len(u)]
				put(b, u[i]+16, next+16)
				put(b, next+16+w, u[i]+16)
			}
		}},
		"hash table":                  {"hash table", 400 * 8, 300, false, buckets(0)},
		"hash table of double chains": {"hash table", 400 * 8, 300, false, buckets(1)},
		"table of trees":              {"blocks", 400 * 8, 300, false, buckets(2)},
		"map":                         {"map", 48, 300, false, stdMap},
		"tree":                        {"tree", 48, 300, false, func(b *synth.Built, u []uint64, w uint64) { put(b, u[0], u[1]); tree(b, u[1:], 0, -1, 1, w, 0) }},
		"tree elsewhere":              {"tree", 48, 300, false, func(b *synth.Built, u []uint64, w uint64) { put(b, u[0], u[1]); tree(b, u[1:], 4, -1, 3, w, 0) }},
		"map without end mark": {"tree", 48, 300, false, func(b *synth.Built, u []uint64, w uint64) {
			put(b, u[0], u[1])
			tree(b, u[1:], 0, 1, 2, w, 0)
		}},
		"memory that leads to each": {"blocks", 48, 300, false, func(b *synth.Built, u []uint64, w uint64) {
			for i, e := range u[1:] {
				put(b, data+0x1000+uint64(i)*w, e)
			}
		}},
	}
}

// TestShapes: every container and what is nearly one, on both pointer sizes.
func TestShapes(t *testing.T) {
	for _, arch := range []synth.Arch{synth.X86, synth.X64} {
		w := uint64(8)
		if arch == synth.X86 {
			w = 4
		}
		for name, c := range containers() {
			sizes := []uint64{c.first}
			for i := range c.n {
				size := uint64(64)
				if c.odd {
					size += uint64(8 * i)
				}
				sizes = append(sizes, size)
			}
			tg := graphOf(t, arch, sizes, nil, func(b *synth.Built, u []uint64) {
				root(b, 0x40, u[0])
				c.fill(b, u, w)
			})
			got := suspectsOf(t, tg)
			switch {
			case c.want == "" && len(got) > 0:
				t.Errorf("%v %s: %+v", arch, name, got)
			case c.want != "" && (len(got) != 1 || got[0].Shape != c.want || got[0].Length < c.n-1 || got[0].Element != 64):
				t.Errorf("%v %s: %+v, want a %s of %d", arch, name, got, c.want, c.n)
			}
		}
	}
}

func suspectsOf(t *testing.T, tg *target.Target) []refs.Suspect {
	t.Helper()
	r, err := refs.Take(context.Background(), tg, refs.Steps{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := r.Dominators(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return d.Suspects(nil)
}
