// Package manual makes the man pages in docs/man, which heapdump carries and
// writes. It is no part of heapdump: the libraries that make man pages would
// cost every command time at its start.
package manual

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra/doc"

	"github.com/heapdump/heapdump/internal/cli"
)

// Write writes a man page for every command into a folder that is there, with
// the date and the version of a build without a commit.
func Write(dir string) error {
	epoch := time.Unix(0, 0).UTC()
	for _, c := range cli.ManCommands() {
		name := strings.ReplaceAll(c.CommandPath(), " ", "-")
		f, err := os.Create(filepath.Join(dir, name+".1"))
		if err != nil {
			return err
		}
		header := doc.GenManHeader{Title: strings.ToUpper(name), Section: "1", Source: "heapdump (devel)", Manual: "heapdump", Date: &epoch}
		if err := doc.GenMan(c, &header, f); err != nil {
			f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}
