// Package cli is the command line: one file for every command, each of which
// parses, opens, analyses, reports and writes. Only this package prints.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/heapdump/heapdump/internal/progress"
	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/report"
)

// Env is the world outside: streams, environment and working directory.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	StdoutTerminal bool // Stdout is a terminal
	StderrTerminal bool // Stderr is one
	Getenv         func(string) string
	Dir            string // where a dump is looked for when none is named
	Now            func() time.Time
	// BeforeTriage is called with each dump that triage has opened and the context
	// of its analysis, and returns the one to take; nil is the
	// rule. Tests make heapdump fail with it.
	BeforeTriage func(ctx context.Context, file string) context.Context
}

// System is the Env of the process.
func System() Env {
	return Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Dir: ".", Now: time.Now,
		StdoutTerminal: term.IsTerminal(int(os.Stdout.Fd())), StderrTerminal: term.IsTerminal(int(os.Stderr.Fd())),
	}
}

// The exit codes.
const (
	exitOK          = 0
	exitFindings    = 1
	exitUsage       = 2
	exitInput       = 3
	exitIncomplete  = 4
	exitFault       = 5
	exitInterrupted = 130
)

// exitText is the part of every help text that says what the codes mean.
const exitText = `Exit status:
  0    the report was made; problems of the dump are in it
  1    with --fail-on: a condition holds
  2    wrong usage
  3    the input cannot be read or is no Windows minidump, or the output cannot be written
  4    with --strict: the dump does not hold all that the answer needs
  5    a fault of heapdump itself
  130  interrupted`

// patience is how long a command may take to end after an interrupt before it
// is left behind.
const patience = 700 * time.Millisecond

// failure is an error with its exit code.
type failure struct {
	code int
	err  error
}

// Error returns the text of the error below.
func (f *failure) Error() string { return f.err.Error() }

// Unwrap returns the error below.
func (f *failure) Unwrap() error { return f.err }

// madeError is a failure of a run whose report was made all the same, and is
// written.
type madeError struct {
	code int
	err  error
}

// Error returns the text of the error below.
func (m *madeError) Error() string { return m.err.Error() }

// Unwrap returns the failure with its code.
func (m *madeError) Unwrap() error { return &failure{m.code, m.err} }

func usagef(format string, args ...any) error {
	return &failure{exitUsage, fmt.Errorf(format, args...)}
}

func inputError(err error) error { return &failure{exitInput, err} }

// Main runs heapdump and returns its exit code.
func Main(ctx context.Context, args []string, env Env) int {
	a := &app{env: env}
	done := make(chan int, 1)
	go func() { done <- a.run(ctx, args) }()
	select {
	case code := <-done:
		return code
	case <-ctx.Done():
	}
	select {
	case code := <-done:
		return code
	case <-time.After(patience):
		a.out.abort()
		fmt.Fprintln(env.Stderr, "heapdump: interrupted")
		return exitInterrupted
	}
}

// app is one run.
type app struct {
	env   Env
	flags common
	out   output
	also  []alsoOutput
	// origins says where the values of flags come from that were configured.
	origins map[string]string
	cmd     *cobra.Command // the one that runs
	written int            // tables that early has written
	reading []string       // the dumps that were opened, for the error when one vanishes
	// warnings are those of the dumps that were opened.
	warnings []report.Warning
	ran      bool // a command began: errors from here on are not of usage
}

// run runs the command and says on stderr what went wrong.
func (a *app) run(ctx context.Context, args []string) (code int) {
	debug.SetPanicOnFault(true) // of this goroutine: a mapped dump that is shortened is an error, and no crash
	defer func() {
		if p := recover(); p != nil {
			code = a.fault(p)
		}
	}()
	root := a.root(args)
	root.SetArgs(args)
	if completing(args) {
		a.completions(root)
	}
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = a.out.commit()
	}
	if err == nil {
		return exitOK
	}
	var f *failure
	var made *madeError
	reported := errors.As(err, &f) && (f.code == exitIncomplete || f.code == exitFindings) || errors.As(err, &made)
	if reported {
		if commitErr := a.out.commit(); commitErr != nil {
			err, f = commitErr, nil
			errors.As(err, &f)
		}
	}
	a.out.abort()
	if progress.Vanished(err) {
		err = inputError(a.vanished())
		f = nil
		errors.As(err, &f)
	}
	if errors.Is(err, errSaid) {
		return f.code
	}
	if ctx.Err() != nil {
		fmt.Fprintln(a.env.Stderr, "heapdump: interrupted")
		return exitInterrupted
	}
	says := oneLine(err)
	if f != nil && f.code == exitUsage {
		says += a.configured("format", "style", "table", "color", "fail-on", "baseline")
	}
	fmt.Fprintf(a.env.Stderr, "heapdump: %s\n", says)
	switch {
	case f != nil:
		return f.code
	case !a.ran:
		fmt.Fprintln(a.env.Stderr, "Run `heapdump help` for the commands and their flags.")
		return exitUsage
	}
	return exitFault
}

// fault says that the program failed, or that a dump vanished under it, and
// returns the exit status.
func (a *app) fault(p any) int {
	a.out.abort()
	if progress.Vanished(p) {
		fmt.Fprintf(a.env.Stderr, "heapdump: %s\n", oneLine(a.vanished()))
		return exitInput
	}
	fmt.Fprintf(a.env.Stderr, "heapdump: internal error: %s\nThis is a fault of heapdump, not of your dump or of how you called it. Please report it with the lines below.\n%s", oneLine(fmt.Errorf("%v", p)), debug.Stack())
	return exitFault
}

// vanished is the error of a dump that is no longer what was mapped.
func (a *app) vanished() error {
	return gone(strings.Join(a.reading, ", "))
}

// gone is vanished for the dump at path.
func gone(path string) error {
	return fmt.Errorf("%s: it was shortened while it was read, or its disk failed; wait until it is written whole, or read it into memory with --no-mmap", path)
}

// oneLine is an error's text, safe for a terminal, on one line.
func oneLine(err error) string {
	return render.Escape(strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; "))
}

// note says something on stderr that is no part of the result.
func (a *app) note(format string, args ...any) {
	if !a.flags.quiet {
		fmt.Fprintf(a.env.Stderr, "heapdump: %s\n", render.Escape(fmt.Sprintf(format, args...)))
	}
}
