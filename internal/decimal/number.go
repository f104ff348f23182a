package report

import "strconv"

// AppendGrouped appends a decimal with a comma after every three digits.
func AppendGrouped(b []byte, n uint64) []byte {
	var digits [20]byte
	s := strconv.AppendUint(digits[:0], n, 10)
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b = append(b, ',')
		}
		b = append(b, c)
	}
	return b
}

// Grouped formats a number with commas between thousands.
func Grouped(n uint64) string { return grouped(n) }

// grouped is AppendGrouped for sentences.
func grouped(n uint64) string { return string(AppendGrouped(nil, n)) }
