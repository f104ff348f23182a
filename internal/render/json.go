package render

import (
	"bufio"
	"strconv"
	"unicode/utf8"

	"github.com/heapdump/heapdump/internal/report"
)

// writeJSON renders the document for programs: one object, schema_version
// first, then a key for every table; one row of a grid stands on one line.
func writeJSON(w *bufio.Writer, d *report.Document) {
	b := append([]byte(nil), `{
  "schema_version": `...)
	b = appendString(b, report.SchemaVersion)
	for i := range d.Tables {
		t := &d.Tables[i]
		if t.Media == report.ForPeople || t.Media == report.ForRows || t.Key == "" {
			continue
		}
		if t.Flat && len(t.Rows) > 0 {
			b = appendFlat(b, t)
			w.Write(b)
			b = b[:0]
			continue
		}
		b = append(b, ",\n  "...)
		b = appendString(b, t.Key)
		b = append(b, ": "...)
		b = appendTable(b, t)
		w.Write(b)
		b = b[:0]
	}
	w.Write(append(b, "\n}\n"...))
}

// appendFlat appends the columns of a record as keys of the document.
func appendFlat(b []byte, t *report.Table) []byte {
	for i, c := range t.Columns {
		if c.Key != "" {
			b = append(append(appendString(append(b, ",\n  "...), c.Key), ": "...), appendCell(nil, t.Rows[0][i], c.Kind)...)
		}
	}
	return b
}

// writeNDJSON renders the rows of one table, the main one or the one of a key,
// as one object a line.
func writeNDJSON(w *bufio.Writer, d *report.Document, key string) error {
	t, err := tableOf(d, key)
	if err != nil {
		return err
	}
	var b []byte
	for _, row := range t.Rows {
		b = appendObject(b[:0], t, row, "", "")
		w.Write(append(b, '\n'))
	}
	return nil
}

func appendTable(b []byte, t *report.Table) []byte {
	if t.Shape == report.Record {
		if len(t.Rows) == 0 {
			return append(b, "null"...)
		}
		return appendObject(b, t, t.Rows[0], "\n    ", "\n  ")
	}
	b = append(b, '[')
	for i, row := range t.Rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, "\n    "...)
		if t.Shape == report.Values {
			b = appendCell(b, row[0], t.Columns[0].Kind)
		} else {
			b = appendObject(b, t, row, "", "")
		}
	}
	if len(t.Rows) > 0 {
		b = append(b, "\n  "...)
	}
	return append(b, ']')
}

// appendObject appends a row as an object; with each key on a line of its own
// when between is a line break.
func appendObject(b []byte, t *report.Table, row []any, between, after string) []byte {
	b = append(b, '{')
	first := true
	for i, c := range t.Columns {
		if c.Key == "" {
			continue
		}
		if !first {
			b = append(b, ',')
			if between == "" {
				b = append(b, ' ')
			}
		}
		first = false
		b = append(b, between...)
		b = appendString(b, c.Key)
		b = append(b, ": "...)
		b = appendCell(b, row[i], c.Kind)
	}
	return append(append(b, after...), '}')
}

func appendCell(b []byte, v any, k report.Kind) []byte {
	switch x := v.(type) {
	case nil:
		return append(b, "null"...)
	case string:
		return appendString(b, x)
	case bool:
		return strconv.AppendBool(b, x)
	case float64:
		return strconv.AppendFloat(b, x, 'f', 2, 64)
	case *report.Table:
		return appendNested(b, x)
	case []string:
		b = append(b, '[')
		for i, s := range x {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = appendString(b, s)
		}
		return append(b, ']')
	case []uint64:
		return appendAddresses(b, x)
	}
	neg, n, ok := integer(v)
	switch {
	case !ok:
		return append(b, "null"...)
	case k == report.Address:
		return append(appendAddress(append(b, '"'), n), '"')
	case k == report.Hex:
		return append(appendHex(append(b, '"'), n), '"')
	}
	if neg {
		b = append(b, '-')
	}
	return strconv.AppendUint(b, n, 10)
}

// appendAddresses appends an array of addresses.
func appendAddresses(b []byte, all []uint64) []byte {
	b = append(b, '[')
	for i, a := range all {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(appendAddress(append(b, '"'), a), '"')
	}
	return append(b, ']')
}

// appendNested appends the rows of a table within a cell, one a line.
func appendNested(b []byte, t *report.Table) []byte {
	b = append(b, '[')
	for i, row := range t.Rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendObject(append(b, "\n      "...), t, row, "", "")
	}
	return append(b, ']')
}

// appendString appends a JSON string. What is no UTF-8 becomes U+FFFD; control
// characters and the two separators that JavaScript takes for line ends are
// escaped, everything else is raw.
func appendString(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			switch {
			case c == '"' || c == '\\':
				b = append(b, '\\', c)
			case c < 0x20 || c == 0x7f:
				b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&0xf])
			default:
				b = append(b, c)
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == 0x2028 || r == 0x2029:
			b = append(b, '\\', 'u', '2', '0', '2', digits[r&0xf])
		default:
			b = utf8.AppendRune(b, r)
		}
		i += n
	}
	return append(b, '"')
}
