package unwind

import (
	"errors"
	"fmt"

	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
	"github.com/heapdump/heapdump/pkg/process"
)

const (
	// maxFrames bounds the frames of one stack: a stack of 64 MiB that
	// overflowed with frames of 64 bytes.
	maxFrames = 1 << 20
	// maxStack is how far above the stack pointer a stack may reach when
	// nothing tells its bounds, in bytes: Windows' default is 1 MiB.
	maxStack = 1 << 20
)

// stop is why a stack ends.
type stop struct {
	end End
	why string
}

func stopf(end End, format string, args ...any) *stop {
	return &stop{end, fmt.Sprintf(format, args...)}
}

// missing says what the bytes that the dump lacks would have been.
func missing(what string, err error) *stop {
	var m *memory.MissingError
	if errors.As(err, &m) {
		return stopf(Missing, "%s: byte %v is not in the dump (%v)", what, m.At, m.Why)
	}
	return stopf(Missing, "%s: %v", what, err)
}

// step is what a cpu found of the frame above.
type step struct {
	how   How
	exact bool // its instruction pointer is no return address (a machine frame)
}

// cpu is the registers of a frame.
type cpu interface {
	bits() int
	at() (ip, sp memory.Addr)
	// up moves to the frame above; prev is how this one was found.
	up(w *walk, prev step) (step, *stop)
}

// walk is a stack while it is read.
type walk struct {
	*Unwinder
	limits memory.Range
	width  memory.Addr // bytes of a word
}

// walk reads one stack.
func (u *Unwinder) walk(th minidump.Thread, from Source, c cpu, blocks []process.ThreadBlock) Stack {
	_, sp := c.at()
	w := &walk{u, u.limits(th, sp, c.bits(), blocks), memory.Addr(c.bits() / 8)}
	s := Stack{Thread: th.ID, Bits: c.bits(), From: from, Limits: w.limits}
	end := w.frames(&s, c)
	s.End, s.Why = end.end, end.why
	return s
}

// limits are the bounds of the stack that sp is on: by the TEB of its width,
// by the list of regions, by the thread list, or for want of all a part of
// what lies above.
func (u *Unwinder) limits(th minidump.Thread, sp memory.Addr, bits int, blocks []process.ThreadBlock) memory.Range {
	for _, b := range blocks {
		low := b.StackLimit
		if b.DeallocationStack != 0 && b.DeallocationStack < low {
			low = b.DeallocationStack
		}
		if r := (memory.Range{Start: low, End: b.StackBase}); b.Bits == bits && r.Contains(sp) {
			return r
		}
	}
	if u.space.RegionsKnown() {
		if r, ok := u.space.Region(sp); ok && r.State == memory.MemCommit {
			return r.Range
		}
	}
	if th.Stack.Contains(sp) {
		return th.Stack.Range
	}
	return sp.Span(maxStack)
}

// frames adds the frames to the stack until it ends.
func (w *walk) frames(s *Stack, c cpu) *stop {
	found := step{Context, true}
	for {
		ip, sp := c.at()
		f := Frame{IP: ip, SP: sp, How: found.how, Exact: found.exact}
		if f.Name = w.names.Find(ip); !f.Exact {
			f.Name, f.Call = w.names.Return(ip), w.callBefore(ip, c.bits()).Call
		}
		s.Frames = append(s.Frames, f)
		if len(s.Frames) >= maxFrames {
			return stopf(TooMany, "more than %d frames", maxFrames)
		}
		next, end := c.up(w, found)
		if end != nil {
			return end
		}
		up, above := c.at()
		if x, ok := c.(*cpu32); ok && x.slot != 0 {
			s.Frames[len(s.Frames)-1].Base = x.slot - 4
		}
		if up == 0 {
			return stopf(Start, "the thread began here")
		}
		s.Frames[len(s.Frames)-1].Return = up
		switch {
		case above <= sp:
			return stopf(Loop, "the stack pointer would go from %v to %v, not up", sp, above)
		case above > w.limits.End || above < w.limits.Start:
			return stopf(Bounds, "the stack pointer %v of the next frame is outside the stack %v", above, w.limits)
		case !w.code(up):
			return stopf(NotCode, "the return address %v is not in executable memory", up)
		}
		found = next
	}
}

// word reads a word of the stack.
func (w *walk) word(a memory.Addr) (uint64, *stop) {
	if a < w.limits.Start || a >= w.limits.End || w.limits.End.Sub(a) < uint64(w.width) {
		return 0, stopf(Bounds, "%v is outside the stack %v", a, w.limits)
	}
	v, err := w.space.Pointer(a, int(w.width)*8)
	if err != nil {
		return 0, missing("the stack", err)
	}
	return uint64(v), nil
}
