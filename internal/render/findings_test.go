package render_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/finding"
	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/report"
)

// hostileName attacks every format: HTML, terminals, reading order, line ends
// of JavaScript, tables, code, links, mentions, and workflow commands.
const hostileName = "<script>alert(1)</script>\x1b[31m\u202egpj.exe\u2028|`a`*b*_c_[x](http://evil)@team$x$\n::error::owned\r\n##[error]x]]>&amp;www.evil.example"

func hostileTriage() *report.Triage {
	f := func(rule string, s finding.Severity, known string) finding.Finding {
		return finding.Finding{Rule: rule, Severity: s, Confidence: finding.Sure, Title: "T " + hostileName, Evidence: "E " + hostileName, Known: known,
			Fingerprint: finding.Fingerprint(rule, hostileName)}
	}
	t := report.NewTriage([]report.Triaged{
		{File: "dir with space/" + hostileName + ".dmp", Process: hostileName, Status: report.StatusPartial, Missing: []string{"M " + hostileName},
			Findings: []finding.Finding{f(finding.Overrun, finding.High, ""), f(finding.Unreachable, finding.Medium, hostileName), f(finding.Accumulator, finding.Low, "")}},
		{File: "b.dmp", Status: report.StatusError, Findings: []finding.Finding{f(finding.Unreadable, finding.Medium, "")}, Missing: []string{"unreadable"}},
	})
	t.Version = "1.2.3"
	return t
}

func rendered(t *testing.T, f render.Format) string {
	t.Helper()
	var b bytes.Buffer
	if err := render.Write(&b, hostileTriage().Document(), render.Options{Format: f}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestHostileMarkdown: nothing of the name is markup, and rows stay rows.
func TestHostileMarkdown(t *testing.T) {
	s := rendered(t, render.FormatMarkdown)
	for _, bad := range []string{"<script", "\x1b", "\u202e", "\u2028", "\r", "`a`", "*b*", "[x](", "@team", "$x$", "http://", "www.evil", "&amp;www", "_c_"} {
		if strings.Contains(s, bad) {
			t.Errorf("%q is in it:\n%s", bad, s)
		}
	}
	for line := range strings.Lines(s) {
		if strings.HasPrefix(strings.TrimSpace(line), "::") {
			t.Errorf("a workflow command: %q", line)
		}
		if strings.HasPrefix(line, "| ") {
			if n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"); n != 5 {
				t.Errorf("%d bars in a row of four cells: %q", n, line)
			}
		}
	}
	if !strings.Contains(s, `&lt;script&gt;alert(1)&lt;/script&gt;`) || !strings.Contains(s, `\\u202egpj.exe\\u2028\|`) {
		t.Errorf("the name is not whole:\n%s", s)
	}
}

// TestMarkdownShapes: what begins a list or heading of its own does not.
func TestMarkdownShapes(t *testing.T) {
	d := &report.Document{Title: "T", Tables: []report.Table{{Title: "V", Shape: report.Values, Columns: []report.Column{{Key: "v"}},
		Rows: [][]any{{"- item"}, {"12. item"}, {"1.5 MiB"}, {"# heading"}, {"  below"}}},
		{Title: "R", Shape: report.Record, Columns: []report.Column{{Title: "Name"}, {Key: "hidden"}}, Rows: [][]any{{"a|b", "x"}}},
		{Title: "G", Columns: []report.Column{{Title: "Two\nlines"}, {Title: "Bytes", Kind: report.Bytes}, {Key: "hidden"}}, Rows: [][]any{{nil, uint64(1234), 1}}, Total: []any{"sum", uint64(9), nil}}}}
	var b bytes.Buffer
	if err := render.Write(&b, d, render.Options{Format: render.FormatMarkdown}); err != nil {
		t.Fatal(err)
	}
	want := `# T

## V

- \- item
- 12\. item
- 1.5 MiB
- \# heading
  - below

## R

| | |
|---|---|
| Name | a\|b |

## G

| Two lines | Bytes |
|---|--:|
| \- | 1,234 |
| sum | 9 |
`
	if b.String() != want {
		t.Errorf("%s", b.String())
	}
}

// TestSARIF: the members that the standard and code scanning ask for, and text
// without controls.
func TestSARIF(t *testing.T) {
	text := rendered(t, render.FormatSARIF)
	var log struct {
		Schema  string `json:"$schema"`
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct {
					Name, Version string
					Rules         []struct{ ID, Name string }
				}
			}
			Invocations []struct{ ExecutionSuccessful bool }
			Results     []struct {
				RuleID              string
				RuleIndex           int
				Level               string
				Message             struct{ Text string }
				PartialFingerprints map[string]string
				Suppressions        []struct{ Kind, Justification string }
				Locations           []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine int }
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &log); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || !strings.Contains(log.Schema, "sarif-2.1.0") || len(log.Runs) != 1 {
		t.Fatalf("%+v", log)
	}
	r := log.Runs[0]
	if r.Tool.Driver.Name != "heapdump" || r.Tool.Driver.Version != "1.2.3" || len(r.Tool.Driver.Rules) != len(finding.Rules()) || len(r.Results) != 4 || r.Invocations[0].ExecutionSuccessful {
		t.Errorf("%+v", r)
	}
	wantLevels, suppressed := []string{"error", "warning", "note", "warning"}, []int{0, 1, 0, 0}
	for i, x := range r.Results {
		at := x.Locations[0].PhysicalLocation
		if r.Tool.Driver.Rules[x.RuleIndex].ID != x.RuleID || x.Level != wantLevels[i] || len(x.Suppressions) != suppressed[i] || at.Region.StartLine != 1 ||
			!strings.HasPrefix(x.PartialFingerprints["heapdump/v1"], x.RuleID+"/%3Cscript%3E") || strings.ContainsAny(x.Message.Text, "\x1b\u202e\u2028\n\r") {
			t.Errorf("%d: %+v", i, x)
		}
	}
	if uri := r.Results[0].Locations[0].PhysicalLocation.ArtifactLocation.URI; !strings.HasPrefix(uri, "dir%20with%20space/%3Cscript%3E") || strings.ContainsAny(uri, " <>|\n\x1b") {
		t.Errorf("%q", uri)
	}
	if uri := r.Results[3].Locations[0].PhysicalLocation.ArtifactLocation.URI; uri != "b.dmp" {
		t.Errorf("%q", uri)
	}
}

