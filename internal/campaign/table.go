package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
)

// outcome is what came of a damage.
type outcome uint8

const (
	refused outcome = iota // the file is not opened, and the error says why
	noticed                // something is said that is not said of the healthy dump
	nothing                // every figure is as before
	silent                 // figures changed without a word
	outcomes
)

// judge compares a damaged dump's observation with the healthy one's. Of what
// changed without a word it names the first figure, and says how.
func judge(healthy, o *observation) (how outcome, which, what string) {
	if o.refused != "" {
		return refused, "", ""
	}
	for n := range o.notices {
		if !healthy.notices[n] {
			return noticed, "", ""
		}
	}
	was := map[string]string{}
	for _, f := range healthy.figures {
		was[f.name] = f.value
	}
	for _, f := range o.figures {
		if v, ok := was[f.name]; !ok || v != f.value {
			return silent, f.name, fmt.Sprintf("%s: %s, was %s", f.name, f.value, v)
		}
		delete(was, f.name)
	}
	for n := range was {
		return silent, n, n + " is gone"
	}
	return nothing, "", ""
}

// row counts the outcomes of the damages to one field of one structure.
type row struct {
	structure, field string
	counts           [outcomes]int
	examples         map[string]string // of silent ones, by the kind of dump and figure
}

func (r *row) total() int {
	return r.counts[refused] + r.counts[noticed] + r.counts[nothing] + r.counts[silent]
}

// table is the rows by structure and field.
type table struct {
	rows     map[[2]string]*row
	broken   []string
	slowest  observation
	greatest float64 // bytes allocated above the floor, as a multiple of the file
	runs     int
}

// put counts one damage.
func (t *table) put(structure, field string, o outcome, examples map[string]string) {
	k := [2]string{structure, field}
	r := t.rows[k]
	if r == nil {
		r = &row{structure: structure, field: field}
		t.rows[k] = r
	}
	r.counts[o]++
	if o != silent {
		return
	}
	if r.examples == nil {
		r.examples = map[string]string{}
	}
	for k, v := range examples {
		if _, have := r.examples[k]; !have {
			r.examples[k] = v
		}
	}
}

// merge adds another table.
func (t *table) merge(x *table) {
	for k, r := range x.rows {
		for o, n := range r.counts {
			if n == 0 {
				continue
			}
			t.put(k[0], k[1], outcome(o), r.examples)
			t.rows[k].counts[o] += n - 1
		}
	}
	t.broken = append(t.broken, x.broken...)
	t.runs += x.runs
	t.greatest = max(t.greatest, x.greatest)
	if x.slowest.took > t.slowest.took {
		t.slowest = x.slowest
	}
}

// write prints the table in Markdown: with every field, or by structure.
func (t *table) write(w io.Writer, fields bool) {
	rows := slices.Collect(maps.Values(t.rows))
	if !fields {
		short := &table{rows: map[[2]string]*row{}}
		for _, r := range rows {
			for o, n := range r.counts {
				if n > 0 {
					short.put(r.structure, group(r.structure, r.field), outcome(o), nil)
					short.rows[[2]string{r.structure, group(r.structure, r.field)}].counts[o] += n - 1
				}
			}
		}
		rows = slices.Collect(maps.Values(short.rows))
	}
	slices.SortFunc(rows, func(x, y *row) int {
		return cmp.Or(cmp.Compare(x.structure, y.structure), cmp.Compare(x.field, y.field))
	})
	fmt.Fprintln(w, "| structure | field | damages | refused | noticed | changed nothing | figures changed without a word |")
	fmt.Fprintln(w, "|---|---|--:|--:|--:|--:|--:|")
	var all row
	for _, r := range rows {
		fmt.Fprintf(w, "| `%s` | %s | %d | %d | %d | %d | %d |\n", r.structure, r.field, r.total(), r.counts[refused], r.counts[noticed], r.counts[nothing], r.counts[silent])
		for o, n := range r.counts {
			all.counts[o] += n
		}
	}
	fmt.Fprintf(w, "| all | | %d | %d | %d | %d | %d |\n", all.total(), all.counts[refused], all.counts[noticed], all.counts[nothing], all.counts[silent])
}

// unexplained adds what changed figures without a word, and is not known to be
// without redundancy, to what is broken.
func (t *table) unexplained() {
	for k, r := range t.rows {
		if r.counts[silent] == 0 || explained[k] != "" {
			continue
		}
		for _, e := range r.examples {
			t.broken = append(t.broken, "silent and not explained: "+e)
		}
	}
	slices.Sort(t.broken)
}

// reasons prints why figures changed without a word, for each field where
// they did.
func (t *table) reasons(w io.Writer) {
	fmt.Fprintf(w, "\nWhere figures changed without a word:\n\n")
	for _, k := range slices.SortedFunc(maps.Keys(t.rows), func(x, y [2]string) int { return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1])) }) {
		if t.rows[k].counts[silent] > 0 && explained[k] != "" {
			fmt.Fprintf(w, "- `%s` %s: %s\n", k[0], k[1], explained[k])
		}
	}
}
