package report_test

import (
	"os"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/process"
)

// opened is a dump without memory, and a census of made-up heaps: one walked,
// one that was not, one of another process.
func opened(t testing.TB) (*target.Target, *census.Census) {
	d := synth.Demo().Build().Dump
	d.Flags, d.Memory, d.Regions = 0, nil, nil
	tg, err := target.Parse("app.dmp", d.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	tg.Problems = nil
	tg.Heaps = []*target.Heap{
		{HeapRef: process.HeapRef{Address: 0x10000, Bits: 64, Kind: heap.Page, Listed: true, Found: 1 << process.ByPEB}},
		{HeapRef: process.HeapRef{Address: 0x20000, Bits: 64, Kind: heap.Segment, Found: 1 << process.ByScan}, Position: 1, Why: "segment heaps cannot be walked yet"},
		{HeapRef: process.HeapRef{Address: 0x30000, Bits: 64, Kind: heap.NT, Foreign: true, Found: 1 << process.ByShared}, Position: 2, Why: "it is CSRSS's"},
	}
	return tg, &census.Census{Heaps: []census.Heap{
		{Target: tg.Heaps[0], Walked: true, Reserved: 10 << 20, Committed: 5000, Uncommitted: 10<<20 - 5000, BusyUser: 3000, Overhead: 900, Free: 1000, Lost: 84, Unaccounted: 16,
			BusyBlocks: 7, FreeBlocks: 2, Segments: 1,
			Problems: []diag.Problem{
				{Code: "entry-checksum", At: diag.At(0x10040), Heap: 0x10000, Object: "_HEAP_ENTRY", Got: "0x1", Lost: 60},
				{Code: "entry-checksum", At: diag.At(0x10080), Heap: 0x10000, Object: "_HEAP_ENTRY", Got: "0x2", Lost: 24},
			}},
		{Target: tg.Heaps[1]},
		{Target: tg.Heaps[2]},
	}}
}

func text(t *testing.T, d *report.Document, f render.Format) string {
	t.Helper()
	var b strings.Builder
	if err := render.Write(&b, d, render.Options{Format: f}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestSummary: what was not walked has no counts, not zeros; problems are
// grouped for people and whole for programs; a residue is printed.
func TestSummary(t *testing.T) {
	tg, cs := opened(t)
	d := report.Summary(tg, cs, nil)
	people, programs := text(t, d, render.FormatText), text(t, d, render.FormatJSON)
	for _, want := range []string{
		"  0x10000 10,485,760  10,480,760     5,000     3,000      900 1,000        0   84      16\n",
		"  1  0x20000  segment  segment heaps cannot be walked yet\n",
		"      2          84  0x10000  entry-checksum at 0x10040: _HEAP_ENTRY: 0x1\n",
		"  1 heap was not walked, so nothing in it is counted: 0x20000 (segment).\n",
		"  Heap 0x10000: 84 of 5,000 committed bytes could not be read as blocks.\n",
		"  heapdump walk --heap 0x10000 --state lost app.dmp\n",
	} {
		if !strings.Contains(people, want) {
			t.Errorf("no line %q in\n%s", want, people)
		}
	}
	for _, want := range []string{
		`"address": "0x00020000", "bits": 64, "kind": "segment", "layout": null, "flags": null,`,
		`"walked": false, "why": "segment heaps cannot be walked yet", "segments": null, "reserved_bytes": null,`,
		`"foreign": true, "found": ["shared-memory"]`,
		`"lost_bytes": 84, "unaccounted_bytes": 16,`,
		`"code": "entry-checksum", "class": "corrupt", "at": "0x00010080", "in": "memory", "heap": "0x00010000", "object": "_HEAP_ENTRY", "field": null, "want": null, "got": "0x2", "lost_bytes": 24}`,
	} {
		if !strings.Contains(programs, want) {
			t.Errorf("no %s in\n%s", want, programs)
		}
	}
}

// TestManyProblems: text shows twenty kinds and says how many more there are.
func TestManyProblems(t *testing.T) {
	tg, cs := opened(t)
	for i := range 30 {
		tg.Problems = append(tg.Problems, diag.Problem{Code: diag.Code("code-" + string(rune('a'+i))), At: diag.AtFile(uint64(i))})
	}
	got := text(t, report.Summary(tg, cs, nil), render.FormatText)
	if n := strings.Count(got, "  code-"); n != 20 || !strings.Contains(got, "… and 11 more kinds of problem; --format json has them all") {
		t.Errorf("%d kinds in\n%s", n, got)
	}
}

func ExampleCoverage() {
	d := synth.Demo().Build().Dump
	d.Memory, d.Regions = nil, nil
	t, err := target.Parse("app.dmp", d.Bytes())
	if err != nil {
		return
	}
	render.Write(os.Stdout, &report.Document{Notes: report.Coverage(t, nil)[:1]}, render.Options{})
	// Output:
	// The dump holds no memory, so no heap can be read from it. Make a full dump: procdump -ma PID.
}
