package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var known = Known{
	"":        {"format": "string", "quiet": "bool", "symbols": "stringArray"},
	"triage":  {"jobs": "int", "fail-on": "string", "timeout": "duration", "summary": "string"},
	"summary": {"fail-on": "string"},
	"walk":    {"heap": "stringSlice"},
}

func TestParse(t *testing.T) {
	f, err := Parse("x.yaml", []byte(`# house rules
format: json
quiet: true
symbols: [a, "b c"]
fail-on: corruption,severity>=high
summary: auto          # triage's flag
summary:               # the command
  fail-on: corruption
triage:
  jobs: 2
  timeout: 5m
walk:
  heap: 0
`), known)
	if err != nil {
		t.Fatal(err)
	}
	want := []Value{
		{"", "format", []string{"json"}, 2}, {"", "quiet", []string{"true"}, 3}, {"", "symbols", []string{"a", "b c"}, 4}, {"", "fail-on", []string{"corruption,severity>=high"}, 5},
		{"", "summary", []string{"auto"}, 6}, {"summary", "fail-on", []string{"corruption"}, 8}, {"triage", "jobs", []string{"2"}, 10}, {"triage", "timeout", []string{"5m"}, 11}, {"walk", "heap", []string{"0"}, 13},
	}
	if !reflect.DeepEqual(f.Values, want) {
		t.Errorf("got  %v\nwant %v", f.Values, want)
	}
	for _, empty := range []string{"", "# nothing\n", "---\n", "null\n"} {
		if f, err := Parse("x", []byte(empty), known); err != nil || len(f.Values) != 0 {
			t.Errorf("%q: %v, %v", empty, f, err)
		}
	}
}

// TestFaults: the place, what is there, and what was expected.
func TestFaults(t *testing.T) {
	for text, want := range map[string]string{
		"fromat: json":                        `x:1: "fromat": there is no such flag or command; the nearest is "format"`,
		"\ntriage:\n  job: 2":                 `x:3: "job": triage has no such flag; the nearest is "jobs"`,
		"zebra: 1":                            `x:1: "zebra": there is no such flag or command`,
		"triage: 3":                           "x:1: triage is a command: its flags were expected behind it, indented",
		"triage:":                             "x:1: triage is a command: its flags were expected behind it, indented",
		"quiet: yes please":                   `x:1: quiet: "yes please"; true or false was expected`,
		"triage: {jobs: two}":                 `x:1: jobs: "two"; a whole number was expected`,
		"jobs: 1.5":                           `x:1: jobs: "1.5"; a whole number was expected`,
		"timeout: 5 minutes":                  `x:1: timeout: "5 minutes"; a time such as 90s or 5m was expected`,
		"format: [json]":                      "x:1: format: a list; one value was expected",
		"format: {a: b}":                      "x:1: format: a mapping; one value was expected",
		"format:":                             "x:1: format: nothing; one value was expected",
		"format: json\nformat: csv":           `x:2: "format" stands here twice`,
		"- format":                            "x:1: a list; flags with their values were expected, such as format: json",
		"symbols: [a, {b: c}]":                "x:1: symbols: a mapping; a value or a list of them was expected",
		"symbols: &a [x]\nwalk: {heap: *a}":   "x:2: heap: an alias, which is not taken here; a value or a list of them was expected",
		"<<: {format: json}":                  `x:1: "<<": there is no such flag or command`,
		"? [a]\n: b":                          "x:1: a list stands where the name of a flag was expected",
		"format: json\n  bad: [":              "x:2: no YAML: ",
		"format: json\n---\nquiet: true\n":    "x: holds more than one document, or something behind the first that is no YAML",
		"triage:\n  walk:\n    heap: all\n":   `x:2: "walk": triage has no such flag`,
		"\xff\xfe\x00":                        "x: no YAML: ",
		"a: &a [1]\nb: &b [*a,*a]\nc: [*b]\n": `x:1: "a": there is no such flag or command`,
	} {
		f, err := Parse("x", []byte(text), known)
		var e *Error
		if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, %v\nwant %s", text, f, err, want)
		}
	}
}

// TestHostile: files made to cost much cost little.
func TestHostile(t *testing.T) {
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 30; i++ {
		s := string(rune('a' + i%26))
		bomb += s + ": &b" + s + " [*a0, *a0, *a0, *a0, *a0, *a0, *a0, *a0]\n"
	}
	for name, text := range map[string]string{"aliases": bomb, "depth": strings.Repeat("[", 200000), "mappings": strings.Repeat("{a: ", 200000), "indents": strings.Repeat("- ", 200000)} {
		start := time.Now()
		if f, err := Parse("x", []byte(text), known); err == nil {
			t.Errorf("%s: %v", name, f)
		}
		t.Logf("%s: %v", name, time.Since(start))
	}
	path := filepath.Join(t.TempDir(), Name)
	if err := os.WriteFile(path, make([]byte, MaxBytes+1), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path, "x", known); err == nil || err.Error() != "x: is larger than 1048576 bytes" {
		t.Error(err)
	}
}

func TestFind(t *testing.T) {
	top := t.TempDir()
	deep := filepath.Join(top, "a", "b")
	if err := os.MkdirAll(deep, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{top, filepath.Join(top, "a")} {
		want := filepath.Join(dir, Name)
		if err := os.WriteFile(want, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		if got, err := Find(deep); got != want || err != nil {
			t.Errorf("%s, %v; want %s, the nearest", got, err, want)
		}
	}
	if _, err := Read(filepath.Join(top, "none"), "none", known); err == nil || !strings.Contains(err.Error(), "none: cannot be read") {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("format: json\ntriage: {jobs: 2}\n"))
	f.Add([]byte("symbols: &a [x]\nwalk: {heap: *a}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := Parse("x", data, known)
		if (x == nil) == (err == nil) {
			t.Fatalf("%v and %v", x, err)
		}
		if x == nil {
			return
		}
		for _, v := range x.Values {
			if v.Line < 1 || known[v.Command][v.Flag] == "" && v.Command != "" && known[""][v.Flag] == "" {
				t.Fatalf("%+v", v)
			}
		}
	})
}
