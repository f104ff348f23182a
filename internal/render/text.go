package render

import (
	"bufio"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/thousands"
)

// writeText renders the document for people.
func writeText(w *bufio.Writer, d *report.Document, o Options) {
	first := o.Written == 0
	gap := func() {
		if !first {
			w.WriteByte('\n')
		}
		first = false
	}
	if d.Title != "" && o.Written == 0 {
		gap()
		writeTitle(w, d.Title, o)
	}
	for i := range d.Tables[min(o.Written, len(d.Tables)):] {
		t := &d.Tables[o.Written+i]
		if t.Media == report.ForPrograms || t.Media == report.ForRows || len(t.Rows) == 0 && t.Empty == "" {
			continue
		}
		gap()
		writeTextTable(w, t, o)
	}
	if len(d.Notes) > 0 {
		gap()
	}
	for _, n := range d.Notes {
		w.WriteString(Escape(n) + "\n")
	}
}

func writeTitle(w *bufio.Writer, title string, o Options) {
	if o.Color {
		w.WriteString("\x1b[1m" + Escape(title) + "\x1b[0m\n")
		return
	}
	w.WriteString(Escape(title) + "\n")
}

func writeTextTable(w *bufio.Writer, t *report.Table, o Options) {
	if t.Title != "" {
		writeTitle(w, t.Title, o)
	}
	switch {
	case len(t.Rows) == 0:
		w.WriteString("  " + Escape(t.Empty) + "\n")
	case t.Shape == report.Record:
		writeRecord(w, t, o)
	case t.Shape == report.Values:
		for _, r := range t.Rows {
			line := cellText(r[0], t.Columns[0].Kind, o)
			if t.Wrap {
				line = wrap(line, textWidth-2, "    ")
			}
			w.WriteString("  " + line + "\n")
		}
	default:
		writeGrid(w, t, o)
	}
	for _, n := range t.Notes {
		w.WriteString("  " + wrap(Escape(n), textWidth-2, "    ") + "\n")
	}
}

// textWidth is the width that sentences are broken to. Tables and commands
// are never broken.
const textWidth = 118

// wrap breaks a sentence between words; further lines begin with indent.
func wrap(s string, width int, indent string) string {
	var b strings.Builder
	n := 0
	for i, word := range strings.Split(s, " ") {
		size := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case n+1+size > width:
			b.WriteString("\n" + indent)
			n = len(indent) - 2
		default:
			b.WriteByte(' ')
			n++
		}
		b.WriteString(word)
		n += size
	}
	return b.String()
}

// writeRecord writes one line a column; columns without a value are left out
// only when they have no title.
func writeRecord(w *bufio.Writer, t *report.Table, o Options) {
	width := 0
	for _, c := range t.Columns {
		width = max(width, utf8.RuneCountInString(c.Title))
	}
	for _, row := range t.Rows {
		for i, c := range t.Columns {
			if c.Title == "" {
				continue
			}
			w.WriteString("  " + c.Title)
			pad(w, width-utf8.RuneCountInString(c.Title)+2)
			w.WriteString(cellText(row[i], c.Kind, o) + "\n")
		}
	}
}

// writeGrid writes a heading and aligned rows: numbers to the right, text to
// the left, no cell ever cut.
func writeGrid(w *bufio.Writer, t *report.Table, o Options) {
	var shown []int
	for i, c := range t.Columns {
		if c.Title != "" {
			shown = append(shown, i)
		}
	}
	g := grid{right: make([]bool, len(shown)), width: make([]int, len(shown)), between: "  "}
	if t.Tight {
		g.between = " "
	}
	lines := 1
	for k, i := range shown {
		c := t.Columns[i]
		g.right[k] = c.Kind != report.Text && c.Kind != report.List && c.Kind != report.Yes
		lines = max(lines, strings.Count(c.Title, "\n")+1)
	}
	for l := range lines {
		row := make([]string, len(shown))
		for k, i := range shown {
			parts := strings.Split(t.Columns[i].Title, "\n")
			if at := l - (lines - len(parts)); at >= 0 {
				row[k] = parts[at]
			}
		}
		g.add(row)
	}
	head := len(g.rows)
	for _, r := range t.Rows {
		g.add(cells(t, shown, r, o))
	}
	body := len(g.rows)
	if t.Total != nil {
		g.add(cells(t, shown, t.Total, o))
	}
	g.write(w, head, body)
}

func cells(t *report.Table, shown []int, row []any, o Options) []string {
	out := make([]string, len(shown))
	for k, i := range shown {
		out[k] = cellText(row[i], t.Columns[i].Kind, o)
	}
	return out
}

// grid is a table of finished cells.
type grid struct {
	right []bool
	width []int
	rows  [][]string

	between string // blanks between columns
}

func (g *grid) add(row []string) {
	for i, c := range row {
		g.width[i] = max(g.width[i], utf8.RuneCountInString(c))
	}
	g.rows = append(g.rows, row)
}

func (g *grid) write(w *bufio.Writer, head, body int) {
	for at, row := range g.rows {
		if at == head || at == body {
			g.rule(w)
		}
		var line strings.Builder
		line.WriteString("  ")
		for i, c := range row {
			if i > 0 {
				line.WriteString(g.between)
			}
			gap := strings.Repeat(" ", g.width[i]-utf8.RuneCountInString(c))
			if g.right[i] {
				line.WriteString(gap + c)
			} else {
				line.WriteString(c + gap)
			}
		}
		w.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

func (g *grid) rule(w *bufio.Writer) {
	w.WriteString(" ")
	for i, n := range g.width {
		if i == 0 {
			w.WriteByte(' ')
		} else {
			w.WriteString(g.between)
		}
		w.WriteString(strings.Repeat("-", n))
	}
	w.WriteByte('\n')
}

func pad(w *bufio.Writer, n int) {
	for range n {
		w.WriteByte(' ')
	}
}

// Cell renders one cell as it stands in text, for formats of other packages:
// safe for a terminal, and not escaped for any markup.
func Cell(v any, k report.Kind, o Options) string { return cellText(v, k, o) }

// cellText renders one cell for people.
func cellText(v any, k report.Kind, o Options) string {
	switch x := v.(type) {
	case nil:
		return "-"
	case string:
		return Escape(x)
	case bool:
		if x {
			return "yes"
		}
		return "no"
	case float64:
		return strconv.FormatFloat(x, 'f', 1, 64) + " %"
	case []string:
		if len(x) == 0 {
			return "-"
		}
		return Escape(strings.Join(x, ", "))
	case []uint64:
		var b []byte
		for _, a := range x {
			b = append(appendHex(b, a), ' ')
		}
		return strings.TrimSuffix(string(b), " ")
	}
	neg, n, ok := integer(v)
	if !ok {
		return "?"
	}
	var b []byte
	if neg {
		b = append(b, '-')
	}
	switch {
	case k == report.Address || k == report.Hex:
		b = appendHex(b, n)
	case (k == report.Bytes || k == report.KiB) && o.Human:
		b = appendHuman(b, n)
	case k == report.KiB:
		b = thousands.AppendGrouped(b, n>>10)
	default:
		b = thousands.AppendGrouped(b, n)
	}
	return string(b)
}
