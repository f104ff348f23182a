package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/debugger"
)

// The groups of commands.
const (
	groupInspect = "inspect"
	groupWalk    = "walk"
	groupAround  = "around"
	groupReport  = "report"
	groupSetup   = "setup"
)

// windbgKey is the annotation that holds the debugger's equivalent.
const windbgKey = "windbg"

const helpTemplate = `{{.Short}}
{{if .Example}}
Examples:
{{.Example}}
{{end}}
Usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} COMMAND [flags]{{if not .HasParent}} [DUMP]{{end}}{{else}}{{.UseLine}}{{end}}
{{with .Long}}
{{. | trimTrailingWhitespaces}}
{{end}}{{with index .Annotations "windbg"}}
In WinDbg: {{.}}
{{end}}{{if .HasAvailableSubCommands}}{{$cmds := .Commands}}{{range $group := .Groups}}
{{.Title}}{{range $cmds}}{{if (and (eq .GroupID $group.ID) .IsAvailableCommand)}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}
{{end}}{{if not .Groups}}
Commands:{{range $cmds}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}
{{end}}{{end}}{{if .HasAvailableLocalFlags}}
Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}{{if .HasAvailableInheritedFlags}}
Flags of every command:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}
` + exitText + "\n"

// root makes the command tree for a command line. Where its first word names a
// command, that one alone is made: making the flags of all others, and
// completion's commands, takes longer than a small answer does.
func (a *app) root(args []string) *cobra.Command {
	root := &cobra.Command{
		Use:   "heapdump",
		Short: "heapdump reads the heaps of a Windows process from its crash dump.",
		Example: `  heapdump summary app.dmp
  heapdump leaks app.dmp
  heapdump find 0x29fb0040 app.dmp
  heapdump walk --heap all --format ndjson app.dmp
  heapdump triage dumps/`,
		Long: `Without DUMP, $HEAPDUMP_FILE is read, else the only *.dmp in the working directory.
Dumps may be compressed: .zst, .gz, or .zip with one file in it.`,
		SilenceUsage: true, SilenceErrors: true,
		Args: cobra.ArbitraryArgs,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.HasParent() || cmd.GroupID == groupSetup && cmd.RunE == nil || strings.HasPrefix(cmd.Name(), "__") || cmd.Parent().Name() == "completion" {
				return nil // help, completion
			}
			return a.configure(cmd)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("there is no command %q; run `heapdump help` for those there are", args[0])
			}
			cmd.SetOut(a.env.Stderr)
			if err := cmd.Help(); err != nil {
				return err
			}
			return usagef("no command given")
		},
	}
	root.SetIn(a.env.Stdin)
	root.SetOut(a.env.Stdout)
	root.SetErr(a.env.Stderr)
	root.SetHelpTemplate(helpTemplate)
	root.SetUsageTemplate(helpTemplate)
	help := root.HelpFunc()
	root.SetHelpFunc(func(c *cobra.Command, args []string) {
		inDebugger(c)
		help(c, args)
	})
	root.AddGroup(&cobra.Group{ID: groupInspect, Title: "Inspect:"}, &cobra.Group{ID: groupWalk, Title: "Walk:"}, &cobra.Group{ID: groupAround, Title: "Around the heap:"},
		&cobra.Group{ID: groupReport, Title: "Report:"}, &cobra.Group{ID: groupSetup, Title: "Setup:"})
	root.SetHelpCommandGroupID(groupSetup)
	root.SetCompletionCommandGroupID(groupSetup)
	a.flags.register(root)
	for _, c := range a.commands() {
		if len(args) > 0 && args[0] == c.name && !c.readsTree {
			root.CompletionOptions.DisableDefaultCmd = true
			root.AddCommand(c.make())
			return root
		}
	}
	for _, c := range a.commands() {
		root.AddCommand(c.make())
	}
	return root
}

// maker makes a command.
type maker struct {
	name      string // of the command, without making it
	make      func() *cobra.Command
	readsTree bool // it is about the other commands too
}

// commands are the makers of all commands, in the order in which they are
// written down here; help sorts them within their groups.
func (a *app) commands() []maker {
	return []maker{
		{name: "info", make: a.info},
		{name: "summary", make: a.summary},
		{name: "heaps", make: a.heapList},
		{name: "heap", make: a.heap},
		{name: "check", make: a.checkHeaps},
		{name: "leaks", make: a.leaks},
		{name: "retained", make: a.retained},
		{name: "why", make: a.why},
		{name: "refs", make: a.refs},
		{name: "stat", make: a.stat},
		{name: "owners", make: a.owners},
		{name: "diff", make: a.diff},
		{name: "walk", make: a.walk},
		{name: "find", make: a.find},
		{name: "search", make: a.search},
		{name: "address", make: a.address},
		{name: "handles", make: a.handles},
		{name: "ln", make: a.ln},
		{name: "modules", make: a.modules},
		{name: "context", make: a.context},
		{name: "dt", make: a.dt},
		{name: "hex", make: a.hex},
		{name: "threads", make: a.threads},
		{name: "stack", make: a.stack},
		{name: "exception", make: a.exception},
		{name: "peb", make: a.peb},
		{name: "teb", make: a.teb},
		{name: "triage", make: a.triage},
		{name: "baseline", make: a.baseline},
		{name: "windbg", make: a.windbgCommand},
		{name: "schema", make: a.schema},
		{name: "config", make: a.config, readsTree: true},
		{name: "man", make: a.man, readsTree: true},
		{name: "version", make: a.version},
	}
}

// command completes a command: its group, and that errors of its own are no
// longer errors of usage. alone says that the debugger has nothing like it, and
// what is near; it is empty for commands that the table of equivalents has.
func (a *app) command(c *cobra.Command, group, alone string) *cobra.Command {
	c.GroupID = group
	if alone != "" {
		c.Annotations = map[string]string{windbgKey: alone}
	}
	run := c.RunE
	c.RunE = func(cmd *cobra.Command, args []string) error {
		a.ran = true
		return run(cmd, args)
	}
	return c
}

// inDebugger notes what a command is in the debugger, for its help: from the
// table of equivalents, which is made only when it is asked for.
func inDebugger(c *cobra.Command) {
	if spelled := debugger.Of(c.Name()); len(spelled) > 0 {
		c.Annotations = map[string]string{windbgKey: strings.Join(spelled, ", ")}
	}
}

// lines joins the lines of an example.
func lines(s ...string) string { return "  " + strings.Join(s, "\n  ") }
