package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/modules"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
)

// modules is heapdump modules.
func (a *app) modules() *cobra.Command {
	var sections bool
	c := a.command(&cobra.Command{
		Use:   "modules [NAME|ADDR] [DUMP]",
		Short: "The modules, loaded and unloaded: versions, symbol files, and what of them is in the dump",
		Long: `With NAME or ADDR one module is shown in full, with its sections. The list of the dump is compared with the
list of the process's own loader (PEB.Ldr): what only one of them has is marked.

A symbol file serves a module when its GUID and age are the module's: a PDB, NAME.pdb, or a Breakpad
file, NAME.sym, in a folder itself or as symbol stores keep them (NAME.pdb/GUIDAGE/NAME.pdb). Nothing is
read over the network.`,
		Example: lines("heapdump modules app.dmp", "heapdump modules ntdll app.dmp", "heapdump modules 0x7ffa3d261000 app.dmp",
			"heapdump modules --symbols app.dmp", "heapdump modules --symbols=C:\\symbols app.dmp",
			"heapdump modules --sections --format csv --table sections app.dmp"),
		Args: upTo(3, "[NAME|ADDR] [DUMP]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			args, files := a.bareSymbols(args)
			name, args := selector(args)
			path, err := a.dumpFile(args)
			if err != nil {
				return err
			}
			return a.show(cmd.Context(), path, result{make: func(_ context.Context, t *target.Target) (*report.Document, error) {
				r := modules.Take(t)
				chosen := r.Modules
				if name != "" {
					at, err := ParseAddr(name, true)
					if chosen = r.Find(name, at, err == nil); len(chosen) == 0 {
						return nil, &failure{exitUsage, fmt.Errorf("no module is called %q or holds such an address; `heapdump modules %s` lists them", name, path)}
					}
				}
				d := report.Modules(t, r, chosen, sections || name != "")
				if files || name != "" {
					report.AddSymbolFiles(d, symbols.Of(t), chosen)
					d.Notes = append(d.Notes, a.pathNotes()...)
				}
				return d, nil
			}})
		},
	}, groupAround, "")
	c.Flags().StringArrayVar(&a.flags.symbols, "symbols", nil, "which symbol file serves each module, or why none does; with a `folder` it is looked\ninto first; repeats")
	c.Flags().Lookup("symbols").NoOptDefVal = beside
	c.Flags().BoolVar(&sections, "sections", false, "the sections of every module as well")
	return c
}

// upTo accepts at most n arguments, of which usage names the meaning.
func upTo(n int, usage string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return usagef("%d arguments: heapdump %s takes %s", len(args), cmd.Name(), usage)
		}
		return nil
	}
}

// selector takes what is to be shown from the arguments [WHAT] [DUMP], of
// which one alone is the dump when there is such a file.
func selector(args []string) (what string, rest []string) {
	if len(args) == 0 {
		return "", args
	}
	if len(args) == 1 {
		if _, err := os.Stat(args[0]); err == nil {
			return "", args
		}
	}
	return args[0], args[1:]
}
