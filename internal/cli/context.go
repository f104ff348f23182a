package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/load"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/srum"
)

// context is heapdump context.
func (a *app) context() *cobra.Command {
	var database, app string
	c := a.command(&cobra.Command{
		Use:   "context --srum SRUDB.dat [DUMP]",
		Short: "What Windows recorded of the program's load before the dump, by the hour",
		Long: `The System Resource Usage Monitor of Windows 8 and later records how much processor, disk and network every
program uses, about hourly and for some weeks, in C:\Windows\System32\sru\SRUDB.dat. This command finds the dump's
program in a copy of that file: by its path, or by its name and link time. SRUM records no memory, so it shows no
leak: it tells growth with the load from growth without.`,
		Example: lines("heapdump context --srum SRUDB.dat app.dmp", "heapdump context --srum SRUDB.dat --app orchard app.dmp",
			"heapdump context --srum SRUDB.dat --format csv --table hours app.dmp"),
		Args: onlyADump,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runContext(cmd.Context(), args, database, app)
		},
	}, groupAround, "nothing; Windows keeps it in its SRUM database")
	c.Flags().SortFlags = false
	c.Flags().StringVar(&database, "srum", "", "the `file`: a copy of SRUDB.dat of the machine that the dump is of")
	c.Flags().StringVar(&app, "app", "", "count the names that hold this `text`, instead of the dump's program")
	return c
}

func (a *app) runContext(ctx context.Context, args []string, database, app string) error {
	format, err := a.check(false, "text", "json", "csv", "ndjson", "markdown")
	if err != nil {
		return err
	}
	if database == "" {
		return usagef("no database given: --srum SRUDB.dat, a copy of C:\\Windows\\System32\\sru\\SRUDB.dat of the machine")
	}
	path, err := a.dumpFile(args)
	if err != nil {
		return err
	}
	if a.notTheDump(database) != nil {
		return usagef("-o %s is the database itself", a.flags.output)
	}
	db, err := srum.Open(ctx, database)
	if err != nil {
		return inputError(err)
	}
	t, w, err := a.open(ctx, path)
	if err != nil {
		return err
	}
	defer t.Close()
	r, err := load.Take(ctx, db, report.Program(t), app)
	if err != nil {
		return err
	}
	return a.write(w, report.Context(t, db, r), format, report.ContextCoverage(db, r))
}
