package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/heapdump/heapdump/internal/analysis/load"
	"github.com/heapdump/heapdump/internal/srum"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/internal/thousands"
	"github.com/heapdump/heapdump/pkg/minidump"
)

// shownHours is how many hours text shows, the last ones.
const shownHours = 24

// Program reads from a target what the System Resource Usage Monitor can be
// asked with.
func Program(t *target.Target) load.Program {
	d := Describe(t)
	p := load.Program{Image: d.ImagePath, Command: d.Command, Written: t.File.Time()}
	for _, m := range t.File.Modules(nil) {
		if d.Process != "" && strings.EqualFold(m.Name[strings.LastIndexAny(m.Name, `\/`)+1:], d.Process) {
			p.Link = m.Timestamp
			break
		}
	}
	if mi, err := t.File.MiscInfo(); err == nil && mi.Flags&minidump.MiscProcessorPower != 0 {
		p.MHz = mi.Power.MaxMHz
	}
	return p
}

// Context is the result of heapdump context.
func Context(t *target.Target, db *srum.DB, r *load.Result) *Document {
	d := Describe(t)
	doc := &Document{Title: d.title()}
	doc.add(header(d)[0], contextSources(db, r))
	doc.add(matchTable("matches", "What SRUM calls the program", r.Matches, Everywhere))
	candidates := Everywhere
	if len(r.Matches) > 0 {
		candidates = ForPrograms
	}
	doc.add(matchTable("candidates", "What it may have been called: choose with --app", r.Candidates, candidates))
	doc.add(contextTotal(r))
	doc.add(periodsTable("days", "By day (UTC)", "2006-01-02", r, r.Days, Everywhere))
	hours := periodsTable("hours", "", "", r, r.Hours, ForPrograms)
	hours.Main = true
	last := r.Hours[max(0, len(r.Hours)-shownHours):]
	doc.add(hours, periodsTable("", "The last hours with records (UTC)", "2006-01-02 15:00", r, last, ForPeople))
	doc.add(tableUse(r), contextCoverage(db, r))
	doc.Warn("context", contextNotes(r))
	return doc
}

func contextSources(db *srum.DB, r *load.Result) Table {
	link := any(nil)
	if r.Program.Link != 0 {
		link = when(time.Unix(int64(r.Program.Link), 0))
	}
	return record("srum", "", []pair{
		{Column{"file", "SRUM database", Text}, db.Path},
		{Column{"file_bytes", "", Bytes}, db.Size},
		{Column{"state", "State", Text}, db.State.String()},
		{Column{"page_bytes", "", Bytes}, db.PageSize},
		{Column{"checksums", "", Yes}, db.Verified},
		{Column{"first", "First record of any program", Text}, when(r.First)},
		{Column{"last", "Last record of any program", Text}, when(r.Last)},
		{Column{"written", "The dump was written", Text}, when(r.Program.Written)},
		{Column{"program", "Program", Text}, word(r.Program.Image)},
		{Column{"link_time", "", Text}, link},
		{Column{"app", titleIf(r.App != "", "Looked for instead"), Text}, word(r.App)},
		{Column{"mhz", "", Count}, known(r.Program.MHz != 0, r.Program.MHz)},
	})
}

func matchTable(key, title string, all []load.Match, media Media) Table {
	t := fill(Table{Key: key, Title: title, Media: media}, []field[load.Match]{
		f("app_id", "ID", Count, func(m load.Match) any { return m.ID }),
		f("why", "Because", Text, func(m load.Match) any { return m.Why }),
		f("rows", "Rows", Count, func(m load.Match) any { return m.Rows }),
		f("later_rows", "after the\ndump", Count, func(m load.Match) any { return m.After }),
		f("first", "First", Text, func(m load.Match) any { return when(m.First) }),
		f("last", "Last", Text, func(m load.Match) any { return when(m.Last) }),
		f("name", "Name", Text, func(m load.Match) any { return m.Name }),
	}, all)
	if key == "matches" {
		t.Empty = "none"
	}
	return t
}

// sum makes a cell of a sum in units of its own.
func sum(s load.Sum, unit uint64) any { return known(s.Known, s.N/unit) }

// perSecondFace is how many units of FaceTime are a second.
const perSecondFace = 10_000_000

// periodFields are the columns of an hour or a day.
func periodFields(layout string, mhz uint32) []field[load.Period] {
	type p = load.Period
	start := func(x p) any { return when(x.Start) }
	if layout != "" {
		start = func(x p) any { return x.Start.Format(layout) }
	}
	return []field[p]{
		f("start", "From", Text, start),
		f("cpu_ms", titleIf(mhz != 0, "CPU ms,\nestimate"), Count, func(x p) any { return sum(x.CPU, 1) }),
		f("foreground_cycles", "Cycles in\nforeground", Count, func(x p) any { return sum(x.ForegroundCycles, 1) }),
		f("background_cycles", "in\nbackground", Count, func(x p) any { return sum(x.BackgroundCycles, 1) }),
		f("context_switches", "Context\nswitches", Count, func(x p) any { return sum(x.Switches, 1) }),
		f("read_bytes", "Bytes\nread", Bytes, func(x p) any { return sum(x.Read, 1) }),
		f("written_bytes", "Bytes\nwritten", Bytes, func(x p) any { return sum(x.Written, 1) }),
		f("read_operations", "", Count, func(x p) any { return sum(x.Reads, 1) }),
		f("write_operations", "", Count, func(x p) any { return sum(x.Writes, 1) }),
		f("sent_bytes", "Bytes\nsent", Bytes, func(x p) any { return sum(x.Sent, 1) }),
		f("received_bytes", "Bytes\nreceived", Bytes, func(x p) any { return sum(x.Received, 1) }),
		f("face_seconds", "Present\ns", Count, func(x p) any { return sum(x.Face, perSecondFace) }),
		f("focus_seconds", "In focus\ns", Count, func(x p) any { return sum(x.Focus, 1) }),
		f("input_seconds", "Input\ns", Count, func(x p) any { return sum(x.Input, 1) }),
		f("rows", "Rows", Count, func(x p) any { return x.Rows }),
	}
}

