package stackdb

import (
	"encoding/binary"
	"fmt"

	"github.com/heapdump/heapdump/pkg/memory"
)

// Trace decodes what stands at p: an RTL_TRACE_BLOCK if it has the magic of
// one, else an RTL_STACK_TRACE_ENTRY. Page heap's StackTrace pointers lead to
// either. The error is ErrNoTrace, or a *memory.MissingError below where the
// dump lacks the structure.
func (r Reader) Trace(p memory.Addr) (Trace, error) {
	if p == 0 {
		return Trace{}, fmt.Errorf("%w: the pointer is null", ErrNoTrace)
	}
	head, err := r.Memory.View(p, r.head())
	if err != nil {
		return Trace{}, fmt.Errorf("stack trace at %v: %w", p, err)
	}
	if binary.LittleEndian.Uint32(head) == traceMagic {
		return r.block(p)
	}
	return r.entry(p, head, false)
}

// ptr returns the size of a pointer in bytes.
func (r Reader) ptr() uint64 {
	if r.Bits == 32 {
		return 4
	}
	return 8
}

// head returns the bytes of an RTL_STACK_TRACE_ENTRY before its BackTrace:
//
//	0       HashChain
//	4/8     TraceCount: 11 bits, and BlockDepth 5 (XP: 32 bits)
//	6/a     IndexHigh (Vista and later)
//	8/c     Index
//	a/e     Depth
//	c/10    BackTrace
func (r Reader) head() uint64 { return r.ptr() + 8 }

// entry decodes an RTL_STACK_TRACE_ENTRY. byIndex says that its Index was
// found to be an index, so that it cannot be the depth.
func (r Reader) entry(p memory.Addr, head []byte, byIndex bool) (Trace, error) {
	tail := head[r.ptr():]
	t := Trace{At: p, Shape: Entry, BackTrace: p.Add(r.head())}
	t.Count = binary.LittleEndian.Uint32(tail)
	high, low, depth := uint32(0), binary.LittleEndian.Uint16(tail[4:]), binary.LittleEndian.Uint16(tail[6:])
	if !r.Old {
		t.Count &= 0x7ff
		high = uint32(binary.LittleEndian.Uint16(tail[2:]))
	}
	t.Index = high<<16 | uint32(low)
	if byIndex {
		low = 0
	}
	most := max(low, depth)
	if low > MaxFrames {
		most = depth
	}
	if depth > MaxFrames {
		most = min(low, MaxFrames+1)
	}
	if most == 0 || most > MaxFrames {
		return Trace{}, fmt.Errorf("%v: %w: a depth of %d", p, ErrNoTrace, depth)
	}
	all := r.frames(t.BackTrace, MaxFrames)
	run := r.run(all)
	n, from, ok := r.depth(low, depth, run, len(all))
	if !ok {
		if len(all) < int(most) {
			return Trace{}, fmt.Errorf("stack trace at %v: %w", p, r.missing(t.BackTrace.Add(uint64(len(all))*r.ptr())))
		}
		return Trace{}, fmt.Errorf("%v: %w: %d addresses of code, where Depth is %d and Index %d", p, ErrNoTrace, run, depth, low)
	}
	t.Frames, t.Depth = all[:n:n], from
	if from == IndexField {
		t.Index = 0
	}
	return t, nil
}

// depth decides between the two fields. run is how many addresses of code
// stand in the BackTrace from its start, have how many words the dump has of
// it. A depth is valid if so many frames are code; it is exact if no more
// are. The Index field is taken if it alone is valid, and is exact, or the
// Depth field is no depth at all; or if both are valid and it alone is exact.
func (r Reader) depth(index, depth uint16, run, have int) (int, DepthFrom, bool) {
	if r.Code == nil {
		return int(depth), DepthField, depth >= 1 && int(depth) <= min(have, MaxFrames)
	}
	valid := func(n uint16) bool { return n >= 1 && int(n) <= run }
	d, i := valid(depth), valid(index)
	switch {
	case d && i && int(index) == run && int(depth) != run:
		return int(index), IndexField, true
	case d:
		return int(depth), DepthField, true
	case i && (int(index) == run || depth == 0 || depth > MaxFrames):
		return int(index), IndexField, true
	}
	return 0, 0, false
}

// frames returns up to n words at a, as far as the dump has them.
func (r Reader) frames(a memory.Addr, n int) []memory.Addr {
	p := r.ptr()
	b, err := r.Memory.View(a, uint64(n)*p)
	if err != nil {
		b = nil
		for i := range n {
			one, err := r.Memory.View(a.Add(uint64(i)*p), p)
			if err != nil {
				break
			}
			b = append(b, one...)
		}
	}
	out := make([]memory.Addr, 0, len(b)/int(p))
	for ; len(b) >= int(p); b = b[p:] {
		if p == 4 {
			out = append(out, memory.Addr(binary.LittleEndian.Uint32(b)))
		} else {
			out = append(out, memory.Addr(binary.LittleEndian.Uint64(b)))
		}
	}
	return out
}

// run returns how many of the frames, from the first on, are code.
func (r Reader) run(frames []memory.Addr) int {
	for i, f := range frames {
		if f == 0 || r.Code != nil && !r.Code(f) {
			return i
		}
	}
	return len(frames)
}

// missing returns the error of reading at a.
func (r Reader) missing(a memory.Addr) error {
	_, err := r.Memory.View(a, r.ptr())
	if err == nil {
		return ErrNoTrace
	}
	return err
}
