package dot

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
)

// FuzzWrite: a name ends no string and begins no statement, and a terminal acts
// on nothing in the drawing.
func FuzzWrite(f *testing.F) {
	for _, s := range []string{"a", `"]; x [URL="javascript:alert(1)"`, "\\", "\n", "\x1b[31m", "\u202e\u2066\u200b\ufeff", "\xff", "\U000e0041", `\N`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var b bytes.Buffer
		if err := Write(&b, []Node{{ID: s, Lines: []string{s, s}}}, []Edge{{From: s, To: "b", Label: s}}); err != nil {
			t.Fatal(err)
		}
		outside, open := strings.Builder{}, false
		for i := 0; i < b.Len(); i++ {
			switch c := b.Bytes()[i]; {
			case open && c == '\\':
				i++
			case c == '"':
				open = !open
			case !open:
				outside.WriteByte(c)
			}
		}
		const want = "digraph refs {\n  rankdir=LR;\n  node [shape=box, fontname=];\n   [label=];\n   ->  [label=];\n}\n"
		if open || outside.String() != want {
			t.Fatalf("%q outside of strings, of %q", outside.String(), s)
		}
		for _, r := range b.String() {
			if r != '\n' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)) {
				t.Fatalf("%U stands in the drawing", r)
			}
		}
	})
}
