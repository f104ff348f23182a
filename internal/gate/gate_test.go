package gate_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/finding"
	"github.com/heapdump/heapdump/internal/gate"
)

var (
	figures = map[string]float64{"leaked_bytes": 12 << 20, "leaked_blocks": 3, "corruption": 2, "handles": 10_000, "heap.committed": 3 << 30, "growth": 5.5}
	found   = []finding.Finding{
		{Rule: finding.Overrun, Severity: finding.High, Places: 1}, {Rule: finding.Unreachable, Severity: finding.Medium, Bytes: 11 << 20, Blocks: 2}}
)

// TestJudge: each condition, and its nearest that does not hold.
func TestJudge(t *testing.T) {
	for _, c := range []struct {
		expression string
		fired      int
	}{
		{"never", 0}, {"", 0},
		{"leaked_bytes>10MiB", 1}, {"leaked_bytes>12MiB", 0}, {"leaked_bytes>=12MiB", 1}, {"leaked_bytes<=12MiB", 1}, {"leaked_bytes<12MiB", 0},
		{"leaked_bytes = 12582912", 1}, {"leaked_bytes==0xc00000", 1},
		{"growth>5%", 1}, {"growth > 6", 0}, {"growth>5.5%", 0},
		{"corruption", 1}, {"corruption>2", 0}, {"corruption>=2", 1},
		{"heap.committed>2GiB", 1}, {"heap.committed>3GiB", 0},
		{"handles>10000", 0}, {"handles>=10_000", 1}, {"handles>9999", 1},
		{"severity>=high", 1}, {"severity>high", 0}, {"severity=low", 0}, {"SEVERITY>=Medium", 1}, {"high", 1}, {"low", 1},
		{"HD1102", 1}, {"hd1102", 1}, {"HD1101", 0},
		{"leaked_bytes>10MiB, corruption ,handles>1", 3},
	} {
		g, err := gate.Parse(c.expression, nil)
		if err != nil {
			t.Errorf("%s: %v", c.expression, err)
			continue
		}
		if v := g.Judge(figures, found); len(v.Fired) != c.fired || len(v.Unknown) != 0 {
			t.Errorf("%s: %+v", c.expression, v)
		}
	}
}

// TestUnknown: what the dump does not hold neither fires nor passes.
func TestUnknown(t *testing.T) {
	g, err := gate.Parse("handles<5,corruption", nil)
	if err != nil {
		t.Fatal(err)
	}
	if v := g.Judge(map[string]float64{"corruption": 1}, nil); len(v.Fired) != 1 || len(v.Unknown) != 1 || v.Unknown[0] != "handles<5" {
		t.Errorf("%+v", v)
	}
}

// TestKnown: what the baseline knows fails nothing, and neither do its bytes.
func TestKnown(t *testing.T) {
	known := []finding.Finding{found[0], found[1]}
	known[1].Known = "ticket 1"
	for expression, want := range map[string]string{
		"leaked_bytes>1MiB": "", "leaked_bytes>=1MiB": "leaked_bytes>=1MiB (it is 1048576)", "leaked_blocks>1": "", "medium": "medium (1 of the findings)",
		"HD1202": "", "corruption>1": "corruption>1 (it is 2)",
	} {
		g, err := gate.Parse(expression, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(g.Judge(figures, known).Fired, "; "); got != want {
			t.Errorf("%s: %q, want %q", expression, got, want)
		}
	}
	known[0].Known = "ticket 2"
	g, _ := gate.Parse("corruption>1,severity>=info", nil)
	if v := g.Judge(figures, known); len(v.Fired) != 0 {
		t.Errorf("%+v", v)
	}
}

// TestWrong: a broken expression says where, and what was expected.
func TestWrong(t *testing.T) {
	for _, c := range []struct {
		expression string
		at         int
		want       string
	}{
		{"leaked", 0, "one of address.free"}, {"corruption,,high", 11, "one of address.free"}, {"high,", 5, "one of address.free"},
		{"leaked_bytes", 12, "one of > >= < <= ="}, {"leaked_bytes 10MiB", 13, "one of > >="}, {"leaked_bytes>", 13, "a size such as"}, {"leaked_bytes>10Mib5", 13, "a size such as"},
		{"leaked_bytes>-1", 13, "a size such as"}, {"handles>1KiB", 8, "a whole number"}, {"growth>5%%", 7, "a percentage"}, {"growth>NaN", 7, "a percentage"},
		{"severity>=awful", 10, "one of info, low, medium, high"}, {"severity", 8, "one of > >="}, {"HD9999", 0, "one of "}, {"corruption!=1", 10, "one of > >="},
		{"HD1101>3", 0, "one of "}, {"corruption, handles>x", 20, "a whole number"},
	} {
		_, err := gate.Parse(c.expression, nil)
		var e *gate.SyntaxError
		if !errors.As(err, &e) || e.At != c.at || !strings.HasPrefix(e.Want, c.want) {
			t.Errorf("%s: %v", c.expression, err)
		}
	}
	_, err := gate.Parse("handles>1", []string{"corruption"})
	if err == nil || err.Error() != `"handles>1" at character 1, "handles>1": a name that this command knows (corruption, severity, a rule such as HD1101) was expected` {
		t.Errorf("%v", err)
	}
	if _, err = gate.Parse("corruption>", nil); err == nil || err.Error() != `"corruption>" ends after character 11; a whole number was expected` {
		t.Errorf("%v", err)
	}
}

// TestDocumented: docs/rules.md has a row for each figure.
func TestDocumented(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "rules.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range gate.Figures() {
		if row := "| `" + f.Name + "` | " + map[gate.Unit]string{gate.Bytes: "bytes", gate.Count: "a number", gate.Percent: "percent"}[f.Unit] + " | " + f.Help + " |\n"; !strings.Contains(string(doc), row) {
			t.Errorf("docs/rules.md has no row\n%s", row)
		}
	}
}
