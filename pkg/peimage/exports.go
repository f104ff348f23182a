package peimage

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/heapdump/heapdump/pkg/memory"
)

// The export directory, IMAGE_EXPORT_DIRECTORY of the PE format.
const (
	exportDirectorySize = 40

	// maxNames is how many functions and how many names a table can have: its
	// ordinals have 16 bits.
	maxNames = 1 << 16
	// maxName bounds a name, in bytes. Decorated names of Microsoft's compiler
	// end at 4,096; other compilers' templates are longer.
	maxName = 1 << 14
)

// Export is a function or variable that an image exports.
type Export struct {
	Name    string // as in the table, decorated; empty when it is exported by its ordinal alone, or its name cannot be read (then Partial is set)
	Forward string // "DLL.Name" or "DLL.#12" that it stands for; empty when it lies in this image
	Ordinal uint32 // with the table's base added
	RVA     uint32 // bytes from the image's base; of a forwarder, where Forward stands
}

// Exports is an image's export table, as far as the dump has it.
type Exports struct {
	Name    string   // the file name that the linker gave the image; empty when not readable
	List    []Export // in the order of their RVA, those of one RVA as in the name table, which is sorted by name; a function with two names is there twice
	Partial bool     // some of the table is missing in the dump, or does not hold together
}

// exportReader reads the parts of an export table: from the bytes of the
// directory where they are at hand, else from memory.
type exportReader struct {
	m       Memory
	i       *Image
	at      memory.Range // of blob
	blob    string       // the directory's bytes, from which names are cut; empty when they are not whole
	left    uint64       // how many bytes of names may still be copied
	outside string       // what span found outside blob
	bad     bool
}

// Exports reads the export table. An image without one has no exports and is
// not partial. Nothing is read outside the image, and no more names than it
// has room for.
func (i *Image) Exports(m Memory) Exports {
	r, t := i.exportTables(m)
	if r == nil {
		return Exports{Partial: !i.Directory(DirExport).Empty()}
	}
	out := Exports{Name: r.text(t.name)}
	out.List = r.list(t)
	out.Partial = r.bad
	return out
}

// exportTables are the arrays of an export table.
type exportTables struct {
	name, base uint32 // RVA of the image's name; the first ordinal

	functions, names, ordinals []byte // RVAs, RVAs, indexes of 16 bits
}

// exportTables reads the arrays; a nil reader without a table.
func (i *Image) exportTables(m Memory) (*exportReader, exportTables) {
	d := i.Directory(DirExport)
	if d.Size() < exportDirectorySize {
		return nil, exportTables{}
	}
	head, err := m.View(d.Start, exportDirectorySize)
	if err != nil {
		return nil, exportTables{}
	}
	r := &exportReader{m: m, i: i, at: d, left: i.Size()}
	if b, err := m.View(d.Start, d.Size()); err == nil {
		r.blob = string(b)
	}
	le := binary.LittleEndian
	return r, exportTables{
		name: le.Uint32(head[12:]), base: le.Uint32(head[16:]),
		functions: r.array(le.Uint32(head[28:]), le.Uint32(head[20:]), 4),
		names:     r.array(le.Uint32(head[32:]), le.Uint32(head[24:]), 4),
		ordinals:  r.array(le.Uint32(head[36:]), le.Uint32(head[24:]), 2),
	}
}

// list puts names and functions together.
func (r *exportReader) list(t exportTables) []Export {
	keys, named := r.order(t)
	out := make([]Export, 0, len(keys))
	for _, key := range keys {
		index, name := t.export(key, named)
		e := Export{Ordinal: t.base + uint32(index), RVA: uint32(key >> 32)}
		if name != 0 {
			e.Name = r.text(name)
		}
		if r.at.Contains(r.i.Start.Add(uint64(e.RVA))) {
			if e.Forward = r.text(e.RVA); e.Forward == "" { // it is none of this image's, whatever it is
				continue
			}
		}
		out = append(out, e)
	}
	return out
}

// array returns the elements of a table that are in the image and in the dump.
func (r *exportReader) array(rva, count uint32, size uint64) []byte {
	if count == 0 {
		return nil
	}
	n := uint64(count) * size
	at := r.i.RVA(rva, n)
	if count > maxNames || at.Size() < n { // a count that cannot be is none to go by
		r.bad = true
		return nil
	}
	if b, err := r.m.View(at.Start, n); err == nil {
		return b
	}
	r.bad = true
	// What is before the first missing byte is still good.
	have := uint64(0)
	for have < n {
		step := r.step(at.Start.Add(have), n-have)
		if _, err := r.m.View(at.Start.Add(have), step); err != nil {
			break
		}
		have += step
	}
	b, err := r.m.View(at.Start, have/size*size)
	if err != nil {
		return nil
	}
	return b
}

// step is how much to ask for at once from a on, of n bytes: little, since one
// missing byte costs all of it.
func (r *exportReader) step(a memory.Addr, n uint64) uint64 {
	const piece = 64
	return min(n, piece-uint64(a)%piece)
}

// text returns the string at rva; empty when it is missing, has no end or is
// not printable ASCII.
func (r *exportReader) text(rva uint32) string {
	at := r.i.RVA(rva, maxName)
	if r.blob != "" && r.at.Contains(at.Start) {
		s := r.blob[at.Start.Sub(r.at.Start):]
		if end := strings.IndexByte(s[:min(len(s), maxName)], 0); end >= 0 {
			return r.printable(s[:end])
		}
	}
	b := r.tail(at)
	if uint64(len(b)) > r.left {
		r.bad = true
		return ""
	}
	r.left -= uint64(len(b))
	return r.printable(string(b))
}

// tail returns the bytes up to the first NUL of a range.
func (r *exportReader) tail(at memory.Range) []byte {
	for n := uint64(0); n < at.Size(); {
		step := r.step(at.Start.Add(n), at.Size()-n)
		page, err := r.m.View(at.Start.Add(n), step)
		if err != nil {
			break
		}
		if end := slices.Index(page, 0); end >= 0 {
			b, err := r.m.View(at.Start, n+uint64(end))
			if err != nil {
				break
			}
			return b
		}
		n += step
	}
	r.bad = true
	return nil
}

// printable returns s, or nothing when a linker would not have written it.
func (r *exportReader) printable(s string) string {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			r.bad = true
			return ""
		}
	}
	return s
}
