// Package thousands writes numbers for people, with commas between thousands.
package thousands

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

// Grouped is AppendGrouped for sentences.
func Grouped[N int | uint64](n N) string {
	if n < 0 {
		return "-" + string(AppendGrouped(nil, -uint64(n)))
	}
	return string(AppendGrouped(nil, uint64(n)))
}
