package snapshot

import (
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/delta"
)

// FuzzParse: the JSON of an earlier run, which anybody can have written, is
// read or refused; what is read compares with itself without a change, and its
// sums are no less than each of their parts.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "{", "{}", `{"schema_version":"1.0","dump":{"process":"a.exe"},"total":{"by":["type"],"groups":1,"written":"2026-01-02T03:04:05Z"},"groups":[{"keys":["x"],"fingerprint":"f","blocks":3,"bytes":72}]}`,
		`{"schema_version":"1","dump":{},"total":{"by":["type"],"groups":2},"groups":[{"keys":["x"],"fingerprint":"f","blocks":-1,"bytes":1},{"keys":["x"],"fingerprint":"f","blocks":1,"bytes":2}]}`,
		`{"schema_version":"1","dump":{},"total":{"by":["type"],"groups":2},"groups":[{"keys":["x"],"fingerprint":"f","blocks":1,"bytes":18446744073709551615},{"keys":["y"],"fingerprint":"g","blocks":9223372036854775807,"bytes":2}]}`,
		`{"schema_version":"1","dump":{},"total":{"by":["a","b"],"groups":1},"groups":[{"keys":["x"],"fingerprint":"f"}]}`, `{"schema_version":"1","dump":{"process":"a"},"count":3,"read":3,"by_type":[{"type":"File","count":4},{"type":"Event","count":-1}]}`, `{"schema_version":"1","dump":{},"space":{},"usage":[{"name":"Heap","bits":32,"regions":-5,"bytes":18446744073709551615}]}`, "\xef\xbb\xbf {}", "[]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse("x.json", data)
		if (s == nil) == (err == nil) {
			t.Fatalf("%v and %v", s, err)
		}
		if err != nil {
			return
		}
		if !IsResult(data) && len(data) > 0 {
			t.Fatalf("read, and no result: %q", data)
		}
		r, err := delta.Compare([]*delta.Side{s, s}, delta.Options{All: true})
		if err != nil {
			t.Fatal(err)
		}
		for i := range r.Rows {
			c := &r.Rows[i]
			if c.Bytes() != 0 || c.Blocks() != 0 {
				t.Fatalf("%+v changed", c)
			}
			if c.New().Bytes > r.Total.New().Bytes || c.New().Blocks > r.Total.New().Blocks || c.New().Blocks < 0 {
				t.Fatalf("%+v of %+v in all", c.New(), r.Total.New())
			}
		}
	})
}

// TestImpossible: sums that no process has are refused, and would wrap round.
func TestImpossible(t *testing.T) {
	for groups, ok := range map[string]bool{
		`{"keys":["x"],"fingerprint":"f","blocks":1,"bytes":72},{"keys":["y"],"fingerprint":"g","blocks":1,"bytes":144115188075855800}`:                   true,
		`{"keys":["x"],"fingerprint":"f","blocks":1,"bytes":73},{"keys":["y"],"fingerprint":"g","blocks":1,"bytes":144115188075855900}`:                   false,
		`{"keys":["x"],"fingerprint":"f","blocks":-1,"bytes":1},{"keys":["y"],"fingerprint":"g","blocks":1,"bytes":1}`:                                    false,
		`{"keys":["x"],"fingerprint":"f","blocks":9223372036854775807,"bytes":1},{"keys":["y"],"fingerprint":"g","blocks":9223372036854775807,"bytes":1}`: false,
	} {
		_, err := Parse("x.json", []byte(`{"schema_version":"1.0","dump":{},"total":{"by":["type"],"groups":2},"groups":[`+groups+`]}`))
		if (err == nil) != ok {
			t.Errorf("%s: %v", groups, err)
		}
	}
}
