package render

import (
	"bufio"
	"encoding/json"
	"errors"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/heapdump/heapdump/internal/report"
)

// The parts of SARIF 2.1.0 (OASIS standard) that are written. Optional members
// that are empty are left out.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		Results     []sarifResult     `json:"results"`
		ColumnKind  string            `json:"columnKind"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID            string      `json:"id"`
		Name          string      `json:"name"`
		Short         sarifText   `json:"shortDescription"`
		Help          sarifText   `json:"help"`
		Configuration sarifConfig `json:"defaultConfiguration"`
	}
	sarifConfig struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifInvocation struct {
		Successful bool `json:"executionSuccessful"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
		Properties   sarifProperties    `json:"properties"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification"`
	}
	sarifProperties struct {
		Severity   string `json:"severity"`
		Confidence string `json:"confidence"`
	}
)

// fingerprintKey names our fingerprints; the number grows when what they are
// made of changes.
const fingerprintKey = "heapdump/v1"

// levels are SARIF's words for severities.
var levels = map[string]string{"high": "error", "medium": "warning", "low": "note", "info": "note"}

// errNoFindings is what formats of findings say of other results.
var errNoFindings = errors.New("this result has no findings; sarif and junit are for triage")

// writeSARIF renders the findings for code scanning. Their place is the dump,
// since a dump has no source lines. It has every severity: what is to be left
// out, the reader of the file decides.
func writeSARIF(w *bufio.Writer, d *report.Document) error {
	if d.Triage == nil {
		return errNoFindings
	}
	run := sarifRun{ColumnKind: "utf16CodeUnits", Results: []sarifResult{}, Invocations: []sarifInvocation{{Successful: true}},
		Tool: sarifTool{sarifDriver{Name: "heapdump", Version: d.Triage.Version, InformationURI: "https://github.com/heapdump/heapdump"}}}
	index := map[string]int{}
	for i, r := range report.Rules() {
		index[r.ID] = i
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{r.ID, r.Name, sarifText{r.Title + "."}, sarifText{r.Help}, sarifConfig{levels[r.Severity.String()]}})
	}
	for i := range d.Triage.Dumps {
		x := &d.Triage.Dumps[i]
		if x.Status == report.StatusError {
			run.Invocations[0].Successful = false
		}
		for _, f := range x.Findings {
			r := sarifResult{RuleID: f.Rule, RuleIndex: index[f.Rule], Level: levels[f.Severity.String()], Message: sarifText{Escape(f.Title + ". " + f.Evidence)},
				Locations:    []sarifLocation{{sarifPhysical{sarifArtifact{fileURI(x.File)}, sarifRegion{1}}}},
				Fingerprints: map[string]string{fingerprintKey: f.Fingerprint}, Properties: sarifProperties{f.Severity.String(), f.Confidence.String()}}
			if f.Known != "" {
				r.Suppressions = []sarifSuppression{{"external", Escape(f.Known)}}
			}
			run.Results = append(run.Results, r)
		}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}})
}

// fileURI is a path as a URI reference: relative paths stay relative.
func fileURI(path string) string {
	path = filepath.ToSlash(path)
	u := url.URL{Path: strings.TrimPrefix(path, "./")}
	if filepath.IsAbs(path) || len(path) > 1 && path[1] == ':' {
		u = url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(path, "/")}
	}
	return u.String()
}
