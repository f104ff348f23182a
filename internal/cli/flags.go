package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/pick"
	"github.com/heapdump/heapdump/internal/progress"
	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/render/html"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/target"
)

// common are the flags that every command takes.
type common struct {
	format, output, style, color, maxInput, table, config, budget string
	symbols, also                                                 []string
	quiet, noMmap, strict, human                                  bool
}

func (c *common) register(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.SortFlags = false
	f.StringVarP(&c.format, "format", "f", "text", "output `format`: text, json, csv, markdown or html; of a list also ndjson, of triage sarif and junit")
	f.StringVarP(&c.output, "output", "o", "", "write to `file`, whole or not at all")
	f.StringArrayVar(&c.also, "also", nil, "write the result to a file, too: `FORMAT=FILE`, for example html=report.html; repeats")
	f.StringVar(&c.style, "style", "", "`style` of text: windbg prints the debugger's layout")
	f.StringVar(&c.table, "table", "", "the `table` that csv and ndjson hold, by its JSON key")
	f.StringVar(&c.budget, "budget", "", "most `bytes` of text, json or markdown, for example 16KB: the ends of long tables are left out,\nand what was left out is said; what --also and --summary write is whole")
	f.BoolVar(&c.human, "human", false, "sizes in text as KiB, MiB, GiB")
	f.StringVar(&c.color, "color", "auto", "`when` to colour text: auto, always or never")
	f.BoolVarP(&c.quiet, "quiet", "q", false, "no progress and no notes on stderr")
	f.BoolVar(&c.strict, "strict", false, "exit 4 when the dump does not hold all that the answer needs")
	f.BoolVar(&c.noMmap, "no-mmap", false, "read the file whole instead of mapping it")
	f.StringArrayVar(&c.symbols, "symbols", nil, "a `folder` with PDBs or Breakpad files, plain or a symbol store, looked into before\n$_NT_SYMBOL_PATH and the dump's own; repeats")
	f.StringVar(&c.config, "config", "", "the config `file`, instead of the nearest .heapdump.yaml; see heapdump config")
	f.StringVar(&c.maxInput, "max-input", "", "most `bytes` that a compressed dump may unpack to, for example 100GiB")
}

// style is what --style asks for.
func (a *app) windbg() bool { return a.flags.style == "windbg" }

// formatNames are the words for formats.
var formatNames = map[string]render.Format{"text": render.FormatText, "json": render.FormatJSON, "csv": render.FormatCSV, "ndjson": render.FormatNDJSON,
	"markdown": render.FormatMarkdown, "html": render.FormatHTML, "sarif": render.FormatSARIF, "junit": render.FormatJUnit}

// forPeople reports whether the format is read by people: long lists are cut.
// A page has room for them.
func (a *app) forPeople() bool { return readByPeople(formatNames[a.flags.format]) }

func readByPeople(f render.Format) bool { return f == render.FormatText || f == render.FormatMarkdown }

// check looks at the flags that cobra takes for plain text. forms says which
// formats the command has, debugger whether it has a debugger's layout.
func (a *app) check(debugger bool, formats ...string) (render.Format, error) {
	if slices.Contains(formats, "markdown") { // what is tables is a page as well
		formats = append(formats, "html")
	}
	known := false
	for _, f := range formats {
		known = known || f == a.flags.format
	}
	if !known {
		return 0, &failure{exitUsage, &formatError{a.flags.format, formats, debugger}}
	}
	switch a.flags.style {
	case "", "default":
	case "windbg":
		if !debugger {
			return 0, usagef("this command has no form in the debugger; leave --style out")
		}
		if a.flags.format != "text" {
			return 0, usagef("--style windbg is text; it cannot be --format %s", a.flags.format)
		}
	default:
		return 0, usagef("no style %q; there is windbg", a.flags.style)
	}
	switch a.flags.color {
	case "auto", "always", "never":
	default:
		return 0, usagef("--color %q: write auto, always or never", a.flags.color)
	}
	if err := a.readAlso(formats); err != nil {
		return 0, err
	}
	if a.flags.table != "" && !a.hasFormat(render.FormatCSV, render.FormatNDJSON) {
		return 0, usagef("--table is for --format csv and ndjson")
	}
	return formatNames[a.flags.format], a.checkBudget()
}

// formatError says that a command has no such format.
type formatError struct {
	asked    string
	have     []string
	debugger bool // the command has the debugger's layout
}

// Error names the formats that there are.
func (e *formatError) Error() string {
	return fmt.Sprintf("no format %q for this command; there are %s", e.asked, strings.Join(e.have, ", "))
}

// colored reports whether text is to be coloured.
func (a *app) colored() bool {
	switch {
	case a.flags.color != "auto":
		return a.flags.color == "always"
	case a.flags.output != "" && a.flags.output != "-":
		return false
	case a.env.Getenv("NO_COLOR") != "" || a.env.Getenv("TERM") == "dumb":
		return false
	case a.env.Getenv("CLICOLOR_FORCE") != "" && a.env.Getenv("CLICOLOR_FORCE") != "0":
		return true
	}
	return a.env.StdoutTerminal
}

// meter shows progress, or is nil where nothing is to be shown.
func (a *app) meter(what string) *progress.Meter {
	if a.flags.quiet || !a.env.StderrTerminal || a.env.Getenv("TERM") == "dumb" {
		return nil
	}
	return progress.NewMeter(a.env.Stderr, what, a.env.Now)
}

