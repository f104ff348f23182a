// Package load joins a dump with what the System Resource Usage Monitor of the
// same machine recorded about its program before: how much the program had to
// do, by the hour and by the day. SRUM records no memory, so nothing here says
// whether memory leaked; it tells growth with the load from growth without.
package load

import (
	"cmp"
	"context"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/heapdump/heapdump/internal/srum"
)

// Sum is a sum of what rows say; Known is false when none says anything.
type Sum struct {
	N     uint64
	Known bool
	over  bool
}

// add adds a cell. Absent and negative cells say nothing; a sum that does not
// fit is not known.
func (s *Sum) add(v srum.Value) {
	if !v.Known || v.Int < 0 {
		return
	}
	n, carry := bits.Add64(s.N, uint64(v.Int), 0)
	s.over = s.over || carry != 0
	s.N, s.Known = n, !s.over
}

// Period is what rows of one hour, of one day, or all rows say. Rows stand in
// the period in which they were written, or for spans of the timeline in which
// the span ended; each is about what came before, an hour or a little more.
type Period struct {
	Start time.Time // UTC; zero for the sum of all
	Rows  int

	ForegroundCycles, BackgroundCycles Sum // of the processor (CycleTime)
	CPU                                Sum // ms, cycles by the dump's frequency: an estimate
	Switches                           Sum // context switches
	Read, Written                      Sum // bytes
	Reads, Writes                      Sum // operations
	Sent, Received                     Sum // bytes on networks
	Face                               Sum // 100 ns, FaceTime: present, all users together
	Focus, Input                       Sum // seconds in focus, with input
}

// Use is one table of SRUM and what it gave.
type Use struct {
	srum.Coverage
	Title    string
	Programs bool // its rows are asked for the program
	Own      int  // rows of the program, up to the time of the dump
	After    int  // rows of the program about time after the dump
	Undated  int  // rows of the program without a time that makes sense
}

// Result is what was recorded.
type Result struct {
	Program    Program
	App        string // the name that was asked for instead; empty for none
	Matches    []Match
	Candidates []Match // what else it might be, likely ones first
	More       int     // candidates that are left out
	Tables     []Use
	Hours      []Period
	Days       []Period
	Total      Period
	First      time.Time // of all programs' rows, whenever; zero for none
	Last       time.Time
}

// candidates is how many are listed.
const candidates = 20

// Take reads what the database has on a program. app, when it is not empty,
// chooses the identifiers whose names hold it, whatever the dump says.
func Take(ctx context.Context, db *srum.DB, p Program, app string) (*Result, error) {
	apps, coverage, err := db.Apps(ctx)
	if err != nil {
		return nil, err
	}
	t := &taker{Result: Result{Program: p, App: app}, ids: map[int64]*Match{}, hours: map[int64]*Period{}, days: map[int64]*Period{}}
	t.Tables = append(t.Tables, Use{Coverage: coverage, Title: "names of programs"})
	sought := p
	if app != "" {
		sought = Program{Image: app}
	}
	for _, a := range apps {
		m := &Match{ID: a.ID, Name: a.Name, rank: sought.relate(a)}
		if app != "" && strings.Contains(strings.ToLower(a.Name), strings.ToLower(app)) {
			m.rank = byApp
		}
		t.ids[a.ID] = m
	}
	for _, q := range tables() {
		if err := t.table(ctx, db, q); err != nil {
			return nil, err
		}
	}
	t.choose()
	t.Hours, t.Days = periods(t.hours, p.MHz), periods(t.days, p.MHz)
	t.Total.estimate(p.MHz)
	return &t.Result, nil
}

// estimate turns cycles into time.
func (p *Period) estimate(mhz uint32) {
	cycles, carry := bits.Add64(p.ForegroundCycles.N, p.BackgroundCycles.N, 0)
	if mhz == 0 || carry != 0 || !p.ForegroundCycles.Known || !p.BackgroundCycles.Known {
		return
	}
	p.CPU = Sum{N: cycles / (uint64(mhz) * 1000), Known: true}
}

// taker is a Result in the making.
type taker struct {
	Result
	ids         map[int64]*Match
	hours, days map[int64]*Period
}

// query is a table, its columns, and where their cells go.
type query struct {
	guid, title string
	ends        string // column of the time when it is not TimeStamp: a FILETIME
	columns     []string
	into        func(p *Period) []*Sum
}

