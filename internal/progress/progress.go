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
	total uint64    // of the step under way
	done  uint64    // of it, at the last look
	begun time.Time // when the step began
}

// The times of a Meter: nothing is shown of what is over soon.
const (
	quietStart = 500 * time.Millisecond
	betweenTwo = 200 * time.Millisecond
)

// NewMeter makes a meter that writes to w, which is a terminal.
func NewMeter(w io.Writer, what string, now func() time.Time) *Meter {
	return &Meter{w: w, what: what, now: now, start: now(), begun: now()}
}

// Set says how much is done. Total may be 0 when it is not known.
func (m *Meter) Set(done, total uint64) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.now()
	if total != m.total || done < m.done { // another step, whose pace is its own
		m.total, m.begun = total, t
	}
	m.done = done
	if t.Sub(m.start) < quietStart || t.Sub(m.last) < betweenTwo {
		return
	}
	m.last, m.shown = t, true
	fmt.Fprintf(m.w, "\r\x1b[K%s: %s", m.what, far(done, total, t.Sub(m.begun)))
}

// far says how far a step is after the time that it took: the share, how much
// of it a second is done, and the time left at that pace; of an unknown total
// the blocks and how many a second.
func far(done, total uint64, took time.Duration) string {
	pace := float64(done) / took.Seconds() // a second; of no use before some time has passed
	known := took >= quietStart && done > 0
	switch {
	case total == 0 && known:
		return fmt.Sprintf("%d blocks, %.0f a second", done, pace)
	case total == 0:
		return fmt.Sprintf("%d blocks", done)
	}
	share := 100 * min(1, float64(done)/float64(total))
	if !known || done >= total {
		return fmt.Sprintf("%.0f %%", share)
	}
	left := time.Duration(float64(total-done) / pace * float64(time.Second))
	speed := 100 * pace / float64(total)
	digits := 0
	if speed < 1 {
		digits = 2
	}
	return fmt.Sprintf("%.0f %%, %.*f %% a second, %v left", share, digits, speed, left.Round(time.Second))
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
