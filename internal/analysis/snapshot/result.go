package snapshot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/heapdump/heapdump/internal/analysis/delta"
)

// IsResult reports whether data begin as JSON does, and not as a dump.
func IsResult(data []byte) bool {
	data = bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), " \t\r\n")
	return len(data) > 0 && data[0] == '{'
}

// result is what Parse needs of the JSON of heapdump owners.
type result struct {
	Schema string `json:"schema_version"`
	Dump   *struct {
		Process string `json:"process"`
	} `json:"dump"`
	Total *struct {
		By      []string `json:"by"`
		Groups  int      `json:"groups"`
		Written string   `json:"written"`
	} `json:"total"`
	Groups []struct {
		Keys        []string `json:"keys"`
		Fingerprint string   `json:"fingerprint"`
		Blocks      int      `json:"blocks"`
		Bytes       uint64   `json:"bytes"`
	} `json:"groups"`
}

// Parse makes a side of what heapdump owners --format json wrote. The error
// says what is wrong with it and how to make it again.
func Parse(file string, data []byte) (*delta.Side, error) {
	var r result
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("%s: no result of heapdump: %w", file, err)
	}
	const again = "make it with: heapdump owners --format json --top 0 DUMP"
	switch {
	case r.Schema == "" || r.Dump == nil || r.Total == nil || len(r.Total.By) == 0:
		return nil, fmt.Errorf("%s: no result of heapdump owners; %s", file, again)
	case r.Total.Groups != len(r.Groups):
		return nil, fmt.Errorf("%s: it has %d of %d owners, and what it leaves out would count as gone; %s", file, len(r.Groups), r.Total.Groups, again)
	}
	s := &delta.Side{File: file, Process: r.Dump.Process, By: r.Total.By}
	if at, err := time.Parse(time.RFC3339, r.Total.Written); err == nil {
		s.Written = at
	}
	for i, g := range r.Groups {
		if g.Fingerprint == "" || len(g.Keys) != len(r.Total.By) {
			return nil, fmt.Errorf("%s: owner %d has no fingerprint, or not a key for each of %d criteria; %s", file, i, len(r.Total.By), again)
		}
		s.Rows = append(s.Rows, delta.Row{Fingerprint: g.Fingerprint, Keys: g.Keys, Amount: delta.Amount{Blocks: g.Blocks, Bytes: g.Bytes}})
	}
	return s, nil
}
