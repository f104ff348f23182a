package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// alsoLines is a line of every command that writes a result.
var alsoLines = map[string][]string{
	"info": {"info"}, "summary": {"summary"}, "heaps": {"heaps"}, "heap": {"heap 0"}, "check": {"check"}, "leaks": {"leaks --top 0", "leaks", "leaks --top 1"},
	"retained": {"retained"}, "why": {"why 0x1c0aa400750"}, "refs": {"refs 0x1c0aa4027b0"}, "stat": {"stat", "stat --top 2"}, "owners": {"owners", "owners --by type --top 1"},
	"diff": {"diff {}"}, "walk": {"walk --heap all", "walk --sort -size --limit 5", "walk --stacks --state busy"}, "find": {"find 0x1c0aa400f40"}, "search": {"search --number 71"},
	"address": {"address", "address --summary", "address 0x1c0aa400f40"}, "handles": {"handles"}, "ln": {"ln 0x7ffa3d28a883"}, "modules": {"modules"},
	"dt": {"dt", "dt _HEAP 0x1c0aa400000"}, "hex": {"hex 0x1c0aa400750"}, "threads": {"threads"}, "stack": {"stack all"}, "exception": {"exception"}, "peb": {"peb"}, "teb": {"teb"},
	"triage": {"triage"}, "baseline show": {"baseline show known.json"}, "config": {"config"}, "version": {"version"}, "context": {"context --srum srudb.dat"},
}

// alsoNone are the commands that write one form only, and refuse it.
var alsoNone = map[string]string{"windbg": "windbg '!heap -s'", "schema": "schema", "man": "man manual", "baseline write": "baseline write --reason x", "baseline": ""}

// runIn runs a command line with the demonstration for the dump.
func runIn(args ...string) (out, says string, code int) {
	var o, e bytes.Buffer
	env := System()
	env.Stdout, env.Stderr, env.Getenv = &o, &e, func(string) string { return "" }
	code = Main(context.Background(), args, env)
	return o.String(), e.String(), code
}

// TestAlsoOfEveryCommand: every command that writes a result writes it with
// --also in another format, byte for byte as --format does; every other refuses
// the flag.
func TestAlsoOfEveryCommand(t *testing.T) {
	dump, err := filepath.Abs(filepath.Join("..", "..", "testdata", "dumps", "demo.dmp"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if _, says, code := runIn("baseline", "write", "--reason", "test", "-o", "known.json", dump); code != 0 {
		t.Fatal(says)
	}
	words := func(line string) []string {
		if line == alsoNone["windbg"] {
			return []string{"windbg", "!heap -s", dump}
		}
		args := strings.Fields(strings.ReplaceAll(line, "{}", dump))
		switch args[0] {
		case "config", "version", "schema", "man":
			return args
		case "baseline":
			if args[1] == "show" {
				return args
			}
		}
		return append(args, dump)
	}
	a := &app{env: System()}
	everyCommand(a.root(nil), func(c *cobra.Command) {
		name := commandKey(c)
		if line, none := alsoNone[name]; none {
			if line == "" {
				return
			}
			if _, says, code := runIn(append(words(line), "--also", "json=none.json")...); code != exitUsage || !strings.Contains(says, "--also") {
				t.Errorf("%s: --also gives exit status %d: %s", name, code, says)
			}
			if _, err := os.Stat("none.json"); err == nil {
				t.Errorf("%s wrote none.json", name)
			}
			return
		}
		if len(alsoLines[name]) == 0 {
			t.Errorf("%s: this test has no line of it (alsoLines), nor is it among those that have one form (alsoNone)", name)
		}
		for _, line := range alsoLines[name] {
			alsoAs(t, words(line), "text", "json")
			alsoAs(t, words(line), "json", "text")
			alsoAs(t, words(line), "json", "csv")
		}
	})
}

// alsoAs compares what --also writes in a format beside another with what
// --format writes.
func alsoAs(t *testing.T, args []string, format, also string) {
	t.Helper()
	want, says, code := runIn(append(args[:len(args):len(args)], "-q", "--format", also)...)
	if args[0] == "context" { // there is no database here; its own script has one
		if _, says, code := runIn(append(args[:len(args):len(args)], "--also", also+"=also.out")...); code != exitInput || strings.Contains(says, "--also") {
			t.Errorf("%v --also %s: exit status %d: %s", args, also, code, says)
		}
		return
	}
	if code != 0 || want == "" {
		t.Errorf("%v --format %s: exit status %d: %s", args, also, code, says)
		return
	}
	alone, _, _ := runIn(append(args[:len(args):len(args)], "-q", "--format", format)...)
	beside, says, code := runIn(append(args[:len(args):len(args)], "-q", "--format", format, "--also", also+"=also.out")...)
	got, err := os.ReadFile("also.out")
	switch {
	case code != 0 || err != nil || len(got) == 0:
		t.Errorf("%v --format %s --also %s: exit status %d: %s", args, format, also, code, says)
	case args[0] == "config": // which shows that --also is given
	case beside != alone:
		t.Errorf("%v --format %s is not the same beside --also %s", args, format, also)
	case string(got) != want && !(args[0] == "version" && also == "text"):
		t.Errorf("%v --also %s is not what --format %s writes", args, also, also)
	}
	os.Remove("also.out")
}
