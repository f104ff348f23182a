package cli_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/cli"
	"github.com/heapdump/heapdump/internal/synth"
)

// beside is what stands beside the numbers of every result.
type beside struct {
	Coverage *[]string
	Warnings *[]struct{ Code, Text, Where string }
	Dumps    []struct {
		beside
		Status string
	}
}

func besideOf(t *testing.T, args ...string) beside {
	t.Helper()
	w := newWorld(nil)
	if code := cli.Main(context.Background(), append(args, "--format", "json", "-q"), w.Env); code != 0 {
		t.Fatalf("%q: exit %d: %s", args, code, w.stderr.String())
	}
	var out beside
	if err := json.Unmarshal(w.stdout.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	if out.Coverage == nil || out.Warnings == nil {
		t.Fatalf("%q: no coverage or no warnings: %s", args, w.stdout.String())
	}
	return out
}

// TestBeside: every result has coverage and warnings, empty where nothing is
// missing or doubtful.
func TestBeside(t *testing.T) {
	path := filepath.Join("..", "..", "testdata", "dumps", "shop", "shop.dmp")
	commands := append(queries("0x9d1e6ffc00", "0x9d1e6ffc00"), []string{"baseline", "show", knownFile(t)}, []string{"config"}, []string{"version"}, []string{"windbg", "--list"}, []string{"diff", path})
	for _, args := range commands {
		switch args[0] {
		case "walk", "heap", "why", "refs": // of blocks, or of a heap that is not there
			continue
		case "baseline", "config", "version", "windbg":
		default:
			args = append(args, path)
		}
		besideOf(t, args...)
	}
	if got := besideOf(t, "triage", path); len(*got.Coverage) > 0 || len(*got.Warnings) > 0 || got.Dumps[0].Status != "ok" || got.Dumps[0].Coverage == nil || got.Dumps[0].Warnings == nil {
		t.Errorf("a whole dump: %+v", got)
	}
}

func knownFile(t *testing.T) string {
	t.Helper()
	known := filepath.Join(t.TempDir(), "known.json")
	w := newWorld(nil)
	if code := cli.Main(context.Background(), []string{"baseline", "write", "--reason", "a test", "-o", known, damaged(t)}, w.Env); code != 0 {
		t.Fatal(w.stderr.String())
	}
	return known
}

// TestWarnings: what is damaged is a warning of every command, what is missing
// is coverage, and of several dumps it says of which.
func TestWarnings(t *testing.T) {
	whole, odd := damaged(t), filepath.Join(t.TempDir(), "odd.dmp")
	p := synth.Demo()
	built := p.Build()
	data := built.Dump.Bytes()
	if err := os.WriteFile(odd, data[:len(data)*2/3], 0o666); err != nil {
		t.Fatal(err)
	}
	has := func(b beside, code, where string) bool {
		for _, w := range *b.Warnings {
			if w.Code == code && strings.Contains(w.Where, where) && w.Text != "" {
				return true
			}
		}
		return false
	}
	if got := besideOf(t, "stat", whole); !has(got, "lost", "0x1c0aa400000") {
		t.Errorf("stat: %+v", *got.Warnings)
	}
	if got := besideOf(t, "summary", whole); !has(got, "entry-overwritten", "0x1c0aa400000") {
		t.Errorf("summary: %+v", *got.Warnings)
	}
	for _, args := range [][]string{{"stat", odd}, {"modules", odd}, {"hex", "0x1c0aa400f40", odd}, {"teb", odd}} {
		if got := besideOf(t, args...); len(*got.Coverage) == 0 || !strings.Contains((*got.Coverage)[0], "cut short") || !has(got, "memory-range-cut", "file offset") {
			t.Errorf("%q: %q, %+v", args, *got.Coverage, *got.Warnings)
		}
	}
	got := besideOf(t, "triage", whole, odd)
	if !has(got, "memory-range-cut", odd) || len(got.Dumps) != 2 || !has(got.Dumps[1].beside, "memory-range-cut", "file offset") || len(*got.Dumps[0].Coverage) == 0 || strings.Contains((*got.Dumps[0].Coverage)[0], whole) {
		t.Errorf("triage: %+v", got)
	}
	if got := besideOf(t, "diff", whole, odd); !has(got, "memory-range-cut", odd) || len(*got.Coverage) == 0 {
		t.Errorf("diff: %+v", got)
	}
}
