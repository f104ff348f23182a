package cli

import (
	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/report"
)

// info is heapdump info.
func (a *app) info() *cobra.Command {
	return a.command(&cobra.Command{
		Use:     "info [DUMP]",
		Short:   "What kind of dump this is, what it holds, and what can be asked of it",
		Example: lines("heapdump info app.dmp", "heapdump info --format json app.dmp", "heapdump info --format csv --table streams app.dmp.zst"),
		Args:    onlyADump,
		RunE: func(cmd *cobra.Command, args []string) error {
			format, err := a.check(false, "text", "json", "csv", "markdown")
			if err != nil {
				return err
			}
			path, err := a.dumpFile(args)
			if err != nil {
				return err
			}
			t, w, err := a.open(cmd.Context(), path)
			if err != nil {
				return err
			}
			defer t.Close()
			return a.write(w, report.Info(t), format, report.Coverage(t, nil))
		},
	}, groupInspect, "")
}
