package peimage

import (
	"strconv"
	"strings"
	"sync/atomic"
)

// ExportNames are the names of what an image exports of its own, for searches
// by address: flat arrays without a pointer for each. Forwarders are not among
// them.
type ExportNames struct {
	// Partial says that some of the table is missing in the dump, or does not
	// hold together.
	Partial bool

	list  []exportName // by RVA, each once
	text  string       // the directory's bytes
	added string       // names that are not in text: those outside it, and numbers
	slots slots
}

// exportName is all that a search for an address needs of an export, which
// with most costs one line of the processor's cache.
type exportName struct {
	rva    uint32
	name   uint32 // where it begins: in text, behind its end in added
	mark   uint32 // see Mark
	length uint16 // of the name
}

// ExportNames reads the names of the export table. Of the names of one address
// the first in the alphabet stands, so that a system call is Nt…, not Zw…; an
// export without a name is called as debuggers do, Ordinal12.
func (i *Image) ExportNames(m Memory) ExportNames {
	r, t := i.exportTables(m)
	if r == nil {
		return ExportNames{Partial: !i.Directory(DirExport).Empty()}
	}
	keys, named := r.order(t)
	x := ExportNames{list: make([]exportName, 0, len(keys)), text: r.blob}
	var added []byte
	number := func(k int, ordinal uint32) {
		start := len(added)
		added = strconv.AppendUint(append(added, "Ordinal"...), uint64(ordinal), 10)
		x.list[k].name, x.list[k].length = uint32(len(x.text)+start), uint16(len(added)-start)
	}
	directory, end := uint32(r.at.Start.Sub(i.Start)), uint32(r.at.End.Sub(i.Start))
	numbered := -1 // the last of those that a number stands for, until there is a name
	for _, key := range keys {
		rva := uint32(key >> 32)
		if rva >= directory && rva < end {
			r.text(rva) // says whether it is one
			continue
		}
		index, name := t.export(key, named)
		k := len(x.list) - 1
		if k < 0 || x.list[k].rva != rva {
			x.list = append(x.list, exportName{rva: rva})
			k++
		} else if k != numbered {
			r.span(name)
			continue
		}
		start, n, ok := r.span(name)
		switch {
		case !ok && k != numbered:
			number(k, t.base+uint32(index))
			numbered = k
		case ok && start < 0:
			start = len(x.text) + len(added)
			added = append(added, r.outside...)
			fallthrough
		case ok:
			x.list[k].name, x.list[k].length, numbered = uint32(start), uint16(n), -1
		}
	}
	x.Partial, x.added = r.bad, string(added)
	x.slots = newSlots(len(x.list), x.At)
	return x
}

// span finds a name in the directory's bytes: where it starts there and its
// length. One that is elsewhere starts at -1, and is in outside. False without
// one.
func (r *exportReader) span(rva uint32) (start, n int, ok bool) {
	if rva == 0 {
		return 0, 0, false
	}
	off := uint64(rva) - r.at.Start.Sub(r.i.Start)
	if off < uint64(len(r.blob)) {
		s := r.blob[off:]
		if n = strings.IndexByte(s[:min(len(s), maxName)], 0); n >= 0 {
			ok = n > 0 && r.printable(s[:n]) != ""
			return int(off), n, ok
		}
	}
	r.outside = r.text(rva)
	return -1, len(r.outside), r.outside != ""
}

// Len is how many there are.
func (x *ExportNames) Len() int { return len(x.list) }

// At is the RVA of the n-th, by address.
func (x *ExportNames) At(n int) uint32 { return x.list[n].rva }

// Name is the name of the n-th. It allocates nothing.
func (x *ExportNames) Name(n int) string {
	e := &x.list[n]
	start, length := int(e.name), int(e.length)
	if start < len(x.text) {
		return x.text[start : start+length]
	}
	start -= len(x.text)
	return x.added[start : start+length]
}

// Mark is a number that whoever reads the names may keep beside the n-th,
// which costs nothing when it was just found. It is 0 at first.
func (x *ExportNames) Mark(n int) uint32 { return atomic.LoadUint32(&x.list[n].mark) }

// SetMark sets the number of Mark.
func (x *ExportNames) SetMark(n int, v uint32) { atomic.StoreUint32(&x.list[n].mark, v) }

// Below returns the index of the last at or below rva; -1 without one.
func (x *ExportNames) Below(rva uint32) int {
	lo, hi := x.slots.around(rva)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if x.list[mid].rva <= rva {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}