// TestJUnit: the document is well-formed, has a case for each rule and dump,
// and its counts are those of its elements.
func TestJUnit(t *testing.T) {
	text := rendered(t, render.FormatJUnit)
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	count := func(s string) int { return strings.Count(text, s) }
	n := len(finding.Rules())
	if want := fmt.Sprintf(`<testsuites name="heapdump" tests="%d" failures="1" errors="1">`, 2*n); count(want) != 1 ||
		count("<testcase ") != 2*n || count("<failure ") != 1 || count("<error ") != 1 || count("<skipped>") != n-1 || count("<system-out>") != 2 {
		t.Errorf("%s", text)
	}
	if strings.Contains(text, "<script") || strings.ContainsAny(text, "\x1b\u202e\u2028\ufffd") || count(fmt.Sprintf(`failures="0" errors="1" skipped="%d"`, n-1)) != 1 {
		t.Errorf("%s", text)
	}
}

// TestNoFindings: formats of findings refuse a result that has none.
func TestNoFindings(t *testing.T) {
	for _, f := range []render.Format{render.FormatSARIF, render.FormatJUnit} {
		if err := render.Write(io.Discard, &report.Document{}, render.Options{Format: f}); err == nil {
			t.Errorf("format %d has no error", f)
		}
	}
}

// TestAnnotations: an error and a warning, each on one line; what is known and
// what is mild has none, and no name ends a command or a property.
func TestAnnotations(t *testing.T) {
	var b bytes.Buffer
	if err := render.Annotations(&b, hostileTriage()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "::error file=dir with space/<script>") || !strings.HasPrefix(lines[1], "::warning file=b.dmp,title=heapdump HD1901::T <script>") {
		t.Fatalf("%q", lines)
	}
	head, _, _ := strings.Cut(strings.TrimPrefix(lines[0], "::"), "::")
	if strings.Count(head, ",") != 1 || strings.Count(head, ":") != 0 || !strings.HasSuffix(head, ",title=heapdump HD1102") {
		t.Errorf("%q", head)
	}
	many := &report.Triage{}
	for i := range 30 {
		many.Groups = append(many.Groups, report.FindingGroup{Finding: finding.Finding{Rule: "HD1101", Severity: finding.High}, Dumps: []string{fmt.Sprint(i), "x"}})
	}
	b.Reset()
	if err := render.Annotations(&b, many); err != nil || strings.Count(b.String(), "\n") != 10 || !strings.Contains(b.String(), "::In 2 dumps, the first 0: ") {
		t.Errorf("%v: %s", err, b.String())
	}
}

// TestNoCommands: no line of text is a workflow command, however it is cut
// into writes; all other text passes.
func TestNoCommands(t *testing.T) {
	for in, want := range map[string]string{
		"a::b\n":                     "a::b\n",
		"::error::x\n":               ":\\:error::x\n",
		"  \t::set-output name=x\n":  "  \t:\\:set-output name=x\n",
		"a\n::b\n: :c\n:d\n":         "a\n:\\:b\n: :c\n:d\n",
		"x ##[error]y\n###[z]\n# #[": "x ##\\[error]y\n###\\[z]\n# #[",
		"std::vector<a::b>":          "std::vector<a::b>",
	} {
		for _, size := range []int{1, 3, 1000} {
			var b bytes.Buffer
			w := render.NoCommands(&b)
			for rest := in; rest != ""; {
				n := min(size, len(rest))
				if k, err := io.WriteString(w, rest[:n]); k != n || err != nil {
					t.Fatal(k, err)
				}
				rest = rest[n:]
			}
			if b.String() != want {
				t.Errorf("%q by %d: %q, want %q", in, size, b.String(), want)
			}
		}
	}
}
