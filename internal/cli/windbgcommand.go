package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/heapdump/heapdump/internal/debugger"
	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/target"
)

// windbgCommand is heapdump windbg.
func (a *app) windbgCommand() *cobra.Command {
	var list bool
	c := a.command(&cobra.Command{
		Use:   "windbg 'COMMAND; …' [DUMP]",
		Short: "What a command of WinDbg's is here: the debugger's spelling, run as heapdump's",
		Long: `The debugger's commands are read as WinDbg and cdb spell them, several with semicolons between, and answered
by the commands of heapdump that know the same; in the debugger's layout where there is one (--style default
gives heapdump's own). Numbers are hexadecimal, as there. Each command that is run is written to stderr first, so
that it can be typed directly the next time. --list shows them all, and what to use where nothing is like it.`,
		Example: lines("heapdump windbg '!heap -s' app.dmp", "heapdump windbg '!heap -stat -h 29fb0000' app.dmp",
			"heapdump windbg '.exr -1; k; !address -summary' app.dmp", "heapdump windbg --list"),
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if list {
				return a.listEquivalents(args)
			}
			return a.runWindbg(cmd, args)
		},
	}, groupSetup, "the commands of this spelling")
	c.Flags().BoolVar(&list, "list", false, "the table of equivalents")
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return usagef("%w; put the debugger's command in quotes: heapdump windbg '!heap -s' DUMP", err)
	})
	return c
}

// listEquivalents shows the table.
func (a *app) listEquivalents(args []string) error {
	if len(args) > 0 {
		return usagef("--list shows the whole table; leave %q out", args[0])
	}
	format, err := a.check(false, "text", "json", "ndjson", "csv", "markdown")
	if err != nil {
		return err
	}
	w, err := a.output()
	if err != nil {
		return err
	}
	return a.write(w, report.Equivalents(debugger.Table()), format, nil)
}

// runWindbg translates all commands before it runs the first.
func (a *app) runWindbg(cmd *cobra.Command, args []string) error {
	if len(a.flags.also) > 0 {
		return usagef("--also is for heapdump's own commands: run without it, the note on stderr says which that is, and give it there")
	}
	script, args := scriptAndDump(args)
	if script == "" {
		return usagef("no command of the debugger given; write for example heapdump windbg '!heap -s' DUMP, or --list for all there are")
	}
	path := ""
	dump := func() (err error) {
		if path == "" {
			path, err = a.dumpFile(args)
		}
		return err
	}
	var failed error
	calls, err := debugger.Translate(script, func() int {
		if failed = dump(); failed != nil {
			return 64
		}
		var bits int
		bits, failed = a.pointerBits(cmd.Context(), path)
		return bits
	})
	if failed != nil {
		return failed
	}
	if err != nil {
		return &failure{exitUsage, err}
	}
	if err := dump(); err != nil {
		return err
	}
	if err := a.notTheDump(path); err != nil {
		return err
	}
	w, err := a.out.open(a.flags.output, a.env.Stdout)
	if err != nil {
		return err
	}
	return a.runCalls(cmd, w, calls, path)
}

// scriptAndDump tells the debugger's words from the dump: one argument is all
// of the first; of more, the last is the dump where there are two or there is
// such a file.
func scriptAndDump(args []string) (string, []string) {
	if len(args) < 2 {
		return strings.Join(args, ""), nil
	}
	last := args[len(args)-1]
	if _, err := os.Stat(last); len(args) == 2 || err == nil {
		return strings.Join(args[:len(args)-1], " "), []string{last}
	}
	return strings.Join(args, " "), nil
}

// pointerBits says how wide the dump's pointers are: of a WOW64 process those
// of its own program.
func (a *app) pointerBits(ctx context.Context, path string) (int, error) {
	o, err := a.options(ctx)
	if err != nil {
		return 0, err
	}
	a.reading = append(a.reading, path)
	t, err := target.Open(path, o)
	if err != nil {
		return 0, inputError(err)
	}
	defer t.Close()
	if narrow(t) {
		return 32, nil
	}
	return 64, nil
}

// runCalls runs commands one after the other, until one fails. A gate that
// fires or an answer that is not complete stops none; the first decides the
// exit status.
func (a *app) runCalls(cmd *cobra.Command, w io.Writer, calls []debugger.Call, path string) error {
	env := a.env
	if env.Stdout = w; w != a.env.Stdout {
		env.StdoutTerminal = false
	}
	code := exitOK
	for _, call := range calls {
		args := append(call.Args[:len(call.Args):len(call.Args)], a.passedOn(cmd, call)...)
		args = append(args, path)
		if !a.flags.quiet {
			fmt.Fprintf(env.Stderr, "heapdump: %s is: heapdump %s\n", render.Escape(call.Spelling), render.Escape(debugger.Line(args)))
			if call.Note != "" {
				fmt.Fprintf(env.Stderr, "heapdump: %s\n", call.Note)
			}
		}
		inner := &app{env: env}
		switch c := inner.run(cmd.Context(), args); c {
		case exitOK:
		case exitFindings, exitIncomplete:
			code = max(code, c)
		default:
			return &failure{c, errSaid}
		}
	}
	if code != exitOK {
		return &failure{code, errSaid}
	}
	return nil
}

// errSaid is an error that stderr has already.
var errSaid = errors.New("a command failed")

// passedOn are the flags of every command that were given, for the command
// that is run. The output is open already.
func (a *app) passedOn(cmd *cobra.Command, call debugger.Call) []string {
	var out []string
	common := cmd.InheritedFlags()
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Name == "output" || a.origins[f.Name] != "" || common.Lookup(f.Name) == nil {
			return
		}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			for _, v := range list.GetSlice() {
				out = append(out, "--"+f.Name+"="+v)
			}
			return
		}
		out = append(out, "--"+f.Name+"="+f.Value.String())
	})
	if call.Style && a.flags.style == "" && a.flags.format == "text" {
		out = append(out, "--style", "windbg")
	}
	return out
}
