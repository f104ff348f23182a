package render

import "strings"

// appendStackText appends the names of a block's stack, innermost first, or
// '-'.
func appendStackText(b []byte, r *BlockRow) []byte {
	b = append(b, ' ', ' ')
	if len(r.StackNames) == 0 {
		return append(b, '-')
	}
	for i, s := range r.StackNames {
		if i > 0 {
			b = append(b, " < "...)
		}
		b = append(b, Escape(s)...)
	}
	return b
}

// appendStackCSV appends the same as a cell of CSV.
func appendStackCSV(b []byte, r *BlockRow) []byte {
	return appendQuoted(append(b, ','), strings.Join(r.StackNames, ";"))
}
