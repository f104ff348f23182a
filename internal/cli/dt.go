package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/structure"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// maxDepth bounds how deep dt shows what is nested.
const maxDepth = 4

// dtArgs are the arguments and flags of dt.
type dtArgs struct {
	name, dump string // name empty: list the structures
	choose     structure.Choose
	depth      int
}

// dt is heapdump dt.
func (a *app) dt() *cobra.Command {
	var x dtArgs
	c := a.command(&cobra.Command{
		Use:   "dt [TYPE [ADDR]] [DUMP]",
		Short: "A structure of the heap or the process, field by field; without TYPE, which there are",
		Long: `Structures are those of the NT heap, page heap, the PEB, TEBs and the loader, as the Windows of the dump
lays them out. Entry headers (_HEAP_ENTRY) are shown as they stand and decoded with the key of the heap that
they are in. ADDR may be a sum: 0x29fb0000+0x118. Without ADDR the layout is shown.`,
		Example: lines("heapdump dt _HEAP 0x1c0aa400000 app.dmp", "heapdump dt _HEAP_ENTRY 0x1c0aa400740 app.dmp",
			"heapdump dt ntdll!_PEB app.dmp", "heapdump dt --layout win7-x86 app.dmp"),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 3 {
				return usagef("%d arguments: heapdump %s", len(args), cmd.Use)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if b := x.choose.Bits; b != 0 && b != 32 && b != 64 {
				return usagef("--bits %d: write 32 or 64", b)
			}
			if x.depth < 0 || x.depth > maxDepth {
				return usagef("--depth %d: write 0 to %d", x.depth, maxDepth)
			}
			if err := x.take(a, args); err != nil {
				return err
			}
			return a.show(cmd.Context(), x.dump, result{make: func(_ context.Context, t *target.Target) (*report.Document, error) {
				return x.make(t)
			}})
		},
	}, groupAround, "")
	c.Flags().SortFlags = false
	c.Flags().IntVar(&x.depth, "depth", 1, "how many `levels` of nested structures are shown field by field")
	c.Flags().StringVar(&x.choose.Layout, "layout", "", "the layouts of a `family` of Windows builds instead of the dump's, for example win7-x64")
	c.Flags().IntVar(&x.choose.Bits, "bits", 0, "the pointer `size` 32 or 64, where the dump has both")
	return c
}

// take tells the arguments apart: a structure, an address, a dump.
func (x *dtArgs) take(a *app, args []string) error {
	if len(args) == 1 {
		if _, err := os.Stat(args[0]); err == nil {
			x.dump = args[0]
			return nil
		}
	}
	if len(args) > 0 {
		x.name, args = args[0], args[1:]
	}
	if len(args) > 0 {
		at, err := sum(args[0])
		switch {
		case err == nil:
			x.choose.At, x.choose.Placed, args = at, true, args[1:]
		case len(args) == 2:
			return &failure{exitUsage, err}
		}
	}
	var err error
	x.dump, err = a.dumpFile(args)
	return err
}

// sum reads an address, or an address and offsets added to it.
func sum(s string) (memory.Addr, error) {
	var out memory.Addr
	for _, part := range strings.Split(s, "+") {
		n, err := ParseAddr(part, false)
		if err != nil {
			return 0, err
		}
		out += n
	}
	return out, nil
}

// make reads the structure, or lists those there are.
func (x *dtArgs) make(t *target.Target) (*report.Document, error) {
	set, err := x.choose.Layouts(t)
	if err != nil {
		return nil, &failure{exitUsage, err}
	}
	if x.name == "" {
		return report.StructureTypes(t, set), nil
	}
	s, ok := set.Find(x.name)
	if !ok {
		return nil, &failure{exitUsage, fmt.Errorf("there is no structure %s in the layouts %s; `heapdump dt` lists those there are", x.name, set.Family)}
	}
	return report.Structure(t, structure.Take(t, structure.Query{Set: set, Structure: s, Placed: x.choose.Placed, At: x.choose.At, Depth: x.depth})), nil
}
