// Package delta compares what two or more runs, or moments of a run, hold: by
// owner, by what address space is for, and by handle type. It knows no dump:
// each side is what other analyses made of one.
package delta

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Amount is a number of blocks (or regions, or handles) and their bytes.
type Amount struct {
	Blocks int
	Bytes  uint64
}

// Row is one owner on one side.
type Row struct {
	Fingerprint string   // the same for the same owner on every side
	Keys        []string // in words
	Stack       []string // frames in words, innermost first; nil when there are none
	Amount
}

// Limit is something that growth runs into.
type Limit struct {
	Name string // "address space", "commit limit of the machine"
	Left uint64 // bytes until then, on the last side
}

// What rows can be by that no block has, beside what blocks are grouped by.
const (
	ByUsage   = "usage"   // address space by what it is for, in regions
	ByHandles = "handles" // handles by type, without bytes
)

// Side is one dump, or one earlier result.
type Side struct {
	File    string
	Process string    // file name of the program; empty when not known
	Written time.Time // zero when not known
	By      []string  // what Rows are by
	Rows    []Row
	Usage   []Row // address space by what it is for; nil when not known
	Handles []Row // by type, without bytes; nil when not known
	Limits  []Limit
}

// Change is one owner on all sides.
type Change struct {
	Keys  []string
	Stack []string
	Steps []Amount // one for each side; zero where it is not there
}

// Old is the amount on the first side.
func (c *Change) Old() Amount { return c.Steps[0] }

// New is the amount on the last side.
func (c *Change) New() Amount { return c.Steps[len(c.Steps)-1] }

// Bytes is by how many bytes the last side has more than the first.
func (c *Change) Bytes() int64 { return int64(c.New().Bytes - c.Old().Bytes) }

// Blocks is by how many blocks the last side has more than the first.
func (c *Change) Blocks() int { return c.New().Blocks - c.Old().Blocks }

// Grew reports whether it grew at every step.
func (c *Change) Grew() bool {
	for i := 1; i < len(c.Steps); i++ {
		a, b := c.Steps[i-1], c.Steps[i]
		if b.Bytes < a.Bytes || b.Bytes == a.Bytes && b.Blocks <= a.Blocks {
			return false
		}
	}
	return true
}

// changed reports whether the sides differ at all.
func (c *Change) changed() bool {
	for _, s := range c.Steps {
		if s != c.Steps[0] {
			return true
		}
	}
	return false
}

// Result is a comparison.
type Result struct {
	Sides   []*Side
	By      []string
	Rows    []Change // growth first
	Total   Change   // of all rows, also those left out
	Usage   []Change // nil when a side does not know it
	Handles []Change
	Steady  int           // rows left out since they did not change, or did not grow at every step
	Span    time.Duration // from the first side to the last; 0 when not known
	// SteadyUsage and SteadyHandles are as Steady, of Usage and Handles.
	SteadyUsage, SteadyHandles int
}

// Options say what of a comparison is kept.
type Options struct {
	All   bool // rows that did not change, or not grow at every step, too
	Force bool // sides of different programs are compared
}

// The reasons why sides cannot be compared.
var (
	ErrPrograms = errors.New("they are of different programs")
	ErrBy       = errors.New("they are grouped by different things")
)

// Compare compares sides, the oldest first. Of three and more only what grew
// at every step is kept. The error is ErrPrograms or ErrBy, and says which
// sides.
func Compare(sides []*Side, o Options) (*Result, error) {
	for _, s := range sides[1:] {
		if a, b := sides[0].Process, s.Process; !o.Force && a != "" && b != "" && !strings.EqualFold(a, b) {
			return nil, fmt.Errorf("%w: %s is of %s, %s of %s", ErrPrograms, sides[0].File, a, s.File, b)
		}
		if !slices.Equal(sides[0].By, s.By) {
			return nil, fmt.Errorf("%w: %s by %s, %s by %s", ErrBy, sides[0].File, strings.Join(sides[0].By, ", "), s.File, strings.Join(s.By, ", "))
		}
	}
	r := &Result{Sides: sides, By: sides[0].By, Total: Change{Keys: []string{"all"}, Steps: make([]Amount, len(sides))}}
	for i, s := range sides {
		for _, x := range s.Rows {
			r.Total.Steps[i].Blocks += x.Blocks
			r.Total.Steps[i].Bytes += x.Bytes
		}
	}
	r.Rows, r.Steady = keep(join(sides, func(s *Side) []Row { return s.Rows }), o, len(sides) > 2)
	if every(sides, func(s *Side) bool { return s.Usage != nil }) {
		r.Usage, r.SteadyUsage = keep(join(sides, func(s *Side) []Row { return s.Usage }), o, len(sides) > 2)
	}
	if every(sides, func(s *Side) bool { return s.Handles != nil }) {
		r.Handles, r.SteadyHandles = keep(join(sides, func(s *Side) []Row { return s.Handles }), o, len(sides) > 2)
	}
	first, last := sides[0].Written, sides[len(sides)-1].Written
	if !first.IsZero() && last.After(first) {
		r.Span = last.Sub(first)
	}
	return r, nil
}

