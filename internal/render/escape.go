package render

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape makes a string from a dump safe for a terminal: control characters
// (C0, C1, ESC, CR, LF), bidirectional and other invisible format characters,
// line and paragraph separators and bytes that are no UTF-8 become visible
// escapes. A backslash stays as it is, since Windows paths are full of them.
func Escape(s string) string {
	if clean(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n <= 1:
			escapeHex(&b, `\x`, rune(s[i]), 2)
		case !hostile(r):
			b.WriteRune(r)
		case r < 0x100:
			escapeHex(&b, `\x`, r, 2)
		case r < 0x10000:
			escapeHex(&b, `\u`, r, 4)
		default:
			escapeHex(&b, `\U`, r, 8)
		}
		i += n
	}
	return b.String()
}

func escapeHex(b *strings.Builder, prefix string, r rune, width int) {
	const digits = "0123456789abcdef"
	b.WriteString(prefix)
	for shift := 4 * (width - 1); shift >= 0; shift -= 4 {
		b.WriteByte(digits[r>>shift&0xf])
	}
}

func clean(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return cleanRunes(s)
		}
	}
	return true
}

func cleanRunes(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if hostile(r) {
			return false
		}
	}
	return true
}

// hostile reports whether a character can move the cursor, hide or reorder
// text: Unicode's controls, formats (bidi, zero width, tags), line and
// paragraph separators, and surrogates.
func hostile(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0 ||
		r >= 0xa0 && unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Cs, unicode.Co)
}
