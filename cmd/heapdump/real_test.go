package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
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
		at := fmt.Sprintf("%#x", uint64(l[0].(float64)))
		if got[at] != l[1] {
			t.Errorf("%s: %v bytes, want %v", at, got[at], l[1])
		}
	}
}
