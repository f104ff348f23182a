package render_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/heapdump/heapdump/internal/finding"
	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/report"
)

// seedTexts are texts that attack one format or another.
var seedTexts = []string{"", "x", hostileName, "=cmd|' /C calc'!A0", "a\"b,c\r\nd", "\xff\xfe", "\u202e", "\u2066\u200b\ufeff", " lead", "\t", "\r", "::error::x", "##[error]x", "|", "`", "-->", "\\", "]]>", "\U000e0041", "# ", "- ", "1. ", "&#60;"}

// texts is a document with a text wherever it can have one, and of findings
// too when they are asked for.
func texts(s string, findings bool) *report.Document {
	if findings {
		f := finding.Finding{Rule: finding.Overrun, Severity: finding.High, Title: s, Evidence: s, Path: []string{s}, Fingerprint: finding.Fingerprint(finding.Overrun, s)}
		t := report.NewTriage([]report.Triaged{{File: s, Process: s, Status: report.StatusPartial, Missing: []string{s}, Findings: []finding.Finding{f}}})
		return t.Document()
	}
	column := []report.Column{{Key: "s", Title: "S"}, {Key: "l", Title: "L", Kind: report.List}}
	return &report.Document{Title: s, Notes: []string{s}, Tables: []report.Table{
		{Key: "t", Title: s, Main: true, Columns: column, Rows: [][]any{{s, []string{s, s}}, {"x" + s, nil}}, Notes: []string{s}, Total: []any{s, nil}},
		{Key: "v", Title: "V", Shape: report.Values, Columns: column[:1], Rows: [][]any{{s}}},
		{Key: "r", Shape: report.Record, Columns: column[:1], Rows: [][]any{{s}}}}}
}

// FuzzFormats: a text in every place of a document is text in every format:
// nothing that a terminal acts on, no markup of Markdown, no formula in CSV, no
// command for a runner, and JSON and XML that are well-formed.
func FuzzFormats(f *testing.F) {
	for i, s := range seedTexts {
		f.Add(s, i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, s string, findings bool) {
		formats := []render.Format{render.FormatText, render.FormatMarkdown, render.FormatJSON, render.FormatCSV, render.FormatNDJSON}
		if findings {
			formats = append(formats, render.FormatSARIF, render.FormatJUnit)
		}
		for _, format := range formats {
			var b bytes.Buffer
			if err := render.Write(&b, texts(s, findings), render.Options{Format: format}); err != nil {
				t.Fatal(err)
			}
			out := b.String()
			switch format {
			case render.FormatText:
				harmless(t, out)
			case render.FormatMarkdown:
				harmless(t, out)
				sameShape(t, s, out, findings)
			case render.FormatJSON, render.FormatSARIF:
				if !json.Valid(b.Bytes()) {
					t.Fatalf("no JSON: %s", out)
				}
			case render.FormatNDJSON:
				for l := range strings.Lines(out) {
					if !json.Valid([]byte(l)) {
						t.Fatalf("no JSON: %s", l)
					}
				}
			case render.FormatCSV:
				noFormulas(t, out)
			case render.FormatJUnit:
				wellFormed(t, out)
				harmless(t, out)
			}
		}
	})
}

// harmless: no control character but line ends, no format character, UTF-8.
func harmless(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Fatalf("no UTF-8: %q", s)
	}
	for _, r := range s {
		if r != '\n' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)) {
			t.Fatalf("%q in %q", r, s)
		}
	}
}

// sameShape: the Markdown has the elements that it has with harmless text.
func sameShape(t *testing.T, s, out string, findings bool) {
	t.Helper()
	kinds, cells := shape(t, []byte(out))
	for k := range kinds {
		if !slices.Contains(inert, k) && !findings {
			t.Fatalf("%s in %q", k, out)
		}
	}
	var b bytes.Buffer
	if err := render.Write(&b, texts("x", findings), render.Options{Format: render.FormatMarkdown}); err != nil {
		t.Fatal(err)
	}
	want, wantCells := shape(t, b.Bytes())
	for _, m := range []map[string]int{kinds, want} { // long text is cut into pieces
		maps.DeleteFunc(m, func(k string, _ int) bool { return k == "Text" || k == "String" })
	}
	if strings.TrimSpace(s) == "" { // titles without a word are left out
		return
	}
	if !findings && (!slices.Equal(cells, wantCells) || kinds["Table"] != want["Table"] || kinds["Heading"] != want["Heading"]) {
		t.Fatalf("%v and %v, want %v and %v: %q", kinds, cells, want, wantCells, out)
	}
}

func noFormulas(t *testing.T, out string) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil {
		t.Fatalf("%v: %q", err, out)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				t.Fatalf("a spreadsheet takes %q for a formula", cell)
			}
		}
	}
}

func wellFormed(t *testing.T, out string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(out)); ; {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatalf("%v: %q", err, out)
		}
	}
}

// FuzzWriters: wherever a text is cut into writes, a terminal gets nothing
// that it acts on, and a runner no line that it takes for a command.
func FuzzWriters(f *testing.F) {
	for i, s := range seedTexts {
		f.Add([]byte(s), uint8(i))
	}
	f.Add([]byte(" \t::set-output\n#\n##[x"), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, cut uint8) {
		var screen, log bytes.Buffer
		a, b := render.Terminal(&screen), render.NoCommands(&log)
		for rest := data; len(rest) > 0; {
			n := min(len(rest), int(cut)%7+1)
			for _, w := range []io.Writer{a, b} {
				if m, err := w.Write(rest[:n]); m != n || err != nil {
					t.Fatalf("%d, %v", m, err)
				}
			}
			rest = rest[n:]
		}
		harmless(t, strings.NewReplacer("\t", "", "\r\n", "\n").Replace(screen.String()))
		for l := range strings.Lines(log.String()) {
			if strings.HasPrefix(strings.TrimLeft(l, " \t"), "::") || strings.Contains(l, "##[") {
				t.Fatalf("a runner takes for its command: %q of %q", l, data)
			}
		}
	})
}
