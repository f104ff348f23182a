package check

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// Detected is a corruption that ntdll detected itself.
type Detected struct {
	Exception bool            // STATUS_HEAP_CORRUPTION stopped the process
	Thread    uint32          // that the exception stopped
	Record    memory.Addr     // where ntdll's record of it should be: the exception's parameter; 0 without
	Why       string          // why Failure is nil
	Failure   *ntheap.Failure // nil when the dump has not got the record
	Frames    []stacks.Frame  // of the detection
}

// detected finds what ntdll recorded: where the exception points, and in
// ntdll's data, whichever of them the dump has.
func (c *checker) detected(s *stacks.Stacks) {
	e, err := c.t.File.Exception(nil)
	raised := err == nil && e.Code == ntheap.StatusHeapCorruption
	c.modules = c.t.Modules()
	var at memory.Addr
	if raised {
		d := c.raised(s, e.ThreadID, e.Parameters)
		at, c.out.Detected = d.Record, append(c.out.Detected, d)
	}
	for _, f := range c.records(c.modules) {
		if f.At != at {
			c.out.Detected = append(c.out.Detected, Detected{Record: f.At, Failure: &f, Frames: s.Frames(f.Stack)})
		}
	}
	for _, d := range c.out.Detected {
		c.found(d.finding(e.Address))
	}
}

// OfException decodes the corruption that ntdll reported by the dump's
// exception; false when that is another one, or there is none.
func OfException(t *target.Target) (Detected, bool) {
	e, err := t.File.Exception(nil)
	if err != nil || e.Code != ntheap.StatusHeapCorruption {
		return Detected{}, false
	}
	c := &checker{t: t, modules: t.Modules()}
	return c.raised(stacks.New(t), e.ThreadID, e.Parameters), true
}

// raised decodes the exception that a thread raised of a corruption.
func (c *checker) raised(s *stacks.Stacks, thread uint32, parameters []uint64) Detected {
	d := Detected{Exception: true, Thread: thread}
	if len(parameters) > 0 {
		d.Record = memory.Addr(parameters[0])
	}
	f, err := c.failure(d.Record, bitsAt(c.t, c.modules, d.Record))
	if err != nil {
		d.Why = fmt.Sprintf("the exception's parameter %v leads to %v", d.Record, err)
	} else {
		d.Failure, d.Frames = &f, s.Frames(f.Stack)
	}
	return d
}

// finding makes a finding of it, at the block if the record names one.
func (d *Detected) finding(raised memory.Addr) Finding {
	x := Finding{Problem: diag.Problem{Code: ntheap.CodeFailure, Class: diag.Corrupt, Object: "_HEAP_FAILURE_INFORMATION"}}
	if d.Failure == nil {
		x.At, x.Object = diag.At(raised), "EXCEPTION_RECORD"
		x.Got = "STATUS_HEAP_CORRUPTION; " + d.Why
		return x
	}
	f := d.Failure
	x.At, x.Heap, x.Field = diag.At(f.At), f.Heap, "FailureType"
	if f.Address != 0 {
		x.At = diag.At(f.Address)
	}
	x.Got = f.Type.String()
	if says := f.Type.Says(); says != "" {
		x.Got += ": " + says
	}
	switch f.Type {
	case ntheap.FailureBufferOverrun:
		x.Story = storyOwn
	case ntheap.FailureBufferUnderrun:
		x.Story = storyUnder
	case ntheap.FailureUseAfterFree:
		x.Story = storyFreed
	}
	if x.Story != "" {
		x.Evidence = fmt.Sprintf("it is ntdll's own verdict, recorded at %v", f.At)
	}
	return x
}

// twice recognises a double free: ntdll refused a block as it is free, and
// free it is, with a sound header.
func twice(f *Finding) bool {
	refused := strings.HasPrefix(f.Got, ntheap.FailureBlockNotBusy.String()) || strings.HasPrefix(f.Got, ntheap.FailureLFHDoubleFree.String())
	if f.Code != ntheap.CodeFailure || !refused {
		return false
	}
	for _, n := range f.Around {
		if n.Which == "block" && n.State == heap.Free && n.Trust == heap.Sound {
			f.Story = storyTwice
			f.Evidence = fmt.Sprintf("ntdll refused an operation on the block at %v because it is free, and its header, which is sound, says so: it was freed again, or used as if it were not freed", n.Addr)
			return true
		}
	}
	return false
}

// failure reads the record at a.
func (c *checker) failure(a memory.Addr, bits int) (ntheap.Failure, error) {
	return ntheap.ReadFailure(c.t.Space, a, bits, c.code)
}

// records looks for records in the writable data of every ntdll. What stands
// there of no failure has no heap; what merely looks like a record has no
// stack of return addresses.
func (c *checker) records(modules []target.Module) []ntheap.Failure {
	known := map[memory.Addr]bool{}
	for _, h := range c.t.Heaps {
		known[h.Address] = !h.Foreign
	}
	var out []ntheap.Failure
	for _, m := range modules {
		if m.Image == nil || !strings.EqualFold(stacks.Base(m.Name), "ntdll.dll") {
			continue
		}
		for _, x := range m.Image.Sections {
			if !x.Writable() {
				continue
			}
			for run := range c.t.Space.Runs(x.Range) {
				out = append(out, c.recordsIn(run, m.Image.Bits, known)...)
			}
		}
	}
	return out
}

// maxRecords is how many records are taken from one run of memory: ntdll has
// one, or in Windows 10 one more that its globals point to.
const maxRecords = 4

func (c *checker) recordsIn(run memory.Run, bits int, known map[memory.Addr]bool) []ntheap.Failure {
	ptr := bits / 8
	at := (12 + ptr - 1) / ptr * ptr // of HeapAddress
	le := binary.LittleEndian
	var out []ntheap.Failure
	skip := int(-uint64(run.Start) & uint64(ptr-1))
	for off := skip; off+at+ptr <= len(run.Bytes) && len(out) < maxRecords; off += ptr {
		b := run.Bytes[off:]
		if size := le.Uint32(b[4:]); size == 0 || size > memory.PageSize {
			continue
		}
		h := memory.Addr(le.Uint32(b[at:]))
		if ptr == 8 {
			h = memory.Addr(le.Uint64(b[at:]))
		}
		if !known[h] {
			continue
		}
		if f, err := c.failure(run.Start.Add(uint64(off)), bits); err == nil && f.Address != 0 {
			out = append(out, f)
		}
	}
	return out
}

// code reports whether an address lies in code of a module. A module whose
// headers the dump lacks may have code anywhere.
func (c *checker) code(a memory.Addr) bool {
	for i := range c.modules {
		m := &c.modules[i]
		if !m.Contains(a) {
			continue
		}
		if m.Image == nil {
			return true
		}
		s, ok := m.Image.Section(a)
		return ok && s.Executable()
	}
	return false
}

// bitsAt is the pointer size of the module at an address; that of the process
// when it is in none.
func bitsAt(t *target.Target, modules []target.Module, a memory.Addr) int {
	for _, m := range modules {
		if m.Contains(a) && m.Image != nil {
			return m.Image.Bits
		}
	}
	return t.File.Arch().Bits()
}
