package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/report"
)

// version is heapdump version.
func (a *app) version() *cobra.Command {
	return a.command(&cobra.Command{
		Use:     "version",
		Short:   "The version of heapdump and of its JSON",
		Example: lines("heapdump version", "heapdump version --format json", "heapdump version --format csv"),
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			format, err := a.check(false, "text", "json", "csv")
			if err != nil {
				return err
			}
			w, err := a.out.open(a.flags.output, a.env.Stdout)
			if err != nil {
				return err
			}
			v, revision := build()
			if format == render.FormatText {
				_, err := fmt.Fprintf(w, "heapdump %s, JSON schema %s, %s\n", v, report.SchemaVersion, runtime.Version())
				return writeFailed(err)
			}
			return a.write(w, report.Version(v, revision, runtime.Version()), format, nil)
		},
	}, groupSetup, "nothing; its version command is `heapdump info`")
}

// build returns the version and the revision that the program was built from.
func build() (version, revision string) {
	version = "(devel)"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, ""
	}
	if info.Main.Version != "" {
		version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value
		}
	}
	return version, revision
}
