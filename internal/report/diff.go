package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/heapdump/heapdump/internal/analysis/delta"
	"github.com/heapdump/heapdump/internal/thousands"
)

// Diff is the result of heapdump diff. coverage has a sentence for everything
// that a side does not hold.
func Diff(r *delta.Result, top int, coverage []string) *Document {
	first, last := r.Sides[0], r.Sides[len(r.Sides)-1]
	d := &Document{Title: fmt.Sprintf("%s → %s: %s", first.File, last.File, orUnknown(last.Process))}
	d.add(diffSides(r), diffTotal(r))
	d.add(diffRows("rows", diffTitle(r), r, r.Rows, top, "nothing grew"), diffStack(r))
	d.add(diffRows("usage", "Address space, by what it is for", r, r.Usage, 0, ""),
		diffRows("handle_types", "Handles, by type", r, r.Handles, 0, ""))
	d.add(forecasts(r))
	cov := values("coverage", "What these dumps cannot answer", append(coverage, untimed(r)...))
	cov.Wrap = true
	d.add(cov)
	return d
}

// counted is what rows have: bytes of blocks in use, of address space taken,
// or no bytes but handles.
type counted struct {
	old, new, growth, blocks, more string
	steady                         [2]string // one, several
}

// countedBy says what the rows of a table count; rows of owners are by
// whatever r is by.
func countedBy(key string, r *delta.Result) counted {
	is := func(name, by string) bool { return key == name || key == "rows" && len(r.By) == 1 && r.By[0] == by }
	switch {
	case is("usage", delta.ByUsage):
		return counted{"Address space taken, first", "Address space taken, last", "Growth in bytes", "Growth in regions", "Regions more", [2]string{"use", "uses"}}
	case is("handle_types", delta.ByHandles):
		return counted{"", "", "", "Growth in handles", "Handles more", [2]string{"type", "types"}}
	}
	return counted{"Bytes in use, first", "Bytes in use, last", "Growth in bytes", "Growth in blocks", "Blocks more", [2]string{"owner", "owners"}}
}

func diffTotal(r *delta.Result) Table {
	c := countedBy("rows", r)
	bytes := c.growth != ""
	return record("total", "", []pair{
		{Column{"by", "", List}, r.By},
		{Column{"old_bytes", c.old, Bytes}, known(bytes, r.Total.Old().Bytes)},
		{Column{"new_bytes", c.new, Bytes}, known(bytes, r.Total.New().Bytes)},
		{Column{"delta_bytes", c.growth, Bytes}, known(bytes, r.Total.Bytes())},
		{Column{"delta_blocks", c.blocks, Count}, r.Total.Blocks()},
		{Column{"seconds", titleIf(r.Span > 0, "Seconds between"), Count}, known(r.Span > 0, int64(r.Span/time.Second))},
		{Column{"bytes_per_hour", titleIf(hasRate(r), "Growth in bytes an hour"), Bytes}, perHour(r, &r.Total)},
	})
}

// untimed says why there is no rate.
func untimed(r *delta.Result) []string {
	if s := r.Disorder(); s != nil {
		return []string{fmt.Sprintf("%s was written before the one in front of it: growth and rates are those of the order given; the oldest goes first", s.File)}
	}
	if r.Span <= 0 {
		return []string{"no rates: the files do not say when they were written, or all at the same second"}
	}
	return nil
}

func orUnknown(s string) string {
	if s == "" {
		return "a program of unknown name"
	}
	return s
}

func diffTitle(r *delta.Result) string {
	by := strings.Join(r.By, ", then ")
	if len(r.Sides) > 2 {
		return fmt.Sprintf("What grew at each of %d steps, by %s", len(r.Sides)-1, by)
	}
	return fmt.Sprintf("What changed, by %s, growth first", by)
}

func diffSides(r *delta.Result) Table {
	return fill(Table{Key: "sides", Title: "Compared, the oldest first"}, []field[*delta.Side]{
		f("file", "File", Text, func(s *delta.Side) any { return s.File }),
		f("process", "Program", Text, func(s *delta.Side) any { return word(s.Process) }),
		f("written", "Written", Text, func(s *delta.Side) any {
			if s.Written.IsZero() {
				return nil
			}
			return s.Written.Format(time.RFC3339)
		}),
	}, r.Sides)
}

func hasRate(r *delta.Result) bool { _, ok := r.Rate(); return ok }

// perHour is by how many bytes an hour a row grew, nil when it did not or the
// times are not known.
func perHour(r *delta.Result, c *delta.Change) any {
	rate, ok := r.RateOf(c)
	return known(ok && rate < math.MaxInt64/3600, uint64(rate*3600))
}

