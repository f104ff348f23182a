package render_test

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/report"
)

// sample is a document with every kind of cell, value and shape.
func sample() *report.Document {
	return &report.Document{
		Title: "app.dmp",
		Tables: []report.Table{
			{Key: "dump", Shape: report.Record, Columns: []report.Column{{Key: "file", Title: "File", Kind: report.Text}, {Key: "pid", Title: "Process ID", Kind: report.Count}},
				Rows: [][]any{{"app.dmp", nil}}},
			{Key: "heaps", Title: "Heaps", Main: true, Columns: []report.Column{
				{Key: "address", Title: "Heap", Kind: report.Address}, {Key: "flags", Title: "Flags", Kind: report.Hex},
				{Key: "bytes", Title: "Busy\nbytes", Kind: report.Bytes}, {Key: "residue", Title: "Residue", Kind: report.Bytes},
				{Key: "share", Title: "Share", Kind: report.Percent}, {Key: "listed", Title: "Listed", Kind: report.Yes},
				{Key: "found", Title: "Found", Kind: report.List}, {Key: "note", Title: "Note", Kind: report.Text}},
				Rows: [][]any{
					{uint64(0x29fb0000), uint32(0x1002), uint64(1234567), int64(-16), 12.3456, true, []string{"peb", "scan"}, "=1+1"},
					{uint64(0x10000), nil, nil, nil, nil, false, []string{}, "say \"hi\",\r\nyou"},
				},
				Total: []any{"all", "", uint64(1234567), int64(-16), nil, "", "", ""}},
			{Key: "reserved", Media: report.ForPeople, Title: "In KiB", Columns: []report.Column{{Title: "Reserv\n(k)", Kind: report.KiB}}, Rows: [][]any{{uint64(5000)}}},
			{Key: "coverage", Title: "Missing", Shape: report.Values, Columns: []report.Column{{Key: "coverage", Kind: report.Text}}, Rows: [][]any{{"no stacks"}}},
			{Key: "problems", Columns: []report.Column{{Key: "code", Title: "Code", Kind: report.Text}}},
			{Key: "empty", Title: "Threads", Empty: "none", Columns: []report.Column{{Key: "id", Title: "ID", Kind: report.Count}}},
			{Key: "lock", Shape: report.Record},
		},
		Notes: []string{"One note."},
	}
}

func ExampleWrite() {
	render.Write(os.Stdout, sample(), render.Options{})
	// Output:
	// app.dmp
	//
	//   File        app.dmp
	//   Process ID  -
	//
	// Heaps
	//                            Busy
	//         Heap   Flags      bytes  Residue   Share  Listed  Found      Note
	//   ----------  ------  ---------  -------  ------  ------  ---------  --------------------
	//   0x29fb0000  0x1002  1,234,567      -16  12.3 %  yes     peb, scan  =1+1
	//      0x10000       -          -        -       -  no      -          say "hi",\x0d\x0ayou
	//   ----------  ------  ---------  -------  ------  ------  ---------  --------------------
	//          all          1,234,567      -16       -
	//
	// In KiB
	//   Reserv
	//      (k)
	//   ------
	//        4
	//
	// Missing
	//   no stacks
	//
	// Threads
	//   none
	//
	// One note.
}

func ExampleWrite_json() {
	render.Write(os.Stdout, sample(), render.Options{Format: render.FormatJSON})
	// Output:
	// {
	//   "schema_version": "1.3",
	//   "dump": {
	//     "file": "app.dmp",
	//     "pid": null
	//   },
	//   "heaps": [
	//     {"address": "0x29fb0000", "flags": "0x1002", "bytes": 1234567, "residue": -16, "share": 12.35, "listed": true, "found": ["peb", "scan"], "note": "=1+1"},
	//     {"address": "0x00010000", "flags": null, "bytes": null, "residue": null, "share": null, "listed": false, "found": [], "note": "say \"hi\",\u000d\u000ayou"}
	//   ],
	//   "coverage": [
	//     "no stacks"
	//   ],
	//   "problems": [],
	//   "empty": [],
	//   "lock": null
	// }
}

