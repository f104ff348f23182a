package cli

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/roles"
	"github.com/heapdump/heapdump/internal/analysis/vmmap"
	"github.com/heapdump/heapdump/internal/pick"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// addressFlags are the flags of heapdump address.
type addressFlags struct {
	summary                                bool
	usages, states, types, protects, sizes []string
}

// address is heapdump address.
func (a *app) address() *cobra.Command {
	var f addressFlags
	c := a.command(&cobra.Command{
		Use:   "address [ADDR] [DUMP]",
		Short: "What every region of the address space is for, or one address",
		Long: `Without ADDR, every region of the address space, with what it is for; --summary adds them up by usage, type,
state and protection. With ADDR, what that address is: image, PEB, TEB, stack, heap, page heap, what else
Windows keeps, mapped memory, or unknown, and what in the dump says so; of
unknown memory, whose memory points there. No heap is walked.`,
		Example: lines("heapdump address --summary app.dmp", "heapdump address 0x7ffe0000 app.dmp",
			"heapdump address --usage unknown --state commit --size 1MiB.. app.dmp", "heapdump address --format csv -o regions.csv app.dmp",
			"heapdump address --summary --style windbg app.dmp"),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 2 {
				return usagef("%d arguments, and one address and one dump are read: heapdump %s", len(args), cmd.Use)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.runAddress(cmd.Context(), args, f) },
	}, groupInspect, "")
	c.Flags().SortFlags = false
	c.Flags().BoolVar(&f.summary, "summary", false, "add the regions up")
	c.Flags().StringSliceVar(&f.usages, "usage", nil, "only regions of this `usage`: image, heap, heap32, stack, unknown, free, …; repeats")
	c.Flags().StringSliceVar(&f.states, "state", nil, "only regions in this `state`: commit, reserve, free; repeats")
	c.Flags().StringSliceVar(&f.types, "type", nil, "only regions of this `type`: private, mapped, image; repeats")
	c.Flags().StringSliceVar(&f.protects, "protect", nil, "only committed regions with this `protection`: readwrite, guard, …; repeats")
	c.Flags().StringSliceVar(&f.sizes, "size", nil, "only regions of this `size`, for example 1MiB..; repeats")
	return c
}

func (a *app) runAddress(ctx context.Context, args []string, f addressFlags) error {
	format, err := a.check(true, "text", "json", "ndjson", "csv", "markdown")
	if err != nil {
		return err
	}
	filter, err := pick.NewRegions(f.usages, f.states, f.types, f.protects, f.sizes, vmmap.UsageNames())
	if err != nil {
		return &failure{exitUsage, err}
	}
	spec, path, err := a.maybeAddressAndDump(args)
	if err != nil {
		return err
	}
	var at memory.Addr
	switch {
	case spec == "" && a.windbg() && !f.summary:
		return usagef("--style windbg is for address --summary and address ADDR")
	case spec != "" && (f.summary || !filter.Any()):
		return usagef("--summary and the filters are for all regions; leave %s or them out", spec)
	case spec != "":
		if at, err = ParseAddr(spec, a.windbg()); err != nil {
			return &failure{exitUsage, err}
		}
	}
	t, w, err := a.open(ctx, path)
	if err != nil {
		return err
	}
	defer t.Close()
	match := func(p *vmmap.Piece) bool { return filter.Match(p.Usage.String(), p.Bits(), &p.Region) }
	if f.summary {
		s := vmmap.TakeSum(t, match)
		if a.windbg() {
			if err := writeFailed(windbgAddressSummary(w, t, s)); err != nil {
				return err
			}
			return a.complete(report.Coverage(t, nil))
		}
		return a.write(w, report.AddressSummary(t, s), format, report.Coverage(t, nil))
	}
	m := vmmap.Take(t)
	if spec != "" {
		x, err := a.explain(ctx, t, m, at)
		if err != nil {
			return err
		}
		if a.windbg() {
			if err := writeFailed(windbgAddress(w, t, x)); err != nil {
				return err
			}
			return a.complete(report.Coverage(t, nil))
		}
		return a.write(w, report.AddressAt(t, m, x), format, report.Coverage(t, nil))
	}
	pieces := m.Pieces
	if !filter.Any() {
		pieces = m.Pick(match)
	}
	return a.write(w, report.AddressList(t, m, pieces), format, report.Coverage(t, nil))
}

// maybeAddressAndDump takes apart the arguments [ADDR] [DUMP], in either
// order. A single one is the dump where a file has that name.
func (a *app) maybeAddressAndDump(args []string) (address, dump string, err error) {
	switch {
	case len(args) == 2:
		return a.addressAndDump(args)
	case len(args) == 1 && isAddress(args[0]):
		if _, err := os.Stat(args[0]); err != nil {
			dump, err := a.dumpFile(nil)
			return args[0], dump, err
		}
	}
	dump, err = a.dumpFile(args)
	return "", dump, err
}

func isAddress(s string) bool {
	_, err := ParseAddr(s, true)
	return err == nil
}

// explain says what is at an address.
func (a *app) explain(ctx context.Context, t *target.Target, m *vmmap.Map, at memory.Addr) (report.Explained, error) {
	x := report.Explained{Address: at, Why: t.Space.Why(at), Owners: m.Owners(at), Beyond: m.Beyond(at)}
	x.Saved = x.Why == memory.Present
	x.Piece, x.Described = m.At(at)
	o := x.Piece.Owner
	if !x.Described && len(x.Owners) > 0 {
		o = x.Owners[0]
	}
	if o != nil && o.Heap != 0 && o.Usage != vmmap.Other {
		rs, err := roles.Take(ctx, t)
		if err != nil {
			return x, err
		}
		x.Roles = rs
	}
	if x.Described && (x.Piece.Usage == vmmap.Unknown && (o == nil || o.Kind != vmmap.ClosedKind) || o == nil && x.Piece.Usage == vmmap.MappedFile) {
		if r, ok := m.Allocation(at); ok {
			meter := a.meter("looking for what points there")
			defer meter.Done()
			var err error
			x.Allocation = r
			if x.Referrers, err = m.Referrers(ctx, r, meter.Set); err != nil {
				return x, err
			}
		}
	}
	if o != nil && o.Usage == vmmap.Image {
		if n := symbols.Of(t).Find(at); n.Symbol != "" {
			x.Symbol, x.SymbolHow = n.Text(), n.Found()
		}
		for _, mod := range t.Modules() {
			if mod.Start == o.Start && mod.Image != nil {
				if s, ok := mod.Image.Section(at); ok {
					x.Section = s.Name
				}
				break
			}
		}
	}
	return x, nil
}
