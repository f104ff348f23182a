package process

import (
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Thread is what of a thread leads to the PEB.
type Thread struct {
	ID  uint32
	TEB memory.Addr
}

// Source is what the searches of this package work on.
type Source struct {
	Space   *memory.Space
	Threads []Thread
	Bits    int // pointer size of the dumping system by SystemInfo, 32 or 64: that of the TEBs; 0 when not known
}

// PEBs returns the process environment blocks: the native one and, under
// WOW64, the 32-bit one, which comes first since it is the program's own.
func PEBs(s Source, sink diag.Sink) []PEB {
	r := pebReader{Source: s, sink: sink, seen: map[memory.Addr]bool{}}
	for _, t := range s.Threads {
		r.thread(t)
	}
	if len(r.out) == 0 {
		why := "no thread's TEB is in the dump"
		switch {
		case len(s.Threads) == 0:
			why = "the dump has no threads"
		case len(r.seen) > 0:
			why = "the dump holds none of the PEBs that its threads lead to"
		case r.wrong:
			why = "no thread's TEB is sound"
		}
		sink.Put(diag.Problem{Code: CodePEBMissing, Class: diag.Incomplete, Object: "_PEB", Got: why})
	}
	return r.out
}

// pebReader collects the PEBs that the threads lead to.
type pebReader struct {
	Source
	sink  diag.Sink
	seen  map[memory.Addr]bool
	out   []PEB
	bits  int  // of the TEBs of the thread that is read
	extra int  // PEBs beyond the first of each width
	wrong bool // a TEB contradicted itself
}

// thread follows one thread's TEBs.
func (r *pebReader) thread(t Thread) {
	if t.TEB == 0 {
		return
	}
	bits, ok := r.width(t)
	if !ok {
		return
	}
	if r.bits = bits; bits == 64 {
		if teb32 := r.wowTEB(t.TEB); teb32 != 0 {
			if peb, err := r.Space.Pointer(teb32+0x30, 32); err == nil {
				r.add(peb, 32, fmt.Sprintf("32-bit TEB %v of thread %#x", teb32, t.ID))
			}
		}
	}
	_, off := tebFields(bits)
	if peb, err := r.Space.Pointer(t.TEB+off, bits); err == nil {
		r.add(peb, bits, fmt.Sprintf("TEB %v of thread %#x", t.TEB, t.ID))
	}
}

// maxExtra is how many PEBs are read beyond one of each width. A process has
// no more; but one TEB that leads astray must not hide what the others say.
const maxExtra = 2

// add reads the PEB at an address that a TEB names. Wine keeps 32-bit TEBs and
// an empty 32-bit PEB beside those of 64-bit programs; it is none.
func (r *pebReader) add(at memory.Addr, bits int, via string) {
	if at == 0 || r.seen[at] {
		return
	}
	r.seen[at] = true
	p, ok := r.readPEB(at, bits)
	if !ok {
		got := fmt.Sprintf("byte %v of it is missing (%v)", at.Add(p.Bytes), r.Space.Why(at.Add(p.Bytes)))
		r.sink.Put(diag.Problem{Code: CodePEBMissing, Class: diag.Incomplete, At: diag.At(at), Object: "_PEB", Got: got})
		return
	}
	if p.Bits < r.bits && p.ImageBaseAddress == 0 && p.Ldr == 0 && p.ProcessHeap == 0 {
		return
	}
	for _, o := range r.out {
		if o.Bits == bits {
			r.sink.Put(diag.Problem{Code: CodeTEB, Class: diag.Corrupt, At: diag.At(at), Object: "_TEB", Field: "ProcessEnvironmentBlock",
				Want: fmt.Sprintf("%v, as in another thread", o.Address), Got: fmt.Sprintf("%v by the %s", at, via)})
			if r.extra++; r.extra > maxExtra {
				return
			}
			break
		}
	}
	p.Via = via
	r.out = append(r.out, p)
}

// tebFields returns where NtTib.Self and ProcessEnvironmentBlock stand.
func tebFields(bits int) (self, peb memory.Addr) {
	if bits == 64 {
		return 0x30, 0x60
	}
	return 0x18, 0x30
}

// width returns the pointer size of a thread's TEB: the one under which its
// Self pointer proves it to be one. That is SystemInfo's, or, when SystemInfo
// is not there or lies, the other.
func (r *pebReader) width(t Thread) (int, bool) {
	var wrong *diag.Problem
	for _, bits := range [...]int{max(r.Bits, 32), 96 - max(r.Bits, 32)} {
		off, _ := tebFields(bits)
		got, err := r.Space.Pointer(t.TEB+off, bits)
		switch {
		case err == nil && got == t.TEB && wrong != nil:
			wrong.Want, wrong.Got = fmt.Sprintf("a %d-bit TEB by SystemInfo", r.Bits), fmt.Sprintf("a %d-bit one", bits)
			r.sink.Put(*wrong)
			return bits, true
		case err == nil && got == t.TEB:
			return bits, true
		case err == nil && bits == r.Bits:
			wrong = &diag.Problem{Code: CodeTEB, Class: diag.Corrupt, At: diag.At(t.TEB + off), Object: "_TEB", Field: "NtTib.Self",
				Want: fmt.Sprintf("%v", t.TEB), Got: fmt.Sprintf("%v", got)}
		}
	}
	if wrong != nil {
		r.wrong = true
		r.sink.Put(*wrong)
	}
	return 0, false
}

// wowTEB returns the 32-bit TEB of a WOW64 thread, 0 when it is none. The
// first field of the 64-bit one points at it; it lies 0x2000 further, or
// where WowTebOffset says (Windows 10 and later). Confirmed on dumps of
// Windows 7 and 10; its own Self pointer has to agree.
func (s Source) wowTEB(teb memory.Addr) memory.Addr {
	candidates := make([]memory.Addr, 0, 3)
	if at, err := s.Space.Pointer(teb, 64); err == nil {
		candidates = append(candidates, at)
	}
	if off, err := s.Space.U32(teb + 0x180c); err == nil {
		candidates = append(candidates, teb.Add(uint64(int64(int32(off)))))
	}
	for _, at := range append(candidates, teb+0x2000) {
		if at == 0 || at == teb || at > 0xffffffff {
			continue
		}
		if self, err := s.Space.Pointer(at+0x18, 32); err == nil && self == at {
			return at
		}
	}
	return 0
}
