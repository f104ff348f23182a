package render

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"

	"github.com/heapdump/heapdump/internal/report"
)

// TableError says that a document has no table of the name that was asked for.
type TableError struct {
	Key  string
	Have []string
}

// Error names the tables that there are.
func (e *TableError) Error() string {
	if e.Key == "" {
		return "this result has no table for CSV"
	}
	return fmt.Sprintf("no table %q in this result; there are %s", e.Key, strings.Join(e.Have, ", "))
}

// tableOf returns the table with a key, the main one for no key; a
// *TableError when there is none.
func tableOf(d *report.Document, key string) (*report.Table, error) {
	t := d.Main()
	if key != "" {
		t, _ = d.Table(key)
	}
	if t == nil {
		e := &TableError{Key: key}
		for _, t := range d.Tables {
			if t.Media != report.ForPeople && t.Key != "" {
				e.Have = append(e.Have, t.Key)
			}
		}
		return nil, e
	}
	return t, nil
}

// writeCSV renders one table as RFC 4180 has it: a heading of keys, lines that
// end in CR LF, quotes where needed. CSV holds one table, since a file of
// several is read by no program.
func writeCSV(w *bufio.Writer, d *report.Document, key string) error {
	t, err := tableOf(d, key)
	if err != nil {
		return err
	}
	var b []byte
	n := 0
	for _, c := range t.Columns {
		if c.Key == "" {
			continue
		}
		if n++; n > 1 {
			b = append(b, ',')
		}
		b = append(b, c.Key...)
	}
	w.Write(append(b, "\r\n"...))
	for _, row := range t.Rows {
		b, n = b[:0], 0
		for i, c := range t.Columns {
			if c.Key == "" {
				continue
			}
			if n++; n > 1 {
				b = append(b, ',')
			}
			b = appendField(b, row[i], c.Kind)
		}
		w.Write(append(b, "\r\n"...))
	}
	return nil
}

func appendField(b []byte, v any, k report.Kind) []byte {
	switch x := v.(type) {
	case nil:
		return b
	case string:
		return appendQuoted(b, x)
	case *report.Table:
		return appendQuoted(b, string(appendNested(nil, x)))
	case []string:
		return appendQuoted(b, strings.Join(x, ";"))
	case []uint64:
		for i, a := range x {
			if i > 0 {
				b = append(b, ';')
			}
			b = appendAddress(b, a)
		}
		return b
	case bool:
		return strconv.AppendBool(b, x)
	}
	_, n, ok := integer(v)
	switch {
	case ok && k == report.Address:
		return appendAddress(b, n)
	case ok && k == report.Hex:
		return appendHex(b, n)
	}
	return appendCell(b, v, k)
}

// appendQuoted appends a text field. A field that a spreadsheet would take for
// a formula (it begins with =, +, -, @, tab or CR) gets an apostrophe before it.
func appendQuoted(b []byte, s string) []byte {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		s = "'" + s
	}
	if !strings.ContainsAny(s, "\",\r\n") && strings.TrimSpace(s) == s {
		return append(b, s...)
	}
	b = append(b, '"')
	b = append(b, strings.ReplaceAll(s, `"`, `""`)...)
	return append(b, '"')
}
