package render_test

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/render"
)

var rows = []render.BlockRow{
	{Heap: 0x29fb0000, Segment: 0x29fb0000, Entry: 0x29fb0a80, User: 0x29fb0a90, InSegment: true, Busy: true, BlockBytes: 0x120, UserBytes: 0x118, State: "busy", Origin: "backend", Trust: "sound", Flags: 1},
	{Heap: 0x29fb0000, Segment: 0x29fb0000, Entry: 0x29fb0ba0, InSegment: true, BlockBytes: 0x1234560, State: "free", Origin: "backend", Trust: "repaired"},
	{Heap: 0x29fb0000, Entry: 0x43500030, User: 0x43500060, Busy: true, BlockBytes: 0x1001000, UserBytes: 0x1000040, State: "busy", Origin: "virtual", Trust: "sound", Flags: 0x13},
	{Heap: 0x29fb0000, Segment: 0x29fb0000, Entry: 0x29fc0010, InSegment: true, BlockBytes: 0x20, State: "free", Origin: "lfh", Trust: "sound", LFH: true, BucketKnown: true, Bucket: 1},
	{Heap: 0x29fb0000, Segment: 0x29fb0000, Entry: 0x29fc0030, InSegment: true, BlockBytes: 0x20, State: "free", Origin: "lfh", Trust: "doubtful", LFH: true, Bucket: 255},
}

func put(w io.Writer, format render.Format) {
	b := render.NewBlocks(w, format, 8, false)
	for i := range rows {
		b.Put(&rows[i])
	}
	b.Close()
}

func ExampleBlocks() {
	put(os.Stdout, render.FormatText)
	// Output:
	// Heap        Segment     Entry       User            Block bytes       User bytes  State        Origin     Flags
	// 0x29fb0000  0x29fb0000  0x29fb0a80  0x29fb0a90              288              280  busy         backend    0x01
	// 0x29fb0000  0x29fb0000  0x29fb0ba0  -                19,088,736                -  free         backend    0x00  repaired
	// 0x29fb0000  -           0x43500030  0x43500060       16,781,312       16,777,280  busy         virtual    0x13
	// 0x29fb0000  0x29fb0000  0x29fc0010  -                        32                -  free         lfh        0x00  bucket 1
	// 0x29fb0000  0x29fb0000  0x29fc0030  -                        32                -  free         lfh        0x00  doubtful
}

func ExampleBlocks_ndjson() {
	put(os.Stdout, render.FormatNDJSON)
	// Output:
	// {"heap":"0x29fb0000","segment":"0x29fb0000","entry":"0x29fb0a80","user":"0x29fb0a90","block_bytes":288,"user_bytes":280,"state":"busy","origin":"backend","flags":"0x1","trust":"sound"}
	// {"heap":"0x29fb0000","segment":"0x29fb0000","entry":"0x29fb0ba0","user":null,"block_bytes":19088736,"user_bytes":0,"state":"free","origin":"backend","flags":"0x0","trust":"repaired"}
	// {"heap":"0x29fb0000","segment":null,"entry":"0x43500030","user":"0x43500060","block_bytes":16781312,"user_bytes":16777280,"state":"busy","origin":"virtual","flags":"0x13","trust":"sound"}
	// {"heap":"0x29fb0000","segment":"0x29fb0000","entry":"0x29fc0010","user":null,"block_bytes":32,"user_bytes":0,"state":"free","origin":"lfh","flags":"0x0","trust":"sound","bucket":1}
	// {"heap":"0x29fb0000","segment":"0x29fb0000","entry":"0x29fc0030","user":null,"block_bytes":32,"user_bytes":0,"state":"free","origin":"lfh","flags":"0x0","trust":"doubtful","bucket":null}
}

// TestBlocksJSON: an array, empty or not, is valid.
func TestBlocksJSON(t *testing.T) {
	var b strings.Builder
	put(&b, render.FormatJSON)
	var v []map[string]any
	if err := json.Unmarshal([]byte(b.String()), &v); err != nil || len(v) != len(rows) {
		t.Errorf("%v, %d objects: %s", err, len(v), b.String())
	}
	b.Reset()
	render.NewBlocks(&b, render.FormatJSON, 8, false).Close()
	if err := json.Unmarshal([]byte(b.String()), &v); err != nil || len(v) != 0 {
		t.Errorf("%v, %d objects: %s", err, len(v), b.String())
	}
}

func BenchmarkBlocks(b *testing.B) {
	for name, format := range map[string]render.Format{"ndjson": render.FormatNDJSON, "text": render.FormatText, "csv": render.FormatCSV} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			w := render.NewBlocks(io.Discard, format, 16, false)
			for i := range b.N {
				w.Put(&rows[i%len(rows)])
			}
			w.Close()
		})
	}
}
