package baseline_test

import (
	"testing"

	"github.com/heapdump/heapdump/internal/baseline"
)

// FuzzParse: a baseline file of any content is read or refused, and does
// not panic.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "{}", `{"version": 1, "findings": [{"fingerprint": "0011223344556677", "reason": "known", "expires": "2030-01-01"}]}`,
		`{"version": 99}`, `{"version": 1, "figures": [{"name": "x", "value": 1e999}]}`, `[[[[`, "version: 1\nfindings: []\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := baseline.Parse(data)
		if b == nil && err == nil {
			t.Fatal("neither a baseline nor an error")
		}
	})
}
