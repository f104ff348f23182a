package cli

import (
	"io"
	"slices"
	"strings"

	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/report"
)

// alsoOutput is a further output of --also.
type alsoOutput struct {
	path   string
	format render.Format
	w      io.Writer        // nil until it is opened
	doc    *report.Document // nil where it is that of the output itself
}

// alsoFormats are the formats that --also knows for a command that has formats:
// a document is rendered in each, a stream of blocks in its own, and what is
// neither in none.
func alsoFormats(formats []string) []string {
	var f []string
	switch {
	case slices.Contains(formats, "markdown"):
		f = []string{"text", "json", "csv", "ndjson", "markdown", "html"}
		if slices.Contains(formats, "sarif") {
			f = append(f, "sarif", "junit")
		}
	case slices.Contains(formats, "csv"):
		f = formats
	}
	return f
}

// noAlso refuses --also for a command that has but one form.
func (a *app) noAlso() error {
	if len(a.flags.also) > 0 {
		return usagef("--also: this command writes one form of its output only; leave it out")
	}
	return nil
}

// readAlso reads --also FORMAT=FILE, each of which is another file, for a
// command that has formats.
func (a *app) readAlso(formats []string) error {
	list, formats := a.flags.also, alsoFormats(formats)
	switch {
	case len(list) == 0:
		return nil
	case a.windbg():
		return usagef("--also is for results of heapdump's own; leave --style windbg out")
	case a.profiled():
		return usagef("--also cannot stand beside --format %s, which is no table", a.flags.format)
	case len(formats) == 0:
		return a.noAlso()
	}
	seen := map[string]bool{a.flags.output: a.flags.output != ""}
	for _, s := range list {
		format, path, ok := strings.Cut(s, "=")
		switch {
		case !ok || path == "" || path == "-":
			return usagef("--also %q: write FORMAT=FILE, for example json=out.json", s)
		case !slices.Contains(formats, format):
			return usagef("--also %q: no format %q for this command; there are %s", s, format, strings.Join(formats, ", "))
		case seen[path]:
			return usagef("--also %q: another output goes to %s already", s, path)
		}
		seen[path] = true
		a.also = append(a.also, alsoOutput{path: path, format: formatNames[format]})
	}
	return nil
}

// hasFormat reports whether one of formats is among the outputs.
func (a *app) hasFormat(formats ...render.Format) bool {
	return slices.Contains(formats, formatNames[a.flags.format]) ||
		slices.ContainsFunc(a.also, func(x alsoOutput) bool { return slices.Contains(formats, x.format) })
}

// output opens the output and those of --also. Text for a runner of GitHub
// Actions gives it no commands.
func (a *app) output() (io.Writer, error) {
	w, err := a.out.open(a.flags.output, a.env.Stdout)
	if err != nil {
		return nil, err
	}
	for i := range a.also {
		if a.also[i].w, err = a.out.open(a.also[i].path, nil); err != nil {
			return nil, err
		}
	}
	if a.flags.output == "" || a.flags.output == "-" {
		w = a.guarded(w)
	}
	return w, nil
}

// guarded is the standard output as its reader can bear it. Text escapes what
// is hostile itself, and its own colours have to pass.
func (a *app) guarded(w io.Writer) io.Writer {
	switch {
	case a.flags.format != "text" && a.env.StdoutTerminal:
		return render.Terminal(w)
	case a.actions() && (a.forPeople() || a.flags.format == "csv"): // a field of CSV can have lines
		return render.NoCommands(w)
	}
	return w
}

// actions reports whether a runner of GitHub Actions reads along.
func (a *app) actions() bool { return a.env.Getenv("GITHUB_ACTIONS") == "true" }
