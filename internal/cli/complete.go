package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/heapdump/heapdump/internal/analysis/handles"
	"github.com/heapdump/heapdump/internal/analysis/structure"
	"github.com/heapdump/heapdump/internal/debugger"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/structs"
)

// completionPatience is how long a dump may take that is looked into while
// somebody waits for a word to be completed.
const completionPatience = 2 * time.Second

// completing reports whether a shell asks for words. Only then are there
// functions that find them: cobra keeps those of all trees for ever.
func completing(args []string) bool {
	return len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}

// completions gives every flag that has a known set of values, and the arguments
// of every command, a function that lists them.
func (a *app) completions(c *cobra.Command) {
	add := func(f *pflag.Flag) {
		if list, single := a.valuesOf(c, f); list != nil {
			_ = c.RegisterFlagCompletionFunc(f.Name, func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
				return inList(list(cmd, args), word, single), cobra.ShellCompDirectiveNoFileComp | noSpace(single)
			})
		}
	}
	c.Flags().VisitAll(add)
	c.PersistentFlags().VisitAll(add)
	if c.HasParent() && c.ValidArgsFunction == nil && !c.HasSubCommands() {
		c.ValidArgsFunction = a.arguments
	}
	for _, x := range c.Commands() {
		a.completions(x)
	}
}

// noSpace keeps the shell from closing a word that may go on.
func noSpace(single bool) cobra.ShellCompDirective {
	if single {
		return cobra.ShellCompDirectiveDefault
	}
	return cobra.ShellCompDirectiveNoSpace
}

// inList completes the last of the values with commas between, or, where only
// one is taken, the word as it is.
func inList(values []string, word string, single bool) []string {
	before := ""
	if i := strings.LastIndexByte(word, ','); i >= 0 && !single {
		before, word = word[:i+1], word[i+1:]
	}
	taken := strings.Split(before, ",")
	var out []string
	for _, v := range values {
		name, _, _ := strings.Cut(v, "\t")
		if strings.HasPrefix(strings.ToLower(v), strings.ToLower(word)) && !slices.Contains(taken, name) {
			out = append(out, before+v)
		}
	}
	return out
}

