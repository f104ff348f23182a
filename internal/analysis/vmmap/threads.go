package vmmap

import (
	"fmt"

	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/process"
)

// threadAreas adds what fields of the TEBs lead to: the pointers to a thread's
// __declspec(thread) data, and its TLS slots beyond the first 64. They are
// nearly always blocks of a heap, which then has the memory; but an address in
// one is explained by both. What else they are in stays <unknown>, with a name.
func (c *collector) threadAreas() {
	for _, t := range c.tebs {
		if !t.Proved {
			continue
		}
		for _, a := range process.ThreadAreas(c.src, t) {
			if r := a.Address.Span(a.Size); c.private(r) {
				c.add(Owner{Range: r, Usage: Unknown, Kind: a.Name, Thread: t.Thread, HasThread: true,
					Evidence: fmt.Sprintf("%s of the %d-bit TEB %v", a.Field, t.Bits, t.Address)})
			}
		}
	}
}

// fibers adds the fiber-local storage of each PEB's threads, as threadAreas
// adds their thread-local one.
func (c *collector) fibers() {
	for _, p := range c.t.PEBs {
		for _, a := range process.FLSAreas(c.src, p, c.tebs) {
			if r := a.Address.Span(a.Size); c.private(r) {
				c.add(Owner{Range: r, Usage: Unknown, Kind: a.Name, Thread: a.Thread, HasThread: a.HasThread,
					Evidence: fmt.Sprintf("%s, of the %d-bit PEB %v", a.Field, p.Bits, p.Address)})
			}
		}
	}
}

// private reports whether a range lies in saved, committed, writable memory of
// one private region.
func (c *collector) private(r memory.Range) bool {
	in, ok := c.t.Space.Region(r.Start)
	return ok && c.t.Space.RegionsKnown() && in.State == memory.MemCommit && in.Type == memory.MemPrivate && in.Protect.Writable() &&
		r.End <= in.End && c.t.Space.Saved(r) == r.Size()
}
