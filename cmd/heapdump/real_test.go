package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/heapdump/heapdump/internal/cli"
	"github.com/heapdump/heapdump/internal/input"
)

// run runs heapdump in this process.
func run(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = cli.Main(context.Background(), args, cli.Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &err,
		Getenv: func(string) string { return "" }, Dir: ".", Now: time.Now})
	return code, out.String(), err.String()
}

// TestRealDumps runs commands on every dump in ../shared/dumps: each ends
// with a report, or with 3 for what is no Windows minidump; JSON is valid; and
// every byte of every heap that was walked stands in its account once.
func TestRealDumps(t *testing.T) {
	dumps, _ := filepath.Glob(filepath.Join("..", "..", "..", "shared", "dumps", "*.dmp.zst"))
	if len(dumps) == 0 {
		t.Skip("no folder ../shared/dumps beside the repository: real dumps are not read")
	}
	for _, dump := range dumps {
		t.Run(filepath.Base(dump), func(t *testing.T) {
			t.Parallel()
			want := 0
			if strings.Contains(dump, "notwindows") {
				want = 3
			}
			for _, args := range [][]string{{"summary", "--format", "json"}, {"find", "0x10000", "--format", "json"}, {"info"}} {
				code, stdout, stderr := run(append(args, dump)...)
				switch {
				case code != want:
					t.Fatalf("%v: exit %d, want %d: %s", args, code, want, stderr)
				case want != 0:
				case args[0] == "info" && (stdout == "" || strings.ContainsAny(stdout, "\x1b\r")):
					t.Errorf("%v: %q", args, stdout)
				case args[0] != "info" && !json.Valid([]byte(stdout)):
					t.Errorf("%v: no JSON: %.200s", args, stdout)
				case args[0] == "summary":
					closes(t, stdout)
				}
			}
		})
	}
}

// closes checks the account of every heap in a summary.
func closes(t *testing.T, summary string) {
	var s struct{ Heaps []map[string]any }
	if err := json.Unmarshal([]byte(summary), &s); err != nil {
		t.Fatal(err)
	}
	for _, h := range s.Heaps {
		if h["walked"] == false {
			if h["why"] == nil || h["busy_blocks"] != nil {
				t.Errorf("heap %v was not walked: why %v, busy_blocks %v", h["address"], h["why"], h["busy_blocks"])
			}
			continue
		}
		n := func(key string) float64 { return h[key].(float64) }
		if n("reserved_bytes") != n("committed_bytes")+n("uncommitted_bytes") || n("unaccounted_bytes") != 0 ||
			n("committed_bytes") != n("busy_bytes")+n("overhead_bytes")+n("free_bytes")+n("internal_bytes")+n("lost_bytes") {
			t.Errorf("the account of heap %v does not close: %v", h["address"], h)
		}
	}
}

// truth reads what the program that a generated dump is of wrote down.
func truth(t *testing.T, name string, into any) (dump string) {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "dumps")
	in, err := input.Open(filepath.Join(dir, name+".truth.json.zst"), input.Options{})
	if err != nil {
		t.Skip("no folder ../shared/dumps beside the repository: real dumps are not read")
	}
	defer in.Close()
	if err := json.Unmarshal(in.Data, into); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name+".dmp.zst")
}

// TestWalkPageHeap: every live allocation of a page heap that no list names
// comes out of a walk over all heaps, with its exact address and size.
func TestWalkPageHeap(t *testing.T) {
	var want struct {
		Heaps []struct{ Live [][]any }
	}
	dump := truth(t, "gen-dph-ros-x64.own", &want)
	code, stdout, stderr := run("walk", "--heap", "all", "--format", "ndjson", dump)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	got := map[string]float64{}
	for line := range strings.Lines(stdout) {
		var b struct {
			User, State, Origin string
			Bytes               float64 `json:"user_bytes"`
		}
		if err := json.Unmarshal([]byte(line), &b); err != nil {
			t.Fatal(err)
		}
		if b.State == "busy" && b.Origin == "pageheap" {
			got[b.User] = b.Bytes
		}
	}
	live := want.Heaps[0].Live
	if len(live) != 225 || len(got) != len(live) {
		t.Errorf("%d live allocations, %d found", len(live), len(got))
	}
	for _, l := range live {
		at := padded(uint64(l[0].(float64)))
		if got[at] != l[1] {
			t.Errorf("%s: %v bytes, want %v", at, got[at], l[1])
		}
	}
}

// finding is a row of check's findings.
type finding struct{ Rule, Heap, Address, Story, Evidence string }

