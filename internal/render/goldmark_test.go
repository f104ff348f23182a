package render_test

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"

	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/report"
)

// gfm reads Markdown as GitHub does, raw HTML let through so that it shows.
var gfm = goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote), goldmark.WithRendererOptions(html.WithUnsafe()))

// attacks are what a name in a dump could try.
var attacks = []string{
	hostileName, "a|b||c", "`a`|``b``", "```\ncode\n```", "~~~", "<img src=x onerror=alert(1)>", "<!-- ", "<details>", "</td></table>", "&lt;b&gt;", "&#60;b&#62;", "a\n\n# b", "a\r\n| x | y |", "---", "===", "***", "+ x", "- x", "1) x",
	"> quote", "    code", "\tcode", "![x](y)", "[x]: http://evil", "[^1]", "[^1]: note", "<http://evil>", "<a@b.c>", "http://evil.example", "https://evil.example/x", "ftp://evil.example", "www.evil.example", "a@evil.example", "mailto:a@evil.example", "xmpp:a@evil.example",
	"~~gone~~", "- [ ] task", `\`, `a\`, `\|`, "**bold**", "__bold__", "_i_", "\u202etxt.exe\u2066", "\u2028\u2029", "\x00\x1b[31m", ":---:|", "-", "|", "",
}

func attackDocument() *report.Document {
	d := &report.Document{Title: "T " + hostileName}
	grid := report.Table{Title: "Grid", Columns: []report.Column{{Title: "First"}, {Title: "a|b\nc"}, {Key: "hidden"}, {Title: "Bytes", Kind: report.Bytes}}, Notes: attacks}
	list := report.Table{Title: "Values", Shape: report.Values, Columns: []report.Column{{Key: "v"}}}
	for _, a := range attacks {
		grid.Rows = append(grid.Rows, []any{a, "x" + a + "y", "h", uint64(7)})
		list.Rows = append(list.Rows, []any{"x " + a})
	}
	grid.Total = []any{"sum", nil, nil, uint64(9)}
	record := report.Table{Title: "Record", Shape: report.Record, Columns: []report.Column{{Title: "Name"}, {Title: "N", Kind: report.Count}}, Rows: [][]any{{hostileName, uint64(1)}}}
	d.Tables, d.Notes = []report.Table{grid, list, record}, attacks
	return d
}

// shape counts the nodes of a Markdown document by kind.
func shape(t *testing.T, source []byte) (kinds map[string]int, cells []int) {
	t.Helper()
	kinds = map[string]int{}
	err := ast.Walk(gfm.Parser().Parse(text.NewReader(source)), func(n ast.Node, in bool) (ast.WalkStatus, error) {
		if !in {
			return ast.WalkContinue, nil
		}
		kinds[n.Kind().String()]++
		if k := n.Kind(); k == east.KindTableRow || k == east.KindTableHeader {
			cells = append(cells, n.ChildCount())
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return kinds, cells
}

// inert are the kinds of nodes that our Markdown has; whatever else there is,
// a name of the dump made.
var inert = []string{"Document", "Heading", "Paragraph", "Text", "TextBlock", "List", "ListItem", "Table", "TableHeader", "TableRow", "TableCell", "String"}

// TestMarkdownIsGFM: tables are tables with the cells that were meant, and
// hostile text is text.
func TestMarkdownIsGFM(t *testing.T) {
	var b bytes.Buffer
	if err := render.Write(&b, attackDocument(), render.Options{Format: render.FormatMarkdown}); err != nil {
		t.Fatal(err)
	}
	kinds, cells := shape(t, b.Bytes())
	for k, n := range kinds {
		if !slices.Contains(inert, k) {
			t.Errorf("%d of %s", n, k)
		}
	}
	if kinds["Heading"] != 4 || kinds["Table"] != 2 || kinds["List"] != 1 || kinds["ListItem"] != len(attacks) {
		t.Errorf("%v", kinds)
	}
	want := slices.Concat(slices.Repeat([]int{3}, len(attacks)+2), slices.Repeat([]int{2}, 3))
	if !slices.Equal(cells, want) {
		t.Errorf("cells by row: %v", cells)
	}
	// A paragraph for each note but the empty one, twice.
	if n := 2 * (len(attacks) - 1); kinds["Paragraph"] != n {
		t.Errorf("%d paragraphs, want %d", kinds["Paragraph"], n)
	}
}

var tag = regexp.MustCompile(`<[^>]*>`)

// TestMarkdownAsPage: of a page made of it, every tag is ours, and the text is
// what the dump said, with its controls visible.
func TestMarkdownAsPage(t *testing.T) {
	for name, d := range map[string]*report.Document{"attacks": attackDocument(), "triage": hostileTriage().Document()} {
		var md, page bytes.Buffer
		if err := render.Write(&md, d, render.Options{Format: render.FormatMarkdown}); err != nil {
			t.Fatal(err)
		}
		if err := gfm.Convert(md.Bytes(), &page); err != nil {
			t.Fatal(err)
		}
		for _, x := range tag.FindAllString(page.String(), -1) {
			element, rest, _ := strings.Cut(strings.Trim(x, "</>"), " ")
			if !slices.Contains([]string{"h1", "h2", "p", "ul", "li", "table", "thead", "tbody", "tr", "th", "td"}, element) || rest != "" && rest != `style="text-align:right"` {
				t.Errorf("%s: a tag of another's: %s", name, x)
			}
		}
		for _, want := range []string{"&lt;script&gt;alert(1)&lt;/script&gt;", `\u202egpj.exe`, `\u2028|` + "`a`*b*_c_[x](http", "@team", "&amp;amp;"} {
			if !strings.Contains(page.String(), want) {
				t.Errorf("%s: no %q", name, want)
			}
		}
		if strings.ContainsAny(page.String(), "\x00\x1b\r\u202e\u2028\u2029\u2066") {
			t.Errorf("%s: controls are in it", name)
		}
	}
}
