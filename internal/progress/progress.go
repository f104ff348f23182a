// Package progress watches a walk from outside and stops it: a walk itself
// knows neither contexts nor terminals.
package progress

import (
	"context"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"
)

// Every is how many values pass between two looks at the context.
const Every = 4096

// Watch passes seq on, and every [Every] values calls tick, which may be nil,
// with the number of values so far and ends the sequence when ctx is
// cancelled. Whether it was is for the caller to ask ctx.
func Watch[T any](ctx context.Context, tick func(n uint64), seq iter.Seq[T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		if ctx.Err() != nil {
			return
		}
		n := uint64(0)
		for v := range seq {
			if !yield(v) {
				return
			}
			if n++; n%Every != 0 {
				continue
			}
			if tick != nil {
				tick(n)
			}
			if ctx.Err() != nil {
				return
			}
		}
	}
}

// Meter shows on a terminal how far a long operation is. A nil Meter shows
// nothing.
type Meter struct {
	w     io.Writer
	what  string
	now   func() time.Time
	start time.Time

	mu    sync.Mutex
	last  time.Time
	shown bool
}

// The times of a Meter: nothing is shown of what is over soon.
const (
	quietStart = 500 * time.Millisecond
	betweenTwo = 200 * time.Millisecond
)

// NewMeter makes a meter that writes to w, which is a terminal.
func NewMeter(w io.Writer, what string, now func() time.Time) *Meter {
	return &Meter{w: w, what: what, now: now, start: now()}
}

// Set says how much is done. Total may be 0 when it is not known.
func (m *Meter) Set(done, total uint64) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.now()
	if t.Sub(m.start) < quietStart || t.Sub(m.last) < betweenTwo {
		return
	}
	m.last, m.shown = t, true
	if total == 0 {
		fmt.Fprintf(m.w, "\r\x1b[K%s: %d blocks", m.what, done)
		return
	}
	fmt.Fprintf(m.w, "\r\x1b[K%s: %.0f %%", m.what, 100*min(1, float64(done)/float64(total)))
}

// Done takes the meter off the terminal.
func (m *Meter) Done() {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shown {
		fmt.Fprint(m.w, "\r\x1b[K")
	}
	m.shown = false
}
