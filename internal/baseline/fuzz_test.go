package baseline_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/heapdump/heapdump/internal/baseline"
	"github.com/heapdump/heapdump/internal/finding"
)

// FuzzParse: a baseline file of any content is read or refused, and does
// not panic; what is read is read the same when it is written again, and marks
// what it names alone.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "{}", `{"version": 1, "findings": [{"fingerprint": "0011223344556677", "reason": "known", "expires": "2030-01-01"}]}`,
		`{"version": 99}`, `{"version": 1, "figures": [{"name": "x", "value": 1e999}]}`, `[[[[`, "version: 1\nfindings: []\n"} {
		f.Add([]byte(s))
	}
	if b, err := baseline.Make([]finding.Finding{{Rule: finding.Overrun, Title: "t", Fingerprint: "0011223344556677"}}, nil, "known", "2030-01-01"); err == nil {
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := baseline.Parse(data)
		if b == nil && err == nil {
			t.Fatalf("%v and %v", b, err)
		}
		if err != nil {
			return
		}
		again, err := baseline.Parse(b.Bytes())
		if err != nil || !bytes.Equal(again.Bytes(), b.Bytes()) {
			t.Fatalf("again: %v", err)
		}
		other := []finding.Finding{{Rule: finding.Overrun, Fingerprint: "no such"}}
		if b.Mark(other, time.Unix(0, 0)); other[0].Known != "" {
			t.Fatalf("%q knows a finding that it has not", data)
		}
	})
}
