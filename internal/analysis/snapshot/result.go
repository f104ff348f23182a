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

// result is what Parse needs of the JSON of heapdump owners, address --summary
// and handles.
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
	Space *struct {
		Partial bool   `json:"partial"`
		Written string `json:"written"`
	} `json:"address_space"`
	Usage []struct {
		Name    string `json:"name"`
		Bits    int    `json:"bits"`
		Regions int    `json:"regions"`
		Bytes   uint64 `json:"bytes"`
	} `json:"usage"`
	Count   *int   `json:"count"`
	Read    int    `json:"read"`
	Written string `json:"written"`
	ByType  []struct {
		Type  string `json:"type"`
		Count int    `json:"count"`
	} `json:"by_type"`
}

// Parse makes a side of what heapdump owners, address --summary or handles
// wrote with --format json. The error says what is wrong with it and how to
// make it again.
func Parse(file string, data []byte) (*delta.Side, error) {
	var r result
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("%s: no result of heapdump: %w", file, err)
	}
	s, err := r.read(file)
	if err != nil {
		return nil, err
	}
	if err := possible(file, s.Rows); err != nil {
		return nil, err
	}
	return s, nil
}

// addressable is more bytes than a process can have: 57 bits are the widest
// addresses of x64.
const addressable = 1 << 57

// possible is the error of sums that no process has: they would wrap round.
func possible(file string, rows []delta.Row) error {
	var blocks, sum uint64
	for _, r := range rows {
		if r.Blocks < 0 || uint64(r.Blocks) > addressable-blocks || r.Bytes > addressable-sum {
			return fmt.Errorf("%s: %s has %d blocks and %d bytes, with those before it more than any process; the file was changed, make it again", file, r.Fingerprint, r.Blocks, r.Bytes)
		}
		blocks, sum = blocks+uint64(r.Blocks), sum+r.Bytes
	}
	return nil
}

// read makes the side by what kind of result it is.
func (r *result) read(file string) (*delta.Side, error) {
	switch {
	case r.Schema == "" || r.Dump == nil:
	case r.Total != nil && len(r.Total.By) > 0:
		return r.owners(file)
	case r.Space != nil && r.Usage != nil:
		return r.usage(file)
	case r.ByType != nil:
		return r.handles(file)
	}
	return nil, fmt.Errorf("%s: no result that can be compared; make one with: heapdump owners --format json --top 0 DUMP (or address --summary, or handles)", file)
}

// side is what all kinds of results have.
func (r *result) side(file, written string, by ...string) *delta.Side {
	s := &delta.Side{File: file, Process: r.Dump.Process, By: by}
	if at, err := time.Parse(time.RFC3339, written); err == nil {
		s.Written = at
	}
	return s
}

// usage makes a side of what address --summary wrote.
func (r *result) usage(file string) (*delta.Side, error) {
	if r.Space.Partial {
		return nil, fmt.Errorf("%s: its dump has no list of its whole address space (MemoryInfoList)", file)
	}
	s := r.side(file, r.Space.Written, delta.ByUsage)
	for _, u := range r.Usage {
		s.Rows = append(s.Rows, usageRow(u.Name, u.Bits, u.Regions, u.Bytes))
	}
	s.Rows = taken(s.Rows)
	return s, nil
}

// handles makes a side of what handles wrote.
func (r *result) handles(file string) (*delta.Side, error) {
	all := 0
	s := r.side(file, r.Written, delta.ByHandles)
	for _, x := range r.ByType {
		s.Rows = append(s.Rows, handleRow(x.Type, x.Count))
		all += x.Count
	}
	if r.Count == nil || *r.Count != all || r.Read != all {
		return nil, fmt.Errorf("%s: it has not all handles of its dump; make it with: heapdump handles --format json DUMP", file)
	}
	return s, nil
}

// owners makes a side of what owners wrote.
func (r *result) owners(file string) (*delta.Side, error) {
	const again = "make it with: heapdump owners --format json --top 0 DUMP"
	if r.Total.Groups != len(r.Groups) {
		return nil, fmt.Errorf("%s: it has %d of %d owners, and what it leaves out would count as gone; %s", file, len(r.Groups), r.Total.Groups, again)
	}
	s := r.side(file, r.Total.Written, r.Total.By...)
	for i, g := range r.Groups {
		if g.Fingerprint == "" || len(g.Keys) != len(r.Total.By) {
			return nil, fmt.Errorf("%s: owner %d has no fingerprint, or not a key for each of %d criteria; %s", file, i, len(r.Total.By), again)
		}
		s.Rows = append(s.Rows, delta.Row{Fingerprint: g.Fingerprint, Keys: g.Keys, Amount: delta.Amount{Blocks: g.Blocks, Bytes: g.Bytes}})
	}
	return s, nil
}
