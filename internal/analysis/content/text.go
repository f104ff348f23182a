package content

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// The fewest characters that make text: fewer are as often numbers or parts
// of pointers.
const (
	minASCII = 6
	minUTF16 = 4
	minSure  = 12 // with so many, chance is out of the question
)

// text recognises text that begins at the first byte.
func text(b []byte, size uint64) Claim {
	n, wide := runUTF8(b)
	if n < minASCII {
		n := runUTF16(b)
		c := Claim{UTF16, sure(n, 8, 2*uint64(n+1), size)}
		// Halves of 32-bit pointers are letters of some alphabet often enough.
		if n < minUTF16 || paired(b[:2*n]) || c.Confidence < High && !latin(b[:2*n]) {
			return Claim{}
		}
		return c
	}
	kind := ASCII
	if wide {
		kind = UTF8
	}
	if n >= minSure {
		switch {
		case xml(b[:n]):
			kind = XML
		case json(b[:n]):
			kind = JSON
		}
	}
	return Claim{kind, sure(n, minSure, uint64(n+1), size)}
}

// sure is how sure n characters are: of few of them, bytes are medium
// evidence in a block of about their size, and low in a larger one.
func sure(n, enough int, bytes, size uint64) Confidence {
	switch {
	case n >= enough:
		return High
	case size <= 2*bytes+8:
		return Medium
	}
	return Low
}

// runUTF8 returns how many characters of printable text begin b, when a NUL or
// b's end follows; 0 when not. wide says that some are beyond ASCII.
func runUTF8(b []byte) (n int, wide bool) {
	for i := 0; i < len(b); n++ {
		c := b[i]
		switch {
		case c == 0:
			return n, wide
		case printable(c):
			i++
			continue
		case c < utf8.RuneSelf:
			return 0, false
		}
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError {
			if !utf8.FullRune(b[i:]) { // cut by the end of what was looked at
				return n, wide
			}
			return 0, false
		}
		if r < 0xa0 {
			return 0, false
		}
		wide = true
		i += size
	}
	return n, wide
}

func printable(c byte) bool { return c >= 0x20 && c < 0x7f || c == '\t' || c == '\n' || c == '\r' }

// alphabets has the high bytes of units that alphabets use: Latin and IPA,
// Greek, Cyrillic, Armenian and Hebrew, Arabic, Thai, punctuation, kana. Of
// East Asian text only kana is taken: any two random bytes are often one of
// the many thousand ideographs and syllables.
var alphabets = [256]bool{0x01: true, 0x02: true, 0x03: true, 0x04: true, 0x05: true, 0x06: true, 0x0e: true, 0x20: true, 0x30: true}

// runUTF16 returns how many units of printable text begin b, when a NUL or b's
// end follows; 0 when not. Most of the units must be of one alphabet.
func runUTF16(b []byte) int {
	n, other := 0, 0
	high := -1
	for ; n*2+2 <= len(b); n++ {
		u := binary.LittleEndian.Uint16(b[2*n:])
		switch {
		case u == 0:
			return script(n, other)
		case u < 0x80 && !printable(byte(u)), u >= 0x80 && u < 0xa0, u >= 0x100 && !alphabets[u>>8]:
			return 0
		case u < 0x100:
		case high < 0 || int(u>>8) == high:
			high = int(u >> 8)
		default:
			other++
		}
	}
	return script(n, other)
}

// paired reports whether the second of each two units is nearly always the
// same, as the upper halves of 32-bit pointers into one heap are.
func paired(b []byte) bool {
	same, pairs := 0, len(b)/4
	for i := range pairs {
		if b[4*i+2] == b[2] && b[4*i+3] == b[3] {
			same++
		}
	}
	return pairs >= 2 && same*4 >= pairs*3
}

// latin reports whether UTF-16 text is of Latin letters alone.
func latin(b []byte) bool {
	for i := 1; i < len(b); i += 2 {
		if b[i] != 0 {
			return false
		}
	}
	return true
}

// script returns n where at most an eighth of the characters is of another
// alphabet than the rest, else 0.
func script(n, other int) int {
	if other*8 > n {
		return 0
	}
	return n
}

