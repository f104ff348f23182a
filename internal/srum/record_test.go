package srum

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
	"time"
)

// The rows here are made by hand from the format: a byte for the last fixed
// column, a byte for the last variable one, where the fixed part ends, the fixed
// columns, a bit a column for NULL; ends and bytes of the variable columns; tagged
// ones.
var testColumns = []column{
	{1, "a", typeLong, 4}, {2, "b", typeShort, 2}, {3, "c", typeLongLong, 8},
	{128, "v", 9, 255}, {129, "w", 9, 255}, {256, "t", 11, 0}, {257, "u", 11, 0},
}

func cells(t *testing.T, raw []byte, large bool) ([]Value, bool) {
	t.Helper()
	r, ok := split(raw, testColumns, large)
	if !ok {
		return nil, false
	}
	out := make([]Value, len(testColumns))
	r.values(testColumns, []int{0, 1, 2, 3, 4, 5, 6}, out)
	return out, true
}

// row has a = -2, b = NULL, no c; v = "xy", w = NULL; and the tagged part.
func row(tagged ...byte) []byte {
	return append([]byte{2, 129, 11, 0, 0xfe, 0xff, 0xff, 0xff, 0x2a, 0x2a, 0b10, 2, 0, 2, 0x80, 'x', 'y'}, tagged...)
}

func TestRecord(t *testing.T) {
	v, ok := cells(t, row(0, 1, 4, 0, 'h', 'i'), false)
	if !ok || v[0].Int != -2 || !v[0].Known || !v[1].Null || v[1].Known || v[2].Known || string(v[3].Bytes) != "xy" || !v[4].Null || v[4].Known ||
		string(v[5].Bytes) != "hi" || !v[6].Null {
		t.Errorf("%+v %v", v, ok)
	}
	if v, ok = cells(t, row(), false); !ok || !v[5].Null || !v[6].Null {
		t.Errorf("without tagged columns: %+v %v", v, ok)
	}
}

// TestRecordRefused: rows that do not add up, each with one thing wrong.
func TestRecordRefused(t *testing.T) {
	change := func(at int, b byte) []byte {
		r := row()
		r[at] = b
		return r
	}
	for name, raw := range map[string][]byte{
		"empty":                               {},
		"three bytes":                         {2, 129, 11},
		"a column more":                       change(0, 3),
		"a column less":                       change(0, 1),
		"more columns than the table has":     {9, 127, 20, 0, 1, 1, 1, 1, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 0, 0},
		"a fixed part that ends later":        change(2, 12),
		"variable columns beyond the end":     change(1, 140),
		"a variable column that ends outside": change(13, 9),
	} {
		if v, ok := cells(t, raw, false); ok {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

func TestTagged(t *testing.T) {
	for _, x := range []struct {
		name   string
		large  bool
		tagged []byte
		known  bool
		null   bool
		want   string
	}{
		{"plain", false, []byte{0, 1, 4, 0, 'h'}, true, false, "h"},
		{"of two, the first", false, []byte{0, 1, 8, 0, 1, 1, 9, 0, 'h', 'z', 'z'}, true, false, "h"},
		{"the NULL bit", false, []byte{0, 1, 4, 0x20, 'h'}, false, true, ""},
		{"the same bit of a large page is part of the offset", true, []byte{0, 1, 4, 0x20, 0, 'h'}, false, false, ""},
		{"with a header", false, []byte{0, 1, 4, 0x40, 1, 'h'}, true, false, "h"},
		{"a large page always has a header", true, []byte{0, 1, 4, 0, 1, 'h'}, true, false, "h"},
		{"elsewhere", false, []byte{0, 1, 4, 0x40, valueSeparated | 1, 1, 0, 0, 0}, false, false, ""},
		{"several", false, []byte{0, 1, 4, 0x40, 8, 2, 0, 'h'}, false, false, ""},
		{"no header byte", false, []byte{0, 1, 4, 0x40}, false, false, ""},
		{"an array that is cut", false, []byte{0, 1, 4}, false, false, ""},
		{"an array beyond the end", false, []byte{0, 1, 0xfc, 0x1f}, false, false, ""},
		{"an array of no whole entries", false, []byte{0, 1, 5, 0, 'h', 'h'}, false, false, ""},
		{"an end before the start", false, []byte{0, 1, 8, 0, 1, 1, 3, 0, 'h'}, false, false, ""},
		// 7 bits a character, the lowest first: "hi" is 1101000 and 1101001.
		{"7-bit ASCII", false, []byte{0, 1, 4, 0x40, valueCompressed, 1 << 3, 0b11101000, 0b00110100}, true, false, "hi"},
		{"7-bit UTF-16", false, []byte{0, 1, 4, 0x40, valueCompressed, 2 << 3, 0b11101000, 0b00110100}, true, false, "h\x00i\x00"},
		{"LZXPRESS", false, []byte{0, 1, 4, 0x40, valueCompressed, 3 << 3, 1, 2, 3}, false, false, ""},
		{"a compression that is not known", false, []byte{0, 1, 4, 0x40, valueCompressed, 9 << 3, 1, 2, 3}, false, false, ""},
		{"compressed nothing", false, []byte{0, 1, 4, 0x40, valueCompressed}, false, false, ""},
	} {
		v, ok := cells(t, row(x.tagged...), x.large)
		if !ok {
			t.Errorf("%s: refused", x.name)
			continue
		}
		// What packs 7 bits may leave a character of the bits that were over.
		got := string(bytes.TrimRight(v[5].Bytes, "\x00"))
		want := string(bytes.TrimRight([]byte(x.want), "\x00"))
		if v[5].Known != x.known || v[5].Null != x.null || got != want {
			t.Errorf("%s: %+v", x.name, v[5])
		}
	}
}

func TestNumber(t *testing.T) {
	le := binary.LittleEndian
	day := func(f float64) []byte { return le.AppendUint64(nil, math.Float64bits(f)) }
	for _, x := range []struct {
		c    column
		b    []byte
		want Value
	}{
		{column{typ: typeByte}, []byte{0xff}, Value{Known: true, Int: 255}},
		{column{typ: typeShort}, []byte{0xff, 0xff}, Value{Known: true, Int: -1}},
		{column{typ: typeUShort}, []byte{0xff, 0xff}, Value{Known: true, Int: 65535}},
		{column{typ: typeULong}, []byte{0xff, 0xff, 0xff, 0xff}, Value{Known: true, Int: 1<<32 - 1}},
		{column{typ: typeLong}, []byte{1, 0}, Value{}},
		{column{typ: typeCurrency}, []byte{1, 0, 0, 0, 0, 0, 0, 0}, Value{Known: true, Int: 1}},
		// 44197 is 2021-01-01 in every spreadsheet; the fraction, which binary cannot
		// hold, is a second before one o'clock.
		{column{typ: typeDateTime}, day(44197 + 3599.0/86400), Value{Known: true, Time: time.Date(2021, 1, 1, 0, 59, 59, 0, time.UTC)}},
		{column{typ: typeDateTime}, day(0), Value{}},
		{column{typ: typeDateTime}, day(math.NaN()), Value{}},
		{column{typ: typeDateTime}, day(math.Inf(1)), Value{}},
		{column{typ: typeDateTime}, day(1e300), Value{}},
		{column{typ: 16}, make([]byte, 16), Value{}},
	} {
		got := x.c.number(x.b)
		if got.Known != x.want.Known || got.Int != x.want.Int || !got.Time.Equal(x.want.Time) {
			t.Errorf("type %d, % x: %+v", x.c.typ, x.b, got)
		}
	}
}
