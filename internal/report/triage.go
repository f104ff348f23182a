package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/heapdump/heapdump/internal/finding"
)

// The states of a dump in a triage.
const (
	StatusOK      = "ok"      // all was looked at
	StatusPartial = "partial" // the dump lacks something, or not all of the work was done
	StatusError   = "error"   // it could not be read, or heapdump failed on it
)

// Triaged is one dump of a triage.
type Triaged struct {
	File     string
	Process  string // empty when unknown
	Status   string // ok, partial, error
	Findings []finding.Finding
	Missing  []string // what could not be looked at, in sentences
	Warnings []Warning
	// For HTML alone: the tables of a summary, and the pictures.
	Detail   []Table
	Pictures *Pictures
}

// FindingGroup is the dumps that have findings of one fingerprint.
type FindingGroup struct {
	Fingerprint string
	Finding     finding.Finding // of the first dump
	Dumps       []string        // their files, in the order of the dumps
}

// Triage is the findings of many dumps: what formats that know findings
// (SARIF, JUnit, HTML) are made of.
type Triage struct {
	Version string // of heapdump
	Dumps   []Triaged
	Groups  []FindingGroup // the most dumps first, then the worst
	flags   []Flag         // that the commands for more need
}

// NewTriage groups the findings of dumps by fingerprint.
func NewTriage(dumps []Triaged) *Triage {
	t := &Triage{Dumps: dumps}
	at := map[string]int{}
	for i := range dumps {
		for _, f := range dumps[i].Findings {
			k, seen := at[f.Fingerprint]
			if !seen {
				k = len(t.Groups)
				at[f.Fingerprint] = k
				t.Groups = append(t.Groups, FindingGroup{Fingerprint: f.Fingerprint, Finding: f})
			}
			g := &t.Groups[k]
			if n := len(g.Dumps); n == 0 || g.Dumps[n-1] != dumps[i].File {
				g.Dumps = append(g.Dumps, dumps[i].File)
			}
		}
	}
	slices.SortStableFunc(t.Groups, func(a, b FindingGroup) int {
		return cmp.Or(len(b.Dumps)-len(a.Dumps), int(b.Finding.Severity)-int(a.Finding.Severity), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	return t
}

// Rules are the rules that findings are of.
func Rules() []finding.Rule { return finding.Rules() }

// Document is the result of heapdump triage.
func (t *Triage) Document() *Document {
	doc := &Document{Title: t.title(), Triage: t}
	doc.add(t.dumps(), t.groups(), t.flat())
	if len(t.Dumps) > 1 {
		doc.add(t.shownGroups())
	}
	for i := range t.Dumps {
		if d := &t.Dumps[i]; len(d.Findings) > 0 {
			doc.add(shownDump(d))
		}
	}
	doc.add(t.missing(), t.next())
	doc.Notes = append(doc.Notes, t.verdict())
	for i := range t.Dumps {
		for _, w := range t.Dumps[i].Warnings {
			if len(t.Dumps) > 1 {
				w.Where = t.Dumps[i].File
			}
			doc.Warnings = append(doc.Warnings, w)
		}
	}
	return doc
}

func (t *Triage) title() string {
	if len(t.Dumps) != 1 {
		return "Triage of " + plural(len(t.Dumps), "dump", "dumps")
	}
	d := &t.Dumps[0]
	if d.Process != "" {
		return d.File + ": " + d.Process
	}
	return d.File
}

// located is a finding and the dump it is of.
type located struct {
	dump *Triaged
	finding.Finding
}

func findingFields() []field[located] {
	return []field[located]{
		f("rule", "", Text, func(x located) any { return x.Rule }),
		f("severity", "", Text, func(x located) any { return x.Severity.String() }),
		f("confidence", "", Text, func(x located) any { return x.Confidence.String() }),
		f("fingerprint", "", Text, func(x located) any { return x.Fingerprint }),
		f("title", "", Text, func(x located) any { return x.Title }),
		f("evidence", "", Text, func(x located) any { return x.Evidence }),
		f("known", "", Yes, func(x located) any { return x.Known != "" }),
	}
}

func findingTable(d *Triaged) *Table {
	rows := make([]located, len(d.Findings))
	for i, x := range d.Findings {
		rows[i] = located{d, x}
	}
	t := fill(Table{Key: "findings"}, findingFields(), rows)
	return &t
}

// dumps is the dumps with their findings, for programs.
func (t *Triage) dumps() Table {
	return fill(Table{Key: "dumps", Media: ForPrograms}, []field[*Triaged]{
		f("file", "", Text, func(d *Triaged) any { return d.File }),
		f("status", "", Text, func(d *Triaged) any { return d.Status }),
		f("findings", "", Nested, func(d *Triaged) any { return findingTable(d) }),
		f("coverage", "", List, func(d *Triaged) any { return append([]string{}, d.Missing...) }),
		f("warnings", "", Nested, func(d *Triaged) any { t := warningTable(d.Warnings); return &t }),
	}, pointersTo(t.Dumps))
}

func pointersTo[T any](in []T) []*T {
	out := make([]*T, len(in))
	for i := range in {
		out[i] = &in[i]
	}
	return out
}

func (t *Triage) groups() Table {
	return fill(Table{Key: "groups", Media: ForPrograms}, []field[FindingGroup]{
		f("fingerprint", "", Text, func(g FindingGroup) any { return g.Fingerprint }),
		f("count", "", Count, func(g FindingGroup) any { return len(g.Dumps) }),
		f("dumps", "", List, func(g FindingGroup) any { return g.Dumps }),
	}, t.Groups)
}

// flat is a row for every finding, for CSV and NDJSON.
func (t *Triage) flat() Table {
	var rows []located
	for i := range t.Dumps {
		for _, x := range t.Dumps[i].Findings {
			rows = append(rows, located{&t.Dumps[i], x})
		}
	}
	fields := append([]field[located]{
		f("file", "", Text, func(x located) any { return x.dump.File }),
		f("status", "", Text, func(x located) any { return x.dump.Status }),
	}, findingFields()...)
	return fill(Table{Key: "findings", Media: ForRows, Main: true}, fields, rows)
}

// shownGroups is the groups for people: those of several dumps.
func (t *Triage) shownGroups() Table {
	return fill(Table{Title: "The same finding in how many dumps", Media: ForPeople}, []field[FindingGroup]{
		f("", "Dumps", Count, func(g FindingGroup) any { return len(g.Dumps) }),
		f("", "Severity", Text, func(g FindingGroup) any { return g.Finding.Severity.String() }),
		f("", "Rule", Text, func(g FindingGroup) any { return g.Finding.Rule }),
		f("", "Finding", Text, func(g FindingGroup) any { return g.Finding.Title }),
	}, t.Groups)
}

// shownDump is the findings of one dump for people: a headline and what it
// rests on.
func shownDump(d *Triaged) Table {
	var lines []string
	for _, x := range d.Findings {
		head := fmt.Sprintf("%s: %s (%s, confidence %s)", strings.ToUpper(x.Severity.String()), x.Title, x.Rule, x.Confidence)
		if x.Known != "" {
			head += ", known: " + x.Known
		}
		lines = append(lines, head, "  "+x.Evidence, "  Fingerprint: "+x.Fingerprint)
	}
	title := d.File
	if d.Process != "" {
		title += ": " + d.Process
	}
	t := values("", fmt.Sprintf("%s (%s)", title, d.Status), lines)
	t.Media, t.Wrap = ForPeople, true
	return t
}

// missing is what could not be looked at, of every dump.
func (t *Triage) missing() Table {
	var lines []string
	for i := range t.Dumps {
		for _, m := range t.Dumps[i].Missing {
			if len(t.Dumps) > 1 {
				m = t.Dumps[i].File + ": " + m
			}
			lines = append(lines, m)
		}
	}
	c := values("coverage", "What could not be looked at", lines)
	c.Wrap = true
	return c
}

// nextOf are the commands that say more of a rule, by its first four digits.
var nextOf = map[string]string{
	"HD10": "exception", "HD11": "check", "HD12": "leaks", "HD13": "summary", "HD14": "address --summary", "HD15": "handles", "HD16": "summary",
}

// verbOf is the command that says more of a rule's findings.
func verbOf(rule string) (string, bool) {
	if rule == finding.Accumulator {
		return "retained", true
	}
	verb, ok := nextOf[rule[:4]]
	return verb, ok
}

// Next is the command that says more of a group's finding; empty where none
// does.
func (t *Triage) Next(g *FindingGroup) string {
	verb, ok := verbOf(g.Finding.Rule)
	if !ok {
		return ""
	}
	return withFlags(fmt.Sprintf("heapdump %s %s", verb, shell(g.Dumps[0])), t.flags)
}

// next suggests what to run of the worst findings.
func (t *Triage) next() Table {
	out := values("", nextTitle, nil)
	out.Media = ForPeople
	seen := map[string]bool{}
	for _, g := range t.Groups {
		verb, ok := verbOf(g.Finding.Rule)
		if !ok || seen[verb] || g.Finding.Severity == finding.Info || len(out.Rows) == 6 {
			continue
		}
		seen[verb] = true
		out.Rows = append(out.Rows, []any{"# " + g.Finding.Title}, []any{fmt.Sprintf("heapdump %s %s", verb, shell(g.Dumps[0]))})
	}
	return out
}

// verdict counts.
func (t *Triage) verdict() string {
	n, known, bad := 0, 0, 0
	for i := range t.Dumps {
		n += len(t.Dumps[i].Findings)
		for _, x := range t.Dumps[i].Findings {
			if x.Known != "" {
				known++
			}
		}
		if t.Dumps[i].Status == StatusError {
			bad++
		}
	}
	s := fmt.Sprintf("%s in %s", plural(n, "finding", "findings"), plural(len(t.Dumps), "dump", "dumps"))
	if known > 0 {
		s += fmt.Sprintf(", %d of them known", known)
	}
	if bad > 0 {
		s += fmt.Sprintf("; %d could not be analysed", bad)
	}
	return s + "."
}
