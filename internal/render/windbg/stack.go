package windbg

import (
	"fmt"
	"io"
	"strings"
)

// ThreadStack is a thread's stack as k prints it.
type ThreadStack struct {
	Bits   int
	Frames []StackFrame
}

// StackFrame is a line of k.
type StackFrame struct {
	Base    uint64 // x64: the stack pointer; x86: 4 below the return address; 0 when not known
	Return  uint64 // 0 at the thread's start
	Unknown bool   // Return is not known
	Place   string // module!function+0x1a, or what else is known
	Source  string // C:\src\a.cpp @ 12; empty when not known
	Guessed bool   // the frame was found by a search of the stack
}

// guessed is what the debugger says before frames that it found without data
// to go by.
const guessed = "WARNING: Stack unwind information not available. Following frames may be wrong."

// WriteStack writes the form of k of Windows 10's debugger, with frame numbers.
// A value that is not known is question marks, as the debugger has them for
// memory that it cannot read.
func WriteStack(w io.Writer, s ThreadStack) error {
	p := &printer{w: w}
	if s.Bits == 64 {
		p.line(" # Child-SP          RetAddr           Call Site")
	} else {
		p.line(" # ChildEBP RetAddr  ")
	}
	unknown := strings.Repeat("?", 8)
	if s.Bits == 64 {
		unknown += "`" + unknown
	}
	value := func(n uint64, known bool) string {
		if !known {
			return unknown
		}
		return ticked(n, s.Bits)
	}
	warned := false
	for i, f := range s.Frames {
		if f.Guessed && !warned {
			p.line(guessed)
			warned = true
		}
		line := fmt.Sprintf("%02x %s %s %s", i, value(f.Base, f.Base != 0), value(f.Return, !f.Unknown), f.Place)
		if f.Source != "" {
			line += " [" + f.Source + "]"
		}
		p.line(line)
	}
	return p.err
}

// Thread is a thread as ~ prints it.
type Thread struct {
	Bits             int
	Number           int
	Crashed, Current bool
	Process, ID      uint32
	Suspended        uint32
	TEB              uint64
	Name             string
}

// WriteThread writes a line of ~, which stands before each stack of ~*k.
func WriteThread(w io.Writer, t Thread) error {
	p := &printer{w: w}
	mark := " "
	switch {
	case t.Current:
		mark = "."
	case t.Crashed:
		mark = "#"
	}
	line := fmt.Sprintf("%s%3d  Id: %x.%x Suspend: %d Teb: %s Unfrozen", mark, t.Number, t.Process, t.ID, t.Suspended, ticked(t.TEB, t.Bits))
	if t.Name != "" {
		line += ` "` + t.Name + `"`
	}
	p.line(line)
	return p.err
}
