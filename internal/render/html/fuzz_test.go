package html_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/report"
)

// outline is the elements of a page with the names of their attributes, in
// their order, and the data that its script reads.
func outline(t *testing.T, page string) (elements, data string) {
	t.Helper()
	body := page[strings.Index(page, "</head>"):]
	before, data, _ := strings.Cut(body, `<script type="application/json" id="data">`)
	data, _, _ = strings.Cut(data, "</script>")
	var out strings.Builder
	for i := 0; i < len(before); i++ {
		if before[i] != '<' {
			continue
		}
		out.WriteByte('<')
		quoted := byte(0)
		for i++; i < len(before) && (quoted != 0 || before[i] != '>'); i++ {
			switch c := before[i]; {
			case quoted != 0:
				if c == quoted {
					quoted = 0
				}
			case c == '"' || c == '\'':
				quoted = c
			default:
				out.WriteByte(c)
			}
		}
	}
	return out.String(), data
}

// FuzzPage: a text of the dump, wherever it stands, makes no element and no
// attribute: the page is built as with harmless text, and its data is JSON
// without a character that ends a script.
func FuzzPage(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Add("# heading")
	f.Add("heapdump leaks app.dmp")
	document := func(s string) *report.Document {
		table := report.Table{Key: "x", Title: "a " + s, Notes: []string{"n " + s}, Columns: []report.Column{{Key: "a", Title: "t " + s}, {Key: "l", Title: "L", Kind: report.List}}, Rows: [][]any{{"r " + s, []string{s, s}}}}
		record := report.Table{Shape: report.Record, Columns: []report.Column{{Title: "k " + s}}, Rows: [][]any{{"v " + s}}}
		tree := report.Tree{Title: s, Root: report.TreeNode{Name: s, Bytes: 2, Reserved: 2, Children: []report.TreeNode{{Name: s, Kind: "frame", Bytes: 1, Reserved: 1, Evidence: s}}}}
		return &report.Document{Title: "d " + s, Tables: []report.Table{table, record}, Notes: []string{"n " + s}, Pictures: &report.Pictures{Space: &tree, Stacks: &tree, Notes: []string{s}}}
	}
	f.Fuzz(func(t *testing.T, s string) {
		page := write(t, document(s))
		got, data := outline(t, page)
		want, _ := outline(t, write(t, document("harmless")))
		if got != want && strings.TrimSpace(s) != "" { // without a word it is left out
			t.Fatalf("%q changes the page:\n%s\nwant\n%s", s, got, want)
		}
		if !json.Valid([]byte(data)) || strings.ContainsAny(data, "<>&\u2028\u2029") {
			t.Fatalf("data: %q", data)
		}
		for _, r := range page {
			if r < 0x20 && r != '\n' || r >= 0x7f && r < 0xa0 || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r >= 0x200b && r <= 0x200f || r == 0xfeff {
				t.Fatalf("the page has %U", r)
			}
		}
	})
}
