package render

import (
	"fmt"
	"io"
	"unicode/utf8"
)

// Terminal returns a writer for JSON and CSV that a person looks at: what a
// terminal would act on – control characters, bidirectional and invisible
// marks – is written as \u escapes, which in JSON mean the same. Line ends and
// tabs pass. Files and pipes get the text as it is and need no such writer.
func Terminal(w io.Writer) io.Writer { return &terminal{w: w} }

type terminal struct {
	w    io.Writer
	left []byte // the first bytes of a character that the last Write cut
}

// Write writes p with what is hostile in it escaped.
func (t *terminal) Write(p []byte) (int, error) {
	in := append(t.left, p...)
	out := make([]byte, 0, len(in))
	for len(in) > 0 {
		if !utf8.FullRune(in) {
			break
		}
		r, n := utf8.DecodeRune(in)
		switch {
		case r == '\n' || r == '\t' || r == '\r' && len(in) > 1 && in[1] == '\n':
			out = append(out, in[0])
		case r == utf8.RuneError && n == 1:
			out = fmt.Appendf(out, `\x%02x`, in[0])
		case hostile(r) && r > 0xffff:
			out = fmt.Appendf(out, `\U%08x`, r)
		case hostile(r):
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			out = append(out, in[:n]...)
		}
		in = in[n:]
	}
	t.left = append([]byte(nil), in...)
	if _, err := t.w.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}
