package cli

import (
	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/symbols"
)

// nearSymbols is how many symbols ln shows on either side.
const nearSymbols = 2

// ln is heapdump ln.
func (a *app) ln() *cobra.Command {
	return a.command(&cobra.Command{
		Use:   "ln ADDR [DUMP]",
		Short: "The name of an address, the nearest symbols below and above it, and how it was named",
		Long: `Names come from the export tables of the images in the dump. The nearest export below an address need
not be its function: where the image tells that another one begins between them, the address has its
module and offset alone, and the nearest symbols are only shown. A PDB or Breakpad file of the same build
names its functions with file and line (see --symbols); it is looked for beside the dump as well.`,
		Example: lines("heapdump ln 0x77023894 app.dmp", "heapdump ln 00007ffa`11c91234 --format json app.dmp", "heapdump ln 77023894h --symbols symbols/ app.dmp"),
		Args:    anAddressAndADump,
		RunE: func(cmd *cobra.Command, args []string) error {
			format, err := a.check(false, "text", "json", "csv", "markdown")
			if err != nil {
				return err
			}
			spec, path, err := a.addressAndDump(args)
			if err != nil {
				return err
			}
			addr, err := ParseAddr(spec, false)
			if err != nil {
				return &failure{exitUsage, err}
			}
			t, w, err := a.open(cmd.Context(), path)
			if err != nil {
				return err
			}
			defer t.Close()
			x := symbols.Of(t).Near(addr, nearSymbols)
			return a.write(w, named(t, report.Near(t, addr, x)), format, report.Coverage(t, nil))
		},
	}, groupAround, "")
}
