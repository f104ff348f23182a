package render

import (
	"bufio"
	"strings"

	"github.com/heapdump/heapdump/internal/report"
)

// writeMarkdown renders the document as GitHub's Markdown: the same tables as
// text. What the dump says is escaped twice: for terminals, and so that it is
// text to Markdown.
func writeMarkdown(w *bufio.Writer, d *report.Document, o Options) {
	if d.Title != "" {
		w.WriteString("# " + markdown(d.Title) + "\n")
	}
	for i := range d.Tables {
		t := &d.Tables[i]
		if t.Media == report.ForPrograms || t.Media == report.ForRows || len(t.Rows) == 0 && t.Empty == "" {
			continue
		}
		w.WriteString("\n")
		if t.Title != "" {
			w.WriteString("## " + markdown(t.Title) + "\n\n")
		}
		markdownTable(w, t, o)
		for _, n := range t.Notes {
			w.WriteString("\n" + markdown(n) + "\n")
		}
	}
	for _, n := range d.Notes {
		w.WriteString("\n" + markdown(n) + "\n")
	}
}

func markdownTable(w *bufio.Writer, t *report.Table, o Options) {
	switch {
	case len(t.Rows) == 0:
		w.WriteString(markdown(t.Empty) + "\n")
	case t.Shape == report.Values:
		for _, r := range t.Rows {
			line := cellText(r[0], t.Columns[0].Kind, o)
			indent := ""
			if rest, ok := strings.CutPrefix(line, "  "); ok { // belongs to the line before
				indent, line = "  ", rest
			}
			w.WriteString(indent + "- " + markdown(line) + "\n")
		}
	case t.Shape == report.Record:
		w.WriteString("| | |\n|---|---|\n")
		for i, c := range t.Columns {
			if c.Title != "" {
				w.WriteString("| " + markdown(c.Title) + " | " + markdown(cellText(t.Rows[0][i], c.Kind, o)) + " |\n")
			}
		}
	default:
		markdownGrid(w, t, o)
	}
}

func markdownGrid(w *bufio.Writer, t *report.Table, o Options) {
	heading, rule := "|", "|"
	for _, c := range t.Columns {
		if c.Title == "" {
			continue
		}
		heading += " " + markdown(strings.ReplaceAll(c.Title, "\n", " ")) + " |"
		switch c.Kind {
		case report.Bytes, report.KiB, report.Count, report.Percent:
			rule += "--:|"
		default:
			rule += "---|"
		}
	}
	w.WriteString(heading + "\n" + rule + "\n")
	rows := t.Rows
	if t.Total != nil {
		rows = append(rows[:len(rows):len(rows)], t.Total)
	}
	for _, r := range rows {
		w.WriteString("|")
		for i, c := range t.Columns {
			if c.Title != "" {
				w.WriteString(" " + markdown(cellText(r[i], c.Kind, o)) + " |")
			}
		}
		w.WriteString("\n")
	}
}

// markdownSpecial are the characters that mean something to Markdown, to the
// HTML that may stand in it, or to GitHub: mentions, math, links.
var markdownSpecial = strings.NewReplacer(
	"&", "&amp;", "<", "&lt;", ">", "&gt;", "|", `\|`, `\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`,
	"[", `\[`, "]", `\]`, "~", `\~`, "#", `\#`, "@", "&#64;", "$", "&#36;", "://", "&#58;//", "www.", "www&#46;")

// markdown escapes a string for any place in a paragraph or cell: nothing in
// it is markup, a mention, a link or a new line.
func markdown(s string) string {
	s = markdownSpecial.Replace(strings.TrimSpace(Escape(s)))
	if s == "" {
		return s
	}
	switch c := s[0]; {
	case c == '-' || c == '+' || c == '=' || c == ':':
		return `\` + s
	case c >= '0' && c <= '9':
		end := strings.TrimLeft(s, "0123456789")
		if strings.HasPrefix(end, ". ") || strings.HasPrefix(end, ") ") { // no list
			return s[:len(s)-len(end)] + `\` + end
		}
	}
	return s
}
