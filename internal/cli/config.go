package cli

import (
	"sort"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/heapdump/heapdump/internal/report"
)

// config is heapdump config.
func (a *app) config() *cobra.Command {
	var all bool
	c := a.command(&cobra.Command{
		Use:   "config",
		Short: "The settings in effect, each with where it comes from; checks the config file",
		Long: `A flag gets its value from, in rising order: its default; the config file; the environment; the command line.
The config file is .heapdump.yaml in the working directory or the nearest one above it, or the file that --config or
$HEAPDUMP_CONFIG names. At its top stand flags by their names without dashes, for all commands that have them; under a
command's name those of that command alone, which are stronger:

  format: json
  symbols: [symbols/, //server/symbols]
  triage:
    fail-on: severity>=high,leaked_bytes>10MiB
    timeout: 5m

In the environment --fail-on is HEAPDUMP_FAIL_ON and so on, lists with commas; HEAPDUMP_FILE is the dump that is read
when none is named. A key that no flag has, a value of the wrong kind, or a file that cannot be read is wrong
usage for every command: nothing is passed over in silence. -o and --also stand on the command line alone.`,
		Example: lines("heapdump config", "heapdump config --all", "heapdump config --config ci/heapdump.yaml --format json"),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			format, err := a.check(false, "text", "json", "ndjson", "csv", "markdown")
			if err != nil {
				return err
			}
			s, err := a.readSettings()
			if err != nil {
				return err
			}
			w, err := a.output()
			if err != nil {
				return err
			}
			return a.write(w, report.Config(s.path, a.settingsOf(cmd, s, all)), format, nil)
		},
	}, groupSetup, "nothing")
	c.Flags().BoolVar(&all, "all", false, "every flag of every command, also those that have their defaults")
	return c
}

// settingsOf lists the flags of every command, and of each command those that
// are set, or all.
func (a *app) settingsOf(cmd *cobra.Command, s *settings, all bool) []report.Setting {
	var out []report.Setting
	cmd.InheritedFlags().VisitAll(func(f *pflag.Flag) {
		x := report.Setting{Flag: f.Name, Value: defaultOf(f), Origin: "default"}
		if found := s.of("", f); len(found) > 0 {
			x.Value, x.Origin = found[0].text(), found[0].origin
		}
		if _, configured := a.origins[f.Name]; f.Changed && !configured {
			x.Value, x.Origin = f.Value.String(), "command line"
		}
		out = append(out, x)
	})
	sort.Slice(out, func(i, j int) bool { return out[i].Flag < out[j].Flag })
	everyOne(cmd.Root(), func(c *cobra.Command) {
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			x := report.Setting{Command: commandKey(c), Flag: f.Name, Value: defaultOf(f), Origin: "default"}
			found := s.of(x.Command, f)
			if len(found) > 0 {
				x.Value, x.Origin = found[0].text(), found[0].origin
			}
			if f.Name != "help" && (all || len(found) > 0) {
				out = append(out, x)
			}
		})
	})
	return out
}

// defaultOf is the default of a flag, empty for an empty list.
func defaultOf(f *pflag.Flag) string {
	if _, list := f.Value.(pflag.SliceValue); list {
		return strings.Trim(f.DefValue, "[]")
	}
	return f.DefValue
}

// everyOne calls do with every command of ours, in order.
func everyOne(c *cobra.Command, do func(*cobra.Command)) {
	for _, x := range c.Commands() {
		if x.Name() != "help" && x.Name() != "completion" {
			do(x)
			everyOne(x, do)
		}
	}
}
