package peimage

import (
	"encoding/binary"
	"slices"
)

// order puts the exports in the order of their RVAs. It sorts numbers, which
// is several times as fast as sorting exports: an RVA, and below it the place
// in the name table or, above all those, the function. named is how many names
// there are.
func (r *exportReader) order(t exportTables) (keys []uint64, named int) {
	le := binary.LittleEndian
	n := len(t.functions) / 4
	named = min(len(t.names)/4, len(t.ordinals)/2)
	keys = make([]uint64, 0, max(n, named))
	hasName := make([]bool, n)
	size := r.i.Size()
	add := func(index int, place uint64) {
		rva := le.Uint32(t.functions[4*index:])
		if uint64(rva) >= size {
			r.bad = true
		} else if rva != 0 { // else the ordinal is not in use
			keys = append(keys, uint64(rva)<<32|place)
		}
	}
	for k := range named {
		if index := int(le.Uint16(t.ordinals[2*k:])); index < n {
			hasName[index] = true
			add(index, uint64(k))
		} else {
			r.bad = true
		}
	}
	for index, has := range hasName {
		if !has {
			add(index, uint64(named+index))
		}
	}
	return sortHigh(keys), named
}

// export is what a key of order stands for: the function's index, and where
// its name is, 0 without one.
func (t exportTables) export(key uint64, named int) (index int, name uint32) {
	place := int(uint32(key))
	if place >= named {
		return place - named, 0
	}
	le := binary.LittleEndian
	return int(le.Uint16(t.ordinals[2*place:])), le.Uint32(t.names[4*place:])
}

// fewKeys is below how many a sort by comparing is the faster.
const fewKeys = 64

// sortHigh sorts numbers whose low halves ascend already by their high halves,
// and so altogether: one pass for each byte in which they differ. It returns
// keys or another array of them.
func sortHigh(keys []uint64) []uint64 {
	if len(keys) < fewKeys {
		slices.Sort(keys)
		return keys
	}
	differ := uint64(0)
	for _, k := range keys {
		differ |= k ^ keys[0]
	}
	other := make([]uint64, len(keys))
	for shift := 32; shift < 64; shift += 8 {
		if differ>>shift&0xff == 0 {
			continue
		}
		var at [257]int
		for _, k := range keys {
			at[k>>shift&0xff+1]++
		}
		for b := range 256 {
			at[b+1] += at[b]
		}
		for _, k := range keys {
			b := k >> shift & 0xff
			other[at[b]] = k
			at[b]++
		}
		keys, other = other, keys
	}
	return keys
}
