package cli

import (
	"io"
	"slices"
	"strings"

	"github.com/heapdump/heapdump/internal/render"
)

// alsoOutput is a further output of --also.
type alsoOutput struct {
	path   string
	format render.Format
	w      io.Writer // nil until it is opened
}

// alsoFormats are the formats that --also knows, for commands whose result has
// findings or has none.
func alsoFormats(findings bool) []string {
	f := []string{"text", "json", "csv", "ndjson", "markdown", "html"}
	if findings {
		f = append(f, "sarif", "junit")
	}
	return f
}

// readAlso reads --also FORMAT=FILE, each of which is another file.
func (a *app) readAlso(list []string, findings bool) error {
	if len(list) > 0 && a.windbg() {
		return usagef("--also is for results of heapdump's own; leave --style windbg out")
	}
	if len(list) > 0 && a.profiled() {
		return usagef("--also cannot stand beside --format %s, which is no table", a.flags.format)
	}
	seen := map[string]bool{a.flags.output: a.flags.output != ""}
	for _, s := range list {
		format, path, ok := strings.Cut(s, "=")
		switch formats := alsoFormats(findings); {
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
