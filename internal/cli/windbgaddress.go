package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/heapdump/heapdump/internal/analysis/vmmap"
	"github.com/heapdump/heapdump/internal/render/windbg"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// windbgAddressSummary prints !address -summary. Where a process has memory of
// both widths the debugger writes them apart: Heap32, Heap64.
func windbgAddressSummary(w io.Writer, t *target.Target, s vmmap.Summary) error {
	both := map[int]bool{}
	for _, r := range s.Usage {
		both[r.Bits] = true
	}
	name := func(name string, bits int) string {
		if both[32] && both[64] && bits != 0 {
			return fmt.Sprintf("%s%d", name, bits)
		}
		return name
	}
	rows := func(in []vmmap.Row, free string) []windbg.AddressRow {
		var out []windbg.AddressRow
		for _, r := range in {
			out = append(out, windbg.AddressRow{Name: strings.ReplaceAll(name(r.Name, r.Bits), "|", " | "), Regions: r.Regions, Bytes: r.Bytes, Free: r.Name == free})
		}
		return out
	}
	x := windbg.AddressSummary{
		Bits: t.File.Arch().Bits(), Total: s.Bytes, FreeBytes: s.FreeBytes,
		Usage: rows(s.Usage, vmmap.Free.String()), Type: rows(s.Type, ""), State: rows(s.State, memory.MemFree.String()), Protect: rows(s.Protect, ""),
	}
	for _, l := range s.Largest {
		x.Largest = append(x.Largest, windbg.AddressLargest{Name: name(l.Name, l.Bits), Base: uint64(l.Base), Bytes: l.Bytes})
	}
	return windbg.WriteAddressSummary(w, x)
}

// windbgAddress prints !address ADDR.
func windbgAddress(w io.Writer, t *target.Target, x report.Explained) error {
	p := x.Piece
	if !x.Described {
		_, err := fmt.Fprintf(w, "%v: the dump describes no region there\n", x.Address)
		return err
	}
	return windbg.WriteAddress(w, windbg.Address{
		Bits: t.File.Arch().Bits(), Usage: p.Usage.String(), Base: uint64(p.Start), End: uint64(p.End),
		State: uint32(p.State), StateWord: p.State.String(), Protect: uint32(p.Protect), ProtectWord: p.Protect.String(),
		Type: uint32(p.Type), TypeWord: p.Type.String(), AllocationBase: uint64(p.AllocationBase),
		AllocGuard: uint32(p.AllocationProtect), AllocationWord: p.AllocationProtect.String(),
		Info: moreInfo(x), Free: p.State == memory.MemFree, Saved: x.Saved, Length: p.End.Sub(x.Address),
	})
}

// moreInfo are the lines of More info that published answers have.
func moreInfo(x report.Explained) []string {
	o := x.Piece.Owner
	switch {
	case o == nil:
		return nil
	case o.Usage == vmmap.Image:
		base := o.Name[strings.LastIndexAny(o.Name, `\/`)+1:]
		if i := strings.LastIndexByte(base, '.'); i > 0 {
			base = base[:i]
		}
		base = strings.Map(func(r rune) rune {
			if r < 0x20 || r == 0x7f {
				return '?'
			}
			return r
		}, base)
		return []string{"lmv m " + base, "!lmi " + base, fmt.Sprintf("ln 0x%x", uint64(x.Address))}
	case o.Heap != 0 && o.Usage == vmmap.Heap:
		kind := "heap segment"
		if o.Kind == "virtual block" {
			kind = "heap large/virtual block"
		}
		return []string{fmt.Sprintf("heap owning the address: !heap 0x%x", uint64(o.Heap)), kind,
			fmt.Sprintf("heap entry containing the address: !heap -x 0x%x", uint64(x.Address))}
	}
	return nil
}
