package render

import (
	"bufio"
	"encoding/xml"
	"fmt"

	"github.com/heapdump/heapdump/internal/report"
)

// The elements of JUnit's XML as Jenkins and GitLab read them: a suite for
// each dump, a case for each rule.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string     `xml:"name,attr"`
		Class     string     `xml:"classname,attr"`
		Time      string     `xml:"time,attr"`
		Skipped   string     `xml:"skipped,omitempty"` // no attribute: Jenkins's schema has none there
		Error     *junitNote `xml:"error,omitempty"`
		Failure   *junitNote `xml:"failure,omitempty"`
		SystemOut string     `xml:"system-out,omitempty"`
	}
	junitNote struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// writeJUnit renders the findings as tests: a rule fails with a finding of
// medium severity or worse that is not known; milder and known ones are told in
// its output. A dump that could not be analysed is an error of its rule. Times
// are 0, so that the same input gives the same bytes.
func writeJUnit(w *bufio.Writer, d *report.Document) error {
	if d.Triage == nil {
		return errNoFindings
	}
	out := junitSuites{Name: "heapdump"}
	for i := range d.Triage.Dumps {
		s := suiteOf(&d.Triage.Dumps[i])
		out.Tests += s.Tests
		out.Failures += s.Failures
		out.Errors += s.Errors
		out.Suites = append(out.Suites, s)
	}
	w.WriteString(xml.Header)
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(out); err != nil {
		return err
	}
	_, err := w.WriteString("\n")
	return err
}

func suiteOf(d *report.Triaged) junitSuite {
	s := junitSuite{Name: Escape(d.File), Time: "0"}
	for _, r := range report.Rules() {
		c := junitCase{Name: r.ID + " " + r.Name, Class: Escape(d.File), Time: "0"}
		bad, first, failed := "", "", 0
		for _, f := range d.Findings {
			if f.Rule != r.ID {
				continue
			}
			text := Escape(fmt.Sprintf("%s (severity %s, confidence %s): %s Fingerprint: %s", f.Title, f.Severity, f.Confidence, f.Evidence, f.Fingerprint)) + "\n"
			switch {
			case f.Known != "":
				c.SystemOut += "Known, " + Escape(f.Known) + ": " + text
			case levels[f.Severity.String()] == "note":
				c.SystemOut += text
			default:
				if failed++; failed == 1 {
					first = Escape(f.Title)
				}
				bad += text
			}
		}
		switch {
		case failed == 0:
		case d.Status == report.StatusError:
			c.Error = &junitNote{first, r.ID, bad}
			s.Errors++
		default:
			c.Failure = &junitNote{first, r.ID, bad}
			s.Failures++
		}
		if failed == 0 && c.SystemOut == "" && d.Status == report.StatusError {
			c.Skipped = "the dump could not be analysed"
			s.Skipped++
		}
		s.Cases = append(s.Cases, c)
	}
	s.Tests = len(s.Cases)
	return s
}
