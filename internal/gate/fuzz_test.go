package gate

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/finding"
)

// FuzzParse: an expression of any text is read or refused with the place; read
// again from its conditions it is the same gate, and judging with any figures
// fires only conditions that it has.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"never", "", "corruption", "leaked_bytes>10MiB, corruption,severity>=high", "HD001", "growth>5%", "growth>=1e400%", "handles==0x10", "a", ",", ">5", "heap.busy >", "severity>", "leaked_blocks<=-1",
		"heap.lost>16777216T", "growth>NaN%", "growth>Inf", "medium", "corruption!1", "corruption>1.5", "handles>1,,handles<2"} {
		f.Add(s, 1.0)
	}
	f.Add("growth>0%", math.NaN())
	f.Fuzz(func(t *testing.T, s string, n float64) {
		g, err := Parse(s, nil)
		if err != nil {
			var e *SyntaxError
			if !errors.As(err, &e) || e.At < 0 || e.At > len(s) || e.Want == "" || err.Error() == "" {
				t.Fatalf("%q: %v at %+v", s, err, e)
			}
			return
		}
		texts := make([]string, len(g))
		figures := map[string]float64{}
		for i, r := range g {
			texts[i] = r.Text
			if math.IsNaN(r.n) || math.IsInf(r.n, 0) || r.n < 0 {
				t.Fatalf("%q compares with %v", s, r.n)
			}
			if name, ok := r.Figure(); ok {
				figures[name] = n
			}
		}
		again, err := Parse(strings.Join(texts, ","), nil)
		if err != nil || len(again) != len(g) {
			t.Fatalf("%q again: %v, %d of %d", texts, err, len(again), len(g))
		}
		for i := range g {
			if again[i] != g[i] {
				t.Fatalf("%+v and again %+v", g[i], again[i])
			}
		}
		for _, all := range [][]finding.Finding{nil, {{Rule: finding.Overrun, Severity: finding.High}}} {
			v := g.Judge(figures, all)
			if len(v.Fired)+len(v.Unknown) > len(g) {
				t.Fatalf("%d conditions, %d fired, %d unknown", len(g), len(v.Fired), len(v.Unknown))
			}
		}
		if v := g.Judge(nil, nil); len(v.Fired) > 0 && len(figures) > 0 && len(figures) == len(g) {
			t.Fatalf("without figures %q fired", v.Fired)
		}
	})
}