// checkOf runs check on a dump.
func checkOf(t *testing.T, dump string, want int) []finding {
	t.Helper()
	code, stdout, stderr := run("check", "--fail-on", "corruption", "--format", "json", dump)
	if code != want {
		t.Fatalf("%s: exit %d, want %d: %s", dump, code, want, stderr)
	}
	var out struct{ Findings []finding }
	if err := json.Unmarshal([]byte(stdout), &out); err != nil {
		t.Fatal(err)
	}
	for _, f := range out.Findings {
		if (f.Story == "") != (f.Evidence == "") {
			t.Errorf("a story without evidence: %+v", f)
		}
	}
	return out.Findings
}

// TestCheckPlanted: of generated dumps that nobody damaged, check finds
// exactly the overruns and underruns that their programs planted.
func TestCheckPlanted(t *testing.T) {
	for _, name := range []string{"gen-enc-w7-x64.own", "gen-enc-w7-x86.own", "gen-std-w7-x64.dbghelp", "gen-dbg-w7-x86.own", "gen-wine-x64.own", "gen-dph-ros-x64.own"} {
		t.Run(name, func(t *testing.T) {
			var planted struct {
				Blocks [][]any `json:"crt_blocks"`
			}
			dump := truth(t, name, &planted)
			want, code := map[string]string{}, 0
			for _, b := range planted.Blocks {
				data, size := uint64(b[1].(float64)), uint64(b[2].(float64))
				switch b[7] {
				case "overrun":
					want[padded(data+size)] = "crt-overrun"
				case "underrun":
					want[padded(data-1)] = "crt-underrun"
				}
			}
			if len(want) > 0 {
				code = 1
			}
			got := checkOf(t, dump, code)
			for _, f := range got {
				if want[f.Address] != f.Rule || f.Story == "" {
					t.Errorf("%+v, planted %q", f, want[f.Address])
				}
			}
			if len(got) != len(want) || len(planted.Blocks) > 0 && len(want) != 4 {
				t.Errorf("%d findings, %d planted", len(got), len(want))
			}
		})
	}
}

// TestCheckHealthy: check is silent on a whole dump of Windows, and on those
// that hold too little to judge.
func TestCheckHealthy(t *testing.T) {
	for _, name := range []string{"real-win10-11082-wow64-full", "real-win7-x64-partial", "real-win7-x86-partial", "real-win10-16299-x64-noheap",
		"real-win10-17134-x64-stacks", "real-win11-22631-x64-crashpad", "real-xp-x86-stacks"} {
		dump := filepath.Join("..", "..", "..", "shared", "dumps", name+".dmp.zst")
		if _, err := os.Stat(dump); err != nil {
			t.Skip("no folder ../shared/dumps beside the repository: real dumps are not read")
		}
		if got := checkOf(t, dump, 0); len(got) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestCheckCorrupt: each of the deliberate corruptions is found, in its heap,
// but for the two that leave no trace in what Windows keeps: an array that
// newer heaps do not have, and a write into a free block without a fill.
func TestCheckCorrupt(t *testing.T) {
	var planted struct {
		Corruptions []struct {
			Kind string
			Heap uint64 `json:"heap_address"`
		}
	}
	got := checkOf(t, truth(t, "gen-corrupt-w7enc-x64.own", &planted), 1)
	rules := map[string]string{
		"overrun": "entry-overwritten", "entry_size_zero": "entry-size", "entry_size_huge": "entry-size", "freelist_bad_flink": "free-list",
		"freelist_cycle": "free-list", "segmentlist_cycle": "segment-list", "heap_signature": "heap-header", "segment_signature": "segment-header",
		"virtual_list_cycle": "virtual-list", "ucr_list_self_cycle": "ucr-list", "previous_size_mismatch": "entry-previous-size",
		"segments_array_duplicate": "", "write_after_free": "",
	}
	want := map[string]bool{}
	for _, c := range planted.Corruptions {
		rule, known := rules[c.Kind]
		if !known {
			t.Errorf("a corruption of kind %s", c.Kind)
		}
		if rule != "" {
			want[padded(uint64(c.Heap))+" "+rule] = true
		}
	}
	if len(planted.Corruptions) != 13 || len(got) != len(want) {
		t.Errorf("%d corruptions, %d findings: %+v", len(planted.Corruptions), len(got), got)
	}
	for _, f := range got {
		if !want[f.Heap+" "+f.Rule] {
			t.Errorf("%+v", f)
		}
		if f.Rule == "entry-overwritten" && f.Story != "linear overrun from the block before" {
			t.Errorf("the overrun: %+v", f)
		}
	}
}

// padded is an address as JSON has it.
func padded(a uint64) string {
	if a < 1<<32 {
		return fmt.Sprintf("0x%08x", a)
	}
	return fmt.Sprintf("0x%016x", a)
}