func every(sides []*Side, ok func(*Side) bool) bool {
	for _, s := range sides {
		if !ok(s) {
			return false
		}
	}
	return true
}

// join puts the rows of all sides beside each other.
func join(sides []*Side, of func(*Side) []Row) []Change {
	at := map[string]int{}
	var out []Change
	for i, s := range sides {
		for _, x := range of(s) {
			k, ok := at[x.Fingerprint]
			if !ok {
				k = len(out)
				at[x.Fingerprint] = k
				out = append(out, Change{Steps: make([]Amount, len(sides))})
			}
			c := &out[k]
			c.Keys = x.Keys // the last side's words
			if x.Stack != nil {
				c.Stack = x.Stack
			}
			c.Steps[i].Blocks += x.Blocks
			c.Steps[i].Bytes += x.Bytes
		}
	}
	return out
}

// keep leaves out what did not change, or, of several steps, did not grow at
// each, and orders the rest: growth first.
func keep(all []Change, o Options, steps bool) (out []Change, left int) {
	for _, c := range all {
		if !o.All && (!c.changed() || steps && !c.Grew()) {
			left++
			continue
		}
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b Change) int {
		return cmp.Or(cmp.Compare(b.Bytes(), a.Bytes()), cmp.Compare(b.Blocks(), a.Blocks()), slices.Compare(a.Keys, b.Keys))
	})
	return out, left
}

// Rate is by how many bytes a second the total grew; not known without times,
// or when it did not grow.
func (r *Result) Rate() (float64, bool) { return r.RateOf(&r.Total) }

// RateOf is by how many bytes a second one row grew, from the first side to
// the last; not known without times, or when it did not grow.
func (r *Result) RateOf(c *Change) (float64, bool) {
	if r.Span <= 0 || c.Bytes() <= 0 {
		return 0, false
	}
	return float64(c.Bytes()) / r.Span.Seconds(), true
}

// Disorder returns the first side that was written before the one in front of
// it, where both know when; nil when all are in order.
func (r *Result) Disorder() *Side {
	var last time.Time
	for _, s := range r.Sides {
		if s.Written.IsZero() {
			continue
		}
		if s.Written.Before(last) {
			return s
		}
		last = s.Written
	}
	return nil
}

// Forecast is when growth would run into a limit.
type Forecast struct {
	Limit
	Rate     float64       // bytes a second
	Measured bool          // Rate is that at which the limit came nearer; else that of the bytes in use
	After    time.Duration // from the last side on
}

// century is longer than any forecast means anything.
const century = 100 * 365 * 24 * time.Hour

// Forecasts says when growth, if it went on as it did, would run into the
// limits of the last side, the nearest first: at the rate at which what is left
// became less, where the first side says what was left then, else at that of
// the total. Of three and more sides the total has to have grown at each step.
// That is arithmetic, and not a promise.
func (r *Result) Forecasts() []Forecast {
	total, grew := r.Rate()
	if r.Span <= 0 || len(r.Sides) > 2 && !r.Total.Grew() {
		return nil
	}
	var out []Forecast
	for _, l := range r.Sides[len(r.Sides)-1].Limits {
		f := Forecast{Limit: l, Rate: total}
		for _, before := range r.Sides[0].Limits {
			if before.Name == l.Name && before.Left > l.Left {
				f.Rate, f.Measured = float64(before.Left-l.Left)/r.Span.Seconds(), true
			}
		}
		if !f.Measured && !grew {
			continue
		}
		if s := float64(l.Left) / f.Rate; s < century.Seconds() {
			f.After = time.Duration(s * float64(time.Second))
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(a, b Forecast) int { return cmp.Compare(a.After, b.After) })
	return out
}
