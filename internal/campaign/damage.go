package main

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/heapdump/heapdump/internal/specimen"
)

// kind is what a damage does.
type kind uint8

const (
	flip kind = iota // a byte changed
	cut              // the file ends early
	drop             // a page not saved
	pair             // two of the above
)

// String names the kind for the table.
func (k kind) String() string { return [...]string{"byte", "cut", "page", "pair"}[k] }

// damage is one or two changes of a subject.
type damage struct {
	kind             kind
	structure, field string // what it hits first
	off              int    // flip: in the file; cut: the new length
	mask             byte
	page             uint64
	parts            []damage // of a pair
}

// String says how to make the damage again.
func (d damage) String() string {
	switch d.kind {
	case flip:
		return fmt.Sprintf("%s.%s: byte at file offset %#x xor %#02x", d.structure, d.field, d.off, d.mask)
	case cut:
		return fmt.Sprintf("cut to %#x bytes", d.off)
	case drop:
		return fmt.Sprintf("page %#x not saved", d.page)
	}
	return fmt.Sprintf("%v and %v", d.parts[0], d.parts[1])
}

// always are the ways in which every byte is changed: a low bit, a high bit,
// all of them.
var always = [...]byte{0x01, 0x80, 0xff}

// masks are n ways to change a byte: what its bits are turned over by. The
// first three are always the same. The rest take turns from byte to byte: each
// other bit, the values 0 and 0xff, one more, one less, and any value, so that
// neighbouring bytes and dumps get what one has not.
func masks(b byte, at, n int, r *rand.Rand) []byte {
	out := slices.Clone(always[:min(n, len(always))])
	others := [...]byte{b, b ^ (b + 1), 0x02, 0x04, b ^ (b - 1), 0x08, 0x10, ^b, 0x20, 0x40, byte(1 + r.IntN(255))}
	for i := 0; i < len(others) && len(out) < n; i++ {
		m := others[(at*max(n-len(always), 1)+i)%len(others)]
		if m != 0 && !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return out
}

// damages lists what is done to the subject: every byte of every place in so
// many ways, every border, every page, and as many pairs as asked for. The
// share is the part of the bytes' and borders' damages that is kept, 1 for all.
func damages(s *specimen.Specimen, o options, r *rand.Rand) []damage {
	var out []damage
	for _, p := range s.Places {
		for i := range p.Size {
			for _, m := range masks(s.Data[p.Off+i], p.Off+i, o.ways, r) {
				out = append(out, damage{kind: flip, structure: p.Structure, field: p.Field, off: p.Off + i, mask: m})
			}
		}
	}
	for _, at := range s.Borders() {
		out = append(out, damage{kind: cut, structure: "file", field: "cut at a border", off: at})
	}
	for _, a := range s.Pages {
		out = append(out, damage{kind: drop, structure: "file", field: "page not saved", page: a})
	}
	all := slices.Clone(out)
	if o.share < 1 {
		out = slices.DeleteFunc(out, func(damage) bool { return r.Float64() >= o.share })
	}
	for range o.pairs {
		x, y := all[r.IntN(len(all))], all[r.IntN(len(all))]
		out = append(out, damage{kind: pair, structure: "file", field: "two at once", parts: []damage{x, y}})
	}
	return out
}

// apply makes the damaged file.
func (d damage) apply(s *specimen.Specimen) []byte {
	parts := d.parts
	if d.kind != pair {
		parts = []damage{d}
	}
	var pages []uint64
	for _, p := range parts {
		if p.kind == drop {
			pages = append(pages, p.page)
		}
	}
	data := slices.Clone(s.Data)
	if len(pages) > 0 {
		data = s.Without(pages)
	}
	for _, p := range parts {
		if p.kind == flip && p.off < len(data) {
			data[p.off] ^= p.mask
		}
	}
	for _, p := range parts {
		if p.kind == cut {
			data = data[:min(p.off, len(data))]
		}
	}
	return data
}
