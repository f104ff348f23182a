package cli

import (
	"fmt"
	"io"

	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/render/windbg"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/internal/unwind"
)

// debugStacks prints stacks as k does, those of several threads as ~*k does.
// What the debugger's form has no place for, why a stack ends early, goes to
// stderr.
func (a *app) debugStacks(w io.Writer, t *target.Target, list []report.ThreadStacks, all int) error {
	pid := uint32(0)
	if m, err := t.File.MiscInfo(); err == nil {
		pid = m.ProcessID
	}
	for i, th := range list {
		if all > 1 && len(list) > 1 {
			fmt.Fprintln(w)
			err := windbg.WriteThread(w, windbg.Thread{Bits: t.File.Arch().Bits(), Number: i, Crashed: th.Crashed, Current: th.Crashed, Process: pid, ID: th.ID,
				Suspended: th.SuspendCount, TEB: uint64(th.Thread.Thread.TEB), Name: render.Escape(th.Name)})
			if err != nil {
				return err
			}
		}
		for _, s := range th.Stacks {
			if err := windbg.WriteStack(w, windbg.ThreadStack{Bits: s.Bits, Frames: debugFrames(s)}); err != nil {
				return err
			}
			if s.End != unwind.Start {
				a.note("thread %#x, %d bits: the stack ends early: %s", th.ID, s.Bits, s.Why)
			}
		}
	}
	for _, n := range symbols.Of(t).Notes() {
		a.note("%s", n)
	}
	return nil
}

// debugFrames are the frames of a stack as the debugger writes them.
func debugFrames(s unwind.Stack) []windbg.StackFrame {
	out := make([]windbg.StackFrame, len(s.Frames))
	for i, f := range s.Frames {
		x := windbg.StackFrame{Base: uint64(f.SP), Return: uint64(f.Return), Place: f.Name.String(), Guessed: f.How == unwind.Scan}
		if s.Bits == 32 {
			x.Base = uint64(f.Base)
		}
		x.Unknown = f.Return == 0 && s.End != unwind.Start
		if x.Place == "" {
			x.Place = fmt.Sprintf("%#x", uint64(f.IP))
		}
		if f.Name.Line != 0 {
			x.Source = fmt.Sprintf("%s @ %d", f.Name.File, f.Name.Line)
		}
		x.Place, x.Source = render.Escape(x.Place), render.Escape(x.Source)
		out[i] = x
	}
	return out
}
