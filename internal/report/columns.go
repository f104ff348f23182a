package report

import "github.com/heapdump/heapdump/pkg/memory"

// field is a column and how its cell is made.
type field[T any] struct {
	Column
	cell func(T) any
}

// f makes a field.
func f[T any](key, title string, kind Kind, cell func(T) any) field[T] {
	return field[T]{Column{key, title, kind}, cell}
}

// fill gives a table the columns of fields and a row for every value.
func fill[T any](t Table, fields []field[T], values []T) Table {
	for _, x := range fields {
		t.Columns = append(t.Columns, x.Column)
	}
	for _, v := range values {
		row := make([]any, len(fields))
		for i, x := range fields {
			row[i] = x.cell(v)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// values makes a table of one column.
func values(key, title string, lines []string) Table {
	t := Table{Key: key, Title: title, Shape: Values, Columns: []Column{{Key: key, Kind: Text}}}
	for _, l := range lines {
		t.Rows = append(t.Rows, []any{l})
	}
	return t
}

// addr makes a cell of an address.
func addr(a memory.Addr) any { return uint64(a) }

// some makes a cell of an address that is null when it is 0.
func some(a memory.Addr) any {
	if a == 0 {
		return nil
	}
	return uint64(a)
}

// word makes a cell of a string that is null when it is empty.
func word(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// known makes a cell that is null unless ok.
func known(ok bool, v any) any {
	if !ok {
		return nil
	}
	return v
}
