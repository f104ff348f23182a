// Package roles says who a heap belongs to, with the evidence, and without
// symbols: the process heap by its PEB, heaps that Windows shares by their
// class, page heaps by their kind, and the others by the modules whose
// writable data holds the heap's handle.
package roles

import (
	"context"
	"fmt"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// Kind is what a heap is for.
type Kind uint8

// The kinds of role. Unknown is what is left: nothing in the dump says whose
// the heap is.
const (
	Unknown    Kind = iota
	Process         // PEB.ProcessHeap points at it
	CRT             // the data of a C runtime holds its handle
	Module          // the data of a module holds its handle
	CSRPort         // the view of a port to CSRSS, by its class
	Shared          // made by Windows for several processes, by its class
	Foreign         // another process's
	PageHeap        // a page heap without other role
	NormalHeap      // the NT heap behind a page heap
)

var kindNames = [...]string{"", "process", "crt", "module", "csr-port", "shared", "foreign", "page-heap", "page-heap-normal"}

// String returns the kind as JSON has it; empty when it is not known.
func (k Kind) String() string { return kindNames[k] }

// Holder is a module whose writable data holds the handle of a heap.
type Holder struct {
	Module  string // file name
	Section string // of the first word
	Offset  uint64 // of the first word, from the module's base
	At      memory.Addr
	Words   int  // how many aligned words hold it
	CRT     bool // the module is a C runtime
	System  bool // the module keeps handles of heaps that others use: ntdll, verifier
}

// Role is the role of one heap.
type Role struct {
	Kind     Kind
	Owner    string   // file name of the module whose heap it is; empty when not known
	Evidence []string // sentences without a period, the strongest first
	Holders  []Holder // the likeliest owner first
}

// Result has the role of every heap.
type Result struct {
	Modules int      // in the list
	Partly  []string // modules whose writable data is not whole in the dump, or whose headers are not in it
	roles   []Role   // by target.Heap.Position
}

// Of returns the role of a heap.
func (r *Result) Of(h *target.Heap) Role {
	if r == nil || h.Position >= len(r.roles) {
		return Role{}
	}
	return r.roles[h.Position]
}

// Take finds the roles of all heaps of a dump. The error is the context's when
// it was cancelled.
func Take(ctx context.Context, t *target.Target) (*Result, error) {
	r := &Result{roles: make([]Role, len(t.Heaps))}
	s := newScan(t)
	if err := s.run(ctx, r); err != nil {
		return nil, err
	}
	for i, h := range t.Heaps {
		role := &r.roles[i]
		role.Holders = s.ranked(h)
		r.judge(t, h, role)
	}
	for i, h := range t.Heaps { // now that the page heaps have theirs
		if h.NormalOf != 0 {
			r.normal(t, h, &r.roles[i])
		}
	}
	return r, nil
}

// judge decides by what proves most.
func (r *Result) judge(t *target.Target, h *target.Heap, role *Role) {
	say := func(format string, args ...any) { role.Evidence = append(role.Evidence, fmt.Sprintf(format, args...)) }
	switch class := class(h); {
	case h.Foreign:
		role.Kind, role.Holders = Foreign, nil
		say("its own pointers lead out of this process: CSRSS shares it")
		return
	case h.Default:
		role.Kind = Process
		say("%s points at it", pointing(t, h))
		if h.Kind == heap.NT || h.Kind == heap.Page || h.Kind == heap.Segment {
			say("so LocalAlloc, GlobalAlloc, CoTaskMemAlloc and the UCRT's malloc and operator new allocate in it")
		}
	case class == ntheap.ClassCSRPort:
		role.Kind, role.Holders = CSRPort, nil // its address is that of any small number
		say("its class is CSR port: the view of this process's port to CSRSS")
		return
	case class != ntheap.ClassProcess && class != ntheap.ClassPrivate:
		role.Kind = Shared
		say("its class is %s: made by Windows itself", h.NT.Header.Flags.Class())
	case h.NormalOf != 0:
		return // see normal
	case h.Kind == heap.Page:
		role.Kind = PageHeap
	}
	r.byModules(h, role)
	if role.Kind == Unknown && class(h) == ntheap.ClassPrivate {
		say("its class is private: HeapCreate made it")
	}
	if h.Kind == heap.Page {
		say("a page heap: _DPH_HEAP_ROOT stands behind the handle")
	}
	if debug := debugging(h); debug != "" {
		say("a debug heap: its flags have %s", debug)
	}
}

// byModules names the modules that hold the handle, and makes the first the
// owner of a heap that has none yet.
func (r *Result) byModules(h *target.Heap, role *Role) {
	say := func(format string, args ...any) { role.Evidence = append(role.Evidence, fmt.Sprintf(format, args...)) }
	owners := 0
	for _, x := range role.Holders {
		if !x.System {
			owners++
		}
	}
	if first := role.Holders; owners > 0 && (role.Kind == Unknown || role.Kind == PageHeap) {
		role.Kind, role.Owner = Module, first[0].Module
		if first[0].CRT {
			role.Kind = CRT
		}
	}
	for i, x := range role.Holders {
		if i == maxShown {
			say("so do %d more modules", len(role.Holders)-i)
			break
		}
		say("%s", x.sentence())
	}
	if owners > 0 || role.Kind == Process || role.Kind == Shared {
		return
	}
	other := ""
	if len(role.Holders) > 0 {
		other = "other "
	}
	switch {
	case r.Modules == 0:
		say("the dump has no list of modules whose data could hold its handle")
	case vague(h.Address):
		say("its address is too round a number to be looked for in the modules' data")
	case len(r.Partly) > 0:
		say("no %sdata that the dump has holds its handle; not whole in it: that of %d of %d modules (%s)", other, len(r.Partly), r.Modules, few(r.Partly))
	default:
		say("no %swritable data of the %d modules holds its handle", other, r.Modules)
	}
}

// normal gives the heap behind a page heap its role.
func (r *Result) normal(t *target.Target, h *target.Heap, role *Role) {
	role.Kind = NormalHeap
	role.Evidence = append(role.Evidence, fmt.Sprintf("the root of page heap %v names it as its normal heap", h.NormalOf))
	for _, p := range t.Heaps {
		if p.Address == h.NormalOf {
			of := r.Of(p)
			role.Owner = of.Owner
			if of.Kind == Process {
				role.Evidence = append(role.Evidence, "that page heap is the process heap")
			}
		}
	}
}

// class returns the class in the flags; that of the process when not known.
func class(h *target.Heap) ntheap.Flags {
	if h.NT == nil {
		return ntheap.ClassProcess
	}
	return h.NT.Header.Flags.ClassBits()
}

// debugging names the flags of the debug heap.
func debugging(h *target.Heap) string {
	if h.NT == nil {
		return ""
	}
	const debug = ntheap.TailChecking | ntheap.FreeChecking | ntheap.ValidateParams | ntheap.ValidateAll
	if f := h.NT.Header.Flags & debug; f != 0 {
		return f.String()
	}
	return ""
}

// pointing says which PEB points at the process heap.
func pointing(t *target.Target, h *target.Heap) string {
	for _, p := range t.PEBs {
		if p.ProcessHeap == h.Address {
			return fmt.Sprintf("ProcessHeap of the %d-bit PEB at %v", p.Bits, p.Address)
		}
	}
	return "PEB.ProcessHeap"
}
