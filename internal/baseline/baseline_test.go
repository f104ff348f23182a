package baseline_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/heapdump/heapdump/internal/baseline"
	"github.com/heapdump/heapdump/internal/finding"
)

const good = `{
  "version": 1,
  "findings": [
    {"fingerprint": "HD1101/app.exe/x", "reason": "ticket 1", "expires": "2027-01-31"},
    {"fingerprint": "HD1202/app.exe/y", "title": "A leak", "reason": "ticket 2"}
  ],
  "figures": [{"process": "app.exe", "busy_bytes": 1000}]
}
`

// TestMark: what is known, and until the end of which day.
func TestMark(t *testing.T) {
	b, err := baseline.Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		now     string
		known   []string
		expired int
	}{
		{"2027-01-31T23:59:59Z", []string{"ticket 1", "ticket 2", ""}, 0},
		{"2027-02-01T00:00:00Z", []string{"", "ticket 2", ""}, 1},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		all := []finding.Finding{{Fingerprint: "HD1101/app.exe/x"}, {Fingerprint: "HD1202/app.exe/y"}, {Fingerprint: "HD1202/app.exe/z"}}
		if n := b.Mark(all, now); n != c.expired {
			t.Errorf("%s: %d expired", c.now, n)
		}
		for i, f := range all {
			if f.Known != c.known[i] {
				t.Errorf("%s: %q is known for %q", c.now, f.Fingerprint, f.Known)
			}
		}
	}
	if n, ok := b.BusyOf("App.EXE"); !ok || n != 1000 {
		t.Errorf("%d, %v", n, ok)
	}
	if _, ok := b.BusyOf("other.exe"); ok {
		t.Error("another program has figures")
	}
	var none *baseline.Baseline
	if _, ok := none.BusyOf("app.exe"); ok || none.Mark([]finding.Finding{{}}, time.Time{}) != 0 {
		t.Error("no baseline knows something")
	}
}

// TestBroken: each way to break the file, with its place.
func TestBroken(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{good, "", `line 1, column 1: the file ends in the middle`},
		{"]\n}", "]", `line 8, column 1: the file ends in the middle`},
		{good, "[]", "line 1, column 1: array where baseline.Baseline was expected"},
		{`"version": 1`, `"version": 2`, "version: 2; this heapdump reads version 1"},
		{`"version": 1`, `"version": "one"`, "line 2, column 18: version: string where int was expected"},
		{`"reason": "ticket 2"`, `"reasons": "ticket 2"`, `unknown field "reasons"`},
		{`"ticket 1",`, `"ticket 1"`, `line 4, column 62: invalid character '"' after object key:value pair`},
		{`"ticket 1"`, `" "`, "findings[0].reason: empty; say why"},
		{"2027-01-31", "31.1.2027", `findings[0].expires: "31.1.2027" is no day; write it as 2027-01-31`},
		{"2027-01-31", "2027-02-30", `findings[0].expires: "2027-02-30" is no day`},
		{"HD1101/app.exe/x", "x", `findings[0].fingerprint: "x" does not begin with a rule`},
		{"HD1202/app.exe/y", "HD1101/app.exe/x", `findings[1].fingerprint: "HD1101/app.exe/x" stands twice`},
		{`"app.exe", "busy`, `"", "busy`, "figures[0].process: empty"},
		{"1000", "-1", "line 7, column 53: figures.busy_bytes: number -1 where uint64 was expected"},
		{"]\n}\n", "]\n}\n{}", "the file goes on"},
	} {
		_, err := baseline.Parse([]byte(strings.Replace(good, c.from, c.to, 1)))
		var e *baseline.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q: %v", c.to, c.from, err)
		}
	}
}

// TestMake: what is written can be read again, each fingerprint once and in
// order.
func TestMake(t *testing.T) {
	b, err := baseline.Make([]finding.Finding{{Fingerprint: "HD1202/b", Title: "<B>"}, {Fingerprint: "HD1101/a"}, {Fingerprint: "HD1202/b"}},
		[]baseline.Figure{{Process: "z.exe", Busy: 1}, {Process: "a.exe", Busy: 2}}, "why", "2027-01-31")
	if err != nil {
		t.Fatal(err)
	}
	want := `{
  "version": 1,
  "findings": [
    {
      "fingerprint": "HD1101/a",
      "reason": "why",
      "expires": "2027-01-31"
    },
    {
      "fingerprint": "HD1202/b",
      "title": "<B>",
      "reason": "why",
      "expires": "2027-01-31"
    }
  ],
  "figures": [
    {
      "process": "a.exe",
      "busy_bytes": 2
    },
    {
      "process": "z.exe",
      "busy_bytes": 1
    }
  ]
}
`
	if string(b.Bytes()) != want {
		t.Errorf("%s", b.Bytes())
	}
	again, err := baseline.Parse(b.Bytes())
	if err != nil || len(again.Findings) != 2 || len(again.Figures) != 2 {
		t.Errorf("%+v, %v", again, err)
	}
	if _, err := baseline.Make(nil, nil, "why", "tomorrow"); err != nil {
		t.Errorf("nothing to expire: %v", err)
	}
}
