package html

import (
	"strconv"
	"strings"

	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/thousands"
)

// shown reports whether a table is for people, and has something to show.
func shown(t *report.Table) bool {
	return t.Media != report.ForPrograms && t.Media != report.ForRows && (len(t.Rows) > 0 || t.Empty != "")
}

// document is the page of a command that prints tables.
func (p *page) document() {
	p.coverage(p.doc.Tables)
	drawn, first := p.doc.Pictures == nil, true
	for i := range p.doc.Tables {
		t := &p.doc.Tables[i]
		if !shown(t) || t.Key == "coverage" {
			continue
		}
		if !drawn && t.Shape != report.Record { // behind what says which dump it is
			drawn = true
			p.picturesOf(p.doc.Pictures, "")
		}
		heading := t.Title
		if heading == "" {
			heading = untitled(t, first)
		}
		first = false
		p.open(p.id("t"), heading, brief(heading))
		p.table(t, heading)
		p.shut()
	}
	if !drawn {
		p.picturesOf(p.doc.Pictures, "")
	}
	if len(p.doc.Notes) > 0 {
		p.open("notes", "Notes", "Notes")
		p.notes(p.doc.Notes)
		p.shut()
	}
}

// untitled is the heading of a table that has none in text.
func untitled(t *report.Table, first bool) string {
	switch {
	case t.Shape == report.Record && first:
		return "The dump"
	case t.Shape == report.Record:
		return "In short"
	}
	return "Result"
}

func (p *page) id(prefix string) string {
	p.ids++
	return prefix + strconv.Itoa(p.ids)
}

// coverage is what the dump cannot answer: it stands before the numbers.
func (p *page) coverage(tables []report.Table) {
	for i := range tables {
		if t := &tables[i]; t.Key == "coverage" && shown(t) {
			p.open("coverage", t.Title, "What is missing")
			p.warnings(t)
			p.shut()
		}
	}
}

func (p *page) warnings(t *report.Table) {
	p.raw(`<ul class="warn">`)
	for _, r := range t.Rows {
		p.raw("<li>")
		p.cell(r[0], t.Columns[0].Kind)
		p.raw("</li>")
	}
	p.raw("</ul>")
}

func (p *page) notes(notes []string) {
	for _, n := range notes {
		p.raw(`<p class="note">`)
		p.text(n)
		p.raw("</p>")
	}
}

// table renders a table of any shape.
func (p *page) table(t *report.Table, caption string) {
	switch {
	case len(t.Rows) == 0:
		p.raw(`<p class="empty">`)
		p.text(t.Empty)
		p.raw("</p>")
	case t.Shape == report.Record:
		p.record(t)
	case t.Shape == report.Values:
		p.values(t)
	default:
		p.grid(t, caption)
	}
	p.notes(t.Notes)
}

func (p *page) record(t *report.Table) {
	p.raw(`<dl class="facts">`)
	for i, c := range t.Columns {
		if c.Title == "" || c.Kind == report.Nested {
			continue
		}
		p.raw("<div><dt>")
		p.text(oneLine(c.Title))
		p.raw("</dt><dd" + p.attributes(t.Rows[0][i], c.Kind) + ">")
		p.cell(t.Rows[0][i], c.Kind)
		p.raw("</dd></div>")
	}
	p.raw("</dl>")
}

// values are lines: sentences, commands with what they are for, or text whose
// columns stand below each other.
func (p *page) values(t *report.Table) {
	switch {
	case commands(t):
		p.raw(`<ul class="next">`)
		for i := 0; i+1 < len(t.Rows); i += 2 {
			p.raw("<li><span>")
			p.text(strings.TrimPrefix(render.Cell(t.Rows[i][0], report.Text, p.o), "# "))
			p.raw("</span>")
			p.command(render.Cell(t.Rows[i+1][0], report.Text, p.o))
			p.raw("</li>")
		}
		p.raw("</ul>")
	case t.Wrap:
		p.raw(`<ul class="lines">`)
		for _, r := range t.Rows {
			line := render.Cell(r[0], t.Columns[0].Kind, p.o)
			class := ""
			if strings.HasPrefix(line, "  ") { // belongs to the line before
				class = ` class="in"`
			}
			p.raw("<li" + class + ">")
			p.text(strings.TrimSpace(line))
			p.raw("</li>")
		}
		p.raw("</ul>")
	default:
		p.raw(`<pre tabindex="0">`)
		for i, r := range t.Rows {
			if i > 0 {
				p.raw("\n")
			}
			p.cell(r[0], t.Columns[0].Kind)
		}
		p.raw("</pre>")
	}
}

