package vmmap

import (
	"fmt"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/clr"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/peimage"
)

// maxHeads bounds in how many committed parts of one allocation objects are
// looked for.
const maxHeads = 64

// managed adds what a .NET runtime's own structures prove: code heaps, the
// memory of the garbage collector, and the loader heaps that the types of its
// objects are in.
func (c *collector) managed() {
	if len(c.allocations) == 0 {
		return
	}
	for _, m := range c.runtimes() {
		r := clr.New(c.t.Space, m.Range, m.Image.Bits)
		c.jit(r, m)
		c.collected(r)
	}
}

// runtimes returns the modules that are or have a .NET runtime: clr.dll,
// coreclr.dll, and a program that was published as one file, which exports
// what coreclr.dll does. Those whose headers the dump lacks are left out.
func (c *collector) runtimes() []*target.Module {
	var out []*target.Module
	all := c.t.Modules()
	for i := range all {
		m := &all[i]
		if m.Image == nil {
			continue
		}
		if n := fileName(m.Name); n == "clr.dll" || n == "coreclr.dll" || i == 0 && c.published(m.Image) {
			out = append(out, m)
		}
	}
	return out
}

// published reports whether an image exports what debuggers know a runtime by.
func (c *collector) published(i *peimage.Image) bool {
	for _, e := range i.Exports(c.t.Space).List {
		if e.Name == "DotNetRuntimeInfo" {
			return true
		}
	}
	return false
}

// jit adds the code heaps that the runtime lists.
func (c *collector) jit(r *clr.Runtime, m *target.Module) {
	globals, ok := clr.Globals(c.t.Space, m.Image)
	if !ok {
		return
	}
	for _, h := range r.CodeHeaps(globals) {
		if in, ok := c.allocation(h.Start); ok && h.End <= in.End {
			c.dotnetOwner(h.Range, "code heap of .NET", fmt.Sprintf("the RangeSection %v of %s, which its debugger data lead to", h.Section, fileName(m.Name)))
		}
	}
}

// dotnetOwner adds memory of the runtime that is no image: private, or a
// section that the runtime has mapped twice to write to its code.
func (c *collector) dotnetOwner(r memory.Range, kind, why string) {
	in, ok := c.t.Space.Region(r.Start)
	if !ok || in.Type == memory.MemImage {
		return
	}
	o := Owner{Range: r, Usage: Unknown, Kind: kind, Evidence: why}
	if in.Type == memory.MemMapped {
		o.Usage = MappedFile
	}
	c.add(o)
}

// collected adds the allocations in which objects stand one behind the other,
// and those that their method tables and classes are in.
func (c *collector) collected(r *clr.Runtime) {
	regions := c.t.Space.Regions()
	taken := map[memory.Addr]bool{}
	var tables []clr.Table
	why := map[memory.Addr]memory.Addr{} // of a method table: an object chain that has it
	heads, last := 0, memory.Range{}
	for i := range regions {
		x := &regions[i]
		if x.State != memory.MemCommit || x.Type != memory.MemPrivate || !x.Protect.Writable() || x.Protect&memory.PageGuard != 0 {
			continue
		}
		in, ok := c.allocation(x.Start)
		if !ok || taken[in.Start] {
			continue
		}
		if in != last {
			heads, last = 0, in
		}
		if heads++; heads > maxHeads {
			continue
		}
		chain, ok := r.Heap(x.Range)
		if !ok {
			continue
		}
		taken[in.Start] = true
		c.dotnetOwner(in, "heap of .NET's garbage collector", fmt.Sprintf("%d objects one behind the other from %v on, of %d types whose method tables and classes lead to each other",
			chain.Objects, chain.Start, len(chain.Tables)))
		for _, t := range chain.Tables {
			if _, old := why[t.Address]; !old {
				why[t.Address] = chain.Start
				tables = append(tables, t)
			}
		}
	}
	for _, t := range tables {
		for _, a := range []memory.Addr{t.Address, t.Class} {
			if in, ok := c.allocation(a); ok && !taken[in.Start] {
				taken[in.Start] = true
				c.dotnetOwner(in, "loader heap of .NET", fmt.Sprintf("the method table %v and its class %v, of objects from %v on", t.Address, t.Class, why[t.Address]))
			}
		}
	}
}