func periodsTable(key, title, layout string, r *load.Result, all []load.Period, media Media) Table {
	return fill(Table{Key: key, Title: title, Media: media, Tight: true}, periodFields(layout, r.Program.MHz), all)
}

func contextTotal(r *load.Result) Table {
	return fill(Table{Key: "total", Shape: Record, Media: ForPrograms}, periodFields("", r.Program.MHz)[1:], []load.Period{r.Total})
}

func tableUse(r *load.Result) Table {
	return fill(Table{Key: "tables", Title: "Tables of SRUM"}, []field[load.Use]{
		f("title", "Table", Text, func(u load.Use) any { return u.Title }),
		f("state", "State", Text, func(u load.Use) any { return tableState(u) }),
		f("rows", "Rows", Count, func(u load.Use) any { return known(u.Present, u.Rows) }),
		f("program_rows", "of the\nprogram", Count, func(u load.Use) any { return known(u.Present && u.Programs, u.Own) }),
		f("later_rows", "after the\ndump", Count, func(u load.Use) any { return known(u.Present && u.Programs, u.After) }),
		f("undated_rows", "without\na time", Count, func(u load.Use) any { return known(u.Present && u.Programs, u.Undated) }),
		f("bad_rows", "Rows not\nread", Count, func(u load.Use) any { return known(u.Present, u.BadRows) }),
		f("bad_pages", "Pages not\nread", Count, func(u load.Use) any { return known(u.Present, u.Bad) }),
		f("table", "", Text, func(u load.Use) any { return u.Table }),
		f("problem", "", Text, func(u load.Use) any { return word(u.Why) }),
	}, r.Tables)
}

func tableState(u load.Use) string {
	switch {
	case !u.Present:
		return "absent"
	case u.Damaged():
		return "damaged"
	}
	return "read"
}

// ContextCoverage says in sentences what of the question could not be answered.
func ContextCoverage(db *srum.DB, r *load.Result) []string {
	out := []string{}
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	switch c := db.Catalog; {
	case db.Copied:
		add("The list of tables is damaged (%s): its copy in the database was read.", c.Why)
	case c.Damaged():
		add("The list of tables is damaged (%s): tables may seem absent that are not.", c.Why)
	}
	for _, u := range r.Tables {
		switch {
		case !u.Present:
			add("The table of %s (%s) is not in the database.", u.Title, u.Table)
		case u.Damaged():
			add("The table of %s is damaged (%s): %s, %s. Sums are of what is left.", u.Title, u.Why, plural(u.Bad, "page was not read", "pages were not read"),
				plural(u.BadRows, "row was not", "rows were not"))
		}
	}
	switch {
	case r.Program.Image == "" && r.App == "":
		add("The dump does not say which program it is of. Name it with --app.")
	case len(r.Matches) == 0 && r.App != "":
		add("No name in the database holds %q.", r.App)
	case len(r.Matches) == 0:
		add("No name in the database is surely that of %s. Is the database of the same machine? --app chooses a name.", r.Program.Image)
	}
	if r.Program.Written.IsZero() {
		add("The dump does not say when it was written: rows of any time are shown.")
	}
	if !db.Verified {
		add("Pages of %s bytes have checksums that are not compared.", thousands.Grouped(db.PageSize))
	}
	return out
}

func contextCoverage(db *srum.DB, r *load.Result) Table {
	t := values("coverage", "What could not be answered", ContextCoverage(db, r))
	t.Wrap = true
	return t
}

func contextNotes(r *load.Result) []string {
	out := []string{"SRUM records no memory: these figures are load, and cannot show a leak. Memory that grew while they stayed level did not grow with the load; where they rose as well, it may have."}
	after := 0
	for _, u := range r.Tables {
		after += u.After
	}
	if after > 0 {
		out = append(out, fmt.Sprintf("%s after the dump and left out.", plural(after, "row of the program is from", "rows of the program are from")))
	}
	if w := r.Program.Written; !w.IsZero() && !r.Last.IsZero() {
		if !r.First.Before(w) {
			out = append(out, "All records are from after the dump: the database was made or emptied later, or a clock was wrong.")
		} else if gap := w.Sub(r.Last); gap > 0 {
			out = append(out, fmt.Sprintf("The last record is from %s before the dump; nothing later is in the database.", span(gap)))
		}
	}
	if len(r.Matches) > 0 && len(r.Candidates) > 0 {
		out = append(out, fmt.Sprintf("%s like it: --format json lists them, --app counts them.", plural(len(r.Candidates)+r.More, "other name is", "other names are")))
	}
	if len(r.Hours) > 0 {
		out = append(out, "Times are UTC by the clock of the machine. A row is written about hourly, is about the time before it, and is of all processes and users of a program together: seconds may exceed the hour.")
	}
	if r.Total.CPU.Known {
		out = append(out, fmt.Sprintf("CPU time is an estimate: cycles by the %d MHz that the dump names.", r.Program.MHz))
	}
	return out
}

// span is a time in words of one unit.
func span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return plural(int(d.Minutes()), "minute", "minutes")
}
