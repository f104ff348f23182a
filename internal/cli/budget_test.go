package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/heapdump/heapdump/internal/cli"
)

// TestBudget: over many budgets and commands the result is never larger, is
// valid by the schema and says what it lacks; one that is too small says the
// least that is enough, and that is enough.
func TestBudget(t *testing.T) {
	s, a, b := schemas{}, demo(t), damaged(t)
	for _, args := range [][]string{{"triage", b, a}, {"leaks", b}, {"owners", a}, {"summary", a}, {"check", b}, {"info", a}} {
		for _, format := range []string{"json", "markdown", "text"} {
			whole := budgeted(t, args, format, 1<<20, 0)
			for budget := 200; budget < len(whole); budget += 1 + budget*2/3 {
				least := ""
				out := budgeted(t, args, format, budget, 0, &least)
				if least != "" {
					n, _ := strconv.Atoi(least)
					if n <= budget || len(budgeted(t, args, format, n, 0)) > n {
						t.Errorf("%q %s %d: the least is said to be %s", args, format, budget, least)
					}
					budgeted(t, args, format, n-1, 2)
					continue
				}
				if len(out) > budget || !strings.Contains(out, "cut") && !strings.Contains(out, "Left out") {
					t.Errorf("%q %s %d: %d bytes", args, format, budget, len(out))
				}
				if format == "json" {
					v, err := jsonschema.UnmarshalJSON(strings.NewReader(out))
					if err != nil {
						t.Fatal(err)
					}
					if err := s.of(t, args[0]).Validate(v); err != nil {
						t.Errorf("%q %d: %.800v", args, budget, err)
					}
					accounted(t, whole, out)
				}
			}
			if got := budgeted(t, args, format, len(whole), 0); got != whole {
				t.Errorf("%q %s: a budget of its size changes it", args, format)
			}
		}
	}
}

var leastSize = regexp.MustCompile(`the result has (\d+) bytes`)

// budgeted runs a command under a budget. Where least is given, exit 2 fills
// it; else the exit code is want.
func budgeted(t *testing.T, args []string, format string, budget, want int, least ...*string) string {
	t.Helper()
	w := newWorld(nil)
	code := cli.Main(context.Background(), append(append([]string(nil), args...), "-q", "--format", format, "--budget", fmt.Sprint(budget)), w.Env)
	if m := leastSize.FindStringSubmatch(w.stderr.String()); code == 2 && len(least) > 0 && m != nil && w.stdout.Len() == 0 {
		*least[0] = m[1]
		return ""
	}
	if code != want {
		t.Fatalf("%q %s %d: exit %d, want %d: %s", args, format, budget, code, want, w.stderr.String())
	}
	return w.stdout.String()
}

// accounted checks that the rows shown and left out of every table that is cut
// are the rows of the whole.
func accounted(t *testing.T, whole, short string) {
	t.Helper()
	var all, some map[string]json.RawMessage
	if json.Unmarshal([]byte(whole), &all) != nil || json.Unmarshal([]byte(short), &some) != nil {
		t.Fatal("no JSON")
	}
	var cuts []struct {
		Table string
		Shown int `json:"rows_shown"`
		Left  int `json:"rows_left_out"`
	}
	if err := json.Unmarshal(some["cut"], &cuts); err != nil || len(cuts) == 0 {
		t.Fatalf("%v: %s", err, some["cut"])
	}
	for _, c := range cuts {
		var before, after []json.RawMessage
		if c.Table == "findings" && all["findings"] == nil {
			continue // of the dumps that are shown
		}
		if json.Unmarshal(all[c.Table], &before) != nil || json.Unmarshal(some[c.Table], &after) != nil || len(before) != c.Shown+c.Left || len(after) != c.Shown || c.Left == 0 {
			t.Errorf("%+v: %d rows of %d", c, len(after), len(before))
		}
	}
}
