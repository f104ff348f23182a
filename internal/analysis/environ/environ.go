// Package environ gathers what the PEBs of a process say: how it was started,
// its environment, and the modules that its loader lists.
package environ

import (
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/process"
)

// PEB is a PEB with what its pointers lead to.
type PEB struct {
	process.PEB
	Head          process.Head
	Parameters    process.Parameters
	Loader        process.Loader
	HasHead       bool // the dump holds Head
	HasParameters bool
	HasLoader     bool
}

// Result is the PEBs of a dump.
type Result struct {
	PEBs     []PEB // of a WOW64 process the 32-bit one first
	Problems []diag.Problem
	Dropped  int
}

// Take reads the PEBs that the dump holds.
func Take(t *target.Target) *Result {
	var list diag.List
	r, src := &Result{}, t.Source()
	for _, p := range t.PEBs {
		x := PEB{PEB: p}
		x.Head, x.HasHead = src.ReadHead(p)
		x.Parameters, x.HasParameters = src.ReadParameters(p)
		x.Loader, x.HasLoader = src.ReadLoader(p, list.Add)
		r.PEBs = append(r.PEBs, x)
	}
	r.Problems, r.Dropped = list.Problems, list.Dropped
	return r
}
