package srum

import (
	"encoding/binary"
	"math"
	"time"

	"www.velocidex.com/golang/go-ese/parser"
)

// The types of column (JET_coltyp) that SRUM has.
const (
	typeByte     = 2
	typeShort    = 3
	typeLong     = 4
	typeCurrency = 5
	typeDateTime = 8
	typeULong    = 14
	typeLongLong = 15
	typeUShort   = 17
)

// The first identifiers of columns of variable size and of tagged columns.
const (
	firstVariable = 128
	firstTagged   = 256
)

// column is a column of a table.
type column struct {
	id   uint32
	name string
	typ  uint32
	size int
}

// Value is the cell of a row. Known is false when it could not be read or is
// NULL, and then nothing else holds.
type Value struct {
	Known bool
	Null  bool      // the row says that there is none
	Int   int64     // of integer columns, sign extended
	Time  time.Time // of DateTime columns, UTC
	Bytes []byte    // of binary columns, aliasing the file unless it was compressed
}

// number is a fixed cell.
func (c column) number(b []byte) Value {
	le := binary.LittleEndian
	switch {
	case c.typ == typeByte && len(b) == 1:
		return Value{Known: true, Int: int64(b[0])}
	case c.typ == typeShort && len(b) == 2:
		return Value{Known: true, Int: int64(int16(le.Uint16(b)))}
	case c.typ == typeUShort && len(b) == 2:
		return Value{Known: true, Int: int64(le.Uint16(b))}
	case c.typ == typeLong && len(b) == 4:
		return Value{Known: true, Int: int64(int32(le.Uint32(b)))}
	case c.typ == typeULong && len(b) == 4:
		return Value{Known: true, Int: int64(le.Uint32(b))}
	case (c.typ == typeLongLong || c.typ == typeCurrency) && len(b) == 8:
		return Value{Known: true, Int: int64(le.Uint64(b))}
	case c.typ == typeDateTime && len(b) == 8:
		t, ok := automation(math.Float64frombits(le.Uint64(b)))
		return Value{Known: ok, Time: t}
	}
	return Value{}
}

// automation is an OLE automation date: days since 1899-12-30, here rounded to
// seconds. False for what lies outside the years 2000 to 2199.
func automation(days float64) (time.Time, bool) {
	const y2000, y2200 = 36526, 109574
	if !(days >= y2000 && days < y2200) {
		return time.Time{}, false
	}
	const secondsTo1970 = 25569 * 86400
	return time.Unix(int64(math.Round(days*86400))-secondsTo1970, 0).UTC(), true
}

// FileTime is a FILETIME (100 ns since 1601, UTC); false outside the years
// 2000 to 2199.
func FileTime(n int64) (time.Time, bool) {
	t := time.Unix(n/10_000_000-11644473600, n%10_000_000*100).UTC()
	return t, n > 0 && t.Year() >= 2000 && t.Year() < 2200
}

// record is a row whose three parts have been found.
type record struct {
	raw       []byte
	fixed     int // identifiers of fixed columns run to here
	nulls     []byte
	variables int
	varAt     int // where the array of ends begins
	tagged    []byte
	large     bool
}

// split finds the parts of a row. It is refused unless the fixed columns of the
// catalogue, with the bits for NULL, fill what the row sets aside for them: so a
// row is never read with another table's columns.
func split(raw []byte, cols []column, large bool) (record, bool) {
	if len(raw) < 4 {
		return record{}, false
	}
	r := record{raw: raw, fixed: int(raw[0]), varAt: int(binary.LittleEndian.Uint16(raw[2:])), large: large}
	if last := int(raw[1]); last >= firstVariable {
		r.variables = last - firstVariable + 1
	}
	size, n := 4, 0
	for _, c := range cols {
		if int(c.id) <= r.fixed {
			size += c.size
			n++
		}
	}
	bits := (r.fixed + 7) / 8
	data := r.varAt + 2*r.variables
	if n != r.fixed || size+bits != r.varAt || data > len(raw) {
		return record{}, false
	}
	r.nulls = raw[size:r.varAt]
	end := 0
	if r.variables > 0 {
		end = int(binary.LittleEndian.Uint16(raw[data-2:]) & 0x7fff)
	}
	if data+end > len(raw) {
		return record{}, false
	}
	r.tagged = raw[data+end:]
	return r, true
}

