package nearest

import (
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	list := []string{"format", "fail-on", "style", "symbols"}
	for word, want := range map[string]string{
		"fromat": "format", "formats": "format", "failon": "fail-on", "stile": "style", "symbol": "symbols",
		"zebra": "", "": "", strings.Repeat("format", 100): "",
	} {
		if got := Of(word, list); got != want {
			t.Errorf("Of(%.20q) = %q, want %q", word, got, want)
		}
	}
}

// The distance by hand: one swap, and one letter each added, dropped, changed.
func TestBetween(t *testing.T) {
	for _, x := range []struct {
		a, b string
		want int
	}{{"ab", "ba", 1}, {"ab", "abc", 1}, {"abc", "ac", 1}, {"abc", "axc", 1}, {"abcd", "dcba", 3}, {"", "ab", 2}} {
		if got := between([]rune(x.a), []rune(x.b)); got != x.want {
			t.Errorf("between(%s, %s) = %d, want %d", x.a, x.b, got, x.want)
		}
	}
}