// diffRows are changes: a sign and the bytes, as umdh prints them.
func diffRows(key, title string, r *delta.Result, rows []delta.Change, top int, empty string) Table {
	t := fill(Table{Key: key, Title: title, Main: key == "rows", Empty: empty}, diffFields(key, r), cut(rows, top))
	if n := len(rows) - len(t.Rows); n > 0 {
		t.Notes = append(t.Notes, plural(n, "row more", "rows more")+"; --top 0 shows all")
	}
	left := map[string]int{"rows": r.Steady, "usage": r.SteadyUsage, "handle_types": r.SteadyHandles}[key]
	if left > 0 && (key == "rows" || len(t.Rows) > 0) {
		what := "did not change"
		if len(r.Sides) > 2 {
			what = "did not grow at every step"
		}
		words := countedBy(key, r).steady
		t.Notes = append(t.Notes, fmt.Sprintf("%s %s; --all shows them", plural(left, words[0], words[1]), what))
	}
	return t
}

// diffFields are the columns of changes. Of handles nobody knows bytes: rows
// say null of them, for programs only.
func diffFields(key string, r *delta.Result) []field[delta.Change] {
	c := countedBy(key, r)
	bytes := c.growth != ""
	steps := func(title string) string { return titleIf(len(r.Sides) > 2, title) }
	fields := []field[delta.Change]{
		f("", "±", Text, func(c delta.Change) any { return sign(c) }),
		f("delta_bytes", titleIf(bytes, "Bytes more"), Bytes, func(c delta.Change) any { return known(bytes, c.Bytes()) }),
		f("new_bytes", titleIf(bytes, "New"), Bytes, func(c delta.Change) any { return known(bytes, c.New().Bytes) }),
		f("old_bytes", titleIf(bytes, "Old"), Bytes, func(c delta.Change) any { return known(bytes, c.Old().Bytes) }),
		f("bytes_per_hour", titleIf(bytes && r.Span > 0, steps("Bytes an hour")), Bytes, func(c delta.Change) any { return perHour(r, &c) }),
		f("delta_blocks", c.more, Count, func(c delta.Change) any { return c.Blocks() }),
		f("new_blocks", titleIf(!bytes, "New"), Count, func(c delta.Change) any { return c.New().Blocks }),
		f("old_blocks", titleIf(!bytes, "Old"), Count, func(c delta.Change) any { return c.Old().Blocks }),
	}
	if key == "handle_types" {
		fields = slices.Concat(fields[:1], fields[5:])
	}
	if len(r.Sides) > 2 {
		fields = append(fields, f("steps_bytes", titleIf(bytes, "Bytes at each step"), List, func(c delta.Change) any { return known(bytes, stepBytes(c)) }))
	}
	if len(r.Sides) > 2 && !bytes {
		fields = append(fields, f("steps_blocks", "Handles at each step", List, func(c delta.Change) any { return stepBlocks(c) }))
	}
	fields = append(fields, f("keys", "What", List, func(c delta.Change) any { return c.Keys }))
	if key == "rows" {
		fields = append(fields, f("stack", "", List, func(c delta.Change) any {
			if c.Stack == nil {
				return nil
			}
			return c.Stack
		}))
	}
	return fields
}

func sign(c delta.Change) string {
	switch n := c.Bytes(); {
	case n > 0 || n == 0 && c.Blocks() > 0:
		return "+"
	case n < 0 || c.Blocks() < 0:
		return "-"
	}
	return " "
}

func stepBytes(c delta.Change) []string {
	var out []string
	for _, s := range c.Steps {
		out = append(out, fmt.Sprint(s.Bytes))
	}
	return out
}

func stepBlocks(c delta.Change) []string {
	var out []string
	for _, s := range c.Steps {
		out = append(out, fmt.Sprint(s.Blocks))
	}
	return out
}

// diffStack is the stack of what grew most, for people.
func diffStack(r *delta.Result) Table {
	if len(r.Rows) == 0 || len(r.Rows[0].Stack) == 0 || r.Rows[0].Bytes() <= 0 {
		return Table{Media: ForPeople}
	}
	c := r.Rows[0]
	t := values("", fmt.Sprintf("Where %s more bytes were allocated, innermost first", thousands.Grouped(uint64(c.Bytes()))), c.Stack)
	t.Media = ForPeople
	return t
}

// forecasts say when the growth runs into something.
func forecasts(r *delta.Result) Table {
	return fill(Table{Key: "forecasts", Title: "If it goes on like this"}, []field[delta.Forecast]{
		f("limit", "Runs into", Text, func(x delta.Forecast) any { return x.Name }),
		f("left_bytes", "Bytes left", Bytes, func(x delta.Forecast) any { return x.Left }),
		f("bytes_per_hour", "Bytes an hour", Bytes, func(x delta.Forecast) any { return uint64(x.Rate * 3600) }),
		f("measured_by", "Measured by", Text, func(x delta.Forecast) any { return measuredBy(r, x) }),
		f("after_seconds", "", Count, func(x delta.Forecast) any { return int64(x.After / time.Second) }),
		f("", "In about", Text, func(x delta.Forecast) any { return about(x.After) }),
	}, r.Forecasts())
}

// measuredBy says which growth a forecast goes by.
func measuredBy(r *delta.Result, x delta.Forecast) string {
	switch {
	case x.Measured:
		return "how much less was left"
	case len(r.By) == 1 && r.By[0] == delta.ByUsage:
		return "the address space taken"
	}
	return "the bytes in use"
}

// about is a duration in its largest unit.
func about(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d seconds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
