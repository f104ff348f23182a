package nearest

import (
	"slices"
	"testing"
)

// FuzzOf: the answer is a word of the list or none, a word that is in it is its
// own, and the distance is one: the same both ways, 0 for equal words alone.
func FuzzOf(f *testing.F) {
	f.Add("sumary", "summary")
	f.Add("", "")
	f.Add("\xff", "��")
	f.Add("ab", "ba")
	f.Fuzz(func(t *testing.T, a, b string) {
		list := []string{"summary", b, "heap"}
		if got := Of(a, list); got != "" && !slices.Contains(list, got) {
			t.Fatalf("%q is not of the list", got)
		}
		x, y := []rune(a), []rune(b)
		if len(x) > longest || len(y) > longest {
			return
		}
		if d := between(x, y); d != between(y, x) || (d == 0) != slices.Equal(x, y) || d > max(len(x), len(y)) || d < max(len(x), len(y))-min(len(x), len(y)) {
			t.Fatalf("%q and %q are %d and %d apart", a, b, d, between(y, x))
		}
	})
}