// commands reports whether a table is pairs of a remark and a command.
func commands(t *report.Table) bool {
	for i, r := range t.Rows {
		s, ok := r[0].(string)
		if !ok || i%2 == 0 && !strings.HasPrefix(s, "# ") || i%2 == 1 && !strings.HasPrefix(s, "heapdump ") {
			return false
		}
	}
	return len(t.Rows)%2 == 0
}

// command is a command line to copy.
func (p *page) command(s string) {
	p.raw(`<code class="cmd">`)
	p.text(s)
	p.raw("</code>")
}

// grid renders rows and columns, as many as there is room for.
func (p *page) grid(t *report.Table, caption string) {
	var cols []int
	for i, c := range t.Columns {
		if c.Title != "" && c.Kind != report.Nested {
			cols = append(cols, i)
		}
	}
	p.raw(`<div class="scroll" tabindex="0" role="region" aria-label="`)
	p.text("Table: " + oneLine(caption))
	p.raw(`"><table><caption class="vh">`)
	p.text(oneLine(caption))
	p.raw("</caption><thead><tr>")
	for _, i := range cols {
		p.raw(`<th scope="col"` + align(t.Columns[i].Kind) + ">")
		p.text(oneLine(t.Columns[i].Title))
		p.raw("</th>")
	}
	p.raw("</tr></thead><tbody>")
	n := p.rows(t, cols)
	p.raw("</tbody>")
	if t.Total != nil {
		p.raw("<tfoot>")
		p.row(t, cols, t.Total)
		p.raw("</tfoot>")
	}
	p.raw("</table></div>")
	if left := len(t.Rows) - n; left > 0 {
		p.raw(`<p class="note cut">`)
		p.text(thousands.Grouped(uint64(left)) + " more rows of " + thousands.Grouped(uint64(len(t.Rows))) + " are left out of this page; --format csv or json has them all.")
		p.raw("</p>")
	}
}

// rows writes what rows there is room for and returns how many.
func (p *page) rows(t *report.Table, cols []int) int {
	for n, r := range t.Rows {
		if n == p.room.rows || p.room.tables <= 0 {
			return n
		}
		before := len(p.b)
		p.row(t, cols, r)
		p.room.tables -= len(p.b) - before
	}
	return len(t.Rows)
}

func (p *page) row(t *report.Table, cols []int, r []any) {
	p.raw("<tr>")
	for k, i := range cols {
		tag, scope := "td", ""
		if k == 0 && i < len(r) && r[i] != "" { // the total of some tables has no name
			tag, scope = "th", ` scope="row"`
		}
		var v any
		if i < len(r) {
			v = r[i]
		}
		p.raw("<" + tag + scope + p.attributes(v, t.Columns[i].Kind) + ">")
		if i < len(r) {
			p.cell(v, t.Columns[i].Kind)
		}
		p.raw("</" + tag + ">")
	}
	p.raw("</tr>")
}

func (p *page) cell(v any, k report.Kind) { p.text(render.Cell(v, k, p.o)) }

// attributes are the class and the number of a cell: what tables are sorted
// by, and what sizes in other units are made of.
func (p *page) attributes(v any, k report.Kind) string {
	out := align(k)
	if n, ok := number(v); ok {
		out += ` data-v="` + n + `"`
		if k == report.Bytes || k == report.KiB {
			out += " data-b"
		}
	}
	return out
}

// align is the class of a column.
func align(k report.Kind) string {
	switch k {
	case report.Bytes, report.KiB, report.Count, report.Percent:
		return ` class="n"`
	case report.Address, report.Hex:
		return ` class="a"`
	}
	return ""
}

// number is a cell's number in digits.
func number(v any) (string, bool) {
	switch x := v.(type) {
	case uint64:
		return strconv.FormatUint(x, 10), true
	case uint32:
		return strconv.FormatUint(uint64(x), 10), true
	case uint16:
		return strconv.FormatUint(uint64(x), 10), true
	case uint8:
		return strconv.FormatUint(uint64(x), 10), true
	case int:
		return strconv.Itoa(x), true
	case int64:
		return strconv.FormatInt(x, 10), true
	case float64:
		return strconv.FormatFloat(x, 'f', 6, 64), true
	}
	return "", false
}

// oneLine is a heading without its line breaks.
func oneLine(s string) string { return strings.ReplaceAll(s, "\n", " ") }