// tables are the tables that are asked. The units: cycles as Windows counts
// them; FaceTime in 100 ns (in a real sample it equals the time between rows, for
// programs that were there throughout); the seconds by the names of their columns.
func tables() []query {
	return []query{
		{guid: srum.AppResources, title: "application resource usage",
			columns: []string{"ForegroundCycleTime", "BackgroundCycleTime", "FaceTime", "ForegroundContextSwitches", "BackgroundContextSwitches",
				"ForegroundBytesRead", "BackgroundBytesRead", "ForegroundBytesWritten", "BackgroundBytesWritten",
				"ForegroundNumReadOperations", "BackgroundNumReadOperations", "ForegroundNumWriteOperations", "BackgroundNumWriteOperations"},
			into: func(p *Period) []*Sum {
				return []*Sum{&p.ForegroundCycles, &p.BackgroundCycles, &p.Face, &p.Switches, &p.Switches,
					&p.Read, &p.Read, &p.Written, &p.Written, &p.Reads, &p.Reads, &p.Writes, &p.Writes}
			}},
		{guid: srum.NetworkData, title: "network data usage", columns: []string{"BytesSent", "BytesRecvd"},
			into: func(p *Period) []*Sum { return []*Sum{&p.Sent, &p.Received} }},
		{guid: srum.AppTimeline, title: "application timeline", ends: "EndTime", columns: []string{"InFocusS", "UserInputS"},
			into: func(p *Period) []*Sum { return []*Sum{&p.Focus, &p.Input} }},
		{guid: srum.Connectivity, title: "network connectivity (of the machine)"},
		{guid: srum.Energy, title: "energy usage (of the machine)"},
	}
}

// table reads one table.
func (t *taker) table(ctx context.Context, db *srum.DB, q query) error {
	names := append([]string{"AppId", "TimeStamp"}, q.columns...)
	if q.ends != "" {
		names = append(names, q.ends)
	}
	u := Use{Title: q.title, Programs: q.into != nil}
	c, err := db.Rows(ctx, q.guid, names, func(v []srum.Value) {
		if q.into != nil {
			t.row(&u, q, v)
		}
	})
	c.Table = q.guid
	u.Coverage = c
	t.Tables = append(t.Tables, u)
	return err
}

// row puts a row where it belongs. Its time is the end of what it is about.
func (t *taker) row(u *Use, q query, v []srum.Value) {
	at, dated := v[1].Time, v[1].Known
	if q.ends != "" {
		if end, ok := srum.FileTime(v[len(v)-1].Int); v[len(v)-1].Known && ok {
			at, dated = end, true
		}
	}
	var m *Match
	if v[0].Known {
		m = t.ids[v[0].Int]
	}
	own := m != nil && m.rank <= byApp
	if !dated {
		if own {
			u.Undated++
		}
		return
	}
	t.First, t.Last = widen(t.First, t.Last, at)
	if m == nil {
		return
	}
	m.Rows++
	m.First, m.Last = widen(m.First, m.Last, at)
	if q.guid == srum.AppResources {
		for _, x := range v[2:4] {
			m.cycles += uint64(max(x.Int, 0)) // for ranking only
		}
	}
	if w := t.Program.Written; !w.IsZero() && at.After(w) {
		if m.After++; own {
			u.After++
		}
		return
	}
	if !own {
		return
	}
	u.Own++
	for _, p := range []*Period{&t.Total, period(t.hours, at.Truncate(time.Hour)), period(t.days, at.Truncate(24*time.Hour))} {
		p.Rows++
		for i, s := range q.into(p) {
			s.add(v[2+i])
		}
	}
}

func widen(first, last, at time.Time) (time.Time, time.Time) {
	if first.IsZero() || at.Before(first) {
		first = at
	}
	if at.After(last) {
		last = at
	}
	return first, last
}

func period(all map[int64]*Period, start time.Time) *Period {
	p := all[start.Unix()]
	if p == nil {
		p = &Period{Start: start}
		all[start.Unix()] = p
	}
	return p
}

// periods puts periods in order, with the estimate of processor time.
func periods(all map[int64]*Period, mhz uint32) []Period {
	out := make([]Period, 0, len(all))
	for _, p := range all {
		p.estimate(mhz)
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b Period) int { return a.Start.Compare(b.Start) })
	return out
}

// choose lists the identifiers that are the program, and those that may be.
func (t *taker) choose() {
	var rest []Match
	for _, m := range t.ids {
		m.Why = why(m.rank)
		switch {
		case m.rank <= byApp:
			t.Matches = append(t.Matches, *m)
		case m.rank < unrelated:
			t.Candidates = append(t.Candidates, *m)
		case m.Rows > 0:
			rest = append(rest, *m)
		}
	}
	order := func(a, b Match) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), -cmp.Compare(a.cycles, b.cycles), -cmp.Compare(a.Rows, b.Rows), cmp.Compare(a.ID, b.ID))
	}
	slices.SortFunc(t.Matches, order)
	slices.SortFunc(t.Candidates, order)
	if len(t.Matches)+len(t.Candidates) == 0 {
		slices.SortFunc(rest, order)
		for i := range rest {
			rest[i].Why = why(busiest)
		}
		t.Candidates = rest
	}
	if n := len(t.Candidates); n > candidates {
		t.Candidates, t.More = t.Candidates[:candidates], n-candidates
	}
}
