package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/heapdump/heapdump/internal/config"
	"github.com/heapdump/heapdump/internal/render"
)

// setting is a value that a flag gets from outside the command line.
type setting struct {
	list   []string
	origin string // ".heapdump.yaml:3", "$HEAPDUMP_FORMAT"
}

// text is the value as one word.
func (s setting) text() string { return strings.Join(s.list, ",") }

// notConfigured are the flags that only a command line has: where the result
// goes and where the settings come from.
var notConfigured = map[string]bool{"help": true, "config": true, "output": true, "also": true, "list": true, "all": true}

// settings are the configured values of all flags.
type settings struct {
	path string // of the file; empty when there is none
	file map[string]setting
	env  func(string) string
}

// key names a flag of a command; the command is empty for every command.
func key(command, flag string) string { return command + " " + flag }

// commandKey names a command in a config file.
func commandKey(c *cobra.Command) string {
	_, name, _ := strings.Cut(c.CommandPath(), " ")
	return name
}

// knownFlags are the flags that a config file may set.
func knownFlags(root *cobra.Command) config.Known {
	known := config.Known{}
	add := func(command string, flags *pflag.FlagSet) {
		known[command] = map[string]string{}
		flags.VisitAll(func(f *pflag.Flag) {
			if !notConfigured[f.Name] {
				known[command][f.Name] = f.Value.Type()
			}
		})
	}
	add("", root.PersistentFlags())
	var each func(*cobra.Command)
	each = func(c *cobra.Command) {
		for _, x := range c.Commands() {
			if x.Name() != "help" && x.Name() != "completion" {
				add(commandKey(x), x.LocalNonPersistentFlags())
				each(x)
			}
		}
	}
	each(root)
	return known
}

// readSettings reads the config file that --config or $HEAPDUMP_CONFIG names,
// or the nearest one from the working directory upward. The flags of all
// commands are made for the file only where there is one.
func (a *app) readSettings() (*settings, error) {
	s := &settings{file: map[string]setting{}, env: a.env.Getenv}
	path := a.flags.config
	if path == "" {
		path = a.env.Getenv("HEAPDUMP_CONFIG")
	}
	if path == "" {
		var err error
		if path, err = config.Find(a.env.Dir); err != nil {
			return nil, usagef("the config file cannot be looked for: %w", err)
		}
	}
	if path == "" {
		return s, nil
	}
	f, err := config.Read(path, path, knownFlags((&app{env: a.env}).root(nil)))
	if err != nil {
		return nil, usagef("%w", err)
	}
	s.path = path
	for _, v := range f.Values {
		s.file[key(v.Command, v.Flag)] = setting{v.List, fmt.Sprintf("%s:%d", path, v.Line)}
	}
	return s, nil
}

// variable is the name of the variable of the environment that sets a flag.
func variable(flag string) string {
	return "HEAPDUMP_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// of returns what is configured for a flag of a command, the strongest first:
// the environment, the command's own part of the file, the file's top.
func (s *settings) of(command string, f *pflag.Flag) []setting {
	if notConfigured[f.Name] {
		return nil
	}
	var out []setting
	if v := s.env(variable(f.Name)); v != "" {
		x := setting{[]string{v}, "$" + variable(f.Name)}
		if _, list := f.Value.(pflag.SliceValue); list {
			x.list = strings.Split(v, ",")
		}
		out = append(out, x)
	}
	for _, k := range []string{key(command, f.Name), key("", f.Name)} {
		if x, ok := s.file[k]; ok {
			out = append(out, x)
		}
	}
	return out
}

// configure gives the flags that the command line does not name the values of
// the environment and of the config file.
func (a *app) configure(cmd *cobra.Command) error {
	a.cmd = cmd
	s, err := a.readSettings()
	if err != nil {
		return err
	}
	a.origins = map[string]string{}
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		found := s.of(commandKey(cmd), f)
		if len(found) == 0 || failed != nil {
			return
		}
		if f.Changed {
			if f.Name == "fail-on" {
				a.replaced("the command line", f.Value.String(), found[0])
			}
			return
		}
		if f.Name == "fail-on" && len(found) > 1 {
			a.replaced(found[0].origin, found[0].text(), found[1])
		}
		if failed = set(cmd, f, found[0]); failed == nil {
			a.origins[f.Name] = found[0].origin
		}
	})
	return failed
}

// replaced says that a gate of a weaker origin does not hold, so that none goes
// without a word.
func (a *app) replaced(by, value string, gate setting) {
	if gate.text() != value {
		// Said even with --quiet, which a config file can set as well.
		fmt.Fprintf(a.env.Stderr, "heapdump: %s\n", render.Escape(fmt.Sprintf("--fail-on %s of %s is replaced by %s of %s", gate.text(), gate.origin, value, by)))
	}
}

// set gives a flag a configured value.
func set(cmd *cobra.Command, f *pflag.Flag, x setting) error {
	wrong := func(err error) error {
		return usagef("%s: --%s cannot be %q: %w", x.origin, f.Name, x.text(), err)
	}
	if list, ok := f.Value.(pflag.SliceValue); ok {
		if err := list.Replace(x.list); err != nil {
			return wrong(err)
		}
		f.Changed = true
		return nil
	}
	if err := cmd.Flags().Set(f.Name, x.text()); err != nil {
		return wrong(fmt.Errorf("a value of type %s was expected", f.Value.Type()))
	}
	return nil
}

// configured says where values came from that the command line does not show,
// for errors of usage.
func (a *app) configured(names ...string) string {
	var out []string
	for _, n := range names {
		if o := a.origins[n]; o != "" {
			out = append(out, "--"+n+" is set in "+o)
		}
	}
	if out == nil {
		return ""
	}
	return " (" + strings.Join(out, ", ") + ")"
}
