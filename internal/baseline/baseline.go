// Package baseline keeps what is known: fingerprints of findings that nobody
// needs to be told of again, each with a reason and an end, and the figures
// that growth is measured against.
package baseline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/heapdump/heapdump/internal/finding"
)

// Version is the version of the file format.
const Version = 1

// dateForm is how the end of an entry is written.
const dateForm = "2006-01-02"

// Baseline is the content of a baseline file.
type Baseline struct {
	Version  int      `json:"version"`
	Findings []Entry  `json:"findings"`
	Figures  []Figure `json:"figures,omitempty"`
}

// Entry is a finding that is known.
type Entry struct {
	Fingerprint string `json:"fingerprint"`
	Title       string `json:"title,omitempty"`
	Reason      string `json:"reason"`
	Expires     string `json:"expires,omitempty"` // the last day it counts, 2006-01-02; empty is never

	ends time.Time // the first moment it counts no more; zero is never
}

// Figure is what a program had when the baseline was written.
type Figure struct {
	Process string `json:"process"` // file name, lower case
	Busy    uint64 `json:"busy_bytes"`
}

// Expired reports whether the entry counts no more.
func (e *Entry) Expired(now time.Time) bool { return !e.ends.IsZero() && !now.Before(e.ends) }

// Error says where a baseline file is wrong and what was expected.
type Error struct {
	Line, Column int    // of the file, from 1; 0 when the place is At
	At           string // findings[3].expires
	Text         string
}

// Error puts the place first.
func (e *Error) Error() string {
	switch {
	case e.At != "":
		return e.At + ": " + e.Text
	case e.Line > 0:
		return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Text)
	}
	return e.Text
}

// Parse reads a baseline file. The error is an *Error.
func Parse(data []byte) (*Baseline, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	b := &Baseline{}
	if err := d.Decode(b); err != nil {
		return nil, place(data, d.InputOffset(), err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, at(data, d.InputOffset(), "the file goes on after the baseline's closing }")
	}
	if b.Version != Version {
		return nil, &Error{At: "version", Text: fmt.Sprintf("%d; this heapdump reads version %d", b.Version, Version)}
	}
	return b, b.check()
}

// check validates the entries.
func (b *Baseline) check() error {
	seen := map[string]bool{}
	for i := range b.Findings {
		e := &b.Findings[i]
		where := fmt.Sprintf("findings[%d]", i)
		rule, _, _ := strings.Cut(e.Fingerprint, "/")
		if _, ok := finding.ByID(rule); !ok {
			return &Error{At: where + ".fingerprint", Text: fmt.Sprintf("%q does not begin with a rule; write what triage prints, such as HD1101/…", e.Fingerprint)}
		}
		if seen[e.Fingerprint] {
			return &Error{At: where + ".fingerprint", Text: fmt.Sprintf("%q stands twice", e.Fingerprint)}
		}
		seen[e.Fingerprint] = true
		if strings.TrimSpace(e.Reason) == "" {
			return &Error{At: where + ".reason", Text: "empty; say why the finding is no news"}
		}
		if e.Expires == "" {
			continue
		}
		day, err := time.Parse(dateForm, e.Expires)
		if err != nil {
			return &Error{At: where + ".expires", Text: fmt.Sprintf("%q is no day; write it as 2027-01-31", e.Expires)}
		}
		e.ends = day.AddDate(0, 0, 1)
	}
	for i, f := range b.Figures {
		if f.Process == "" {
			return &Error{At: fmt.Sprintf("figures[%d].process", i), Text: "empty; write the program's file name"}
		}
	}
	return nil
}

// place says where in the file an error of encoding/json is.
func place(data []byte, off int64, err error) error {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return at(data, syntax.Offset-1, syntax.Error())
	case errors.As(err, &typ):
		return at(data, typ.Offset-1, strings.TrimPrefix(fmt.Sprintf("%s: %s where %s was expected", typ.Field, typ.Value, typ.Type), ": "))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return at(data, int64(len(data)), "the file ends in the middle; a JSON object {\"version\": 1, \"findings\": […]} was expected")
	}
	return at(data, off, strings.TrimPrefix(err.Error(), "json: "))
}

// at makes an Error of a byte offset.
func at(data []byte, off int64, text string) error {
	before := data[:min(max(off, 0), int64(len(data)))]
	line := bytes.Count(before, []byte("\n")) + 1
	return &Error{Line: line, Column: len(before) - bytes.LastIndexByte(before, '\n'), Text: text}
}

// Mark sets Known of the findings that the baseline has and that have not
// expired, and returns how many expired entries would have been used.
func (b *Baseline) Mark(all []finding.Finding, now time.Time) (expired int) {
	if b == nil {
		return 0
	}
	for i := range all {
		for k := range b.Findings {
			e := &b.Findings[k]
			if e.Fingerprint != all[i].Fingerprint {
				continue
			}
			if e.Expired(now) {
				expired++
				continue
			}
			all[i].Known = e.Reason
		}
	}
	return expired
}

// BusyOf returns the bytes in use that the baseline has of a program, false
// when it has none.
func (b *Baseline) BusyOf(process string) (uint64, bool) {
	if b == nil {
		return 0, false
	}
	for _, f := range b.Figures {
		if strings.EqualFold(f.Process, process) {
			return f.Busy, true
		}
	}
	return 0, false
}

// Make makes a baseline of findings: each fingerprint once, in order, with one
// reason and one end (a day, or empty for none). The error is an *Error.
func Make(all []finding.Finding, figures []Figure, reason, expires string) (*Baseline, error) {
	b := &Baseline{Version: Version, Findings: []Entry{}, Figures: figures}
	seen := map[string]bool{}
	for _, f := range all {
		if !seen[f.Fingerprint] {
			seen[f.Fingerprint] = true
			b.Findings = append(b.Findings, Entry{Fingerprint: f.Fingerprint, Title: f.Title, Reason: reason, Expires: expires})
		}
	}
	slices.SortFunc(b.Findings, func(x, y Entry) int { return strings.Compare(x.Fingerprint, y.Fingerprint) })
	slices.SortFunc(b.Figures, func(x, y Figure) int { return strings.Compare(x.Process, y.Process) })
	return b, b.check()
}

// Bytes is the file: JSON with two spaces of indentation.
func (b *Baseline) Bytes() []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(b) // strings and numbers alone cannot fail
	return out.Bytes()
}
