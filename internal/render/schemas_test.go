package render_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/heapdump/heapdump/internal/finding"
	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/report"
)

// triages are results whose outputs are held against schemas: none, a clean
// dump, one finding of every rule in every severity and confidence, known and
// not, and hostile names.
func triages() map[string]*report.Triage {
	var all []finding.Finding
	for i, r := range report.Rules() {
		f := finding.Finding{Rule: r.ID, Severity: finding.Severity(i % len(finding.Severities())), Confidence: finding.Confidence(i % 3), Title: r.Title, Evidence: "e",
			Fingerprint: finding.Fingerprint(r.ID, "x"), Path: []string{"a", "b"}, Bytes: 1, Blocks: 1, Places: 1}
		if i%2 == 0 {
			f.Known = "ticket 1"
		}
		all = append(all, f)
	}
	return map[string]*report.Triage{
		"none":  report.NewTriage(nil),
		"clean": report.NewTriage([]report.Triaged{{File: "a.dmp", Process: "a.exe", Status: report.StatusOK}}),
		"rules": report.NewTriage([]report.Triaged{{File: "/abs/a b#?%.dmp", Status: report.StatusPartial, Findings: all, Missing: []string{"m"}}, {File: `C:\d\e.dmp`, Status: report.StatusError, Findings: all[:1]},
			{File: "./-x:y.dmp", Status: report.StatusOK}}),
		"hostile": hostileTriage(),
	}
}

func renderedAs(t *testing.T, x *report.Triage, f render.Format) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := render.Write(&b, x.Document(), render.Options{Format: f}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestSARIFSchema: the output is valid by the schema of SARIF 2.1.0, formats of
// strings among it; and the schema is one that refuses what is not.
func TestSARIFSchema(t *testing.T) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(filepath.Join("testdata", "sarif-2.1.0.json"))
	if err != nil {
		t.Fatal(err)
	}
	valid := func(b []byte) error {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		return s.Validate(v)
	}
	for name, x := range triages() {
		b := renderedAs(t, x, render.FormatSARIF)
		if err := valid(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !json.Valid(b) {
			t.Errorf("%s is no JSON", name)
		}
	}
	good := string(renderedAs(t, hostileTriage(), render.FormatSARIF))
	for _, change := range [][2]string{{`"level": "error"`, `"level": "high"`}, {`"version": "2.1.0"`, `"version": "2.2"`}, {`"startLine": 1`, `"startLine": 0`}, {`"driver": {`, `"engine": {`},
		{`"uri": "`, `"uri": "a b%zz`}, {`"kind": "external"`, `"kind": "elsewhere"`}} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if bad == good || valid([]byte(bad)) == nil {
			t.Errorf("%s is taken for valid, or there was no %s", change[1], change[0])
		}
	}
}

// TestJUnitSchema: the output is valid by Jenkins's schema.
func TestJUnitSchema(t *testing.T) {
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("no xmllint here; Debian has it in libxml2-utils")
	}
	valid := func(b []byte) (string, bool) {
		path := filepath.Join(t.TempDir(), "x.xml")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(xmllint, "--nonet", "--noout", "--schema", filepath.Join("testdata", "jenkins-junit.xsd"), path).CombinedOutput()
		return string(out), err == nil
	}
	for name, x := range triages() {
		if out, ok := valid(renderedAs(t, x, render.FormatJUnit)); !ok {
			t.Errorf("%s: %s", name, out)
		}
	}
	good := string(renderedAs(t, hostileTriage(), render.FormatJUnit))
	for _, change := range [][2]string{{"<skipped>", `<skipped message="x">`}, {"<testsuites", "<testsuites colour=\"red\""}, {"<failure ", "<fault/><failure "}} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if out, ok := valid([]byte(bad)); ok || bad == good {
			t.Errorf("%s is taken for valid: %s", change[1], out)
		}
	}
}
