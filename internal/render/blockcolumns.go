package render

import "github.com/heapdump/heapdump/internal/report"

// BlockColumn is a key of a block in JSON and NDJSON.
type BlockColumn struct {
	report.Column
	Optional bool            // not every block has it, and CSV never
	Keys     []report.Column // of an object
}

// BlockColumns are the keys of a block, in their order; those that every block
// has come first and are the columns of CSV.
func BlockColumns() []BlockColumn {
	always := func(key string, k report.Kind) BlockColumn {
		return BlockColumn{Column: report.Column{Key: key, Kind: k}}
	}
	some := func(key string, k report.Kind, keys ...report.Column) BlockColumn {
		return BlockColumn{Column: report.Column{Key: key, Kind: k}, Optional: true, Keys: keys}
	}
	return []BlockColumn{
		always("heap", report.Address), always("segment", report.Address), always("entry", report.Address), always("user", report.Address),
		always("block_bytes", report.Bytes), always("user_bytes", report.Bytes), always("state", report.Text), always("origin", report.Text),
		always("flags", report.Hex), always("trust", report.Text),
		some("bucket", report.Count), some("stack", report.Stack), some("stack_names", report.List), some("type", report.Text), some("type_how", report.Text),
		some("crt", report.Nested, report.Column{Key: "type", Kind: report.Text}, report.Column{Key: "request", Kind: report.Count},
			report.Column{Key: "file", Kind: report.Text}, report.Column{Key: "line", Kind: report.Count},
			report.Column{Key: "user", Kind: report.Address}, report.Column{Key: "user_bytes", Kind: report.Bytes}),
	}
}
