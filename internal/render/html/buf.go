package html

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/heapdump/heapdump/internal/render"
)

// buf is a page's bytes. What is raw is the program's own; all else goes
// through text.
type buf struct{ b []byte }

func (w *buf) raw(s string) { w.b = append(w.b, s...) }

// longest is how much of one text of a dump a page holds, in bytes.
const longest = 2000

// text writes a string from anywhere: escaped for terminals, so that nothing
// in it is invisible or turns text round, cut when it is very long, and then
// escaped for HTML, both for content and for quoted attributes.
func (w *buf) text(s string) { w.raw(markup.Replace(visible(s))) }

// visible is a string from anywhere as the page shows it, not yet escaped for
// HTML.
func visible(s string) string { return render.Escape(shorten(s)) }

var markup = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;")

// shorten cuts a long string between two characters, and says so.
func shorten(s string) string {
	if len(s) <= longest {
		return s
	}
	cut := longest
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "… (" + strconv.Itoa(len(s)-cut) + " more bytes)"
}
