package report

import (
	"cmp"
	"fmt"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/process"
)

// Warning is what a reader must know before the numbers of a result are
// trusted: something in the dump is damaged or doubtful, or was guessed. What
// the dump does not hold at all is coverage.
type Warning struct {
	Code  string // stable, for programs: the code of a problem, or a word of report's own
	Text  string // a sentence
	Where string // the dump among several, a heap's address, or another place; empty where there is none
}

// warn adds a sentence to the document's warnings, and to its notes.
func (d *Document) warn(code, where, text string) {
	d.Warnings = append(d.Warnings, Warning{code, text, where})
	d.Notes = append(d.Notes, text)
}

// Warn adds sentences of one kind to the warnings and the notes.
func (d *Document) Warn(code string, texts []string) {
	for _, s := range texts {
		d.warn(code, "", s)
	}
}

// problems adds the tables of problems, and a warning for each kind of them in
// each heap. Text has the tables.
func (d *Document) problems(all []diag.Problem, dropped int) {
	d.add(problems(all, dropped)...)
	d.Warnings = append(d.Warnings, problemWarnings(all, dropped)...)
}

// problemWarnings makes a warning of the problems of one code in one heap.
func problemWarnings(all []diag.Problem, dropped int) []Warning {
	var out []Warning
	for _, g := range groupProblems(all) {
		w := Warning{Code: string(g.first.Code), Text: g.first.String() + "."}
		if g.count > 1 {
			w.Text = fmt.Sprintf("%d times; the first: %s.", g.count, g.first)
		}
		switch at := g.first.At; {
		case g.first.Heap != 0:
			w.Where = fmt.Sprintf("%v", g.first.Heap)
		case at != diag.At(0):
			w.Where = fmt.Sprintf("%v", at)
		}
		out = append(out, w)
	}
	if dropped > 0 {
		out = append(out, Warning{Code: "problems-dropped", Text: fmt.Sprintf("%d more problems were counted but not kept.", dropped)})
	}
	return out
}

// Warnings are what must be known of a dump whatever is asked of it: what is
// odd about its file, its streams and its lists of heaps, and which heaps were
// found by nothing but their signatures. where names the dump among several.
func Warnings(t *target.Target, where string) []Warning {
	out := problemWarnings(t.Problems, t.Dropped)
	n, first := 0, (*target.Heap)(nil)
	for _, h := range t.Own() {
		if h.Found != 1<<process.ByScan || h.Walkable() == nil {
			continue
		}
		if n++; first == nil {
			first = h
		}
	}
	if n > 0 {
		out = append(out, Warning{Code: "heap-by-scan", Where: fmt.Sprintf("%v", first.Address),
			Text: plural(n, "heap was", "heaps were") + " found by the signature alone, in no list of the process: perhaps what is left of one that was destroyed."})
	}
	for i := range out {
		out[i].Where = cmp.Or(where, out[i].Where)
	}
	return out
}

// Finish gives the document what every result has: coverage, where it has none
// of its own, and warnings, its own behind those of the dumps that it is of.
func (d *Document) Finish(dumps []Warning, missing []string) {
	var all []Warning
	seen := map[Warning]bool{}
	for _, list := range [...][]Warning{dumps, d.Warnings} {
		for _, w := range list {
			if !seen[w] {
				seen[w] = true
				all = append(all, w)
			}
		}
	}
	if _, ok := d.Table("coverage"); !ok {
		c := values("coverage", "", missing)
		c.Media = ForPrograms
		d.add(c)
	}
	d.add(warningTable(all))
}

// warningTable is the warnings for programs: people read them as notes and as
// tables of problems.
func warningTable(all []Warning) Table {
	return fill(Table{Key: "warnings", Media: ForPrograms}, []field[Warning]{
		f("code", "", Text, func(w Warning) any { return w.Code }),
		f("text", "", Text, func(w Warning) any { return w.Text }),
		f("where", "", Text, func(w Warning) any { return word(w.Where) }),
	}, all)
}
