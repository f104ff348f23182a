package html_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/finding"
	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/render/html"
	"github.com/heapdump/heapdump/internal/report"
)

// hostile are names that attack a page, a terminal, or the eye.
var hostile = []string{
	"</script><script>alert(1)</script>", "<!--<script>", "<img src=x onerror=alert(1)>", `" onmouseover="alert(1)`, "' autofocus onfocus='alert(1)",
	"\x1b[31mred\x1b[0m", "\u202egnp.exe", "a\u2028b\u2029c", "\x00\x07\u009b31m", "]]>&amp;&lt;", "{{constructor.constructor('alert(1)')()}}", "\xff\xfe", "javascript:alert(1)",
}

// write renders a document.
func write(t *testing.T, d *report.Document) string {
	t.Helper()
	var b strings.Builder
	if err := html.Write(&b, d, render.Options{Format: render.FormatHTML}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// attacked is a document with hostile text in every place that text can be.
func attacked(findings bool) *report.Document {
	all := strings.Join(hostile, " ")
	tree := report.Tree{Title: all, Notes: hostile, Root: report.TreeNode{Name: all, Bytes: 2, Reserved: 2}}
	for _, s := range hostile {
		tree.Root.Children = append(tree.Root.Children, report.TreeNode{Name: s, Kind: "frame", Class: "heap", Bytes: 1, Reserved: 9, Evidence: s})
	}
	m := report.HeapMap{Name: all, Cell: 4096, Notes: []string{"n"}, Parts: []report.MapPart{{Start: 0x10000, Bytes: 8192, Kind: "segment", Runs: []report.MapRun{{Cells: 2}}}}}
	pictures := &report.Pictures{Space: &tree, Stacks: &tree, Maps: []report.HeapMap{m}, Notes: hostile}
	grid := report.Table{Key: "x", Title: all, Notes: hostile, Columns: []report.Column{{Key: "a", Title: all}, {Key: "l", Title: "L", Kind: report.List}}}
	lines := report.Table{Title: all, Shape: report.Values, Columns: []report.Column{{Key: "v"}}}
	for _, s := range hostile {
		grid.Rows = append(grid.Rows, []any{s, []string{s, s}})
		lines.Rows = append(lines.Rows, []any{s})
	}
	wrapped, next := lines, report.Table{Title: "Next", Shape: report.Values, Columns: []report.Column{{Key: "n"}}, Rows: [][]any{{"# " + all}, {"heapdump " + all}}}
	wrapped.Wrap = true
	record := report.Table{Shape: report.Record, Columns: []report.Column{{Title: all}}, Rows: [][]any{{all}}}
	empty := report.Table{Title: all, Empty: all}
	coverage := report.Table{Key: "coverage", Title: all, Shape: report.Values, Columns: []report.Column{{Key: "c"}}, Rows: lines.Rows}
	d := &report.Document{Title: all, Tables: []report.Table{record, grid, lines, wrapped, next, empty, coverage}, Notes: hostile, Pictures: pictures}
	if !findings {
		return d
	}
	var dumps []report.Triaged
	for i, s := range hostile {
		f := finding.Finding{Rule: finding.Accumulator, Severity: finding.Severity(i % 4), Title: s, Evidence: s, Known: s, Path: hostile, Fingerprint: finding.Fingerprint(finding.Accumulator, s)}
		dumps = append(dumps, report.Triaged{File: s, Process: s, Status: report.StatusPartial, Missing: hostile, Findings: []finding.Finding{f}, Pictures: pictures, Detail: d.Tables})
	}
	tr := report.NewTriage(dumps)
	tr.Version = all
	out := tr.Document()
	out.Title = all
	return out
}

var tag = regexp.MustCompile(`<(/?)([a-zA-Z!][a-zA-Z0-9]*)([^>]*)>`)

// TestHostile: no text becomes markup, attributes included, and nothing that is
// invisible or turns text round is left in the page.
func TestHostile(t *testing.T) {
	for _, findings := range []bool{false, true} {
		page := write(t, attacked(findings))
		if to := os.Getenv("HEAPDUMP_HTML_OUT"); to != "" && !findings { // for the test in a browser
			if err := os.WriteFile(filepath.Join(to, "hostile.html"), []byte(page), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		body := page[strings.Index(page, "</head>"):]
		before, data, ok := strings.Cut(body, `<script type="application/json" id="data">`)
		data, after, ok2 := strings.Cut(data, "</script>")
		if !ok || !ok2 || !strings.HasPrefix(after, "\n<script>") {
			t.Fatal("the data element does not end where it should")
		}
		if strings.ContainsAny(data, "<>&\u2028\u2029\u202e\x1b") || !json.Valid([]byte(data)) {
			t.Error("the data element holds what is not escaped, or is no JSON")
		}
		allowed := strings.Fields("head body a header div span h1 h2 h3 nav ol ul li main section p article code pre details summary b dl dt dd table caption thead tbody tfoot tr th td footer")
		for _, m := range tag.FindAllStringSubmatch(before, -1) {
			if !slices.Contains(allowed, m[2]) {
				t.Fatalf("an element that no page has: %s", m[0])
			}
			if regexp.MustCompile(`(?i)\son[a-z]+=|style=|javascript:|src=`).MatchString(regexp.MustCompile(`"[^"]*"`).ReplaceAllString(m[3], `""`)) {
				t.Fatalf("an attribute that no page has: %s", m[0])
			}
			if href := regexp.MustCompile(`href="([^"]*)"`).FindStringSubmatch(m[3]); href != nil && href[1][0] != '#' {
				t.Fatalf("a link out of the page: %s", m[0])
			}
		}
		for _, r := range page {
			if r < 0x20 && r != '\n' || r >= 0x7f && r < 0xa0 || r >= 0x2028 && r <= 0x202e || r >= 0x200b && r <= 0x200f || r == 0xfffd {
				t.Fatalf("the page has %U", r)
			}
		}
		if !strings.Contains(before, `\u202egnp.exe`) || !strings.Contains(before, `\x1b[31mred`) || !strings.Contains(before, "&lt;/script&gt;") {
			t.Error("what is escaped is not visible as such")
		}
	}
}

// TestPolicy: the policy permits the page's own script and style by the hashes
// of what stands between their tags, and nothing else.
func TestPolicy(t *testing.T) {
	page := write(t, attacked(true))
	between := func(from, to string) string {
		_, s, ok := strings.Cut(page, from)
		s, _, ok2 := strings.Cut(s, to)
		if !ok || !ok2 {
			t.Fatalf("no %s … %s", from, to)
		}
		sum := sha256.Sum256([]byte(s))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	want := "default-src 'none'; script-src " + between("<script>", "</script>") + "; style-src " + between("<style>", "</style>") + "; base-uri 'none'; form-action 'none'"
	if !strings.Contains(page, `<meta http-equiv="Content-Security-Policy" content="`+want+`">`) {
		t.Errorf("no policy %s", want)
	}
	if strings.Index(page, "Content-Security-Policy") > strings.Index(page, "<title>") {
		t.Error("the policy stands behind text of the dump")
	}
	if n := strings.Count(page, "<script"); n != 2 {
		t.Errorf("%d script elements", n)
	}
}

// TestBundle: the script and the style were made from the sources at hand. If
// this fails, run `make web`.
func TestBundle(t *testing.T) {
	web := filepath.Join("..", "..", "..", "web")
	names := []string{"build.mjs", "package-lock.json", "package.json"}
	src, err := os.ReadDir(filepath.Join(web, "src"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range src {
		names = append(names, "src/"+e.Name())
	}
	h := sha256.New()
	for _, n := range names {
		b, err := os.ReadFile(filepath.Join(web, filepath.FromSlash(n)))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(h, "%s %d\n", n, len(b))
		h.Write(b)
	}
	want, err := os.ReadFile(filepath.Join("asset", "sources.sha256"))
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != strings.TrimSpace(string(want)) {
		t.Error("the bundle in asset/ is not that of the sources in web/: run `make web`")
	}
}

// TestLicences: each package that the lock file has for the bundle is in the
// page with its licence.
func TestLicences(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "..", "web", "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	var lock struct {
		Packages map[string]struct {
			Version string
			Dev     bool
		}
	}
	if err := json.Unmarshal(raw, &lock); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), "://") && strings.Contains(string(raw), `"resolved"`) {
		t.Error("the lock file names a registry")
	}
	page := write(t, &report.Document{Title: "x"})
	unused := map[string]bool{"d3-time": true, "d3-time-format": true, "internmap": true} // what d3-scale needs for scales that the page has not
	for name, p := range lock.Packages {
		name, ok := strings.CutPrefix(name, "node_modules/")
		if ok && !p.Dev && !unused[name] && !strings.Contains(page, name+" "+p.Version+"\n") {
			t.Errorf("no licence of %s %s", name, p.Version)
		}
	}
	if !strings.Contains(page, "Permission to use, copy, modify, and/or distribute this software") {
		t.Error("no text of a licence")
	}
}

// TestShapes: what the tables of a document become.
func TestShapes(t *testing.T) {
	page := write(t, &report.Document{Title: "app.dmp: app.exe", Notes: []string{"A note."}, Tables: []report.Table{
		{Key: "a", Title: "Sizes", Columns: []report.Column{{Key: "n", Title: "Name"}, {Key: "b", Title: "Many\nbytes", Kind: report.Bytes}, {Key: "at", Title: "At", Kind: report.Address}, {Key: "no"}},
			Rows: [][]any{{"x", uint64(1234567), uint64(0x40), "without a title"}, {"y", nil, nil, nil}}, Total: []any{"all", uint64(1234567)}, Notes: []string{"Under it."}},
		{Key: "p", Title: "Programs", Media: report.ForPrograms, Columns: []report.Column{{Key: "n", Title: "N"}}, Rows: [][]any{{"for programs only"}}},
		{Key: "e", Title: "Empty", Empty: "nothing here", Columns: []report.Column{{Key: "n", Title: "N"}}},
		{Title: "Dump lines", Shape: report.Values, Columns: []report.Column{{Key: "v"}}, Rows: [][]any{{"+0x000 a"}, {"+0x008 b"}}},
	}})
	for _, want := range []string{
		"<h1>app.dmp: app.exe</h1>", `<th scope="col">Name</th><th scope="col" class="n">Many bytes</th><th scope="col" class="a">At</th></tr>`,
		`<tr><th scope="row">x</th><td class="n" data-v="1234567" data-b>1,234,567</td><td class="a" data-v="64">0x40</td></tr>`,
		`<tr><th scope="row">y</th><td class="n">-</td><td class="a">-</td></tr>`, `<tfoot><tr><th scope="row">all</th>`,
		"<caption class=\"vh\">Sizes</caption>", "Under it.", "nothing here", "<pre tabindex=\"0\">+0x000 a\n+0x008 b</pre>", "A note.",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(page, "for programs only") || strings.Contains(page, "without a title") {
		t.Error("the page has what is for programs")
	}
}

// TestLimit: pages of very large results stay below the limit, and say what
// they leave out.
func TestLimit(t *testing.T) {
	long := strings.Repeat("<&", 40_000)
	table := report.Table{Title: "T", Columns: []report.Column{{Title: "A"}, {Title: "B", Kind: report.Count}}}
	for i := range 60_000 {
		table.Rows = append(table.Rows, []any{fmt.Sprintf("row %d %s", i, long[:100]), i})
	}
	table.Rows[0][0] = long
	root := report.TreeNode{Name: "r", Bytes: 1}
	for range 9_000 {
		root.Children = append(root.Children, report.TreeNode{Name: long[:200], Bytes: 1})
	}
	d := &report.Document{Title: "x", Tables: []report.Table{table, table, table}, Pictures: &report.Pictures{Space: &report.Tree{Title: "S", Root: root}}}
	page := write(t, d)
	if len(page) > html.Limit {
		t.Errorf("%d bytes", len(page))
	}
	for _, want := range []string{"more rows of 60,000 are left out of this page", "The pictures are left out", "more bytes)"} {
		if !strings.Contains(page, want) {
			t.Errorf("nothing says %q", want)
		}
	}
	var dumps []report.Triaged
	for i := range 200 {
		x := report.Triaged{File: fmt.Sprintf("%d.dmp", i), Status: report.StatusOK, Detail: []report.Table{table}}
		if i < 20 {
			x.Pictures = d.Pictures
		}
		for k := range 40 {
			x.Findings = append(x.Findings, finding.Finding{Rule: finding.Unreachable, Severity: finding.High, Title: long[:300], Evidence: long, Fingerprint: fmt.Sprintf("HD1202/%d/%d", i, k)})
		}
		dumps = append(dumps, x)
	}
	page = write(t, report.NewTriage(dumps).Document())
	if len(page) > html.Limit || !strings.Contains(page, "more findings stand in the table of all findings only") || !strings.Contains(page, "199.dmp") {
		t.Errorf("200 dumps: %d bytes, or something is silently left out", len(page))
	}
}
