// Package gate reads the expressions of --fail-on and judges figures and
// findings by them: "leaked_bytes>10MiB,corruption,severity>=high".
package gate

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/heapdump/heapdump/internal/finding"
)

// Unit is what a figure counts.
type Unit uint8

// The units of figures.
const (
	Count Unit = iota
	Bytes
	Percent
)

// Figure is a number that expressions can compare.
type Figure struct {
	Name string
	Unit Unit
	Help string
}

// Figures are all figures there are, by name. A command knows some of them.
func Figures() []Figure { return figures[:] }

var figures = [...]Figure{
	{"address.free", Bytes, "free address space of a 32-bit process"},
	{"address.largest_free", Bytes, "the largest free range of it that can be allocated"},
	{"address.unusable", Bytes, "free address space that no allocation can use"},
	{"corruption", Count, "places where a heap is damaged"},
	{"growth", Percent, "how much more bytes are in use than the baseline says; in diff, than in the first dump"},
	{"handles", Count, "open handles"},
	{"heap.busy", Bytes, "bytes in use in all heaps"},
	{"heap.committed", Bytes, "committed bytes of all heaps"},
	{"heap.free", Bytes, "bytes of free blocks"},
	{"heap.lost", Bytes, "bytes of damaged heaps of which no block could be made"},
	{"heap.overhead", Bytes, "bytes of headers and padding"},
	{"heap.reserved", Bytes, "reserved bytes of all heaps"},
	{"leaked_blocks", Count, "blocks in use that no root leads to"},
	{"leaked_bytes", Bytes, "bytes of those blocks"},
}

// Rule is one condition.
type Rule struct {
	Text string // as it was written
	name string // a figure, "severity", or the id of a rule
	op   string // >, >=, <, <=, =
	n    float64
	unit Unit
}

// Figure returns the name of the figure that the rule compares; false when it
// is about findings.
func (r Rule) Figure() (string, bool) {
	_, ok := figure(r.name)
	return r.name, ok
}

// Gate is the conditions of one --fail-on. The empty Gate never fires.
type Gate []Rule

// Needs reports whether a condition compares the figure, or is about findings
// when name is "severity".
func (g Gate) Needs(name string) bool {
	for _, r := range g {
		if r.name == name || name == "severity" && strings.HasPrefix(r.name, "HD") {
			return true
		}
	}
	return false
}

// SyntaxError says where an expression is wrong and what was expected there.
type SyntaxError struct {
	Text string // the whole expression
	At   int    // the byte that is wrong, from 0
	Want string
}

// Error shows the place.
func (e *SyntaxError) Error() string {
	rest := e.Text[min(e.At, len(e.Text)):]
	if rest == "" {
		return fmt.Sprintf("%q ends after character %d; %s was expected", e.Text, e.At, e.Want)
	}
	return fmt.Sprintf("%q at character %d, %q: %s was expected", e.Text, e.At+1, rest, e.Want)
}

// Parse reads an expression: conditions with commas between, each NAME, or
// NAME OP NUMBER, or severity OP WORD, or the word of a severity, or the id of
// a rule; any of them fails the gate. "never" is no condition. known says
// which figures there are here, nil that all are. The error is a *SyntaxError.
func Parse(s string, known []string) (Gate, error) {
	if strings.TrimSpace(s) == "never" || s == "" {
		return nil, nil
	}
	var out Gate
	at := 0
	for part := range strings.SplitSeq(s, ",") {
		lead := len(part) - len(strings.TrimLeft(part, " \t"))
		r, off, want := parseRule(strings.TrimSpace(part), known)
		if want != "" {
			return nil, &SyntaxError{s, at + lead + off, want}
		}
		out = append(out, r)
		at += len(part) + 1
	}
	return out, nil
}

// parseRule reads one condition. What was wanted is empty when all is well,
// else off is where.
func parseRule(s string, known []string) (r Rule, off int, want string) {
	end := strings.IndexAny(s, "<>=!~ \t")
	if end < 0 {
		end = len(s)
	}
	name := s[:end]
	r = Rule{Text: s, name: strings.ToLower(name), op: ">"}
	f, isFigure := figure(r.name)
	level, levelErr := finding.ParseSeverity(name)
	_, isRule := finding.ByID(strings.ToUpper(name))
	rest := strings.TrimLeft(s[end:], " \t")
	off = len(s) - len(rest)
	switch {
	case isFigure && !allowed(r.name, known):
		return r, 0, "a name that this command knows (" + names(known) + ")"
	case isRule && rest == "":
		r.name = strings.ToUpper(name)
		return r, 0, ""
	case levelErr == nil && rest == "":
		r.name, r.op, r.n = "severity", ">=", float64(level)
		return r, 0, ""
	case r.name != "severity" && !isFigure:
		return r, 0, "one of " + names(known)
	case isFigure && rest == "" && f.Unit == Count:
		return r, 0, ""
	}
	r.unit = f.Unit
	for _, op := range []string{">=", "<=", "==", ">", "<", "="} {
		if strings.HasPrefix(rest, op) {
			value := strings.TrimLeft(rest[len(op):], " \t")
			r.op = strings.Replace(op, "==", "=", 1)
			return parseValue(r, value, len(s)-len(value))
		}
	}
	return r, off, "one of > >= < <= ="
}

func parseValue(r Rule, s string, off int) (Rule, int, string) {
	if r.name == "severity" {
		level, err := finding.ParseSeverity(s)
		if err != nil {
			return r, off, "one of " + strings.Join(finding.Severities(), ", ")
		}
		r.n = float64(level)
		return r, 0, ""
	}
	n, ok := number(s, r.unit)
	if !ok {
		return r, off, map[Unit]string{Count: "a whole number", Bytes: "a size such as 10MiB, 1.5GiB or 4096", Percent: "a percentage such as 5%"}[r.unit]
	}
	r.n = n
	return r, 0, ""
}

func figure(name string) (Figure, bool) {
	for _, f := range figures {
		if f.Name == name {
			return f, true
		}
	}
	return Figure{}, false
}

func allowed(name string, known []string) bool {
	if known == nil {
		return true
	}
	for _, k := range known {
		if k == name {
			return true
		}
	}
	return false
}

func names(known []string) string {
	list := append([]string(nil), known...)
	if known == nil {
		for _, f := range figures {
			list = append(list, f.Name)
		}
	}
	return strings.Join(append(list, "severity", "a rule such as HD1101"), ", ")
}

// number reads a number of a unit.
func number(s string, u Unit) (float64, bool) {
	switch u {
	case Bytes:
		return size(s)
	case Percent:
		n, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(s, "%")), 64)
		return n, err == nil && n >= 0 && n < 1e9
	}
	n, err := strconv.ParseUint(strings.ReplaceAll(s, "_", ""), 10, 53)
	return float64(n), err == nil
}
