package gate

import (
	"fmt"

	"github.com/heapdump/heapdump/internal/finding"
	"github.com/heapdump/heapdump/internal/pick"
)

// Verdict is what a gate says of one dump.
type Verdict struct {
	Fired   []string // the conditions that hold, with the value: "leaked_bytes>10MiB (it is 12582912)"
	Unknown []string // the conditions that could not be judged: the dump does not hold what they compare
}

// Judge applies every condition to the figures and findings of a dump.
// Findings that the baseline knows count for nothing, and neither do their
// bytes or their damage.
func (g Gate) Judge(figures map[string]float64, all []finding.Finding) Verdict {
	var v Verdict
	for _, r := range g {
		if name, ok := r.Figure(); ok {
			n, known := figures[name]
			switch {
			case !known:
				v.Unknown = append(v.Unknown, r.Text)
			case r.holds(less(name, n, all)):
				v.Fired = append(v.Fired, fmt.Sprintf("%s (it is %s)", r.Text, text(less(name, n, all), r.unit)))
			}
			continue
		}
		if n := r.count(all); n > 0 {
			v.Fired = append(v.Fired, fmt.Sprintf("%s (%d of the findings)", r.Text, n))
		}
	}
	return v
}

// less takes off a figure what the baseline knows.
func less(name string, n float64, all []finding.Finding) float64 {
	for _, f := range all {
		if f.Known == "" {
			continue
		}
		switch {
		case name == "leaked_bytes":
			n -= float64(f.Bytes)
		case name == "corruption":
			n -= float64(f.Places)
		case name == "leaked_blocks":
			n -= float64(f.Blocks)
		}
	}
	return max(n, 0)
}

func (r Rule) holds(n float64) bool {
	switch r.op {
	case ">":
		return n > r.n
	case ">=":
		return n >= r.n
	case "<":
		return n < r.n
	case "<=":
		return n <= r.n
	}
	return n == r.n
}

// count is how many unknown findings a condition is true of.
func (r Rule) count(all []finding.Finding) int {
	n := 0
	for _, f := range all {
		if f.Known == "" && (f.Rule == r.name || r.name == "severity" && r.holds(float64(f.Severity))) {
			n++
		}
	}
	return n
}

func text(n float64, u Unit) string {
	if u == Percent {
		return fmt.Sprintf("%.1f%%", n)
	}
	return fmt.Sprintf("%.0f", n)
}

// size reads a size of bytes.
func size(s string) (float64, bool) {
	n, err := pick.ParseSize(s)
	return float64(n), err == nil
}
