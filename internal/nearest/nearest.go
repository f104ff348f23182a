// Package nearest finds the word that was meant when another was written. It
// knows words alone.
package nearest

// Of returns the word of a list that is nearest to one that is not in it, by
// letters added, dropped, changed or swapped with their neighbour; empty when
// none is near, which is no more than a third of the letters away, and two at most.
func Of(word string, list []string) string {
	best, distance := "", min(2, (len([]rune(word))+1)/3)+1
	for _, w := range list {
		if d := between([]rune(word), []rune(w)); d < distance {
			best, distance = w, d
		}
	}
	return best
}

// longest bounds the words that are compared: a longer one is no slip.
const longest = 64

// between is the optimal string alignment distance of two words.
func between(a, b []rune) int {
	if len(a) > longest || len(b) > longest {
		return max(len(a), len(b))
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
