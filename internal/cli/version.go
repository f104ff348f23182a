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
		Short:   "The version of heapdump and of its JSON, and what it was built from",
		Long:    "The modules are those that are linked in, each with its licence; their texts are in the archives of a release.",
		Example: lines("heapdump version", "heapdump version --format json", "heapdump version --format csv --table modules"),
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			format, err := a.check(false, "text", "json", "csv")
			if err != nil {
				return err
			}
			w, err := a.output()
			if err != nil {
				return err
			}
			v := build()
			if format == render.FormatText {
				if _, err := fmt.Fprintf(w, "heapdump %s, JSON schema %s, %s\n\n", v.Version, report.SchemaVersion, v.Go); err != nil {
					return writeFailed(err)
				}
			}
			return a.write(w, report.Version(v), format, nil)
		},
	}, groupSetup, "nothing; its version command is `heapdump info`")
}

// build returns what the program was built from.
func build() report.Build {
	b := report.Build{Version: "(devel)", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	known := licences()
	for _, d := range info.Deps {
		b.Modules = append(b.Modules, report.Module{Path: d.Path, Version: d.Version, Licence: known[d.Path]})
	}
	return b
}

// licences are the licences of the modules that are linked in, by the SPDX
// list. A test holds them against the texts that the modules come with.
func licences() map[string]string {
	return map[string]string{
		"github.com/Velocidex/json":            "BSD-3-Clause",
		"github.com/Velocidex/ordereddict":     "Apache-2.0",
		"github.com/Velocidex/yaml/v2":         "Apache-2.0 AND MIT",
		"github.com/davecgh/go-spew":           "ISC",
		"github.com/edsrzf/mmap-go":            "BSD-3-Clause",
		"github.com/google/pprof":              "Apache-2.0",
		"github.com/inconshreveable/mousetrap": "Apache-2.0",
		"github.com/klauspost/compress":        "BSD-3-Clause AND Apache-2.0 AND MIT",
		"github.com/spf13/cobra":               "Apache-2.0",
		"github.com/spf13/pflag":               "BSD-3-Clause",
		"go.yaml.in/yaml/v3":                   "MIT AND Apache-2.0",
		"golang.org/x/arch":                    "BSD-3-Clause",
		"golang.org/x/sync":                    "BSD-3-Clause",
		"golang.org/x/sys":                     "BSD-3-Clause",
		"golang.org/x/term":                    "BSD-3-Clause",
		"www.velocidex.com/golang/go-ese":      "Apache-2.0",
	}
}
