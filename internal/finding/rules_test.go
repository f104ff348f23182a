package finding_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/finding"
)

// TestRules: ids are in order and of one form, every rule is said to be what
// it is in docs/rules.md, and nothing there is without a rule.
func TestRules(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "rules.md"))
	if err != nil {
		t.Fatal(err)
	}
	form, last := regexp.MustCompile(`^HD1[0-9]{3}$`), ""
	for _, r := range finding.Rules() {
		if !form.MatchString(r.ID) || r.ID <= last || r.Name == "" || r.Help == "" {
			t.Errorf("%+v after %s", r, last)
		}
		last = r.ID
		if row := fmt.Sprintf("| %s | %s | %s | %s. %s |\n", r.ID, r.Name, r.Severity, r.Title, r.Help); !strings.Contains(string(doc), row) {
			t.Errorf("docs/rules.md has no row\n%s", row)
		}
		if got, ok := finding.ByID(r.ID); !ok || got != r {
			t.Errorf("ByID(%s): %+v", r.ID, got)
		}
	}
	if n := strings.Count(string(doc), "\n| HD"); n != len(finding.Rules()) {
		t.Errorf("docs/rules.md has %d rows, there are %d rules", n, len(finding.Rules()))
	}
	if _, ok := finding.ByID("HD9999"); ok {
		t.Error("HD9999 is a rule")
	}
}

// TestFingerprint: what may stand in one, what becomes of the rest, and that
// long ones stay apart.
func TestFingerprint(t *testing.T) {
	for _, c := range []struct{ want, got string }{
		{"HD1001/app.exe/a.dll+0x10", finding.Fingerprint("HD1001", "app.exe", "a.dll+0x10")},
		{"HD1001/-/x-y", finding.Fingerprint("HD1001", "", "x y")},
		{"HD1001/%3Cb%3E%7C%0A%2F%25", finding.Fingerprint("HD1001", "<b>|\n/%")},
		{"HD1001/%E2%80%AE%1B", finding.Fingerprint("HD1001", "\u202e\x1b")},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
	long := strings.Repeat("a", 500)
	a, b := finding.Fingerprint("HD1001", long+"1"), finding.Fingerprint("HD1001", long+"2")
	if a == b || len(a) != len(b) || len(a) > 200 || !strings.HasPrefix(a, "HD1001/aaaa") {
		t.Errorf("%q, %q", a, b)
	}
}

func TestSizeClass(t *testing.T) {
	for n, want := range map[uint64]string{0: "to-16", 16: "to-16", 17: "to-32", 64: "to-64", 65: "to-128", 1 << 63: "to-9223372036854775808", 1<<63 + 1: "to-9223372036854775808"} {
		if got := finding.SizeClass(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestSort(t *testing.T) {
	f := func(s finding.Severity, c finding.Confidence, rule, fp string) finding.Finding {
		return finding.Finding{Severity: s, Confidence: c, Rule: rule, Fingerprint: fp}
	}
	all := []finding.Finding{f(finding.Low, finding.Sure, "HD1", "a"), f(finding.High, finding.Unsure, "HD1", "a"), f(finding.High, finding.Sure, "HD2", "b"),
		f(finding.High, finding.Sure, "HD2", "a"), f(finding.High, finding.Sure, "HD1", "c")}
	finding.Sort(all)
	got := ""
	for _, x := range all {
		got += fmt.Sprintf("%s/%s/%s%s ", x.Severity, x.Confidence, x.Rule, x.Fingerprint)
	}
	if got != "high/high/HD1c high/high/HD2a high/high/HD2b high/low/HD1a low/high/HD1a " {
		t.Error(got)
	}
}
