package cli

import (
	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/locate"
	"github.com/heapdump/heapdump/internal/analysis/roles"
	"github.com/heapdump/heapdump/internal/report"
)

// find is heapdump find.
func (a *app) find() *cobra.Command {
	return a.command(&cobra.Command{
		Use:   "find ADDR [DUMP]",
		Short: "The heap block that holds an address, with its neighbours; or what else is there",
		Long: "ADDR is hexadecimal: 0x29fb0040, 29fb0040h, 00000000`29fb0040, or all 8 or 16 digits of a pointer. It may be anywhere\n" +
			"in the block, also in its header.",
		Example: lines("heapdump find 0x29fb0040 app.dmp", "heapdump find 00000000`29fb0040 --format json app.dmp",
			"heapdump find 29fb0040 --style windbg app.dmp"),
		Args: anAddressAndADump,
		RunE: func(cmd *cobra.Command, args []string) error {
			format, err := a.check(true, "text", "json", "csv", "markdown")
			if err != nil {
				return err
			}
			spec, path, err := a.addressAndDump(args)
			if err != nil {
				return err
			}
			addr, err := ParseAddr(spec, a.windbg())
			if err != nil {
				return &failure{exitUsage, err}
			}
			t, w, err := a.open(cmd.Context(), path)
			if err != nil {
				return err
			}
			defer t.Close()
			x, err := locate.At(cmd.Context(), t, addr)
			if err != nil {
				return err
			}
			if a.windbg() {
				if err := writeFailed(windbgFind(w, t, x)); err != nil {
					return err
				}
				return a.complete(report.Coverage(t, nil))
			}
			rs, err := roles.Take(cmd.Context(), t)
			if err != nil {
				return err
			}
			return a.write(w, named(t, report.Find(t, x, rs)), format, report.Coverage(t, nil))
		},
	}, groupWalk, "")
}
