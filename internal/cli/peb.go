package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/environ"
	"github.com/heapdump/heapdump/internal/analysis/threads"
	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/render/windbg"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/target"
)

// peb is heapdump peb.
func (a *app) peb() *cobra.Command {
	return a.command(&cobra.Command{
		Use:     "peb [DUMP]",
		Short:   "The process environment block: command line, environment, heap fields, loader list",
		Long:    "Of a WOW64 process there are two, the 32-bit one first.",
		Example: lines("heapdump peb app.dmp", "heapdump peb --format csv --table variables app.dmp", "heapdump peb --style windbg app.dmp"),
		Args:    onlyADump,
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := a.dumpFile(args)
			if err != nil {
				return err
			}
			return a.show(cmd.Context(), path, result{
				make: func(_ context.Context, t *target.Target) (*report.Document, error) {
					return report.PEBs(t, environ.Take(t)), nil
				},
				debug: func(_ context.Context, w io.Writer, t *target.Target) error {
					for _, p := range environ.Take(t).PEBs {
						write := func() error { return windbg.WritePEB(w, windbgPEB(p)) }
						if !p.HasHead || !p.HasParameters || !p.HasLoader || !p.Loader.HasHeads || !p.Loader.HasInitialized {
							write = func() error { return windbg.WriteNotHeld(w, "PEB", uint64(p.Address)) }
						}
						if err := write(); err != nil {
							return err
						}
					}
					return nil
				},
			})
		},
	}, groupAround, "")
}

func windbgPEB(p environ.PEB) windbg.PEB {
	esc := render.Escape
	out := windbg.PEB{Bits: p.Bits, Address: uint64(p.Address), Inherited: p.Head.Inherited, ReadOptions: p.Head.ReadOptions, Debugged: p.Head.Debugged,
		ImageBase: uint64(p.ImageBaseAddress), Ldr: uint64(p.Ldr), Initialized: p.Loader.Initialized,
		SubSystemData: uint64(p.Head.SubSystem), ProcessHeap: uint64(p.ProcessHeap), ProcessParameters: uint64(p.ProcessParameters),
		WindowTitle: esc(p.Parameters.WindowTitle), ImageFile: esc(p.Parameters.ImagePath), CommandLine: esc(p.Parameters.CommandLine),
		DLLPath: esc(p.Parameters.DLLPath), EnvironmentAt: uint64(p.Parameters.EnvironmentAt)}
	l := p.Loader
	out.InInit, out.InLoad, out.InMemory = [2]uint64{uint64(l.InInit.Flink), uint64(l.InInit.Blink)},
		[2]uint64{uint64(l.InLoad.Flink), uint64(l.InLoad.Blink)}, [2]uint64{uint64(l.InMemory.Flink), uint64(l.InMemory.Blink)}
	for _, e := range l.Entries {
		out.Modules = append(out.Modules, windbg.PEBModule{Base: uint64(e.Base), Time: e.Time, Path: esc(e.Path)})
	}
	for _, v := range p.Parameters.Environment {
		out.Environment = append(out.Environment, esc(v))
	}
	return out
}

// teb is heapdump teb.
func (a *app) teb() *cobra.Command {
	return a.command(&cobra.Command{
		Use:     "teb [TID|ADDR] [DUMP]",
		Short:   "Thread environment blocks: stack, last error, fibers, TLS; of one thread or of all",
		Long:    "TID is a thread's ID in decimal or with 0x, ADDR the address of its TEB. Of a WOW64 thread both TEBs are shown.",
		Example: lines("heapdump teb app.dmp", "heapdump teb 0x1b34 app.dmp", "heapdump teb 0x2cd000 --style windbg app.dmp"),
		Args:    upTo(2, "[TID|ADDR] [DUMP]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			which, args := selector(args)
			path, err := a.dumpFile(args)
			if err != nil {
				return err
			}
			return a.show(cmd.Context(), path, result{
				make: func(_ context.Context, t *target.Target) (*report.Document, error) {
					chosen, err := chooseThreads(t, which)
					if err != nil {
						return nil, err
					}
					return report.TEBs(t, chosen), nil
				},
				debug: func(_ context.Context, w io.Writer, t *target.Target) error {
					chosen, err := chooseThreads(t, which)
					for i := 0; err == nil && i < len(chosen); i++ {
						err = windbgTEB(w, chosen[i])
					}
					return err
				},
			})
		},
	}, groupAround, "")
}

// chooseThreads returns the threads that a TID or the address of a TEB names,
// all for none.
func chooseThreads(t *target.Target, which string) ([]threads.Thread, error) {
	all := threads.Take(t).Threads
	if which == "" {
		return all, nil
	}
	n, err := strconv.ParseUint(strings.ReplaceAll(which, "`", ""), 0, 64)
	if err != nil {
		at, err := ParseAddr(which, false)
		if err != nil {
			return nil, &failure{exitUsage, fmt.Errorf("%q is no thread and no address; write a thread's ID as 6708 or 0x1a34, or the address of a TEB", which)}
		}
		n = uint64(at)
	}
	var out []threads.Thread
	for _, x := range all {
		if uint64(x.ID) == n || uint64(x.Thread.TEB) == n || x.TEB32 != nil && uint64(x.TEB32.Address) == n {
			out = append(out, x)
		}
	}
	if len(out) == 0 {
		return nil, &failure{exitUsage, fmt.Errorf("no thread has the ID or the TEB %s; `heapdump threads` lists them", which)}
	}
	return out, nil
}

// windbgTEB prints !teb; a TEB that is not whole has no such form, in which
// what is missing would be zeros.
func windbgTEB(w io.Writer, x threads.Thread) error {
	b := x.TEB
	if b == nil || !b.Whole() {
		return windbg.WriteNotHeld(w, "TEB", uint64(x.Thread.TEB))
	}
	return windbg.WriteTEB(w, windbg.TEB{Bits: b.Bits, Address: uint64(b.Address), ExceptionList: uint64(b.ExceptionList), StackBase: uint64(b.StackBase),
		StackLimit: uint64(b.StackLimit), SubSystemTib: uint64(b.SubSystemTib), FiberData: uint64(b.FiberData), Arbitrary: uint64(b.ArbitraryPointer),
		Self: uint64(b.Self), Environment: uint64(b.EnvironmentPointer), Process: b.ProcessID, Thread: b.ThreadID, RealProcess: b.RealProcessID,
		RealThread: b.RealThreadID, RPC: uint64(b.RPCHandle), TLS: uint64(b.TLSPointer), PEB: uint64(b.PEB), LastError: b.LastError,
		LastStatus: b.LastStatus, Locks: b.OwnedLocks, HardErrors: b.HardErrorMode})
}
