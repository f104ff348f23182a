package handles

import (
	"fmt"
	"math"
	"slices"
)

// places looks for places in blocks of one size that hold handles: the same
// offset, in several blocks of a heap, always a handle, and of one type. A
// program that keeps handles keeps them in objects, and these are alike.
type places struct {
	groups map[group]*members
	in     *members // of the block at hand; nil when it is too large
}

// group is blocks that may be of one type.
type group struct {
	heap int
	size uint64
}

type members struct {
	blocks int
	at     []place // by offset in words
}

// place is what blocks of a group have at one offset.
type place struct {
	handles, other uint32   // words that are handles; words that are neither, nor 0, nor -1
	numbers        []uint64 // different handles, up to maxNumbers
	typ            string
	mixed          bool // handles of several types
}

// How many sizes, words of a block and handles of a place are looked at.
const (
	maxGroups  = 1 << 14
	maxWords   = 256
	maxNumbers = 16
	minHandles = 3
)

// enter begins a block.
func (p *places) enter(heap int, size uint64) {
	g := group{heap, size}
	if p.in = p.groups[g]; p.in == nil {
		if p.groups == nil {
			p.groups = map[group]*members{}
		}
		if len(p.groups) >= maxGroups {
			return
		}
		p.in = &members{}
		p.groups[g] = p.in
	}
	p.in.blocks++
}

// word notes a word of the block at an offset in words. A handle's low two
// bits are 0; -1 stands for no handle, as 0 does.
func (p *places) word(i, v uint64, types map[uint64]string) {
	m := p.in
	if m == nil || i >= maxWords || v == 0 || v == math.MaxUint64 || v == math.MaxUint32 {
		return
	}
	for uint64(len(m.at)) <= i {
		m.at = append(m.at, place{})
	}
	x := &m.at[i]
	typ, ok := "", false
	if v < maxNumber && v%4 == 0 {
		typ, ok = types[v]
	}
	if !ok {
		x.other++
		return
	}
	if x.handles++; x.handles == 1 {
		x.typ = typ
	}
	x.mixed = x.mixed || typ != x.typ
	if len(x.numbers) < maxNumbers && !slices.Contains(x.numbers, v) {
		x.numbers = append(x.numbers, v)
	}
}

// maxOdds is the number of places that may look like this by chance, of all
// that were looked at, for one to count.
const maxOdds = 1e-3

// judge returns of each handle that such a place holds where that is. A place
// counts when at least three different handles of one type are all that its
// blocks have there, and small numbers taken blindly among the open handles
// would agree in type like that at fewer than one of a thousand places.
func (p *places) judge(types map[uint64]string) map[uint64]string {
	share, all := map[string]float64{}, 0
	for _, t := range types {
		share[t]++
	}
	for _, m := range p.groups {
		for i := range m.at {
			if m.at[i].handles > 0 {
				all++
			}
		}
	}
	out := map[uint64]string{}
	for g, m := range p.groups {
		for i := range m.at {
			x := &m.at[i]
			if x.mixed || x.other > 0 || len(x.numbers) < minHandles || x.typ == "" {
				continue
			}
			chance := math.Pow(share[x.typ]/float64(len(types)), float64(len(x.numbers)-1))
			if odds := chance * float64(all); odds < maxOdds {
				for _, n := range x.numbers {
					if s := fmt.Sprintf("word %d of %d blocks of %d bytes, which have nothing there but handles of type %s", i, x.handles, g.size, x.typ); out[n] == "" || s < out[n] {
						out[n] = s
					}
				}
			}
		}
	}
	return out
}
