package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/schema"
)

// schema is heapdump schema.
func (a *app) schema() *cobra.Command {
	return a.command(&cobra.Command{
		Use:   "schema [COMMAND]",
		Short: "The JSON Schema of what the commands print",
		Long: `JSON Schema 2020-12, made of the same tables as the output itself: of all commands, or of one. With
--format ndjson it is the schema of one line of a command's NDJSON, of the table that --table names or of
the main one. Within a major version keys are only added, so additional keys are allowed, and so are
values of enumerations that the descriptions do not name. docs/json.md is the same for people.`,
		Example: lines("heapdump schema > heapdump.schema.json", "heapdump schema triage", "heapdump schema walk --format ndjson"),
		Args:    cobra.ArbitraryArgs,
		RunE:    func(_ *cobra.Command, args []string) error { return a.runSchema(strings.Join(args, " ")) },
	}, groupSetup, "nothing; its output has no schema")
}

func (a *app) runSchema(name string) error {
	if _, err := a.check(false, "text", "json", "ndjson"); err != nil {
		return err
	}
	s, err := schema.New()
	if err != nil {
		return err
	}
	out, ok := s.All(), true
	switch {
	case name == "" && a.flags.format == "ndjson":
		return usagef("a line is of one command: heapdump schema COMMAND --format ndjson")
	case name != "" && !slices.Contains(s.Commands(), name):
		return usagef("no command %q has a schema; there are %s", name, strings.Join(s.Commands(), ", "))
	case a.flags.format == "ndjson":
		if out, ok = s.Line(name, a.flags.table); !ok {
			return usagef("heapdump %s has no table %q for NDJSON", name, a.flags.table)
		}
	case name != "":
		out, _ = s.Command(name)
	}
	w, err := a.out.open(a.flags.output, a.env.Stdout)
	if err != nil {
		return err
	}
	_, err = w.Write(out)
	return writeFailed(err)
}
