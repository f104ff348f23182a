package delta_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/heapdump/heapdump/internal/analysis/delta"
)

func side(minute int, rows ...delta.Row) *delta.Side {
	return &delta.Side{File: fmt.Sprintf("%d.dmp", minute), Process: "app.exe", By: []string{"size"}, Rows: rows,
		Written: time.Date(2026, 1, 2, 3, minute, 0, 0, time.UTC)}
}

func row(name string, blocks int, bytes uint64) delta.Row {
	return delta.Row{Fingerprint: name, Keys: []string{name}, Amount: delta.Amount{Blocks: blocks, Bytes: bytes}}
}

func rows(changes []delta.Change) []string {
	var out []string
	for _, c := range changes {
		out = append(out, fmt.Sprintf("%s %+d %+d", c.Keys[0], c.Bytes(), c.Blocks()))
	}
	return out
}

func compare(t *testing.T, o delta.Options, sides ...*delta.Side) *delta.Result {
	t.Helper()
	r, err := delta.Compare(sides, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestGrowthFirst: what grew most, then what shrank; what is gone and what is
// new count from and to nothing; what did not change is left out.
func TestGrowthFirst(t *testing.T) {
	old := side(0, row("grew", 2, 200), row("same", 1, 8), row("gone", 3, 90), row("shrank", 5, 50))
	now := side(10, row("new", 1, 300), row("shrank", 4, 40), row("same", 1, 8), row("grew", 4, 400))
	r := compare(t, delta.Options{}, old, now)
	if got := rows(r.Rows); !reflect.DeepEqual(got, []string{"new +300 +1", "grew +200 +2", "shrank -10 -1", "gone -90 -3"}) || r.Steady != 1 {
		t.Errorf("%v, %d left out", got, r.Steady)
	}
	if r.Total.Bytes() != 400 || r.Total.Blocks() != -1 {
		t.Errorf("total %+d %+d", r.Total.Bytes(), r.Total.Blocks())
	}
	if rate, ok := r.Rate(); !ok || rate != 400.0/600 {
		t.Errorf("rate %v %v", rate, ok)
	}
	if got := rows(compare(t, delta.Options{All: true}, old, now).Rows); len(got) != 5 {
		t.Errorf("with those that did not change: %v", got)
	}
}

// TestEveryStep: of three sides only what grew at both steps is kept.
func TestEveryStep(t *testing.T) {
	r := compare(t, delta.Options{},
		side(0, row("steady growth", 1, 10), row("peak", 1, 10), row("late", 1, 10), row("more blocks", 1, 10)),
		side(1, row("steady growth", 2, 20), row("peak", 9, 90), row("late", 1, 10), row("more blocks", 2, 10), row("born", 1, 1)),
		side(2, row("steady growth", 3, 35), row("peak", 2, 20), row("late", 2, 20), row("more blocks", 3, 10), row("born", 2, 2)))
	if got := rows(r.Rows); !reflect.DeepEqual(got, []string{"steady growth +25 +2", "born +2 +2", "more blocks +0 +2"}) || r.Steady != 2 {
		t.Errorf("%v, %d left out", got, r.Steady)
	}
	if want := []delta.Amount{{1, 10}, {2, 20}, {3, 35}}; !reflect.DeepEqual(r.Rows[0].Steps, want) {
		t.Errorf("steps %v", r.Rows[0].Steps)
	}
}

func TestRefused(t *testing.T) {
	a, b := side(0), side(1)
	b.Process = "other.exe"
	if _, err := delta.Compare([]*delta.Side{a, b}, delta.Options{}); !errors.Is(err, delta.ErrPrograms) {
		t.Error(err)
	}
	if _, err := delta.Compare([]*delta.Side{a, b}, delta.Options{Force: true}); err != nil {
		t.Error(err)
	}
	b.Process = "APP.EXE"
	if _, err := delta.Compare([]*delta.Side{a, b}, delta.Options{}); err != nil {
		t.Error(err)
	}
	b.By = []string{"stack"}
	if _, err := delta.Compare([]*delta.Side{a, b}, delta.Options{Force: true}); !errors.Is(err, delta.ErrBy) {
		t.Error(err)
	}
}

// TestForecasts: 600 bytes in 10 minutes are one a second.
func TestForecasts(t *testing.T) {
	old, now := side(0, row("x", 1, 100)), side(10, row("x", 1, 700))
	now.Limits = []delta.Limit{{Name: "commit", Left: 7200}, {Name: "space", Left: 60}, {Name: "never", Left: 1 << 60}}
	r := compare(t, delta.Options{}, old, now)
	got := r.Forecasts()
	if len(got) != 2 || got[0].Name != "space" || got[0].After != time.Minute || got[1].Name != "commit" || got[1].After != 2*time.Hour {
		t.Errorf("%+v", got)
	}
	if got := compare(t, delta.Options{}, now, old).Forecasts(); got != nil {
		t.Errorf("of the past: %+v", got)
	}
	old.Written = time.Time{}
	if got := compare(t, delta.Options{}, old, now).Forecasts(); got != nil {
		t.Errorf("without times: %+v", got)
	}
}

// TestUsageNeedsAllSides: a side that does not know its address space has no
// row of zeros to compare with.
func TestUsageNeedsAllSides(t *testing.T) {
	old, now := side(0), side(1)
	now.Usage = []delta.Row{row("Heap", 1, 10)}
	if r := compare(t, delta.Options{}, old, now); r.Usage != nil {
		t.Errorf("%v", rows(r.Usage))
	}
	old.Usage = []delta.Row{row("Heap", 1, 4)}
	if r := compare(t, delta.Options{}, old, now); !reflect.DeepEqual(rows(r.Usage), []string{"Heap +6 +0"}) {
		t.Errorf("%v", rows(r.Usage))
	}
}

// TestForecastOfWhatIsLeft: 900 bytes of address space went in 10 minutes, 1.5
// a second, though 600 more bytes are in use: 60 are left for 40 seconds. The
// commit limit did not come nearer, so that it is the 600 that count. What did
// not grow at each of several steps has no forecast.
func TestForecastOfWhatIsLeft(t *testing.T) {
	old, now := side(0, row("x", 1, 100)), side(10, row("x", 1, 700))
	old.Limits = []delta.Limit{{Name: "space", Left: 960}, {Name: "commit", Left: 7200}}
	now.Limits = []delta.Limit{{Name: "space", Left: 60}, {Name: "commit", Left: 7200}}
	r := compare(t, delta.Options{}, old, now)
	want := []delta.Forecast{
		{Limit: now.Limits[0], Rate: 1.5, Measured: true, After: 40 * time.Second},
		{Limit: now.Limits[1], Rate: 1, After: 2 * time.Hour},
	}
	if got := r.Forecasts(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if got := compare(t, delta.Options{}, old, side(5, row("x", 1, 900)), now).Forecasts(); got != nil {
		t.Errorf("of what shrank between: %+v", got)
	}
	still := side(10, row("x", 1, 100))
	still.Limits = now.Limits
	if got := compare(t, delta.Options{}, old, still).Forecasts(); len(got) != 1 || !got[0].Measured {
		t.Errorf("address space goes, though no more bytes are in use: %+v", got)
	}
}

// TestStepsOfAll: of several steps address space and handles are kept as
// owners are, and each has its rate: 120 bytes in 2 minutes are one a second.
func TestStepsOfAll(t *testing.T) {
	at := func(minute int, heap, image uint64, events, files int) *delta.Side {
		s := side(minute, row("x", 1, 100))
		s.Usage = []delta.Row{row("Heap", 1, heap), row("Image", 1, image)}
		s.Handles = []delta.Row{row("Event", events, 0), row("File", files, 0)}
		return s
	}
	r := compare(t, delta.Options{}, at(0, 10, 10, 1, 1), at(1, 20, 5, 2, 1), at(2, 130, 50, 3, 2))
	if got := append(rows(r.Usage), rows(r.Handles)...); !reflect.DeepEqual(got, []string{"Heap +120 +0", "Event +0 +2"}) || r.SteadyUsage != 1 || r.SteadyHandles != 1 {
		t.Errorf("%v, %d and %d left out", got, r.SteadyUsage, r.SteadyHandles)
	}
	if rate, ok := r.RateOf(&r.Usage[0]); !ok || rate != 1 {
		t.Errorf("rate %v %v", rate, ok)
	}
	if _, ok := r.RateOf(&r.Handles[0]); ok {
		t.Error("handles have no bytes, and no rate of them")
	}
}

// TestDisorder: sides that are not in the order in which they were written.
func TestDisorder(t *testing.T) {
	if s := compare(t, delta.Options{}, side(0), side(9), side(5)).Disorder(); s == nil || s.File != "5.dmp" {
		t.Errorf("%+v", s)
	}
	unknown := side(0)
	unknown.Written = time.Time{}
	if s := compare(t, delta.Options{}, side(1), unknown, side(2)).Disorder(); s != nil {
		t.Errorf("%+v", s)
	}
}
