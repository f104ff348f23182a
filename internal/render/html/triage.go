package html

import (
	"strconv"
	"strings"

	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/thousands"
)

// severities are the words for severities, the worst first, each with the sign
// that stands beside its colour.
var severities = [...][2]string{{"high", "▲"}, {"medium", "◆"}, {"low", "●"}, {"info", "○"}}

// sure are words for how sure a finding is.
var sure = map[string]string{"high": "certain: the dump shows it", "medium": "likely: an innocent reason is possible", "low": "unsure: an innocent reason is as likely"}

// triage is the page of findings.
func (p *page) triage(t *report.Triage) {
	p.verdict(t)
	p.coverage(p.doc.Tables)
	p.findings(t)
	if len(t.Dumps) > 1 {
		p.dumps(t)
	}
	for i := range t.Dumps {
		if d := &t.Dumps[i]; d.Pictures != nil || len(d.Detail) > 0 {
			p.dump(d, i, len(t.Dumps) > 1)
		}
	}
	p.all(t)
}

// tally is how many findings there are of each severity, known ones apart.
type tally struct {
	by    map[string]int
	known int
}

func (c *tally) add(d *report.Triaged) {
	if c.by == nil {
		c.by = map[string]int{}
	}
	for _, f := range d.Findings {
		if f.Known != "" {
			c.known++
			continue
		}
		c.by[f.Severity.String()]++
	}
}

// verdict is the answer in short.
func (p *page) verdict(t *report.Triage) {
	p.open("verdict", "In short", "In short")
	var c tally
	for i := range t.Dumps {
		c.add(&t.Dumps[i])
	}
	p.raw(`<ul class="counts">`)
	for _, s := range severities {
		if n := c.by[s[0]]; n > 0 || s[0] == "high" {
			p.raw(`<li class="sev ` + s[0] + `"><b>` + strconv.Itoa(n) + `</b> <span><span aria-hidden="true">` + s[1] + "</span> " + s[0] + "</span></li>")
		}
	}
	if c.known > 0 {
		p.raw(`<li class="sev known"><b>` + strconv.Itoa(c.known) + "</b> <span>known</span></li>")
	}
	p.raw("</ul>")
	for _, n := range p.doc.Notes {
		p.raw(`<p class="lead">`)
		p.text(n)
		p.raw("</p>")
	}
	p.worst(t)
	if len(t.Dumps) == 1 {
		d := &t.Dumps[0]
		p.raw(`<dl class="facts">`)
		p.fact("File", d.File)
		p.fact("Process", d.Process)
		p.fact("Looked at", statusWords[d.Status])
		p.raw("</dl>")
	}
	p.shut()
}

// worst leads to the first few findings that are no small ones.
func (p *page) worst(t *report.Triage) {
	n := 0
	for i := range t.Groups {
		x := &t.Groups[i].Finding
		if sev := x.Severity.String(); n < 5 && x.Known == "" && (sev == "high" || sev == "medium") {
			if n++; n == 1 {
				p.raw(`<ol class="worst">`)
			}
			p.raw(`<li><span class="badge ` + sev + `"><span aria-hidden="true">` + sign(sev) + "</span> " + sev + `</span> <a href="#f` + strconv.Itoa(i) + `">`)
			p.text(x.Title)
			p.raw("</a>")
			if len(t.Dumps) > 1 {
				p.text(" in " + count(len(t.Groups[i].Dumps), "dump", "dumps"))
			}
			p.raw("</li>")
		}
	}
	if n > 0 {
		p.raw("</ol>")
	}
}

var statusWords = map[string]string{report.StatusOK: "all of it", report.StatusPartial: "as far as the dump goes: see what is missing", report.StatusError: "not at all: it could not be read"}

func (p *page) fact(title, v string) {
	if v == "" {
		v = "-"
	}
	p.raw("<div><dt>" + title + "</dt><dd>")
	p.text(v)
	p.raw("</dd></div>")
}

// findings are the findings in full, each once, however many dumps have it.
func (p *page) findings(t *report.Triage) {
	p.open("findings", "What was found", "Findings")
	if len(t.Groups) == 0 {
		p.raw(`<p class="empty">Nothing that is worth a finding.</p>`)
	}
	help := map[string]bool{} // rules that are explained already
	for i := range t.Groups {
		if p.room.findings <= 0 {
			p.raw(`<p class="note cut">`)
			p.text(thousands.Grouped(uint64(len(t.Groups)-i)) + " more findings stand in the table of all findings only.")
			p.raw("</p>")
			break
		}
		before := len(p.b)
		p.group(t, i, help)
		p.room.findings -= len(p.b) - before
	}
	p.shut()
}

