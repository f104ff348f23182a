package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
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
	root.InitDefaultCompletionCmd()
	root.DisableAutoGenTag = true
	pages := []*cobra.Command{root}
	everyOne(root, func(c *cobra.Command) { pages = append(pages, c) })
	for _, c := range pages {
		inDebugger(c)
		name := strings.ReplaceAll(c.CommandPath(), " ", "-")
		write, file := a.page, name+".1"
		if markdown {
			write, file = reference, name+".md"
		}
		f, err := os.Create(filepath.Join(dir, file))
		if err != nil {
			return err
		}
		if err := write(f, c); err != nil {
			f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

// page writes a man page.
func (a *app) page(w *os.File, c *cobra.Command) error {
	facts := build()
	date := time.Unix(0, 0).UTC() // a build without a commit has no date
	if t, err := time.Parse(time.RFC3339, facts.Time); err == nil {
		date = t
	}
	long := c.Long
	defer func() { c.Long = long }()
	c.Long = strings.TrimSpace(c.Short + ".\n\n" + verbatim(long) + "\n\n" + debuggerLine(c) + "\n\n" + verbatim(exitText))
	return doc.GenMan(c, &doc.GenManHeader{Title: strings.ToUpper(strings.ReplaceAll(c.CommandPath(), " ", "-")), Section: "1", Source: "heapdump " + facts.Version, Manual: "heapdump", Date: &date}, w)
}

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