// arguments completes what is no flag, by the command's line of usage: a heap,
// a thread, a structure or a dump.
func (a *app) arguments(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	dumps := []string{"dmp", "zst", "gz", "zip"}
	var words []string
	switch {
	case cmd.Name() == "show" || cmd.Name() == "diff":
		dumps = append(dumps, "json")
	case len(args) > 0:
	case cmd.Name() == "heap":
		words = append(a.heapWords(cmd, args), "process\tthe process heap")
	case cmd.Name() == "stack":
		words = append(a.threadWords(args), "all\tevery thread")
	case cmd.Name() == "teb":
		words = a.threadWords(args)
	case cmd.Name() == "dt":
		words = a.structureWords(cmd, args)
	case cmd.Name() == "windbg":
		for _, e := range debugger.Table() {
			words = append(words, e.Example+"\t"+strings.Join(e.Command, "; "))
		}
	}
	if cmd.Args != nil && cmd.Args(cmd, append(args, "x")) != nil && !strings.Contains(cmd.Use, "ADDR") {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	if words = inList(words, word, true); len(words) > 0 {
		return words, cobra.ShellCompDirectiveNoFileComp
	}
	return dumps, cobra.ShellCompDirectiveFilterFileExt
}

// opened calls do with the dump that the command line names, or else the one
// that would be read. It says nothing when there is none, when it cannot be
// read, or when that takes long.
func (a *app) opened(args []string, do func(*target.Target) []string) []string {
	path := ""
	for _, x := range args {
		if st, err := os.Stat(x); err == nil && st.Mode().IsRegular() {
			path = x
		}
	}
	if path == "" {
		quiet := &app{env: a.env}
		quiet.flags.quiet = true
		var err error
		if path, err = quiet.dumpFile(nil); err != nil {
			return nil
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), completionPatience)
	defer cancel()
	found := make(chan []string, 1)
	go func() {
		debug.SetPanicOnFault(true)
		defer func() {
			if recover() != nil {
				found <- nil // nothing is completed then; the command itself says why
			}
		}()
		t, err := target.Open(path, target.Options{Context: ctx})
		if err != nil {
			found <- nil
			return
		}
		defer t.Close()
		found <- do(t)
	}()
	select {
	case words := <-found:
		return words
	case <-ctx.Done():
		return nil
	}
}

// heapWords are the heaps of the dump.
func (a *app) heapWords(_ *cobra.Command, args []string) []string {
	return a.opened(args, func(t *target.Target) []string {
		var out []string
		for _, h := range t.Heaps {
			what := h.Kind.String()
			if h.Default {
				what += ", process heap"
			}
			out = append(out, fmt.Sprint(h.Address)+"\t"+what)
		}
		return out
	})
}

// threadWords are the threads of the dump.
func (a *app) threadWords(args []string) []string {
	return a.opened(args, func(t *target.Target) []string {
		var out []string
		for _, x := range t.File.Threads(nil) {
			out = append(out, hexWord(uint64(x.ID)))
		}
		return out
	})
}

// typeWords are the types of the dump's handles.
func (a *app) typeWords(_ *cobra.Command, args []string) []string {
	return a.opened(args, func(t *target.Target) []string {
		var out []string
		for _, h := range handles.Take(t, handles.Filter{}).Handles {
			if n := h.TypeName(); !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
		slices.Sort(out)
		return out
	})
}

// structureWords are the structures of the layouts that --layout or the dump
// chooses, of the newest where neither does.
func (a *app) structureWords(cmd *cobra.Command, args []string) []string {
	layout, _ := cmd.Flags().GetString("layout")
	var set *structs.Set
	if layout == "" {
		a.opened(args, func(t *target.Target) []string {
			set, _ = structure.Choose{}.Layouts(t)
			return nil
		})
	}
	if set == nil {
		all := structs.All()
		set = all[len(all)-1]
		if s, ok := structs.Of(layout); ok {
			set = s
		}
	}
	var out []string
	for _, s := range set.Structures {
		out = append(out, s.Name)
	}
	return out
}

// formatWords asks the command itself which formats it has: it is run with one
// that none has, which it refuses before it opens anything.
func (a *app) formatWords(cmd *cobra.Command, _ []string) []string {
	e := a.refused(cmd)
	if e == nil {
		return []string{"text", "json", "csv", "ndjson", "markdown", "html"}
	}
	return e.have
}

// styleWords are the styles of a command.
func (a *app) styleWords(cmd *cobra.Command, _ []string) []string {
	if e := a.refused(cmd); e != nil && !e.debugger {
		return []string{"default"}
	}
	return []string{"windbg", "default"}
}

// noFormat is a format that no command has.
const noFormat = "?"

// refused is what a command says to a format that it has not; nil of commands
// that write no result.
func (a *app) refused(cmd *cobra.Command) *formatError {
	if cmd.GroupID == groupSetup && cmd.Name() != "version" {
		return nil
	}
	path := strings.Fields(cmd.CommandPath())[1:]
	for _, args := range [][]string{{}, {"x"}, {"0x10", "x"}, {"x", "x"}} {
		env := a.env
		env.Stdout, env.Stderr, env.Getenv = io.Discard, io.Discard, func(string) string { return "" }
		inner := &app{env: env}
		line := slices.Concat(path, []string{"--format", noFormat}, args)
		root := inner.root(line)
		root.SetArgs(line)
		root.SetOut(io.Discard)
		root.SetErr(io.Discard)
		var e *formatError
		if errors.As(root.ExecuteContext(context.Background()), &e) {
			return e
		}
	}
	return nil
}