func (p *page) group(t *report.Triage, i int, help map[string]bool) {
	g := &t.Groups[i]
	x := &g.Finding
	sev := x.Severity.String()
	p.raw(`<article class="finding ` + sev + `" id="f` + strconv.Itoa(i) + `"><h3><span class="badge ` + sev + `"><span aria-hidden="true">` + sign(sev) + "</span> " + sev + "</span> ")
	p.text(x.Title)
	p.raw("</h3>")
	evidence := x.Evidence
	if len(x.Path) > 0 {
		evidence = strings.TrimSuffix(evidence, " The path: "+strings.Join(x.Path, " → ")+".")
	}
	p.raw("<p>")
	p.text(evidence)
	p.raw("</p>")
	if len(x.Path) > 0 {
		p.raw(`<ol class="path" aria-label="The path from a root">`)
		for _, s := range x.Path {
			p.raw("<li>")
			p.text(s)
			p.raw("</li>")
		}
		p.raw("</ol>")
	}
	p.raw(`<p class="quiet">`)
	p.text("How sure: " + sure[x.Confidence.String()] + ".")
	p.raw("</p>")
	if x.Known != "" {
		p.raw(`<p class="quiet">`)
		p.text("Known, by the baseline: " + x.Known)
		p.raw("</p>")
	}
	if !help[x.Rule] {
		help[x.Rule] = true
		p.rule(x.Rule)
	}
	if c := t.Next(g); c != "" {
		p.raw(`<p class="todo"><span>Look further:</span> `)
		p.command(c)
		p.raw("</p>")
	}
	p.whose(t, g)
	p.raw("</article>")
}

// rule says what a finding of a rule means.
func (p *page) rule(id string) {
	for _, r := range report.Rules() {
		if r.ID == id {
			p.raw(`<p class="help"><b>What it means.</b> `)
			for k, s := range strings.Split(r.Help, "`") { // every other part is a command
				if k%2 == 1 {
					p.raw("<code>")
				}
				p.text(s)
				if k%2 == 1 {
					p.raw("</code>")
				}
			}
			p.raw("</p>")
		}
	}
}

// shownDumps is how many dumps a group names.
const shownDumps = 20

// whose names the rule, the fingerprint, and the dumps that have the finding.
func (p *page) whose(t *report.Triage, g *report.FindingGroup) {
	p.raw(`<p class="quiet">`)
	p.text("Rule " + g.Finding.Rule + " · fingerprint ")
	p.raw(`<code>`)
	p.text(g.Fingerprint)
	p.raw("</code></p>")
	switch {
	case len(t.Dumps) == 1:
		return
	case len(g.Dumps) == 1:
		p.raw(`<p class="quiet">`)
		p.text("In " + g.Dumps[0])
		p.raw("</p>")
		return
	}
	p.raw("<details><summary>")
	p.text("In " + count(len(g.Dumps), "dump", "dumps"))
	p.raw("</summary><ul>")
	for i, f := range g.Dumps {
		p.raw("<li>")
		if i == shownDumps {
			p.text("and " + strconv.Itoa(len(g.Dumps)-i) + " more")
			p.raw("</li>")
			break
		}
		p.text(f)
		p.raw("</li>")
	}
	p.raw("</ul></details>")
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands.Grouped(uint64(n)) + " " + many
}

func sign(severity string) string {
	for _, s := range severities {
		if s[0] == severity {
			return s[1]
		}
	}
	return ""
}

// dumps is the list of the dumps with the number of their findings.
func (p *page) dumps(t *report.Triage) {
	p.open("dumps", "The dumps", "Dumps")
	list := report.Table{Columns: []report.Column{{Title: "Dump"}, {Title: "Process"}, {Title: "Looked at"},
		{Title: "High", Kind: report.Count}, {Title: "Medium", Kind: report.Count}, {Title: "Low", Kind: report.Count}, {Title: "Known", Kind: report.Count}}}
	for i := range t.Dumps {
		d := &t.Dumps[i]
		var c tally
		c.add(d)
		var process any
		if d.Process != "" {
			process = d.Process
		}
		list.Rows = append(list.Rows, []any{d.File, process, d.Status, c.by["high"], c.by["medium"], c.by["low"], c.known})
	}
	p.table(&list, "The dumps")
	p.shut()
}

// dump is the pictures and tables of one dump, closed where there are many.
func (p *page) dump(d *report.Triaged, i int, many bool) {
	label := ""
	if many {
		label = d.File
		p.open("d"+strconv.Itoa(i), d.File, d.File)
		p.raw("<details><summary>Pictures and tables</summary>")
	}
	if d.Pictures != nil {
		p.picturesOf(d.Pictures, label)
	}
	for k := range d.Detail {
		t := &d.Detail[k]
		if !shown(t) || t.Key == "coverage" || t.Key == "next" {
			continue
		}
		heading := t.Title
		if heading == "" {
			heading = untitled(t, k < 2)
		}
		if many {
			p.raw("<h3>")
			p.text(heading)
			p.raw("</h3>")
			p.table(t, heading+" of "+d.File)
			continue
		}
		p.open(p.id("t"), heading, brief(heading))
		p.table(t, heading)
		p.shut()
	}
	if many {
		p.raw("</details>")
		p.shut()
	}
}

// all is the table of all findings.
func (p *page) all(t *report.Triage) {
	many := len(t.Dumps) > 1
	list := report.Table{Columns: []report.Column{{Title: "Finding"}, {Title: "Severity"}, {Title: "Confidence"}, {Title: "Rule"}, {Title: "Known"}, {Title: "Fingerprint"}}}
	if many {
		list.Columns = append(list.Columns, report.Column{Title: "Dump"})
	}
	for i := range t.Dumps {
		for _, f := range t.Dumps[i].Findings {
			row := []any{f.Title, f.Severity.String(), f.Confidence.String(), f.Rule, f.Known != "", f.Fingerprint}
			if many {
				row = append(row, t.Dumps[i].File)
			}
			list.Rows = append(list.Rows, row)
		}
	}
	if len(list.Rows) < 2 {
		return
	}
	p.open("all", "All findings", "All findings")
	p.table(&list, "All findings")
	p.shut()
}
