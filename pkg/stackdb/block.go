package stackdb

import (
	"encoding/binary"
	"fmt"

	"github.com/heapdump/heapdump/pkg/memory"
)

// traceMagic is RTL_TRACE_BLOCK.Magic (one secondary source; public symbols
// have the layout).
const traceMagic = 0xabcdaaaa

// maxBlockFrames is the most frames that are believed of an RTL_TRACE_BLOCK.
// What Windows captures at once is limited to 32 or 64, by version.
const maxBlockFrames = 64

// block decodes an RTL_TRACE_BLOCK:
//
//	0      Magic
//	4      Count
//	8      Size: the number of frames
//	1c/30  Trace: points at the frames
func (r Reader) block(p memory.Addr) (Trace, error) {
	at, n := uint64(0x1c), uint64(0x20)
	if r.Bits != 32 {
		at, n = 0x30, 0x38
	}
	b, err := r.Memory.View(p, n)
	if err != nil {
		return Trace{}, fmt.Errorf("RTL_TRACE_BLOCK at %v: %w", p, err)
	}
	size := binary.LittleEndian.Uint32(b[8:])
	if size == 0 || size > maxBlockFrames {
		return Trace{}, fmt.Errorf("RTL_TRACE_BLOCK at %v: %w: a depth of %d", p, ErrNoTrace, size)
	}
	t := Trace{At: p, Shape: Block, Depth: SizeField, Count: binary.LittleEndian.Uint32(b[4:])}
	t.BackTrace = memory.Addr(binary.LittleEndian.Uint32(b[at:]))
	if r.Bits != 32 {
		t.BackTrace = memory.Addr(binary.LittleEndian.Uint64(b[at:]))
	}
	t.Frames = r.frames(t.BackTrace, int(size))
	if len(t.Frames) < int(size) {
		return Trace{}, fmt.Errorf("RTL_TRACE_BLOCK at %v: its frames at %v: %w", p, t.BackTrace,
			r.missing(t.BackTrace.Add(uint64(len(t.Frames))*r.ptr())))
	}
	if run := r.run(t.Frames); run < int(size) {
		return Trace{}, fmt.Errorf("RTL_TRACE_BLOCK at %v: %w: frame %d of %d is %v, which is no code", p, ErrNoTrace, run, size, t.Frames[run])
	}
	return t, nil
}
