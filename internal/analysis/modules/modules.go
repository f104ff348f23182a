// Package modules lists the modules of a process, loaded and unloaded: their
// versions and symbol files, which of their bytes the dump has, and whether
// the process's own loader knows them.
package modules

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
	"github.com/heapdump/heapdump/pkg/peimage"
	"github.com/heapdump/heapdump/pkg/process"
)

// Listing says how the loader's lists of modules stand to a module.
type Listing uint8

// The listings.
const (
	Unknown   Listing = iota // the lists are not in the dump, or not whole, and it is in no part of them
	Listed                   // in a list
	NotListed                // in none, and all lists were read whole
)

// String returns the listing as it stands in JSON; empty for Unknown.
func (l Listing) String() string { return [...]string{"", "listed", "not listed"}[l] }

// Module is a module of the process.
type Module struct {
	memory.Range
	Name, Path string // file name and path; an unloaded module has no path
	Timestamp  uint32
	Checksum   uint32
	Version    minidump.Version
	PDB        PDB
	Unloaded   bool
	LoaderOnly bool // the loader's list has it, and the dump's list of modules does not
	Again      bool // an entry of the dump's list before it has the same base and size: the same image
	Loader     Listing
	Image      *peimage.Image // nil when its headers are not in the dump
	Why        error          // why Image is nil
	Saved      uint64         // of its bytes, how many the dump has
}

// PDB names a symbol file.
type PDB struct {
	Name   string // as the module has it, with or without a path; empty when not known
	GUID   string // in the form of Windows, without braces; empty for PDB 2
	ID     string // under which symbol servers keep it
	Age    uint32
	Source string // "module list" or "debug directory"
}

// Result is the modules of a dump.
type Result struct {
	Modules  []Module // loaded ones in the dump's order, those of the loader alone, unloaded ones
	Lists    int      // loader lists that were read whole
	Expected int      // PEBs, each of which has one
	Problems []diag.Problem
	Dropped  int
}

// Take lists the modules.
func Take(t *target.Target) *Result {
	var list diag.List
	r := &Result{Expected: len(t.PEBs)}
	t.File.Modules(list.Add) // for its problems
	known := r.loader(t, list.Add)
	used, ranges := map[memory.Addr]bool{}, map[memory.Range]bool{} // a WOW64 writer may list the program twice
	for _, m := range t.Modules() {
		x := Module{Range: m.Range, Name: stacks.Base(m.Name), Path: m.Name, Timestamp: m.Timestamp, Checksum: m.Checksum,
			Version: m.Version, Image: m.Image, Why: m.Why, Saved: saved(t.Space, m.Range), PDB: fromList(m.CodeView)}
		if x.PDB.Name == "" {
			x.PDB = fromImage(t.Space, m.Image)
		}
		_, listed := known[m.Start]
		x.Again = ranges[m.Range]
		used[m.Start], ranges[m.Range] = true, true
		switch {
		case listed:
			x.Loader = Listed
		case r.Lists > 0 && r.Lists == r.Expected:
			x.Loader = NotListed
		}
		r.Modules = append(r.Modules, x)
	}
	r.alone(t, used)
	for _, m := range t.File.UnloadedModules(list.Add) {
		r.Modules = append(r.Modules, Module{Range: m.Range, Name: m.Name, Timestamp: m.Timestamp, Checksum: m.Checksum, Unloaded: true, Saved: saved(t.Space, m.Range)})
	}
	r.Problems, r.Dropped = list.Problems, list.Dropped
	return r
}

// loader reads the lists of all PEBs, by base.
func (r *Result) loader(t *target.Target, sink diag.Sink) map[memory.Addr]process.LoaderEntry {
	known, src := map[memory.Addr]process.LoaderEntry{}, t.Source()
	for _, p := range t.PEBs {
		l, ok := src.ReadLoader(p, sink)
		if ok && l.Whole && !l.Empty {
			r.Lists++
		}
		for _, e := range l.Entries {
			if _, again := known[e.Base]; !again && e.Base != 0 {
				known[e.Base] = e
			}
		}
	}
	return known
}

// alone adds the modules that the loader alone knows, in its order: those
// whose base is not used.
func (r *Result) alone(t *target.Target, used map[memory.Addr]bool) {
	src := t.Source()
	for _, p := range t.PEBs {
		l, _ := src.ReadLoader(p, nil)
		for _, e := range l.Entries {
			if used[e.Base] || e.Base == 0 {
				continue
			}
			used[e.Base] = true
			x := Module{Range: e.Base.Span(uint64(e.Size)), Name: e.Name, Path: e.Path, Timestamp: e.Time, LoaderOnly: true, Loader: Listed}
			if x.Name == "" {
				x.Name = stacks.Base(e.Path)
			}
			x.Image, x.Why = peimage.Open(t.Space, e.Base, uint64(e.Size))
			x.PDB, x.Saved = fromImage(t.Space, x.Image), saved(t.Space, x.Range)
			r.Modules = append(r.Modules, x)
		}
	}
}

// saved counts the bytes of a range that the dump has.
func saved(s *memory.Space, r memory.Range) uint64 {
	n := uint64(0)
	for run := range s.Runs(r) {
		n += uint64(len(run.Bytes))
	}
	return n
}

// fromList takes the PDB from the dump's list of modules.
func fromList(c minidump.CodeView) PDB {
	p := PDB{Name: c.PDB, ID: c.ID(), Age: c.Age, Source: "module list"}
	if c.Kind == "RSDS" {
		p.GUID = GUID(c.GUID)
	}
	return p
}

// fromImage takes the PDB from the image's debug directory.
func fromImage(s *memory.Space, i *peimage.Image) PDB {
	if i == nil {
		return PDB{}
	}
	c, ok := i.CodeView(s)
	if !ok {
		return PDB{}
	}
	p := PDB{Name: c.PDB, Age: c.Age, Source: "debug directory"}
	if c.Time != 0 {
		p.ID = minidump.CodeView{Kind: "NB10", Time: c.Time, Age: c.Age}.ID()
		return p
	}
	p.GUID, p.ID = GUID(c.GUID), minidump.CodeView{Kind: "RSDS", GUID: c.GUID, Age: c.Age}.ID()
	return p
}

// GUID writes a GUID as Windows does, without braces: three little-endian
// numbers and eight bytes.
func GUID(g [16]byte) string {
	le := binary.LittleEndian
	return fmt.Sprintf("%08X-%04X-%04X-%X-%X", le.Uint32(g[:]), le.Uint16(g[4:]), le.Uint16(g[6:]), g[8:10], g[10:])
}

// Find returns the modules that have the name, with or without its extension
// and in any case, or that hold the address.
func (r *Result) Find(name string, at memory.Addr, isAddress bool) []Module {
	var out []Module
	for _, m := range r.Modules {
		short := m.Name
		if i := strings.LastIndexByte(short, '.'); i > 0 {
			short = short[:i]
		}
		if strings.EqualFold(m.Name, name) || strings.EqualFold(short, name) || isAddress && m.Contains(at) {
			out = append(out, m)
		}
	}
	return out
}

// SectionSaved counts the bytes of a section that the dump has.
func SectionSaved(t *target.Target, s peimage.Section) uint64 { return saved(t.Space, s.Range) }