func TestCSV(t *testing.T) {
	var b strings.Builder
	if err := render.Write(&b, sample(), render.Options{Format: render.FormatCSV}); err != nil {
		t.Fatal(err)
	}
	want := "address,flags,bytes,residue,share,listed,found,note\r\n" +
		"0x29fb0000,0x1002,1234567,-16,12.35,true,peb;scan,'=1+1\r\n" +
		"0x00010000,,,,,false,,\"say \"\"hi\"\",\r\nyou\"\r\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	if _, err := csv.NewReader(strings.NewReader(b.String())).ReadAll(); err != nil {
		t.Error(err)
	}
	err := render.Write(io.Discard, sample(), render.Options{Format: render.FormatCSV, Table: "nothing"})
	if want := `no table "nothing" in this result; there are dump, heaps, coverage, problems, empty, lock`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestHuman(t *testing.T) {
	d := &report.Document{Tables: []report.Table{{Columns: []report.Column{{Title: "N", Kind: report.Bytes}},
		Rows: [][]any{{uint64(0)}, {uint64(1023)}, {uint64(1024)}, {uint64(1536)}, {uint64(13 << 30)}, {^uint64(0)}}}}}
	var b strings.Builder
	render.Write(&b, d, render.Options{Human: true})
	want := "         N\n  --------\n       0 B\n    1023 B\n   1.0 KiB\n   1.5 KiB\n  13.0 GiB\n  16.0 EiB\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"":                     "",
		`C:\Windows\ntdll.dll`: `C:\Windows\ntdll.dll`,
		"Müller 日本 ✓":          "Müller 日本 ✓",
		"\x1b[31m":             `\x1b[31m`,
		"a\rb\nc\td\x00\x7f":   `a\x0db\x0ac\x09d\x00\x7f`,
		"\u0085\u009b":         `\x85\x9b`,
		"\u202egpj.exe\u2066":  `\u202egpj.exe\u2066`,
		"a\u2028b\u2029\u200b": `a\u2028b\u2029\u200b`,
		"\U000e0041":           `\U000e0041`,
		"bad \xff\xc0 utf8":    `bad \xff\xc0 utf8`,
		"\ufeffbom":            `\ufeffbom`,
	} {
		if got := render.Escape(in); got != want {
			t.Errorf("Escape(%q) = %q, want %q", in, got, want)
		}
	}
}

// FuzzStrings: whatever a dump says, text has no control character, JSON is
// valid and says the same, and CSV is read back as one record.
func FuzzStrings(f *testing.F) {
	for _, s := range []string{"", "x", "\x1b]0;x\x07", "=cmd|' /C calc'!A0", "a\"b,c\r\nd", "\xff\xfe", "\u202e", " lead"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d := &report.Document{Tables: []report.Table{{Key: "t", Main: true, Columns: []report.Column{{Key: "s", Title: "S", Kind: report.Text}}, Rows: [][]any{{s}}}}}
		var text, js, cs strings.Builder
		for b, format := range map[*strings.Builder]render.Format{&text: render.FormatText, &js: render.FormatJSON, &cs: render.FormatCSV} {
			if err := render.Write(b, d, render.Options{Format: format}); err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range text.String() {
			if r < 0x20 && r != '\n' || r >= 0x7f && r < 0xa0 {
				t.Fatalf("control character %#x in text", r)
			}
		}
		if strings.Count(text.String(), "\n") != 3 || !utf8.ValidString(text.String()) {
			t.Fatalf("not three lines of UTF-8: %q", text.String())
		}
		var v struct{ T []struct{ S string } }
		if err := json.Unmarshal([]byte(js.String()), &v); err != nil {
			t.Fatalf("%v: %s", err, js.String())
		}
		if utf8.ValidString(s) && v.T[0].S != s {
			t.Fatalf("JSON says %q, want %q", v.T[0].S, s)
		}
		rows, err := csv.NewReader(strings.NewReader(cs.String())).ReadAll()
		if s != "" && (err != nil || len(rows) != 2) {
			t.Fatalf("CSV: %v, %d rows: %q", err, len(rows), cs.String())
		}
		if len(rows) == 2 && strings.ContainsAny(rows[1][0][:min(1, len(rows[1][0]))], "=+-@") {
			t.Fatalf("a spreadsheet takes %q for a formula", rows[1][0])
		}
	})
}
