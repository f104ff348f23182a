package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/heapdump/heapdump/internal/analysis/delta"
)

// Diff is the result of heapdump diff. coverage has a sentence for everything
// that a side does not hold.
func Diff(r *delta.Result, top int, coverage []string) *Document {
	first, last := r.Sides[0], r.Sides[len(r.Sides)-1]
	d := &Document{Title: fmt.Sprintf("%s → %s: %s", first.File, last.File, orUnknown(last.Process))}
	d.add(diffSides(r), record("total", "", []pair{
		{Column{"by", "", List}, r.By},
		{Column{"old_bytes", "Bytes in use, first", Bytes}, r.Total.Old().Bytes},
		{Column{"new_bytes", "Bytes in use, last", Bytes}, r.Total.New().Bytes},
		{Column{"delta_bytes", "Growth in bytes", Bytes}, r.Total.Bytes()},
		{Column{"delta_blocks", "Growth in blocks", Count}, r.Total.Blocks()},
		{Column{"seconds", titleIf(r.Span > 0, "Seconds between"), Count}, known(r.Span > 0, int64(r.Span/time.Second))},
		{Column{"bytes_per_hour", titleIf(hasRate(r), "Growth in bytes an hour"), Bytes}, perHour(r)},
	}))
	d.add(diffRows("rows", diffTitle(r), r, r.Rows, top, "nothing grew"), diffStack(r))
	d.add(diffRows("usage", "Address space, by what it is for", r, r.Usage, 0, ""),
		diffRows("handle_types", "Handles, by type", r, r.Handles, 0, ""))
	d.add(forecasts(r))
	cov := values("coverage", "What these dumps cannot answer", coverage)
	cov.Wrap = true
	d.add(cov)
	return d
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

func perHour(r *delta.Result) any {
	rate, ok := r.Rate()
	return known(ok && rate < math.MaxInt64/3600, uint64(rate*3600))
}

// diffRows are changes: a sign and the bytes, as umdh prints them.
func diffRows(key, title string, r *delta.Result, rows []delta.Change, top int, empty string) Table {
	fields := []field[delta.Change]{
		f("", "±", Text, func(c delta.Change) any { return sign(c) }),
		f("delta_bytes", "Bytes more", Bytes, func(c delta.Change) any { return c.Bytes() }),
		f("new_bytes", "New", Bytes, func(c delta.Change) any { return c.New().Bytes }),
		f("old_bytes", "Old", Bytes, func(c delta.Change) any { return c.Old().Bytes }),
		f("delta_blocks", more(key), Count, func(c delta.Change) any { return c.Blocks() }),
		f("new_blocks", "", Count, func(c delta.Change) any { return c.New().Blocks }),
		f("old_blocks", "", Count, func(c delta.Change) any { return c.Old().Blocks }),
	}
	if len(r.Sides) > 2 {
		fields = append(fields, f("steps_bytes", "Bytes at each step", List, func(c delta.Change) any { return steps(c) }))
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
	if key == "handle_types" { // handles have no bytes
		fields = fields[4:]
	}
	t := fill(Table{Key: key, Title: title, Main: key == "rows", Empty: empty}, fields, cut(rows, top))
	if n := len(rows) - len(t.Rows); n > 0 {
		t.Notes = append(t.Notes, plural(n, "row more", "rows more")+"; --top 0 shows all")
	}
	if key == "rows" && r.Steady > 0 {
		what := "did not change"
		if len(r.Sides) > 2 {
			what = "did not grow at every step"
		}
		t.Notes = append(t.Notes, fmt.Sprintf("%s %s; --all shows them", plural(r.Steady, "owner", "owners"), what))
	}
	return t
}

// more is the title of what is counted beside bytes.
func more(key string) string {
	return map[string]string{"rows": "Blocks more", "usage": "Regions more", "handle_types": "Handles more"}[key]
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

func steps(c delta.Change) []string {
	var out []string
	for _, s := range c.Steps {
		out = append(out, fmt.Sprint(s.Bytes))
	}
	return out
}

// diffStack is the stack of what grew most, for people.
func diffStack(r *delta.Result) Table {
	if len(r.Rows) == 0 || len(r.Rows[0].Stack) == 0 || r.Rows[0].Bytes() <= 0 {
		return Table{Media: ForPeople}
	}
	c := r.Rows[0]
	t := values("", fmt.Sprintf("Where %s more bytes were allocated, innermost first", grouped(uint64(c.Bytes()))), c.Stack)
	t.Media = ForPeople
	return t
}

// forecasts say when the growth runs into something.
func forecasts(r *delta.Result) Table {
	return fill(Table{Key: "forecasts", Title: "If it goes on like this"}, []field[delta.Forecast]{
		f("limit", "Runs into", Text, func(x delta.Forecast) any { return x.Name }),
		f("left_bytes", "Bytes left", Bytes, func(x delta.Forecast) any { return x.Left }),
		f("after_seconds", "", Count, func(x delta.Forecast) any { return int64(x.After / time.Second) }),
		f("", "In about", Text, func(x delta.Forecast) any { return about(x.After) }),
	}, r.Forecasts())
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
