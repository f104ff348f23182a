package cli

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/docs"
	"github.com/heapdump/heapdump/internal/report"
)

// man is heapdump man.
func (a *app) man() *cobra.Command {
	var markdown bool
	c := a.command(&cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual into a folder: a man page for every command, or Markdown",
		Long: `The pages go to DIR/heapdump.1, DIR/heapdump-summary.1 and so on, which must not be there as anything but such
files. Their date is that of the commit that heapdump was built from, so that a build can be repeated.`,
		Example: lines("heapdump man ~/.local/share/man/man1", "heapdump man --markdown docs/reference", "heapdump man man && man man/heapdump-summary.1"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.noAlso(); err != nil {
				return err
			}
			if err := os.MkdirAll(args[0], 0o777); err != nil {
				return writeFailed(err)
			}
			return writeFailed(a.manual(cmd.Root(), args[0], markdown))
		},
	}, groupSetup, ".hh")
	c.Flags().BoolVar(&markdown, "markdown", false, "Markdown instead of man pages")
	return c
}

// manual writes a page for every command.
func (a *app) manual(root *cobra.Command, dir string, markdown bool) error {
	if !markdown {
		return manPages(dir, build())
	}
	for _, c := range withRoot(root) {
		inDebugger(c)
		f, err := os.Create(filepath.Join(dir, pageName(c)+".md"))
		if err != nil {
			return err
		}
		if err := reference(f, c); err != nil {
			f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

// unstamped is what the pages of docs/man have for the date and the version:
// those of a build without a commit.
const unstamped = `"Jan 1970" "heapdump (devel)"`

// manPages writes the pages of docs/man with the date and the version of this
// build. They were made before it, by package manual: what makes them would
// have to be linked in, and takes more time at the start of every command than
// the command's own flags.
func manPages(dir string, facts report.Build) error {
	pages, err := fs.ReadDir(docs.Man, "man")
	if err != nil {
		return err
	}
	for _, p := range pages {
		text, err := fs.ReadFile(docs.Man, "man/"+p.Name())
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, p.Name()), stamped(text, facts), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// stamped is a page with the date and the version of a build in its title.
func stamped(page []byte, facts report.Build) []byte {
	date := time.Unix(0, 0).UTC() // a build without a commit has no date
	if t, err := time.Parse(time.RFC3339, facts.Time); err == nil {
		date = t
	}
	return bytes.Replace(page, []byte(unstamped), fmt.Appendf(nil, "%q %q", date.Format("Jan 2006"), "heapdump "+facts.Version), 1)
}

// ManCommands are all commands as their man pages show them: with what they are
// in the debugger and the exit codes in their long text. They are for what
// makes the pages, and are not run.
func ManCommands() []*cobra.Command {
	root := (&app{env: System()}).root(nil)
	root.InitDefaultCompletionCmd()
	root.DisableAutoGenTag = true
	all := withRoot(root)
	for _, c := range all {
		inDebugger(c)
		c.Long = strings.TrimSpace(c.Short + ".\n\n" + verbatim(c.Long) + "\n\n" + debuggerLine(c) + "\n\n" + verbatim(exitText))
	}
	return all
}

// withRoot lists the root and every command of ours below it.
func withRoot(root *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{root}
	everyOne(root, func(c *cobra.Command) { all = append(all, c) })
	return all
}

// pageName is the name of a command's page, without its ending.
func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// verbatim indents a text, which Markdown then leaves as it is.
func verbatim(s string) string {
	if s == "" {
		return ""
	}
	return "    " + strings.ReplaceAll(s, "\n", "\n    ")
}

// debuggerLine says what a command is in the debugger.
func debuggerLine(c *cobra.Command) string {
	if s := c.Annotations[windbgKey]; s != "" {
		return "In WinDbg: `" + s + "`."
	}
	return ""
}

// reference writes a page of the Markdown reference: the text of help as it is.
func reference(w *os.File, c *cobra.Command) error {
	var help strings.Builder
	c.SetOut(&help)
	if err := c.Help(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "# %s\n\n```\n%s\n```\n", c.CommandPath(), strings.TrimRight(help.String(), "\n"))
	return err
}
