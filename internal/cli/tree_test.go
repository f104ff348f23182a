package cli

import (
	"bytes"
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// everyCommand calls do with each command that is not cobra's own.
func everyCommand(c *cobra.Command, do func(*cobra.Command)) {
	for _, x := range c.Commands() {
		if x.Name() != "help" && x.Name() != "completion" {
			do(x)
			everyCommand(x, do)
		}
	}
}

// TestHelpOfEveryCommand: each command of the first level says what it is in
// the debugger or that it is nothing there, and each has three examples that
// name it.
func TestHelpOfEveryCommand(t *testing.T) {
	a := &app{env: System()}
	everyCommand(a.root(nil), func(c *cobra.Command) {
		before := c.Annotations[windbgKey]
		inDebugger(c)
		after := c.Annotations[windbgKey]
		switch {
		case c.HasParent() && c.Parent().HasParent():
		case after == "":
			t.Errorf("%s: help names no equivalent in the debugger, nor says that there is none", c.CommandPath())
		case before != "" && before != after:
			t.Errorf("%s: the table of equivalents has %s, and the command says %s", c.CommandPath(), after, before)
		}
		n := 0
		for _, l := range strings.Split(c.Example, "\n") {
			if strings.Contains(l, c.CommandPath()) {
				n++
			}
		}
		if n < 3 {
			t.Errorf("%s: %d examples, and help promises three", c.CommandPath(), n)
		}
	})
}

// TestOnlyTheCommandCalledIsMade: the first word of the command line makes the
// command of that name and no other, but for those that are about the others;
// anything else in its place makes them all.
func TestOnlyTheCommandCalledIsMade(t *testing.T) {
	a := &app{env: System()}
	all := len(a.root(nil).Commands())
	for _, m := range a.commands() {
		made := a.root([]string{m.name, "app.dmp"}).Commands()
		switch {
		case m.name == "config" || m.name == "man":
			if len(made) != all {
				t.Errorf("%s: %d commands are made, and it reads %d", m.name, len(made), all)
			}
		case len(made) != 1 || made[0].Name() != m.name:
			t.Errorf("%s: %d commands are made, the first is %s", m.name, len(made), made[0].Name())
		}
	}
	for _, args := range [][]string{{"help", "info"}, {"-q", "info"}, {"inf"}, {"__complete", "info"}, {"completion", "bash"}} {
		if made := a.root(args).Commands(); len(made) != all {
			t.Errorf("%q: %d commands are made of %d", args, len(made), all)
		}
	}
}

// TestTables: --table is completed by the tables that commands make of the
// demonstration, and by those that only flags bring.
func TestTables(t *testing.T) {
	path := filepath.Join("..", "..", "testdata", "dumps", "demo.dmp")
	known := filepath.Join(t.TempDir(), "known.json")
	run := func(args ...string) string {
		var out, errs bytes.Buffer
		env := System()
		env.Stdout, env.Stderr, env.Getenv = &out, &errs, func(string) string { return "" }
		Main(context.Background(), args, env)
		return errs.String()
	}
	run("baseline", "write", "--reason", "test", "-o", known, path)
	found := map[string]map[string]bool{}
	for _, line := range []string{"info", "summary", "heaps", "heap 0", "find 0x1c0aa400f40", "ln 0x7ffa3d28a883", "check", "address", "address --summary", "address 0x1c0aa400f40",
		"handles --unreferenced", "leaks --blocks", "retained", "why --paths 3 0x1c0aa400750", "refs 0x1c0aa4027b0", "modules ntdll", "threads --stacks", "exception",
		"hex 0x1c0aa400750 --words", "peb", "teb", "dt", "dt _HEAP 0x1c0aa400000", "triage", "stat", "owners", "search --number 71", "stack all", "diff " + path, "baseline show", "windbg --list", "config"} {
		args := append(strings.Fields(line), "--format", "csv", "--table", "zebra")
		switch args[0] {
		case "baseline":
			args = append(args, known)
		case "windbg", "config":
		default:
			args = append(args, path)
		}
		says := run(args...)
		_, list, ok := strings.Cut(strings.TrimSpace(says), "there are ")
		if !ok {
			t.Errorf("%s: %s", line, says)
			continue
		}
		name := args[0]
		if name == "baseline" {
			name = "show"
		}
		if found[name] == nil {
			found[name] = map[string]bool{}
		}
		for _, k := range strings.Split(list, ", ") {
			found[name][k] = true
			if !slices.Contains(tables()[name], k) {
				t.Errorf("%s makes the table %s, which completion does not offer (completevalues.go)", line, k)
			}
		}
	}
	for name, list := range tables() {
		for _, k := range list {
			if !found[name][k] {
				t.Errorf("completion offers the table %s of %s, which it does not make (completevalues.go)", k, name)
			}
		}
	}
}
