package report

import (
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
)

// shownProblems is how many groups of problems text shows.
const shownProblems = 20

// problems makes the table of problems for programs, and the grouped one for
// people.
func problems(all []diag.Problem, dropped int) []Table {
	program := fill(Table{Key: "problems", Media: ForPrograms}, []field[diag.Problem]{
		f("code", "", Text, func(p diag.Problem) any { return string(p.Code) }),
		f("class", "", Text, func(p diag.Problem) any { return p.Class.String() }),
		f("at", "", Address, func(p diag.Problem) any { return p.At.Off }),
		f("in", "", Text, func(p diag.Problem) any { return place(p) }),
		f("heap", "", Address, func(p diag.Problem) any { return some(p.Heap) }),
		f("object", "", Text, func(p diag.Problem) any { return word(p.Object) }),
		f("field", "", Text, func(p diag.Problem) any { return word(p.Field) }),
		f("want", "", Text, func(p diag.Problem) any { return word(p.Want) }),
		f("got", "", Text, func(p diag.Problem) any { return word(p.Got) }),
		f("lost_bytes", "", Bytes, func(p diag.Problem) any { return p.Lost }),
	}, all)
	return []Table{program, groupedProblems(all, dropped)}
}

func place(p diag.Problem) string {
	if p.At.In == diag.InFile {
		return "file"
	}
	return "memory"
}

// group is the problems of one code in one heap.
type group struct {
	first diag.Problem
	count int
	lost  uint64
}

// groupProblems makes one of the problems of one code in one heap, in the order
// of the first of each.
func groupProblems(all []diag.Problem) []*group {
	type key struct {
		code diag.Code
		heap uint64
	}
	var groups []*group
	index := map[key]*group{}
	for _, p := range all {
		k := key{p.Code, uint64(p.Heap)}
		g := index[k]
		if g == nil {
			g = &group{first: p}
			index[k] = g
			groups = append(groups, g)
		}
		g.count++
		g.lost += p.Lost
	}
	return groups
}

func groupedProblems(all []diag.Problem, dropped int) Table {
	groups := groupProblems(all)
	rest := max(0, len(groups)-shownProblems)
	t := fill(Table{Title: "Problems, the first of each kind", Media: ForPeople}, []field[*group]{
		f("", "Count", Count, func(g *group) any { return g.count }),
		f("", "Lost bytes", Bytes, func(g *group) any { return g.lost }),
		f("", "Heap", Address, func(g *group) any { return some(g.first.Heap) }),
		f("", "Problem", Text, func(g *group) any { return withoutLost(g.first) }),
	}, groups[:len(groups)-rest])
	if rest > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("… and %d more kinds of problem; --format json has them all", rest))
	}
	if dropped > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%d more problems were counted but not kept", dropped))
	}
	return t
}

func withoutLost(p diag.Problem) string {
	p.Lost = 0
	return p.String()
}
