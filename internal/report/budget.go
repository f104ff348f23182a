package report

// Cut is what a table lost to a budget.
type Cut struct {
	Table       string // its key, in text its title
	Shown, Left int    // rows
}

// cutTable is the table that says what was left out.
func cutTable(all []Cut) Table {
	return fill(Table{Key: "cut", Title: "Left out, so that the result fits --budget"}, []field[Cut]{
		f("table", "Table", Text, func(c Cut) any { return c.Table }),
		f("rows_shown", "Rows shown", Count, func(c Cut) any { return c.Shown }),
		f("rows_left_out", "Left out", Count, func(c Cut) any { return c.Left }),
	}, all)
}

// cuttable are the tables that lose rows to a budget, the most important
// first: what the dump lacks, without which no number should be read, the main
// table, then the others in their order.
func (d *Document) cuttable(people bool) []*Table {
	var first, main, rest []*Table
	for i := range d.Tables {
		t := &d.Tables[i]
		switch {
		case t.Shape == Record || t.Media == ForRows || people && t.Media == ForPrograms || !people && (t.Media == ForPeople || t.Key == ""):
		case t.Key == "coverage":
			first = append(first, t)
		case t.Main || t.Key == "dumps":
			main = append(main, t)
		default:
			rest = append(rest, t)
		}
	}
	return append(append(first, main...), rest...)
}

// Steps is how far Shortened can go: at so many steps nothing is left out.
// people says which tables are looked at: those of text, or those of JSON.
func (d *Document) Steps(people bool) int {
	most, tables := 0, d.cuttable(people)
	for _, t := range tables {
		most = max(most, t.longest())
	}
	return most * len(tables)
}

// Shortened returns the document with the first rows of its tables: each step
// gives one more row to one table, in turns, the most important table first.
// With less than all steps a table at the end says what was left out. The
// document itself is not changed.
func (d *Document) Shortened(step int, people bool) *Document {
	out := *d
	out.Tables = append([]Table(nil), d.Tables...)
	var all []Cut
	tables := out.cuttable(people)
	for i, t := range tables {
		rows := step / len(tables)
		if i < step%len(tables) {
			rows++
		}
		all = append(all, t.shorten(rows, people)...)
	}
	if len(all) > 0 {
		out.Tables = append(out.Tables, cutTable(all))
	}
	return &out
}

// shorten cuts the end of a table, and of the tables in its cells.
func (t *Table) shorten(most int, people bool) []Cut {
	name := t.Key
	if people && t.Title != "" {
		name = t.Title
	}
	if name == "" {
		name = "the table without a title"
	}
	var all []Cut
	if n := len(t.Rows); n > most {
		t.Rows = t.Rows[:most:most]
		all = append(all, Cut{name, most, n - most})
	}
	for i, c := range t.Columns {
		if c.Kind != Nested {
			continue
		}
		inner := Cut{Table: c.Key}
		rows := make([][]any, len(t.Rows))
		for k, r := range t.Rows {
			rows[k] = append([]any(nil), r...)
			x, ok := r[i].(*Table)
			if !ok {
				continue
			}
			short := *x
			short.Rows = x.Rows[:min(len(x.Rows), most):min(len(x.Rows), most)]
			rows[k][i] = &short
			inner.Shown, inner.Left = inner.Shown+len(short.Rows), inner.Left+len(x.Rows)-len(short.Rows)
		}
		t.Rows = rows
		if inner.Left > 0 {
			all = append(all, inner)
		}
	}
	return all
}

// longest is the number of rows of the table, or of one in its cells.
func (t *Table) longest() int {
	n := len(t.Rows)
	for _, r := range t.Rows {
		for _, v := range r {
			if x, ok := v.(*Table); ok {
				n = max(n, len(x.Rows))
			}
		}
	}
	return n
}