// bstrSlack is how many bytes a block may be longer than its BSTR: OLE
// Automation rounds what it asks for up to 16.
const bstrSlack = 15

// bstr recognises what SysAllocString makes (documented): the text's length in
// bytes before it, in 4 bytes of their own that end where the text begins, and
// a NUL after it. On x64 4 bytes before the length pad it (seen, and the
// documented alignment asks for it). A block that OLE Automation's cache gave
// out again may be longer, and is not taken for one.
func bstr(b []byte, size uint64, bits int) Claim {
	head := 4
	if bits == 64 {
		head = 8
	}
	if len(b) < head+4 {
		return Claim{}
	}
	n := uint64(binary.LittleEndian.Uint32(b[head-4:]))
	if n == 0 || n%2 != 0 || n > size || uint64(head)+n+2 > size || size > uint64(head)+n+2+bstrSlack {
		return Claim{}
	}
	body := b[head:]
	whole := n+2 <= uint64(len(body))
	if whole {
		if body[n] != 0 || body[n+1] != 0 {
			return Claim{}
		}
		body = body[:n]
	}
	chars := runUTF16(body)
	if chars*2 != len(body)/2*2 || chars == 0 {
		return Claim{}
	}
	switch {
	case whole && chars >= minUTF16:
		return Claim{BSTR, High}
	case whole || chars >= minSure:
		return Claim{BSTR, Medium}
	}
	return Claim{}
}

// xml recognises text that begins with a declaration, a comment or an element.
func xml(b []byte) bool {
	b = bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), " \t\r\n")
	if len(b) < 4 || b[0] != '<' {
		return false
	}
	if bytes.HasPrefix(b, []byte("<?xml ")) || bytes.HasPrefix(b, []byte("<!--")) || bytes.HasPrefix(b, []byte("<!DOCTYPE")) {
		return true
	}
	c := b[1] | 0x20
	return 'a' <= c && c <= 'z' && bytes.IndexByte(b, '>') > 0
}

// json recognises text that begins with an object of a string key, or with an
// array, and goes on as one.
func json(b []byte) bool {
	b = bytes.TrimLeft(b, " \t\r\n")
	if len(b) < 4 || b[0] != '{' && b[0] != '[' {
		return false
	}
	array := b[0] == '['
	rest := bytes.TrimLeft(b[1:], " \t\r\n")
	if len(rest) == 0 {
		return false
	}
	if array {
		if rest[0] == '{' || rest[0] == '[' {
			return json(rest)
		}
		return rest[0] == '"' && bytes.Contains(rest, []byte(`",`))
	}
	if rest[0] != '"' {
		return false
	}
	end := bytes.IndexByte(rest[1:], '"')
	if end < 0 {
		return false
	}
	after := bytes.TrimLeft(rest[end+2:], " \t\r\n")
	return len(after) > 0 && after[0] == ':'
}

// sampleChars is how many characters a Sample has at most.
const sampleChars = 60

// Sample is the beginning of the text of a kind, for people; empty when the
// kind is no text. Characters that do not print are dots.
func Sample(k Kind, b []byte, bits int) string {
	switch k {
	case BSTR:
		if bits == 64 {
			b = b[min(8, len(b)):]
		} else {
			b = b[min(4, len(b)):]
		}
		return sample16(b)
	case UTF16:
		return sample16(b)
	}
	if !k.Text() {
		return ""
	}
	var out []rune
	for b = written(b); len(b) > 0 && len(out) < sampleChars && b[0] != 0; {
		r, n := utf8.DecodeRune(b)
		out = append(out, shown(r))
		b = b[n:]
	}
	return string(out)
}

func sample16(b []byte) string {
	b = written(b)
	var out []rune
	for i := 0; i+2 <= len(b) && len(out) < sampleChars; i += 2 {
		u := binary.LittleEndian.Uint16(b[i:])
		if u == 0 {
			break
		}
		out = append(out, shown(rune(u)))
	}
	return string(out)
}

func shown(r rune) rune {
	if r < 0x20 || r >= 0x7f && r < 0xa0 || r == utf8.RuneError || r >= 0xd800 && r < 0xe000 {
		return '.'
	}
	return r
}