// open opens the output first, so that a mistake there is found before the
// work, and then the dump.
func (a *app) open(ctx context.Context, path string) (*target.Target, io.Writer, error) {
	o, err := a.options(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := a.notTheDump(path); err != nil {
		return nil, nil, err
	}
	w, err := a.output()
	if err != nil {
		return nil, nil, err
	}
	a.reading = append(a.reading, path)
	t, err := target.Open(path, o)
	if err != nil {
		return nil, nil, inputError(err)
	}
	a.warnings = append(a.warnings, report.Warnings(t, "")...)
	return t, w, nil
}

// options are those that a dump is opened with.
func (a *app) options(ctx context.Context) (target.Options, error) {
	o := target.Options{NoMmap: a.flags.noMmap, Context: ctx}
	if err := a.symbolFolders(&o); err != nil {
		return o, err
	}
	if a.flags.maxInput == "" {
		return o, nil
	}
	n, err := pick.ParseSize(a.flags.maxInput)
	if err != nil || n == 0 {
		return o, usagef("--max-input: %q is no size above 0; write for example 100GiB", a.flags.maxInput)
	}
	o.MaxInput = n
	return o, nil
}

// topFor is the number of rows that --top means: what programs read is whole
// unless it was given. 0 is all.
func topFor(people, set bool, top int) int {
	if !people && !set {
		return 0
	}
	return top
}

// writeFor is write of a document whose long lists are cut for people: make
// makes it so or whole, and the outputs of --also get theirs.
func (a *app) writeFor(w io.Writer, f render.Format, coverage []string, make func(people bool) (*report.Document, error)) error {
	people := readByPeople(f)
	d, err := make(people)
	if err != nil {
		return err
	}
	for i := range a.also {
		x := &a.also[i]
		if readByPeople(x.format) == people {
			continue
		}
		if x.doc, err = make(!people); err != nil {
			return err
		}
		a.finish(x.doc, coverage)
	}
	return a.write(w, d, f, coverage)
}

// finish adds to a document what stands in each.
func (a *app) finish(d *report.Document, coverage []string) {
	d.Finish(a.warnings, coverage)
	d.Reproduce(a.given())
}

// write renders the document and says whether it is all that it could be.
func (a *app) write(w io.Writer, d *report.Document, f render.Format, coverage []string) error {
	a.finish(d, coverage)
	if a.flags.budget != "" {
		if err := a.withinBudget(w, d, render.Options{Format: f, Color: a.colored(), Human: a.flags.human}); err != nil {
			return err
		}
	} else if err := a.render(w, d, f, a.colored(), a.written); err != nil {
		return err
	}
	for _, x := range a.also {
		if err := a.render(x.w, cmp.Or(x.doc, d), x.format, false, 0); err != nil {
			return err
		}
	}
	return a.complete(coverage)
}

// given are the flags of the command line without which another command may
// answer otherwise, for the commands that are suggested.
func (a *app) given() []report.Flag {
	graph := []string{"leaks", "retained", "why", "refs"} // those with graphFlags
	var out []report.Flag
	for _, x := range []struct {
		name string
		only []string
	}{{"symbols", nil}, {"config", nil}, {"max-input", nil}, {"no-mmap", nil}, {"roots", graph}} {
		f := a.cmd.Flags().Lookup(x.name)
		if f == nil || !f.Changed || a.origins[x.name] != "" {
			continue
		}
		switch x.name {
		case "symbols":
			for _, folder := range a.flags.symbols {
				out = append(out, report.Flag{Name: x.name, Value: folder})
			}
		case "no-mmap":
			out = append(out, report.Flag{Name: x.name})
		default:
			out = append(out, report.Flag{Name: x.name, Value: strings.Trim(f.Value.String(), "[]"), Only: x.only})
		}
	}
	return out
}

// early writes the beginning of the document that write will be given, when it
// is text for the standard output: a big dump's first lines stand there while
// the rest of it is being read.
func (a *app) early(w io.Writer, head *report.Document, f render.Format) error {
	if f != render.FormatText || a.windbg() || a.flags.budget != "" || a.flags.output != "" && a.flags.output != "-" {
		return nil
	}
	if err := a.render(w, head, f, a.colored(), 0); err != nil {
		return err
	}
	a.written = len(head.Tables)
	return nil
}

// render writes the document in one format; of text the first so many tables
// were written before.
func (a *app) render(w io.Writer, d *report.Document, f render.Format, color bool, written int) error {
	o := render.Options{Format: f, Color: color, Human: a.flags.human, Table: a.flags.table, Written: written}
	if f == render.FormatHTML {
		return writeFailed(html.Write(w, d, o))
	}
	err := render.Write(w, d, o)
	if _, ok := err.(*render.TableError); ok {
		return &failure{exitUsage, err}
	}
	return writeFailed(err)
}

// complete is the failure of --strict when something is missing.
func (a *app) complete(coverage []string) error {
	if !a.flags.strict || len(coverage) == 0 {
		return nil
	}
	return &failure{exitIncomplete, incompleteError(coverage)}
}

// incompleteError is what --strict says.
type incompleteError []string

// Error gives the first reason and how many more there are.
func (e incompleteError) Error() string {
	s := "incomplete: " + e[0]
	if len(e) > 1 {
		s += " (and more: see coverage)"
	}
	return s
}
