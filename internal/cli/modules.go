package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/modules"
	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/render/windbg"
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
read over the network. --style windbg prints lm, and with NAME or ADDR lmv.`,
		Example: lines("heapdump modules app.dmp", "heapdump modules ntdll app.dmp", "heapdump modules 0x7ffa3d261000 app.dmp",
			"heapdump modules --style windbg app.dmp", "heapdump modules --symbols app.dmp", "heapdump modules --symbols=C:\\symbols app.dmp",
			"heapdump modules --sections --format csv --table sections app.dmp"),
		Args: upTo(3, "[NAME|ADDR] [DUMP]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			args, files := a.bareSymbols(args)
			name, args := selector(args)
			path, err := a.dumpFile(args)
			if err != nil {
				return err
			}
			return a.show(cmd.Context(), path, result{
				make: func(_ context.Context, t *target.Target) (*report.Document, error) {
					r := modules.Take(t)
					chosen, err := chooseModules(r, name, path)
					if err != nil {
						return nil, err
					}
					d := report.Modules(t, r, chosen, sections || name != "")
					if files || name != "" {
						report.AddSymbolFiles(d, symbols.Of(t), chosen)
						d.Warn("symbol-path", a.pathNotes())
					}
					return d, nil
				},
				debug: func(_ context.Context, w io.Writer, t *target.Target) error {
					chosen, err := chooseModules(modules.Take(t), name, path)
					if err != nil {
						return err
					}
					return windbg.WriteModules(w, windbgModules(t, chosen, name != "", files || name != ""))
				},
			})
		},
	}, groupAround, "")
	c.Flags().StringArrayVar(&a.flags.symbols, "symbols", nil, "which symbol file serves each module, or why none does; with a `folder` it is looked\ninto first; repeats")
	c.Flags().Lookup("symbols").NoOptDefVal = beside
	c.Flags().BoolVar(&sections, "sections", false, "the sections of every module as well")
	return c
}

// chooseModules returns the modules of a name or at an address; all for none.
func chooseModules(r *modules.Result, name, path string) ([]modules.Module, error) {
	if name == "" {
		return r.Modules, nil
	}
	at, err := ParseAddr(name, true)
	chosen := r.Find(name, at, err == nil)
	if len(chosen) == 0 {
		return nil, &failure{exitUsage, fmt.Errorf("no module is called %q or holds such an address; `heapdump modules %s` lists them", name, path)}
	}
	return chosen, nil
}

// windbgModules turns modules into what lm prints, by address; with verbose,
// lmv. Symbols count as not yet looked for unless files asks for them.
func windbgModules(t *target.Target, all []modules.Module, verbose, files bool) windbg.Modules {
	out := windbg.Modules{Bits: t.File.Arch().Bits(), Verbose: verbose}
	names := symbols.Of(t)
	for _, m := range all {
		x := windbg.Module{Start: uint64(m.Start), End: uint64(m.End), Name: render.Escape(m.Name), Symbols: "(deferred)",
			Path: render.Escape(m.Path), Image: render.Escape(m.Name), Timestamp: m.Timestamp, Checksum: m.Checksum, ByteSize: uint32(m.Size()), FileVersion: m.Version.String()}
		if m.Unloaded {
			out.Unloaded = append(out.Unloaded, x)
			continue
		}
		if loaded := names.Module(m.Start); loaded != nil && loaded.Start == m.Start {
			x.Name = render.Escape(loaded.Name)
			if files && loaded.Served().Path != "" {
				x.Symbols, x.File = "(pdb symbols)", loaded.Served().Path
			}
		}
		out.Loaded = append(out.Loaded, x)
	}
	slices.SortStableFunc(out.Loaded, func(a, b windbg.Module) int { return cmp.Compare(a.Start, b.Start) })
	out.Loaded = slices.CompactFunc(out.Loaded, func(a, b windbg.Module) bool { return a.Start == b.Start && a.End == b.End && a.Name == b.Name })
	return out
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
