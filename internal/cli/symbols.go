package cli

import (
	"os"
	"strings"

	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
)

// symbolFolders takes the folders of symbol files from --symbols and from the
// debugger's own variable, of which it takes what is on this machine.
func (a *app) symbolFolders(o *target.Options) error {
	for _, s := range a.flags.symbols {
		folders, notes := symbols.ParsePath(s)
		if len(notes) > 0 {
			return usagef("--symbols %s: nothing is read over the network; copy the files into a folder", s)
		}
		for _, f := range folders {
			if info, err := os.Stat(f); err != nil || !info.IsDir() {
				return usagef("--symbols %s: there is no such folder", f)
			}
		}
		o.Symbols = append(o.Symbols, folders...)
	}
	folders, _ := symbols.ParsePath(a.env.Getenv("_NT_SYMBOL_PATH"))
	o.Symbols = append(o.Symbols, folders...)
	return nil
}

// named adds to a document what is odd about the symbol files that its names
// are from.
func named(t *target.Target, d *report.Document) *report.Document {
	d.Warn("symbols", symbols.Of(t).Notes())
	return d
}

// beside is what a bare --symbols of modules stands for.
const beside = "beside the dump"

// bareSymbols takes the bare --symbols of modules out of the folders, and of
// the arguments those that are folders. It reports whether --symbols was given.
func (a *app) bareSymbols(args []string) (rest []string, given bool) {
	given = len(a.flags.symbols) > 0
	var folders []string
	bare := false
	for _, s := range a.flags.symbols {
		if s == beside {
			bare = true
			continue
		}
		folders = append(folders, s)
	}
	for _, x := range args {
		if info, err := os.Stat(x); bare && err == nil && info.IsDir() {
			folders = append(folders, x)
			continue
		}
		rest = append(rest, x)
	}
	a.flags.symbols = folders
	return rest, given
}

// pathNotes say what of the debugger's symbol path was left out.
func (a *app) pathNotes() []string {
	folders, notes := symbols.ParsePath(a.env.Getenv("_NT_SYMBOL_PATH"))
	for _, f := range folders {
		if info, err := os.Stat(f); err != nil || !info.IsDir() {
			notes = append(notes, f+" of the symbol path is no folder here")
		}
	}
	for i, n := range notes {
		notes[i] = "_NT_SYMBOL_PATH: " + strings.TrimSpace(n) + "."
	}
	return notes
}
