package minidump

import (
	"encoding/binary"
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Exception is the Exception stream: what stopped the process, and where.
type Exception struct {
	ThreadID   uint32
	Code       uint32 // NTSTATUS, for example 0xc0000005
	Flags      uint32 // 1: not continuable
	Record     uint64 // address of a nested EXCEPTION_RECORD, 0 for none
	Address    memory.Addr
	Parameters []uint64 // at most 15
	Context    Context  // at the exception; the thread's own context is the handler's
}

// Exception reads the Exception stream. The error is [ErrNoStream] when the
// dump has none, and another when it is too short to be read; an odd number of
// parameters or context is a problem.
func (f *File) Exception(sink diag.Sink) (Exception, error) {
	p, ok := f.open(ExceptionStream, sink)
	if !ok {
		return Exception{}, fmt.Errorf("Exception: %w", ErrNoStream)
	}
	b := p.data
	if len(b) < 40 {
		return Exception{}, fmt.Errorf("Exception: %d bytes at file offset %#x, 168 are needed", len(b), p.off)
	}
	le := binary.LittleEndian
	e := Exception{
		ThreadID: le.Uint32(b), Code: le.Uint32(b[8:]), Flags: le.Uint32(b[12:]),
		Record: le.Uint64(b[16:]), Address: memory.Addr(le.Uint64(b[24:])),
		Context: Context{Arch: UnknownArch},
	}
	n := uint64(le.Uint32(b[32:]))
	if n > 15 {
		p.report(CodeStreamCount, 32, "NumberParameters", "at most 15", fmt.Sprint(n), 0)
		n = 15
	}
	for i := range min(n, uint64(len(b)-40)/8) {
		e.Parameters = append(e.Parameters, le.Uint64(b[40+8*i:]))
	}
	if len(b) >= 168 {
		e.Context = f.context(loc(b[160:]), "MINIDUMP_EXCEPTION_STREAM", sink)
	}
	return e, nil
}
