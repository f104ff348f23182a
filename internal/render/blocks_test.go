package render_test

import (
	"encoding/json"
	"fmt"
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

// TestBlocksRemember: an object is the same whatever was written before it.
func TestBlocksRemember(t *testing.T) {
	all := append([]render.BlockRow{}, rows...)
	for _, change := range []func(*render.BlockRow){
		func(r *render.BlockRow) { r.Heap++ }, func(r *render.BlockRow) { r.Segment = 1 << 40 }, func(r *render.BlockRow) { r.InSegment = !r.InSegment },
		func(r *render.BlockRow) { r.Busy = !r.Busy }, func(r *render.BlockRow) { r.State = "internal" }, func(r *render.BlockRow) { r.Origin = "lookaside" },
		func(r *render.BlockRow) { r.Trust = "doubtful" }, func(r *render.BlockRow) { r.Flags ^= 0x10 }, func(r *render.BlockRow) { r.Entry = 0xfedcba9876543210 },
	} {
		for _, r := range rows {
			all = append(all, r)
			change(&r)
			all = append(all, r)
		}
	}
	var together, apart strings.Builder
	w := render.NewBlocks(&together, render.FormatNDJSON, 8, false)
	for i := range all {
		w.Put(&all[i])
		alone := render.NewBlocks(&apart, render.FormatNDJSON, 8, false)
		alone.Put(&all[i])
		alone.Close()
		var v map[string]any
		line := apart.String()[strings.LastIndex(strings.TrimSuffix(apart.String(), "\n"), "\n")+1:]
		if err := json.Unmarshal([]byte(line), &v); err != nil || v["entry"] != fmt.Sprintf("0x%0*x", digitsOf(all[i].Entry), all[i].Entry) {
			t.Errorf("%v: %s", err, line)
		}
	}
	w.Close()
	if together.String() != apart.String() {
		t.Errorf("got\n%s\nwant\n%s", together.String(), apart.String())
	}
}

func digitsOf(a uint64) int {
	if a>>32 != 0 {
		return 16
	}
	return 8
}

// TestBlocksAreWritten: what does not fit into the buffer is written on the
// way, whole, and an error of the writer is Put's.
func TestBlocksAreWritten(t *testing.T) {
	var b strings.Builder
	w := render.NewBlocks(&b, render.FormatNDJSON, 8, false)
	for range 4000 {
		if err := w.Put(&rows[0]); err != nil {
			t.Fatal(err)
		}
	}
	if b.Len() < 256<<10 || b.Len() > 4000*200 {
		t.Errorf("%d bytes are written before the end", b.Len())
	}
	w.Close()
	if n := strings.Count(b.String(), "\n"); n != 4000 || strings.Count(b.String(), `"trust":"sound"}`+"\n") != n {
		t.Errorf("%d lines", n)
	}
	r, p := io.Pipe()
	r.Close()
	w = render.NewBlocks(p, render.FormatNDJSON, 8, false)
	var err error
	for i := 0; i < 4000 && err == nil; i++ {
		err = w.Put(&rows[0])
	}
	if err == nil {
		t.Error("no error of a closed pipe")
	}
}