// values fills out with the cells of the wanted columns; nil wants are absent.
func (r record) values(cols []column, wanted []int, out []Value) {
	at := 4
	for i := range out {
		out[i] = Value{}
	}
	for k, c := range cols {
		id := int(c.id)
		isFixed := id <= r.fixed
		from := at
		if isFixed {
			at += c.size
		}
		i := wanted[k]
		switch {
		case i < 0:
		case isFixed:
			if out[i].Null = r.nulls[(id-1)/8]&(1<<((id-1)%8)) != 0; !out[i].Null {
				out[i] = c.number(r.raw[from:at])
			}
		case id >= firstVariable && id < firstTagged:
			out[i] = r.variable(id - firstVariable)
		case id >= firstTagged:
			out[i] = r.tag(uint16(id))
		}
	}
}

// variable is a column of variable size.
func (r record) variable(i int) Value {
	if i >= r.variables {
		return Value{Null: true}
	}
	end := func(i int) int { return int(binary.LittleEndian.Uint16(r.raw[r.varAt+2*i:])) }
	from, to := 0, end(i)
	if i > 0 {
		from = end(i-1) & 0x7fff
	}
	data := r.raw[r.varAt+2*r.variables:]
	if to&0x8000 != 0 {
		return Value{Null: true}
	}
	if from > to || to > len(data) {
		return Value{}
	}
	return Value{Known: true, Bytes: data[from:to]}
}

// The header of a tagged value (ESE: tagfld.hxx).
const (
	valueCompressed = 0x02
	valueSeparated  = 0x04
	valueOthers     = 0xf8 // several values, encrypted: not read
)

// tag is a tagged column: an array of identifiers and offsets, and the values
// behind it.
func (r record) tag(id uint16) Value {
	le := binary.LittleEndian
	mask := uint16(0x1fff)
	if r.large {
		mask = 0x7fff
	}
	t := r.tagged
	if len(t) == 0 {
		return Value{Null: true}
	}
	if len(t) < 4 {
		return Value{}
	}
	first := int(le.Uint16(t[2:]) & mask)
	if first%4 != 0 || first > len(t) {
		return Value{}
	}
	for at := 0; at < first; at += 4 {
		if le.Uint16(t[at:]) != id {
			continue
		}
		word := le.Uint16(t[at+2:])
		from, to := int(word&mask), len(t)
		if at+4 < first {
			to = int(le.Uint16(t[at+6:]) & mask)
		}
		if !r.large && word&0x2000 != 0 {
			return Value{Null: true}
		}
		if from > to || to > len(t) {
			return Value{}
		}
		return plain(t[from:to], r.large || word&0x4000 != 0)
	}
	return Value{Null: true}
}

// plain is a tagged value without its header byte, unpacked. Values that stand
// apart in the tree of long values are not read: none of a real SRUDB.dat does.
func plain(b []byte, headed bool) Value {
	if !headed {
		return Value{Known: true, Bytes: b}
	}
	if len(b) == 0 || b[0]&(valueSeparated|valueOthers) != 0 {
		return Value{}
	}
	header, b := b[0], b[1:]
	if header&valueCompressed == 0 {
		return Value{Known: true, Bytes: b}
	}
	if len(b) < 2 {
		return Value{}
	}
	// The library prints of kinds that it cannot unpack, so it is only asked for
	// the two that it can: ASCII in 7 bits, and the same widened to UTF-16.
	if kind := b[0] >> 3; kind != 1 && kind != 2 {
		return Value{}
	}
	return Value{Known: true, Bytes: parser.DecompressLongValue(b)}
}
